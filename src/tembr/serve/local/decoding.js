// A file as samples at its own rate: WebAudio would resample to another, and not as well as the worker does.

import { EngineError } from "../engine.js";
import { SOUND } from "./windows.js";

const USUAL = 48_000; // Hz, where a file does not say
export const FULL_SCALE = 0.99;
const CANCELLED = 0.1;
const LAYER_3 = [44_100, 48_000, 32_000]; // of MPEG-1; halved and quartered in MPEG-2 and 2.5

/** {samples (mono), rate, clipped (share), cancelled}. */
export async function decoded(blob, channel = "mix") {
  const content = await blob.arrayBuffer();
  const rate = rateOf(new DataView(content));
  try {
    const sound = await contextOf(rate).decodeAudioData(content);
    return measured(sound, channel);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError("unreadable", `${blob.name ?? "the recording"}: this browser cannot decode it`);
  }
}

function contextOf(rate) {
  try {
    return new OfflineAudioContext(1, 1, rate);
  } catch {
    return new OfflineAudioContext(1, 1, USUAL);
  }
}

function measured(sound, channel) {
  const all = Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i));
  const wanted = { left: 0, right: 1 }[channel];
  if (wanted >= all.length) throw new EngineError("audio", `no channel ${wanted + 1}, it has ${all.length}; choose another`);
  const taken = wanted === undefined ? all : [all[wanted]];
  const samples = taken.length === 1 ? taken[0].slice() : mean(taken);
  const full = taken.reduce((sum, each) => sum + each.reduce((n, x) => n + (Math.abs(x) >= FULL_SCALE), 0), 0);
  return {
    samples,
    rate: sound.sampleRate,
    clipped: full / Math.max(1, taken.length * samples.length),
    cancelled: taken.length > 1 && cancel(taken, samples),
  };
}

function mean(channels) {
  const sum = new Float32Array(channels[0].length);
  for (const each of channels) each.forEach((x, i) => (sum[i] += x / channels.length));
  return sum;
}

function cancel(channels, mixed) {
  const own = channels.map(variance);
  const total = own.reduce((a, b) => a + b, 0);
  const kept = (variance(mixed) * channels.length ** 2) / Math.max(total, 1e-300);
  return Math.sqrt(total / channels.length) >= SOUND && kept < CANCELLED;
}

function variance(samples) {
  let [sum, squares] = [0, 0];
  for (const x of samples) {
    sum += x;
    squares += x * x;
  }
  return Math.max(0, squares / samples.length - (sum / samples.length) ** 2);
}

/** Samples a second, as the header of WAV, FLAC, Opus, Vorbis or MP3 says. */
function rateOf(view) {
  const letters = (at, count) => {
    let text = "";
    for (let i = at; i < Math.min(at + count, view.byteLength); i++) text += String.fromCharCode(view.getUint8(i));
    return text;
  };
  const head = letters(0, 4096);
  const within = (mark, offset) => head.indexOf(mark) + offset + 4 <= view.byteLength;
  const little = (mark, offset) => (within(mark, offset) ? view.getUint32(head.indexOf(mark) + offset, true) : USUAL);
  if (head.startsWith("RIFF") && head.includes("fmt ")) return little("fmt ", 12);
  if (head.startsWith("fLaC")) return view.getUint32(18) >>> 12;
  if (head.includes("OpusHead")) return USUAL;
  if (head.includes("\x01vorbis")) return little("\x01vorbis", 12);
  return mpeg(view, head) ?? USUAL;
}

function mpeg(view, head) {
  let at = 0;
  if (head.startsWith("ID3")) at = 10 + [6, 7, 8, 9].reduce((size, i) => (size << 7) | (view.getUint8(i) & 127), 0);
  for (const end = Math.min(at + 4096, view.byteLength - 4); at < end; at++) {
    const word = view.getUint32(at);
    const [version, layer, index] = [(word >>> 19) & 3, (word >>> 17) & 3, (word >>> 10) & 3];
    if (word >>> 21 === 0x7ff && version !== 1 && layer === 1 && index < 3) return LAYER_3[index] / { 3: 1, 2: 2, 0: 4 }[version];
  }
  return null;
}
