// The microphone as blocks of samples.

import { EngineError } from "./engine.js";

const LATEST = 2_000; // ms that the last block is waited for
const RAW = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Open it; `take` gets Float32Array blocks at `rate`. Resolves to {rate, close()}, whose close waits for the last block. */
export async function openMicrophone(take) {
  const media = await ask();
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(new URL("./capture.js", import.meta.url));
    await context.resume();
  } catch (error) {
    release(media, context);
    throw error;
  }
  const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  let open = true;
  const closed = new Promise((resolve) => {
    node.port.onmessage = ({ data }) => (data === null ? resolve() : open && take(data));
  });
  context.createMediaStreamSource(media).connect(node);
  const close = async () => {
    node.port.postMessage("close");
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, LATEST))]);
    open = false;
    release(media, context);
  };
  return { rate: context.sampleRate, close };
}

async function ask() {
  if (!navigator.mediaDevices?.getUserMedia) throw new EngineError("microphone_insecure");
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: RAW });
  } catch (error) {
    throw new EngineError(error.name === "NotAllowedError" ? "microphone_refused" : "microphone_missing", error.message);
  }
}

function release(media, context) {
  media.getTracks().forEach((track) => track.stop());
  context.close();
}
