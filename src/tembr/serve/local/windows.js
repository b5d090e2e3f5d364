// Samples cut into overlapping windows, and their levels: tembr/recognize/windows.py and quality.py.

export const SOUND = 10 ** (-66 / 20);
const FAINT = 10 ** (-30 / 20);
const FRAME = 0.02; // seconds

export function joined(parts) {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Standard deviation. */
export function level(samples) {
  if (!samples.length) return 0;
  let sum = 0;
  for (const x of samples) sum += x;
  const mean = sum / samples.length;
  let squares = 0;
  for (const x of samples) squares += (x - mean) ** 2;
  return Math.sqrt(squares / samples.length);
}

/** Seconds of 20 ms frames that are sound. */
export function soundIn(samples, rate) {
  const size = Math.round(FRAME * rate);
  let loud = 0;
  for (let at = 0; at + size <= samples.length; at += size) loud += level(samples.subarray(at, at + size)) >= SOUND;
  return loud * FRAME;
}

export class Windows {
  #held = new Float32Array(0);
  #first = 0;
  #ahead = 0;

  constructor(length, hop) {
    Object.assign(this, { length, hop });
  }

  /** Samples of the first window while they do not fill it. */
  get incomplete() {
    return this.#ahead ? 0 : this.#held.length;
  }

  get rest() {
    return this.#held;
  }

  add(block) {
    this.#held = joined([this.#held, block]);
    const found = [];
    while (this.#held.length >= this.#ahead + this.length) {
      this.#held = this.#held.subarray(this.#ahead);
      this.#first += this.#ahead;
      found.push([this.#first, this.#held.slice(0, this.length)]);
      this.#ahead = this.hop;
    }
    return found;
  }

  end() {
    if (!this.#ahead) return [[this.#first, this.#held]];
    if (this.#held.length <= this.length) return [];
    return [[this.#first + this.#held.length - this.length, this.#held.slice(-this.length)]];
  }
}

/** What `hear` makes of every window of a recording that is not faint; the first is always heard. */
export async function outspoken(samples, length, hop, hear) {
  const cut = new Windows(length, hop);
  const [heard, levels] = [[], []];
  for (const [, window] of [...cut.add(samples), ...cut.end()]) {
    const loudness = level(window);
    if (loudness < SOUND && heard.length) continue;
    heard.push(await hear(window));
    levels.push(loudness);
  }
  const loudest = Math.max(...levels);
  return heard.filter((_, i) => levels[i] >= FAINT * loudest);
}

/** Mean of arrays of one length. */
export const meanOf = (rows) => Array.from(rows[0], (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);

/** A waveform without the silence around its sound, as tembr/silence.py. */
export function trimmed(samples, rate, { below, margin }) {
  const [size, left] = [Math.round(0.02 * rate), Math.round(margin * rate)];
  const count = Math.floor(samples.length / size);
  const power = Array.from({ length: count }, (_, frame) => {
    let sum = 0;
    for (const x of samples.subarray(frame * size, (frame + 1) * size)) sum += x * x;
    return sum;
  });
  const least = Math.max(...power) * 10 ** (-below / 10);
  const first = power.findIndex((one) => one >= least);
  if (first < 0) return samples;
  const last = power.findLastIndex((one) => one >= least);
  return samples.slice(Math.max(0, first * size - left), (last + 1) * size + left);
}
