// What a recording looks like: peaks of the waveform and a spectrogram in mel bands, grown as samples come.

import { power } from "./fft.js";

export const BANDS = 72;
const LOWEST = 50;
const HIGHEST = 7600; // Hz
const QUIETEST = -85; // dB
const mel = (hertz) => 2595 * Math.log10(1 + hertz / 700);
const hertzOf = (value) => 700 * (10 ** (value / 2595) - 1);

export class Sketch {
  /** `hop`: seconds from one column to the next. */
  constructor(rate, hop = 0.01) {
    this.rate = rate;
    this.hop = Math.round(hop * rate);
    this.size = 2 ** Math.ceil(Math.log2(0.03 * rate)); // of the transform, about 32 ms
    this.samples = 0;
    this.peaks = []; // lowest and highest sample of each column in turn
    this.columns = []; // Uint8Array of BANDS levels
    this.waiting = new Float32Array(0);
    this.bins = bins(rate, this.size);
  }

  get seconds() {
    return this.samples / this.rate;
  }

  get columnsPerSecond() {
    return this.rate / this.hop;
  }

  add(samples) {
    const all = new Float32Array(this.waiting.length + samples.length);
    all.set(this.waiting);
    all.set(samples, this.waiting.length);
    this.samples += samples.length;
    let at = 0;
    for (; at + Math.max(this.size, this.hop) <= all.length; at += this.hop) this.#column(all.subarray(at));
    this.waiting = all.slice(at);
  }

  #column(samples) {
    let [low, high] = [0, 0];
    for (let i = 0; i < this.hop; i++) {
      if (samples[i] < low) low = samples[i];
      else if (samples[i] > high) high = samples[i];
    }
    this.peaks.push(low, high);
    const spectrum = power(samples.subarray(0, this.size));
    this.columns.push(Uint8Array.from(this.bins, ([from, to]) => levelOf(spectrum, from, to)));
  }
}

/** Draw a whole recording without keeping the page from answering. */
export async function sketchOf(samples, rate) {
  const sketch = new Sketch(rate, hopFor(samples.length / rate));
  for (let at = 0; at < samples.length; at += 4 * rate) {
    sketch.add(samples.subarray(at, at + 4 * rate));
    await new Promise((resolve) => setTimeout(resolve));
  }
  sketch.add(new Float32Array(Math.max(sketch.size, sketch.hop)));
  sketch.samples = samples.length;
  return sketch;
}

/** Seconds from column to column: enough of them for a short recording, not too many for a long one. */
const hopFor = (seconds) => Math.max(0.0025, Math.min(0.01, seconds / 1200), seconds / 20_000);

function bins(rate, size) {
  const edges = Array.from({ length: BANDS + 1 }, (_, i) =>
    (hertzOf(mel(LOWEST) + ((mel(HIGHEST) - mel(LOWEST)) * i) / BANDS) / rate) * size);
  return edges.slice(0, -1).map((from, i) => {
    const first = Math.min(size / 2, Math.round(from));
    return [first, Math.min(size / 2 + 1, Math.max(first + 1, Math.round(edges[i + 1])))];
  });
}

function levelOf(spectrum, from, to) {
  let sum = 0;
  for (let i = from; i < to; i++) sum += spectrum[i];
  const decibel = 10 * Math.log10(sum / (to - from) + 1e-12);
  return Math.max(0, Math.min(255, (255 * (decibel - QUIETEST)) / (-10 - QUIETEST)));
}
