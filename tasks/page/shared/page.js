// The page: where pictures come from, one after the other or out of a camera, and what goes wrong with them.

import { closeCamera, listCameras, openCamera, Pace, takeFrame } from "./camera.js";
import { byId } from "./controls.js";
import { describe } from "./reading.js";
import { saveJson, savePicture } from "./saving.js";
import { Viewer } from "./viewer.js";

let engine, model, viewer;
let entries = []; // of the images to walk through: name, load(signal), which gives the file, and a sample's button
let place = 0; // in the entries
let video = null; // the camera, while it is on
let current = new AbortController(); // of the picture or the camera that is shown; a newer one aborts it

/**
 * Start the page on an engine, which has:
 *
 * privacy: a sentence about where pictures go.
 * describeModel(): name, task ("detection", "segmentation" or "classification"), scores (how logits are read), checkpoint (of the file), input (the size that it sees),
 *   classes (name, color, threshold), chosen (whether somebody chose these thresholds), lowest (the lowest score that is
 *   found), samples (images that are at hand: name, thumbnail, and load(signal), which gives the file).
 * look(blob, name, signal, show): what is found in an image file, as the viewer's item; before, `show` may be called with
 *   the mere picture.
 * watch(canvas, signal): what is found in a frame of the camera, without its picture.
 *
 * Whatever fails throws an Error whose message is meant for people.
 */
export async function start(own) {
  engine = own;
  byId("unstarted").remove();
  document.body.classList.add("loading");
  byId("privacy").textContent = engine.privacy;
  try {
    model = await engine.describeModel();
  } catch (error) {
    say(error.message);
    return;
  } finally {
    document.body.classList.remove("loading");
  }
  document.title = `${model.name} · Bneck`;
  byId("model").textContent = model.name;
  byId("about").textContent = describe(model);
  viewer = new Viewer(model);
  addSamples();
  listenToFiles();
  listenToButtons();
}

function addSamples() {
  const samples = model.samples.map((sample) => ({ ...sample }));
  byId("samples").hidden = samples.length === 0;
  byId("thumbnails").append(...samples.map(({ name, thumbnail }, index) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.append(Object.assign(new Image(), { src: thumbnail, alt: name, loading: "lazy" }));
    button.addEventListener("click", () => open(samples, index));
    samples[index].button = button;
    return button;
  }));
}

function listenToFiles() {
  for (const id of ["choose", "welcome"]) byId(id).addEventListener("click", () => byId("files").click());
  byId("files").addEventListener("change", (event) => {
    openFiles([...event.target.files]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) openFiles([...event.clipboardData.files]);
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("dragenter", () => document.body.classList.add("over"));
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    openFiles([...event.dataTransfer.files]);
  });
}

function listenToButtons() {
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select")) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  byId("camera").addEventListener("click", () => (video ? stopCamera() : startCamera()));
  byId("cameras").addEventListener("change", (event) => startCamera(event.target.value));
  byId("mirror").addEventListener("change", () => mirror());
  byId("save-picture").addEventListener("click", () => savePicture(viewer.item, viewer.look));
  byId("save-json").addEventListener("click", () => saveJson(viewer.item, viewer.look, model, viewer.controls.thresholds));
}

function openFiles(files) {
  if (files.length) open(files.map((file) => ({ name: file.name, load: async () => file })), 0);
  else say("That was not a file: drop an image file, or choose one.");
}

function open(list, index) {
  stopCamera();
  entries = list;
  place = index;
  showEntry();
}

function step(by) {
  if (video || entries.length < 2) return;
  place = (place + by + entries.length) % entries.length;
  showEntry();
}

async function showEntry() {
  const signal = begin();
  const { name, load, button } = entries[place];
  byId("name").textContent = name;
  byId("pages").hidden = entries.length < 2;
  byId("place").textContent = `${place + 1} of ${entries.length}`;
  button?.setAttribute("aria-current", "true");
  document.body.classList.add("busy");
  let picture = null;
  const show = (shown) => {
    picture = shown;
    viewer.show(picture);
  };
  try {
    const item = await engine.look(await load(signal), name, signal, show);
    signal.throwIfAborted();
    viewer.show(item);
  } catch (error) {
    if (signal.aborted) return;
    viewer.show(picture);
    say(error.message);
  }
  document.body.classList.remove("busy");
}

/** Leave what is shown, and return the signal of its successor. */
function begin() {
  current.abort();
  current = new AbortController();
  viewer.controls.forget();
  byId("message").hidden = true;
  document.querySelector("#thumbnails [aria-current]")?.removeAttribute("aria-current");
  return current.signal;
}

async function startCamera(id) {
  stopCamera();
  const signal = begin();
  document.body.classList.add("busy");
  try {
    const opened = await openCamera(id);
    if (signal.aborted) {
      closeCamera(opened);
      return;
    }
    video = opened;
    await showCameraControls();
    await follow(signal);
  } catch (error) {
    if (signal.aborted) return;
    stopCamera();
    say(error.message);
  }
}

async function follow(signal) {
  const pace = new Pace();
  while (!signal.aborted) {
    const canvas = await takeFrame(video);
    const found = await engine.watch(canvas, signal);
    signal.throwIfAborted();
    document.body.classList.remove("busy");
    viewer.show({ name: "camera", source: canvas, rate: pace.tick(), ...found });
  }
}

function stopCamera() {
  if (video) closeCamera(video);
  video = null;
  current.abort();
  document.body.classList.remove("busy");
  showCameraControls();
}

async function showCameraControls() {
  byId("camera").setAttribute("aria-pressed", String(Boolean(video)));
  byId("camera").textContent = video ? "Stop camera" : "Camera";
  byId("camera-options").hidden = !video;
  byId("summary").setAttribute("aria-live", video ? "off" : "polite"); // nobody wants to hear each frame
  mirror();
  if (!video) return;
  byId("pages").hidden = true;
  byId("name").textContent = "";
  video.srcObject.getVideoTracks()[0].addEventListener("ended", () => {
    stopCamera();
    say("The camera was disconnected.");
  });
  const cameras = await listCameras();
  const used = video?.srcObject.getVideoTracks()[0].getSettings().deviceId;
  byId("cameras").hidden = cameras.length < 2;
  byId("cameras").replaceChildren(...cameras.map(({ label, deviceId }) => new Option(label, deviceId, false, deviceId === used)));
}

function mirror() {
  viewer.mirrored = Boolean(video) && byId("mirror").checked;
  viewer.redraw();
}

function say(message) {
  byId("message").textContent = message;
  byId("message").hidden = false;
}
