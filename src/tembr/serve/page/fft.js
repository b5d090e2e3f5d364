// Power spectrum of a frame under a Hann window, by a radix-2 transform (Cooley and Tukey 1965).

const plans = new Map();

function plan(size) {
  if (!plans.has(size)) plans.set(size, prepare(size));
  return plans.get(size);
}

function prepare(size) {
  const bits = Math.log2(size);
  const order = Uint32Array.from({ length: size }, (_, i) => {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit++) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
    return reversed;
  });
  const angle = (i) => (2 * Math.PI * i) / size;
  return {
    order,
    cos: Float64Array.from({ length: size / 2 }, (_, i) => Math.cos(angle(i))),
    sin: Float64Array.from({ length: size / 2 }, (_, i) => -Math.sin(angle(i))),
    hann: Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos(angle(i))),
    real: new Float64Array(size),
    imaginary: new Float64Array(size),
  };
}

/** `samples`, a power of two of them → size / 2 + 1 values; 1 for a sine of full scale in the middle of a bin. */
export function power(samples) {
  const size = samples.length;
  const { order, cos, sin, hann, real, imaginary } = plan(size);
  for (let i = 0; i < size; i++) real[i] = samples[order[i]] * hann[order[i]];
  imaginary.fill(0);
  for (let half = 1; half < size; half *= 2) butterflies(size, half, cos, sin, real, imaginary);
  const scale = (4 / size) ** 2;
  return Float64Array.from({ length: size / 2 + 1 }, (_, i) => scale * (real[i] ** 2 + imaginary[i] ** 2));
}

function butterflies(size, half, cos, sin, real, imaginary) {
  const step = size / (2 * half);
  for (let start = 0; start < size; start += 2 * half) {
    for (let i = start, turn = 0; i < start + half; i++, turn += step) {
      const j = i + half;
      const re = real[j] * cos[turn] - imaginary[j] * sin[turn];
      const im = real[j] * sin[turn] + imaginary[j] * cos[turn];
      real[j] = real[i] - re;
      imaginary[j] = imaginary[i] - im;
      real[i] += re;
      imaginary[i] += im;
    }
  }
}
