// A recording: what is answered, drawn, played and saved.

import { sketchOf } from "./sketch.js";

const DRAWN_RATE = 16_000; // Hz at which a file is drawn; it is played as it is

/** From a file; `sketch` is null where the browser cannot decode it. */
export async function fromFile(file) {
  const recording = { blob: file, name: file.name ?? "recording", url: URL.createObjectURL(file), sketch: null };
  try {
    const context = new OfflineAudioContext(1, 1, DRAWN_RATE);
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    recording.sketch = await sketchOf(mixed(sound), DRAWN_RATE);
  } catch {
    // AIFF, CAF and the like: the service reads more than browsers do
  }
  return recording;
}

/** From blocks of samples of a microphone, and the sketch that grew with them. */
export function fromBlocks(blocks, rate, sketch, name) {
  const blob = new File([wav(blocks, rate)], "speech.wav", { type: "audio/wav" });
  return { blob, name, url: URL.createObjectURL(blob), sketch, spoken: true };
}

export function mixed(sound) {
  const mean = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    const samples = sound.getChannelData(channel);
    for (let i = 0; i < mean.length; i++) mean[i] += samples[i] / sound.numberOfChannels;
  }
  return mean;
}

/** Int16Array blocks as a mono WAV file, in parts for a Blob. */
function wav(blocks, rate) {
  const bytes = 2 * blocks.reduce((sum, block) => sum + block.length, 0);
  const view = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  [[20, 1], [22, 1], [32, 2], [34, 16]].forEach(([at, value]) => view.setUint16(at, value, true));
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  text(36, "data");
  view.setUint32(40, bytes, true);
  return new Blob([view, ...blocks], { type: "audio/wav" });
}
