// Files that the page saves: the picture as it is drawn, and what was found as JSON.

import { draw } from "./drawing.js";
import { encodeLabels } from "./encoding.js";

const SMALL = 800; // pixels of the longer side

/** Save the image with its boxes or colours as PNG; small images twice or more their size, so that tags can be read. */
export async function savePicture(item, look) {
  const scale = Math.max(1, Math.ceil(SMALL / Math.max(item.width, item.height)));
  const canvas = document.createElement("canvas");
  canvas.width = item.width * scale;
  canvas.height = item.height * scale;
  draw(canvas, item, { ...look, pointed: null }, Math.max(1, Math.sqrt(canvas.width * canvas.height) / 800));
  save(await new Promise((resolve) => canvas.toBlob(resolve, "image/png")), item.name, "png");
}

/** Save what is drawn, in pixels of the image. */
export async function saveJson(item, look, model, thresholds) {
  const { names, colors, shown, visible } = look;
  const about = { image: item.name, width: item.width, height: item.height, checkpoint: model.checkpoint };
  const limits = Object.fromEntries(names.map((name, index) => [name, thresholds[index]]).filter((_, index) => shown[index]));
  if (item.scores) {
    const scores = Object.fromEntries(names.map((name, index) => [name, item.scores[index]]));
    const classes = visible.map(({ label }) => names[label]);
    save(toJson({ ...about, thresholds: limits, classes, scores }), item.name, "json");
    return;
  }
  const found = item.detections
    ? {
        thresholds: limits,
        detections: visible.map(({ label, score, box }) => ({ class: names[label], score, box })),
      }
    : {
        classes: names,
        pixels: Object.fromEntries(names.map((name, index) => [name, item.pixels[index]])),
        mask: await encodeLabels(item.labels, item.width, item.height, colors),
      };
  save(toJson({ ...about, ...found }), item.name, "json");
}

function toJson(values) {
  return new Blob([JSON.stringify(values, null, 1)], { type: "application/json" });
}

function save(blob, name, suffix) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name.replace(/\.[^.]*$/, "")}_found.${suffix}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
