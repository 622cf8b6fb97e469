// Frames of a camera, one at a time: the next is taken when the last one is done with, so that none pile up.

const LONGEST = 640; // pixels of a frame's longer side

const REASONS = {
  NotAllowedError: "The browser does not let this page use the camera: allow it in the address bar and try again.",
  NotFoundError: "No camera found.",
  NotReadableError: "The camera is in use by another program.",
  OverconstrainedError: "This camera is gone: choose another.",
};

/** Return a running camera (a video element); `id` names one of several. */
export async function openCamera(id) {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers allow the camera only on localhost or https.");
  }
  const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, ...(id ? { deviceId: { exact: id } } : {}) };
  try {
    const video = document.createElement("video");
    Object.assign(video, { muted: true, playsInline: true });
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
    await video.play();
    return video;
  } catch (error) {
    throw new Error(REASONS[error.name] ?? `The camera cannot be used (${error.message}).`);
  }
}

/** Return the cameras that there are, once one was allowed. */
export async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput");
}

export function closeCamera(video) {
  for (const track of video.srcObject.getTracks()) track.stop();
  video.srcObject = null;
}

/** Return the picture that a camera shows now, as a canvas. */
export async function takeFrame(video) {
  await new Promise(requestAnimationFrame); // which also rests while the page is hidden
  const scale = Math.min(1, LONGEST / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Measures how many frames a second there were of late. */
export class Pace {
  times = [];

  tick() {
    this.times.push(performance.now());
    if (this.times.length > 12) this.times.shift();
    const seconds = (this.times.at(-1) - this.times[0]) / 1000;
    return this.times.length > 1 ? (this.times.length - 1) / seconds : 0;
  }
}
