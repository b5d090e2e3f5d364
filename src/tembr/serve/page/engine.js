// What answers: the service, or the model in this browser. The page asks neither which it is.
//
// An engine has
//   where                               "server" or "local"
//   async load(progress)                once, before anything else
//   async model()                       facts of the model, as GET /v1/model
//   async predict(blob, options)        {answers: [...]}, options {speaker, channel}
//   async segments(blob, options)       {duration, segments: [...]}
//   async enrol(blobs, name)            {speaker, recordings, warnings}
//   stream(rate, options, hooks)        a stream with push(samples) and finish(); hooks {event, state, error}
// and throws EngineError.

/** Something that did not work. Its code chooses the words; `message` is in English, for codes nobody knows. */
export class EngineError extends Error {
  constructor(code, message = code, { status = 0, seconds = 5 } = {}) {
    super(message);
    Object.assign(this, { code, status, seconds });
  }
}

/** The engine that the page was built for. */
export async function openEngine() {
  const which = document.querySelector('meta[name="tembr-engine"]').content;
  const { open } = await import(which === "local" ? "./local/engine.js" : "./server.js");
  return open();
}
