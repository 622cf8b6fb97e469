// The picture that is shown, with what the controls leave of what was found in it.

import { byId, Controls } from "./controls.js";
import { colorLabels, draw, findAt } from "./drawing.js";
import { listFacts, listShares, showTable, summarize } from "./reading.js";

const LARGEST_SCALE = 4; // of small images on the screen
const NOTABLE = 0.01; // score of a class that is listed
const NARROW = 500; // pixels on the screen: pictures as narrow as on a phone get smaller tags
const ROOM = 0.68; // share of the window's height for the picture

export class Viewer {
  /**
   * An item, as the viewer shows it: name, source (what drawImage takes), width, height; where a camera gave it, rate in
   * frames a second; once predicted, seconds and either detections (of each label, score, box), or labels (a Uint8Array) and
   * pixels (how many of each class), or scores (of each class).
   */
  item = null;
  pointed = null;
  mirrored = false;

  constructor(model) {
    this.model = model;
    this.names = model.classes.map((entry) => entry.name);
    this.colors = model.classes.map((entry) => entry.color);
    this.canvas = byId("canvas");
    this.controls = new Controls(model, () => this.item && this.redraw());
    this.canvas.addEventListener("pointermove", (event) => this.pointAt(event));
    this.canvas.addEventListener("pointerdown", (event) => this.pointAt(event));
    this.canvas.addEventListener("pointerleave", () => this.point(null, ""));
    new ResizeObserver(() => this.redraw()).observe(byId("view"));
    window.addEventListener("resize", () => this.redraw());
  }

  show(item) {
    this.item = item;
    this.pointed = null;
    this.overlayOf = null;
    byId("tip").hidden = true;
    this.redraw();
  }

  /** Return what of the item is drawn, and how. */
  get look() {
    const { shown, thresholds, opacity } = this.controls;
    const found = this.item.detections ?? rank(this.item.scores ?? [], this.model.scores === "softmax");
    const visible = found.filter(({ label, score }) => shown[label] && score >= thresholds[label]);
    const { names, colors, mirrored, pointed } = this;
    return { names, colors, shown, visible, opacity, mirrored, pointed };
  }

  redraw() {
    const { item, canvas } = this;
    byId("view").classList.toggle("empty", !item);
    byId("welcome").hidden = Boolean(item);
    canvas.hidden = !item;
    if (!item) {
      this.clear();
      return;
    }
    const look = this.look;
    this.colorMask(look.shown);
    const ratio = window.devicePixelRatio;
    const room = [byId("view").clientWidth / item.width, (ROOM * window.innerHeight) / item.height];
    const scale = Math.min(...room, LARGEST_SCALE);
    canvas.style.width = `${item.width * scale}px`;
    canvas.width = Math.max(1, Math.round(item.width * scale * ratio));
    canvas.height = Math.max(1, Math.round(item.height * scale * ratio));
    draw(canvas, item, look, item.width * scale < NARROW ? ratio * 0.85 : ratio);
    this.write(look);
  }

  /** Say nothing of any picture. */
  clear() {
    byId("summary").textContent = byId("facts").textContent = "";
    byId("save-picture").disabled = byId("save-json").disabled = true;
    byId("details").hidden = true;
    this.controls.count(this.names.map(() => ""), []);
  }

  /** Say in words what is drawn. */
  write(look) {
    const { item } = this;
    const predicted = item.seconds !== undefined;
    const summary = predicted ? summarize(item, look) : "";
    if (byId("summary").textContent !== summary) byId("summary").textContent = summary;
    this.canvas.setAttribute("aria-label", `${item.name}: ${summary || "being looked at"}`);
    byId("facts").textContent = listFacts(item).join(" · ");
    byId("save-picture").disabled = byId("save-json").disabled = !predicted;
    this.controls.count(...this.count());
    byId("details").hidden = !item.detections;
    if (item.detections && byId("details").open) showTable(byId("rows"), look, (found) => this.point(found, ""));
  }

  /** Return for each class what is said of it, and the classes that were found at all. */
  count() {
    const { item, names } = this;
    if (item.pixels) {
      const present = names.map((_, index) => index).filter((index) => item.pixels[index] > 0);
      return [listShares(item), present];
    }
    if (item.scores) {
      const present = names.map((_, index) => index).filter((index) => item.scores[index] >= NOTABLE);
      return [item.scores.map((score) => (score >= NOTABLE ? `${Math.round(100 * score)} %` : "")), present];
    }
    const counts = names.map(() => 0);
    const { thresholds } = this.controls;
    for (const { label, score } of item.detections ?? []) counts[label] += score >= thresholds[label];
    return [counts.map((count) => (count ? String(count) : "")), (item.detections ?? []).map(({ label }) => label)];
  }

  colorMask(shown) {
    const { item, colors } = this;
    if (!item.labels || this.overlayOf === String(shown)) return;
    item.overlay = colorLabels(item.labels, item.width, item.height, colors, shown);
    this.overlayOf = String(shown);
  }

  pointAt(event) {
    const { item, canvas } = this;
    const across = event.offsetX / canvas.clientWidth;
    const x = (this.mirrored ? 1 - across : across) * item.width;
    const y = (event.offsetY / canvas.clientHeight) * item.height;
    if (item.scores) return;
    if (item.detections) return this.point(findAt(this.look.visible, x, y), "");
    const label = item.labels?.[Math.floor(y) * item.width + Math.floor(x)];
    this.point(null, this.names[label] ?? "", event);
  }

  /** Highlight a detection, or show a text at the pointer. */
  point(found, text, event) {
    const tip = byId("tip");
    tip.hidden = !text;
    tip.textContent = text;
    if (text) tip.style.translate = `${this.canvas.offsetLeft + event.offsetX}px ${this.canvas.offsetTop + event.offsetY}px`;
    if (found === this.pointed) return;
    this.pointed = found;
    this.redraw();
  }
}

/** Return the classes of an image by their scores, best first; of one class an image, the best alone. */
function rank(scores, single) {
  const ranked = scores.map((score, label) => ({ label, score })).sort((a, b) => b.score - a.score);
  return single ? ranked.slice(0, 1) : ranked;
}
