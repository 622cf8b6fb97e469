// Class indices out of a PNG file of 8 bits a pixel (W3C, Portable Network Graphics, 3rd edition).
// Not through a canvas: browsers that hide from trackers change the pixels that are read back from one.

const SIGNATURE = 8; // bytes before the first chunk
const DEPTH = 24; // place of the byte that says how many bits a pixel has

/** Return the class index of each pixel, row by row, as a Uint8Array. */
export async function readLabels(address, width, height) {
  const bytes = Uint8Array.from(atob(address.slice(address.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
  if (bytes[DEPTH] !== 8) throw new Error(`The mask has ${bytes[DEPTH]} bits per pixel; expected 8.`);
  const rows = new Uint8Array(await inflate(collectData(bytes)));
  const labels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = labels.subarray(y * width, (y + 1) * width);
    row.set(rows.subarray(y * (width + 1) + 1, (y + 1) * (width + 1)));
    unfilter(row, y > 0 ? labels.subarray((y - 1) * width, y * width) : new Uint8Array(width), rows[y * (width + 1)]);
  }
  return labels;
}

function collectData(bytes) {
  const view = new DataView(bytes.buffer);
  const parts = [];
  for (let at = SIGNATURE; at < bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += length + 12; // with its length, kind and checksum
  }
  return new Blob(parts);
}

function inflate(blob) {
  return new Response(blob.stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

// Section 9.2: each row is stored as differences from its left and upper neighbours.
function unfilter(row, above, kind) {
  if (kind === 0) return;
  for (let x = 0; x < row.length; x++) {
    const left = x > 0 ? row[x - 1] : 0;
    const corner = x > 0 ? above[x - 1] : 0;
    row[x] += [0, left, above[x], (left + above[x]) >> 1, paeth(left, above[x], corner)][kind];
  }
}

function paeth(left, up, corner) {
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
