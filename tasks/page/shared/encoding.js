// Class indices as a PNG file (W3C, Portable Network Graphics, 3rd edition) whose palette are the classes' colours.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const HEADER = [8, 3, 0, 0, 0]; // bits a pixel, palette, and the only compression, filter and order without interlacing

/** Return the class index of each pixel, a Uint8Array row by row, as the address of a PNG file. */
export async function encodeLabels(labels, width, height, colors) {
  const rows = new Uint8Array((width + 1) * height); // each begins with 0: as it is, no differences
  for (let y = 0; y < height; y++) rows.set(labels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const palette = new Uint8Array(256 * 3); // whole: a label that is no class has a colour too
  palette.set(colors.flat());
  const chunks = [
    makeChunk("IHDR", [...bigEndian(width), ...bigEndian(height), ...HEADER]),
    makeChunk("PLTE", palette),
    makeChunk("IDAT", await deflate(rows)),
    makeChunk("IEND", []),
  ];
  return readAddress(new Blob([Uint8Array.from(SIGNATURE), ...chunks], { type: "image/png" }));
}

function makeChunk(kind, content) {
  const named = Uint8Array.from([...[...kind].map((letter) => letter.charCodeAt(0)), ...content]);
  return Uint8Array.from([...bigEndian(content.length), ...named, ...bigEndian(checksum(named))]);
}

function bigEndian(number) {
  return [24, 16, 8, 0].map((bits) => (number >>> bits) & 255);
}

async function deflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Annex D: the cyclic redundancy check with the polynomial 0xedb88320, bits reversed.
function checksum(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return ~rest >>> 0;
}

function readAddress(blob) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(blob);
  });
}
