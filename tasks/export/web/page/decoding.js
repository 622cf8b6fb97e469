// From the model's outputs to what is found in the image itself, whatever size the model saw it at.

/** Return the detections in pixels of the image: label, score and box (left, top, right, bottom) of each. */
export function scaleBoxes({ boxes, scores, labels }, image, input) {
  const across = image.width / input.width;
  const down = image.height / input.height;
  const detections = [];
  labels.data.forEach((label, at) => {
    if (label < 0) return; // a place without a detection
    const [left, top, right, bottom] = boxes.data.subarray(at * 4, at * 4 + 4);
    const box = [left * across, top * down, right * across, bottom * down];
    detections.push({ label, score: scores.data[at], box });
  });
  return { detections };
}

/**
 * Return the class of each pixel of the image, and how many pixels each class has.
 *
 * Where the image is larger or smaller than the map, the four cells around a pixel vote, each by how near it is; of equal
 * votes the lower class wins.
 */
export function spreadLabels(map, image, contract) {
  const [rows, columns] = map.dims.slice(-2);
  const [height, width] = contract.preprocessing.size;
  const whole = contract.graph.argmax === "full"; // a cell for each pixel that the model saw
  const { padded_size: padded, align_corners: aligned } = whole
    ? { padded_size: [rows, columns], align_corners: false }
    : contract.decoding;
  const xs = findCells(image.width, width, { cells: columns, padded: padded[1], aligned });
  const ys = findCells(image.height, height, { cells: rows, padded: padded[0], aligned });
  const labels = new Uint8Array(image.width * image.height);
  const pixels = contract.classes.map(() => 0);
  let to = 0;
  for (const y of ys) {
    const above = map.data.subarray(y.first * columns, (y.first + 1) * columns);
    const below = map.data.subarray(y.last * columns, (y.last + 1) * columns);
    for (const x of xs) {
      const label = vote(above[x.first], above[x.last], below[x.first], below[x.last], x.share, y.share);
      labels[to++] = label;
      pixels[label] += 1;
    }
  }
  return { labels, pixels };
}

function vote(a, b, c, d, across, down) {
  if (a === b && a === c && a === d) return a;
  const corners = [a, b, c, d];
  const weights = [(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across];
  const sum = (label) => weights.reduce((total, weight, at) => total + (corners[at] === label ? weight : 0), 0);
  const [best] = corners.map((label) => [label, sum(label)]).sort((one, other) => other[1] - one[1] || one[0] - other[0]);
  return best[0];
}

// For each pixel of the image the two cells that it lies between, and the share of the second.
function findCells(pixels, input, { cells, padded, aligned }) {
  return Array.from({ length: pixels }, (_, pixel) => {
    const seen = Math.max(0, Math.min(((pixel + 0.5) * input) / pixels - 0.5, input - 1));
    const at = aligned ? (seen * (cells - 1)) / (padded - 1) : Math.max(0, ((seen + 0.5) * cells) / padded - 0.5);
    const first = Math.min(Math.floor(at), cells - 1);
    return { first, last: Math.min(first + 1, cells - 1), share: at - first };
  });
}
