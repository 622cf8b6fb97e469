// The page's engine: the model itself, in a worker of this browser, as model.json describes it.

import { readPixels } from "./pixels.js";

export const privacy = "They stay in this browser: the model runs here, and nothing is sent.";

const USUAL = 0.5; // threshold of a class where nobody chose one
const LOWEST = 0.05; // score of a detection that the page may show, unless a chosen threshold is lower
const MOST_PIXELS = 25_000_000; // of an image: the browser's memory must hold it several times

let lowest;
let worker;
let turn = Promise.resolve(); // of the picture before: the model takes one at a time

/** Fetch the model, start it, and return what the page must know of it. */
export async function describeModel() {
  const contract = await (await fetchFile("model.json")).json();
  const file = Object.keys(contract.files)[0];
  const { scores } = contract.model.arch;
  const usual = contract.task === "classification" && scores === "softmax" ? 0 : USUAL; // its best class is always shown
  const thresholds = contract.classes.map(({ threshold }) => threshold ?? usual);
  const chosen = contract.classes.some(({ threshold }) => threshold !== null);
  lowest = Math.min(LOWEST, ...thresholds);
  const content = await (await fetchFile(file)).arrayBuffer();
  worker = startWorker();
  await ask({ contract, model: content }, [content]);
  return {
    name: contract.name,
    task: contract.task,
    scores,
    checkpoint: file,
    input: contract.preprocessing.size,
    classes: contract.classes.map(({ name, color }, index) => ({ name, color, threshold: thresholds[index] })),
    chosen,
    lowest,
    samples: [],
  };
}

/** Return what the model finds in an image file, with its picture; that is shown before. */
export async function look(blob, name, signal, show) {
  const source = await decode(blob, name);
  signal.throwIfAborted();
  const picture = { name, source, width: source.width, height: source.height };
  if (source.width * source.height > MOST_PIXELS) {
    throw new Error(`${name}: ${source.width} × ${source.height} px; expected at most ${MOST_PIXELS / 1e6} megapixels`);
  }
  show(picture);
  return { ...picture, ...(await find(source, signal)) };
}

/** Return what the model finds in a frame of the camera. */
export function watch(canvas, signal) {
  return find(canvas, signal);
}

// Decoded as in training: pixels as they are stored, turned upright, no colours adjusted to the screen.
async function decode(blob, name) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  return createImageBitmap(blob, options).catch(() => {
    throw new Error(`${name}: not an image that this browser can read; expected a complete JPEG, PNG, WebP or BMP`);
  });
}

async function find(source, signal) {
  const own = turn.then(() => {
    signal.throwIfAborted();
    const pixels = readPixels(source);
    return ask({ image: pixels }, [pixels.data.buffer]);
  });
  turn = own.catch(() => {});
  const { detections, ...found } = await own;
  return detections ? { ...found, detections: detections.filter(({ score }) => score >= lowest) } : found;
}

// Through a blob, so that the worker inherits the page's Content-Security-Policy; one with an address of its own would have
// none, as static servers send none.
function startWorker() {
  const code = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
  return new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })), { type: "module" });
}

function ask(question, moved) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error === undefined ? resolve(data) : reject(new Error(data.error)));
    worker.onerror = () => reject(new Error("This browser cannot run the model: a newer one may."));
    worker.postMessage(question, moved);
  });
}

async function fetchFile(name) {
  const response = await fetch(new URL(name, import.meta.url)).catch(() => null);
  if (response?.ok) return response;
  throw new Error(`${name} cannot be fetched${response ? ` (${response.status})` : ""}: is the whole folder being served?`);
}
