// The classes with their check boxes and thresholds, and the one slider above them.

import { css } from "./drawing.js";

const MANY = 12; // classes: of more, those that were not found are hidden at first
const OPACITY = 0.6;

export const byId = (id) => document.getElementById(id);

export class Controls {
  /** model: as the server describes it; changed: called when anything is. */
  constructor(model, changed) {
    this.model = model;
    this.changed = changed;
    this.scored = model.task !== "segmentation";
    this.found = new Set();
    this.lowest = Math.floor(model.lowest * 100) / 100;
    this.opacity = OPACITY;
    this.many = model.classes.length > MANY;
    this.rows = model.classes.map((entry, index) => this.addRow(entry, index));
    this.setUpDial();
    byId("found-only-row").hidden = !this.many;
    byId("found-only").addEventListener("change", () => this.hideRows());
    byId("all").addEventListener("click", () => this.showClasses(true));
    byId("none").addEventListener("click", () => this.showClasses(false));
    byId("reset").addEventListener("click", () => this.reset());
    this.reset();
  }

  /** Return for each class whether it is ticked. */
  get shown() {
    return this.rows.map((row) => row.tick.checked);
  }

  get thresholds() {
    return this.rows.map((row) => Number(row.slider.value));
  }

  /** Forget which classes were found. */
  forget() {
    this.found.clear();
  }

  /** Say of each class how much was found ("3", "12 %", or "" for nothing), and which there were at all. */
  count(texts, present) {
    for (const index of present) this.found.add(index);
    this.rows.forEach((row, index) => {
      row.count.value = texts[index];
      row.item.classList.toggle("absent", !texts[index]);
    });
    this.hideRows();
  }

  addRow({ name, color }, index) {
    const item = document.createElement("li");
    item.innerHTML =
      '<label><input type="checkbox" checked><span class="swatch"></span><span class="class-name"></span></label>' +
      '<output class="count"></output><div class="dial"><input type="range" step="any" max="1"><output></output></div>';
    item.querySelector(".swatch").style.backgroundColor = css(color);
    item.querySelector(".class-name").textContent = name;
    const row = { item, tick: item.querySelector("[type=checkbox]"), count: item.querySelector(".count") };
    row.slider = item.querySelector("[type=range]");
    row.value = item.querySelector(".dial output");
    row.slider.min = this.lowest;
    row.slider.setAttribute("aria-label", `Threshold of ${name}`);
    item.querySelector(".dial").hidden = !this.scored || this.model.classes.length === 1;
    row.tick.addEventListener("change", () => this.changed());
    row.slider.addEventListener("input", () => this.showValues());
    byId("classes").append(item);
    return row;
  }

  setUpDial() {
    const dial = byId("dial");
    byId("dial-label").textContent = this.scored ? "Threshold" : "Opacity";
    dial.min = this.scored ? this.lowest : 0;
    dial.addEventListener("input", () => {
      if (this.scored) for (const row of this.rows) row.slider.value = dial.value;
      this.showValues();
    });
  }

  reset() {
    this.model.classes.forEach(({ threshold }, index) => { this.rows[index].slider.value = threshold; });
    if (!this.scored) byId("dial").value = OPACITY;
    this.showClasses(true);
  }

  showClasses(shown) {
    for (const row of this.rows) row.tick.checked = shown;
    this.showValues();
  }

  showValues() {
    for (const row of this.rows) row.value.value = Number(row.slider.value).toFixed(2);
    const dial = byId("dial");
    const values = new Set(this.thresholds);
    const uneven = this.scored && values.size > 1;
    if (this.scored) dial.value = uneven ? [...values].reduce((a, b) => a + b) / values.size : [...values][0];
    else this.opacity = Number(dial.value);
    byId("dial-value").value = uneven ? "by class" : Number(dial.value).toFixed(2);
    byId("dial-note").textContent = this.scored ? this.describeThresholds() : "";
    this.changed();
  }

  describeThresholds() {
    const own = this.thresholds.every((value, index) => Math.abs(value - this.model.classes[index].threshold) < 0.006);
    if (own) return this.model.chosen ? "As the checkpoint says." : "";
    return `Reset restores ${this.model.chosen ? "the checkpoint's" : this.model.classes[0].threshold.toFixed(2)}.`;
  }

  hideRows() {
    const only = this.many && byId("found-only").checked;
    this.rows.forEach((row, index) => { row.item.hidden = only && !this.found.has(index); });
    byId("nothing-found").hidden = !only || this.found.size > 0;
  }
}
