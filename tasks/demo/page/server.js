// The page's engine: the server, which decodes and predicts. Every failure becomes an Error whose message is meant for
// people.

import { readLabels } from "./labels.js";

export const privacy = "They are sent only to the program behind this page, and are not stored.";

const QUALITY = 0.85; // of a camera's frames as JPEG files
let mostBytes; // of an image file

/** Return what the page must know of the model. */
export async function describeModel() {
  const model = await (await ask("model")).json();
  mostBytes = model.most_bytes;
  const samples = model.samples.map((name, index) => ({
    name,
    thumbnail: `samples/${index}/thumbnail`,
    load: async (signal) => (await ask(`samples/${index}`, { signal })).blob(),
  }));
  return { ...model, samples };
}

/** Return what the model finds in an image file, with its picture; that is shown before. */
export async function look(blob, name, signal, show) {
  if (blob.size > mostBytes) throw new Error(tooLarge(name, blob.size));
  let picture = await decode(blob, name);
  signal.throwIfAborted();
  if (picture) show(picture);
  const found = await predict(blob, name, signal);
  if (picture?.width !== found.width || picture.height !== found.height) {
    const converted = await upload("picture", blob, name, signal); // what browsers cannot show, or turn otherwise
    picture = await decode(await converted.blob(), name);
  }
  return { ...picture, ...found };
}

/** Return what the model finds in a frame of the camera. */
export async function watch(canvas, signal) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return predict(blob, "camera", signal);
}

async function predict(blob, name, signal) {
  const { mask, ...found } = await (await upload("predict", blob, name, signal)).json();
  return mask ? { ...found, labels: await readLabels(mask, found.width, found.height) } : found;
}

async function decode(blob, name) {
  const source = await createImageBitmap(blob).catch(() => null);
  return source && { name, source, width: source.width, height: source.height };
}

function upload(path, blob, name, signal) {
  return ask(`${path}?name=${encodeURIComponent(name)}`, { method: "POST", body: blob, signal });
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer: is python -m tasks.demo still running?");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Error(answer.error ?? `The server answers ${response.status}.`);
}

function tooLarge(name, bytes) {
  const megabytes = (count) => Math.ceil(count / 2 ** 20);
  return `${name}: the file is too large (${megabytes(bytes)} MB); expected at most ${megabytes(mostBytes)} MB`;
}
