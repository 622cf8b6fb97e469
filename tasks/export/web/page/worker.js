// Runs the model, apart from the page, so that its sliders move meanwhile.

import * as ort from "./onnxruntime-web/ort.wasm.bundle.min.js";
import { scaleBoxes, spreadLabels } from "./decoding.js";
import { resize } from "./resizing.js";

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1; // more would need headers that static servers do not send
ort.env.wasm.wasmPaths = { wasm: new URL("onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url).href };

let contract, session;

self.onmessage = async ({ data }) => {
  try {
    self.postMessage(data.model ? await open(data) : await find(data.image));
  } catch (error) {
    self.postMessage({ error: `The model failed: ${error.message ?? error}` });
  }
};

async function open(given) {
  contract = given.contract;
  session = await ort.InferenceSession.create(given.model, { executionProviders: ["wasm"] });
  const [height, width] = contract.preprocessing.size;
  await run(new Uint8Array(height * width * 3)); // the first run is slow: here nobody waits for it
  return {};
}

async function find(image) {
  const start = performance.now();
  const [height, width] = contract.preprocessing.size;
  const outputs = await run(resize(image, width, height, contract.preprocessing.resize));
  const found = read(outputs, image);
  return { width: image.width, height: image.height, seconds: (performance.now() - start) / 1000, ...found };
}

function read(outputs, image) {
  const [height, width] = contract.preprocessing.size;
  if (outputs.boxes) return scaleBoxes(outputs, image, { width, height });
  return outputs.labels ? spreadLabels(outputs.labels, image, contract) : { scores: Array.from(outputs.scores.data) };
}

function run(pixels) {
  const [height, width] = contract.preprocessing.size;
  return session.run({ [session.inputNames[0]]: new ort.Tensor("uint8", pixels, [1, height, width, 3]) });
}
