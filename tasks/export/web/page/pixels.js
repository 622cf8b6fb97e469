// The pixels of a picture, by way of a canvas.

let trusted = false; // whether this browser was seen to give back the pixels that were drawn

/** Return the pixels of what drawImage takes: data (red, green, blue, alpha), width, height. */
export function readPixels(source) {
  if (!trusted) checkCanvas();
  trusted = true;
  const context = makeContext(source.width, source.height);
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, source.width, source.height);
}

function makeContext(width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  return canvas.getContext("2d", { willReadFrequently: true });
}

// Browsers that hide from trackers change the pixels that are read back, by little or altogether.
function checkCanvas() {
  const context = makeContext(16, 16);
  const image = context.createImageData(16, 16);
  image.data.forEach((_, at) => { image.data[at] = at % 4 === 3 ? 255 : (at * 37) % 256; });
  context.putImageData(image, 0, 0);
  const found = context.getImageData(0, 0, 16, 16).data;
  if (found.some((value, at) => value !== image.data[at])) {
    throw new Error("This browser changes the pixels that pages read, to hide from trackers: allow this page to read them.");
  }
}
