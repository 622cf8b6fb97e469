// What the page asks of the server. Every failure becomes an Error whose message is meant for people.

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

function upload(path, blob, name, signal) {
  return ask(`${path}?name=${encodeURIComponent(name)}`, { method: "POST", body: blob, signal });
}

/** Return what the page must know of the model. */
export async function fetchModel() {
  return (await ask("model")).json();
}

/** Return the file of a sample image. */
export async function fetchSample(index, signal) {
  return (await ask(`samples/${index}`, { signal })).blob();
}

/** Return what the model finds in an image file. */
export async function predict(blob, name, signal) {
  return (await upload("predict", blob, name, signal)).json();
}

/** Return an image file of any kind as one that every browser shows. */
export async function convert(blob, name, signal) {
  return (await upload("picture", blob, name, signal)).blob();
}
