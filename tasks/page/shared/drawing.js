// Draws an image with what was found in it. Boxes are xyxy in pixels of the image.

const TEXT = 13; // height of the letters, in units
const FAINT = 0.25; // of the boxes beside the one that is pointed at

/**
 * Draw on a whole canvas.
 *
 * item: source (anything that drawImage takes), width, height; detections, scores or overlay (a canvas of the mask's
 *   colours).
 * look: colors and names of the classes, visible (the detections or classes to draw), opacity, mirrored, pointed (a detection or null).
 * unit: pixels of the canvas that one pixel of text and lines takes.
 */
export function draw(canvas, item, look, unit) {
  const context = canvas.getContext("2d");
  const frame = { scale: canvas.width / item.width, width: canvas.width, height: canvas.height, mirrored: look.mirrored };
  context.save();
  context.imageSmoothingQuality = "high";
  if (look.mirrored) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
  context.drawImage(item.source, 0, 0, canvas.width, canvas.height);
  if (item.overlay) {
    context.globalAlpha = look.opacity;
    context.drawImage(item.overlay, 0, 0, canvas.width, canvas.height);
  }
  context.restore();
  if (item.detections) drawBoxes(context, frame, look, unit);
  if (item.scores) drawClasses(context, frame, look, unit);
}

/** Return a canvas of a mask in the colours of the classes that are shown; clear where they are not. */
export function colorLabels(labels, width, height, colors, shown) {
  const overlay = new OffscreenCanvas(width, height);
  const context = overlay.getContext("2d");
  const image = context.createImageData(width, height);
  const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
  const pack = ([r, g, b]) => (little ? (255 << 24) | (b << 16) | (g << 8) | r : (r << 24) | (g << 16) | (b << 8) | 255);
  const table = new Uint32Array(256); // labels that are no class stay clear
  colors.forEach((color, index) => { table[index] = shown[index] ? pack(color) : 0; });
  const pixels = new Uint32Array(image.data.buffer);
  for (let at = 0; at < labels.length; at++) pixels[at] = table[labels[at]];
  context.putImageData(image, 0, 0);
  return overlay;
}

/** Return the smallest of these detections around a point of the image, or null. */
export function findAt(detections, x, y) {
  const around = detections.filter(({ box }) => box[0] <= x && x <= box[2] && box[1] <= y && y <= box[3]);
  const area = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
  return around.reduce((best, found) => (best && area(best) <= area(found) ? best : found), null);
}

export function css([r, g, b]) {
  return `rgb(${r} ${g} ${b})`;
}

// The best score is drawn last, on top, but its tag is placed first. Where there is no room for a tag there is none,
// until its box is pointed at.
function drawBoxes(context, frame, look, unit) {
  const size = Math.round(TEXT * unit);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  const taken = [];
  const entries = [...look.visible].sort((a, b) => b.score - a.score).map((found) => {
    const text = `${look.names[found.label]} ${found.score.toFixed(2)}`;
    const box = toCanvas(found.box, frame);
    const tag = { width: context.measureText(text).width + size * 0.7, height: size * 1.45 };
    const place = placeTag(box, tag, frame, taken, look.pointed === found);
    if (place) taken.push(place);
    return { found, text, box, tag: place };
  }).reverse();
  const faint = ({ found }) => look.pointed && look.pointed !== found;
  for (const paint of [drawBox, drawTag]) {
    for (const entry of entries) {
      context.globalAlpha = faint(entry) ? FAINT : 1;
      paint(context, entry, look, unit);
    }
  }
  context.globalAlpha = 1;
}

// The classes of an image stand below each other in its corner, the best first, as many as there is room for.
function drawClasses(context, frame, look, unit) {
  const size = Math.round(TEXT * unit);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const height = size * 1.45;
  look.visible.slice(0, Math.floor(frame.height / height)).forEach((found, index) => {
    const text = `${look.names[found.label]} ${found.score.toFixed(2)}`;
    const tag = { x: 0, y: index * height, width: context.measureText(text).width + size * 0.7, height };
    drawTag(context, { found, text, tag }, look, unit);
  });
}

function toCanvas([left, top, right, bottom], { scale, width, mirrored }) {
  const x = mirrored ? width - right * scale : left * scale;
  return { x, y: top * scale, width: (right - left) * scale, height: (bottom - top) * scale };
}

function drawBox(context, { found, box }, look, unit) {
  if (look.pointed === found) {
    context.globalAlpha = 0.25;
    context.fillStyle = css(look.colors[found.label]);
    context.fillRect(box.x, box.y, box.width, box.height);
    context.globalAlpha = 1;
  }
  for (const [style, width] of [["rgb(0 0 0 / 0.45)", 4], [css(look.colors[found.label]), 2.25]]) {
    context.strokeStyle = style;
    context.lineWidth = width * unit;
    context.strokeRect(box.x, box.y, box.width, box.height);
  }
}

function drawTag(context, { found, text, tag }, look, unit) {
  if (!tag) return;
  const [r, g, b] = look.colors[found.label];
  context.fillStyle = css([r, g, b]);
  context.beginPath();
  context.roundRect(tag.x, tag.y, tag.width, tag.height, 3 * unit);
  context.fill();
  context.fillStyle = 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#111" : "#fff"; // brightness of ITU-R BT.601
  context.fillText(text, tag.x + tag.height * 0.24, tag.y + tag.height * 0.53);
}

// Above its box, under it, or inside at the top, to the left or the right: the first place in the picture that is free;
// where there is none, null, or for one that must have a place the first in the picture.
function placeTag(box, { width, height }, frame, taken, must) {
  const within = (x) => Math.max(0, Math.min(x, frame.width - width));
  const places = [box.y - height, box.y + box.height, box.y].flatMap((y) =>
    [box.x, box.x + box.width - width].map((x) => ({ x: within(x), y, width, height })),
  );
  const inside = places.filter((place) => place.y >= 0 && place.y + height <= frame.height);
  const free = inside.find((place) => !taken.some((other) => overlap(place, other)));
  return free ?? (must ? (inside[0] ?? { x: within(box.x), y: 0, width, height }) : null);
}

function overlap(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
