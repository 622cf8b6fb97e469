// What the page says in words and numbers.

const MOST_NAMED = 6; // classes in one sentence

/** Return a line about the model. */
export function describe(model) {
  const count = model.classes.length;
  return [`${count} ${count === 1 ? "class" : "classes"}`, describeInput(model.input), model.checkpoint].join(" · ");
}

function describeInput(size) {
  if (size === null) return "sees images as large as they are";
  return Array.isArray(size) ? `sees ${size[1]} × ${size[0]} px` : `sees a shorter side of ${size} px`;
}

/** Return a sentence about what is drawn. */
export function summarize(item, look) {
  if (item.scores) return summarizeClasses(look);
  return item.detections ? summarizeBoxes(look) : summarizeMask(item, look);
}

function summarizeClasses({ visible, names }) {
  if (!visible.length) return "No class at this threshold";
  return enumerate(visible.map(({ label, score }) => `${names[label]} ${score.toFixed(2)}`));
}

function summarizeBoxes({ visible, names }) {
  if (!visible.length) return "Nothing found at this threshold";
  const counts = new Map();
  for (const { label } of visible) counts.set(label, (counts.get(label) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const total = `${visible.length} ${visible.length === 1 ? "object" : "objects"}`;
  return `${total}: ${enumerate(sorted.map(([label, count]) => `${names[label]} ${count}`))}`;
}

function summarizeMask(item, { names, shown }) {
  const shares = listShares(item);
  const present = names.map((_, index) => index).filter((index) => shown[index] && item.pixels[index] > 0);
  if (!present.length) return "No class is shown";
  present.sort((a, b) => item.pixels[b] - item.pixels[a]);
  return enumerate(present.map((index) => `${names[index]} ${shares[index]}`));
}

function enumerate(parts) {
  const rest = parts.length - MOST_NAMED;
  return rest > 0 ? `${parts.slice(0, MOST_NAMED).join(", ")} and ${rest} more` : parts.join(", ");
}

/** Return the share of the pixels of each class as a text, "" where there are none. */
export function listShares(item) {
  const total = item.width * item.height;
  return item.pixels.map((count) => {
    if (!count) return "";
    return count / total < 0.01 ? "<1 %" : `${Math.round((100 * count) / total)} %`;
  });
}

/** Return the size of the image, the time of inference, the frames a second. */
export function listFacts(item) {
  const facts = [`${item.width} × ${item.height} px`];
  if (item.seconds !== undefined) facts.push(`${formatTime(item.seconds)} for inference`);
  if (item.rate) facts.push(`${item.rate.toFixed(1)} frames/s`);
  return facts;
}

function formatTime(seconds) {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

/** Fill a table with the detections that are drawn, best first; `point` is called with the one that is pointed at. */
export function showTable(body, look, point) {
  const sorted = [...look.visible].sort((a, b) => b.score - a.score);
  body.replaceChildren(...sorted.map((found) => {
    const row = document.createElement("tr");
    const corners = found.box.map((value) => value.toFixed(0)).join(", ");
    for (const text of [look.names[found.label], found.score.toFixed(2), corners]) {
      row.insertCell().textContent = text;
    }
    row.addEventListener("pointerenter", () => point(found));
    return row;
  }));
}
