// Another rate by a windowed sinc (Kaiser), with the pass band of soxr's HQ, which the recognizer uses in Python.

const PASS = 0.9136; // of the lower Nyquist frequency, up to which everything passes
const ATTENUATION = 126.4; // dB from the Nyquist frequency on

/** Blocks of samples; together they come out as if they had been one. */
export class Resampler {
  #held = new Float32Array(0);
  #first = 0; // number of the first sample held
  #taken = 0;
  #given = 0;

  constructor(rate, wanted) {
    const common = gcd(rate, wanted);
    [this.up, this.down] = [wanted / common, rate / common];
    if (this.up === this.down) return;
    const lower = Math.min(rate, wanted) / 2;
    const width = ((1 - PASS) * lower) / rate; // of the transition, in cycles a sample
    this.half = Math.ceil((ATTENUATION - 7.95) / (2.285 * 2 * Math.PI * width) / 2);
    this.phases = Array.from({ length: this.up }, (_, p) => taps(p / this.up, this.half, ((1 + PASS) * lower) / rate));
  }

  add(block, last = false) {
    if (this.up === this.down) return block;
    this.#hold(block, last);
    const all = Math.round((this.#taken * this.up) / this.down);
    const ready = this.#first + this.#held.length - this.half; // outputs before this input sample are complete
    const until = last ? all : Math.max(this.#given, Math.min(all, Math.ceil((ready * this.up) / this.down)));
    const made = new Float32Array(until - this.#given);
    for (let i = 0; i < made.length; i++) made[i] = this.#at(this.#given + i);
    this.#given = until;
    this.#forget();
    return made;
  }

  #hold(block, last) {
    if (!this.#taken && !this.#held.length) [this.#held, this.#first] = [new Float32Array(this.half), -this.half];
    const joined = new Float32Array(this.#held.length + block.length + (last ? this.half + 1 : 0));
    joined.set(this.#held);
    joined.set(block, this.#held.length);
    this.#held = joined;
    this.#taken += block.length;
  }

  #at(number) {
    const place = number * this.down;
    const weights = this.phases[place % this.up];
    const from = Math.floor(place / this.up) - this.half + 1 - this.#first;
    let sum = 0;
    for (let i = 0; i < weights.length; i++) sum += weights[i] * this.#held[from + i];
    return sum;
  }

  #forget() {
    const needed = Math.floor((this.#given * this.down) / this.up) - this.half + 1 - this.#first;
    if (needed <= 0) return;
    this.#held = this.#held.slice(needed);
    this.#first += needed;
  }
}

/** All samples of a recording at another rate. */
export const resampled = (samples, rate, wanted) => new Resampler(rate, wanted).add(samples, true);

/** Weights of the samples around a place `part` of a sample after one. */
function taps(part, half, cutoff) {
  const beta = 0.1102 * (ATTENUATION - 8.7);
  return Float64Array.from({ length: 2 * half }, (_, i) => {
    const away = i - half + 1 - part;
    const inside = 1 - (away / half) ** 2;
    if (inside <= 0) return 0;
    const sinc = away === 0 ? cutoff : Math.sin(Math.PI * cutoff * away) / (Math.PI * away);
    return (sinc * bessel(beta * Math.sqrt(inside))) / bessel(beta);
  });
}

/** Modified Bessel function of the first kind, order 0. */
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-15 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);
