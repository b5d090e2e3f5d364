// Fitting answers to one speaker from recordings without labels, as tembr/adaptation; formulas and names are its own.

const [OFFSET_ROUNDS, ROUNDS] = [30, 20];
const SEVERAL = [0.2, 0.4];
const FAMILIAR = [1.3, 1.6];

/** {offset, means, precisions, share} of a speaker from logits, embeddings and relative logits, a row a recording. */
export function fitToSpeaker(known, logits, embeddings, relative) {
  const strength = known.strength ?? 1;
  let offset = fitOffset(known.offset, logits);
  let adapted = logits.map((row) => add(row, offset));
  let counts = 0;
  if (known.relative) {
    const { share, prior = 0 } = known.relative;
    counts = ((share * logits.length) / (logits.length + prior)) * several(logits);
    const own = relativeOffset(known.relative, adapted, relative);
    offset = offset.map((value, i) => (1 - counts) * value + counts * own[i]);
    adapted = logits.map((row, n) => row.map((value, i) => (1 - counts) * value + counts * relative[n][i] + offset[i]));
  }
  if (!known.two_covariance) return { offset: scaled(offset, strength), share: strength * counts };
  const space = known.two_covariance;
  const share = space.share * belief(logits, embeddings, space);
  const model = fitSpeaker({ ...space, share }, embeddings, adapted);
  return {
    share: strength * counts,
    offset: scaled(add(offset, model.offset), strength),
    means: model.means,
    precisions: model.precisions.map((row) => scaled(row, strength)),
  };
}

function fitOffset({ typical, prior, mixture }, logits) {
  const [count, labels] = [logits.length, logits[0].length];
  const mean = meanRow(logits);
  let offset = mean.map(() => 0);
  for (let round = 0; round < OFFSET_ROUNDS; round++) {
    const chances = logits.map((row) => softmax(add(row, offset)));
    const shares = sumRows(chances).map((sum) => (sum + mixture) / (count + labels * mixture));
    const bias = mean.map((value, i) => value - shares.reduce((sum, share, j) => sum + share * typical[j][i], 0));
    const middle = average(bias);
    offset = bias.map((value) => (-(value - middle) * count) / (count + prior));
  }
  return offset;
}

function relativeOffset({ typical, mixture }, logits, relative) {
  const [count, labels] = [logits.length, logits[0].length];
  const shares = sumRows(logits.map(softmax)).map((sum) => (sum + mixture) / (count + labels * mixture));
  const bias = meanRow(relative).map((value, i) => value - shares.reduce((sum, share, j) => sum + share * typical[j][i], 0));
  const middle = average(bias);
  return bias.map((value) => middle - value);
}

function fitSpeaker(known, embeddings, logits) {
  const [centre, count] = [meanRow(embeddings), embeddings.length];
  const share = (known.share * count) / (count + known.prior);
  const about = embeddings.map((row) => row.map((value, i) => value - centre[i]));
  let means = known.means;
  let variances = means.map(() => known.spread.map((spread) => 1 + spread));
  for (let round = 0; round < ROUNDS; round++) {
    const chances = about.map((row, n) => softmax(logits[n].map((logit, k) => logit + share * likelihood(row, means[k], variances[k]))));
    const sums = sumRows(chances);
    const certainty = sums.map((sum) => known.spread.map((spread) => sum + 1 / spread));
    means = known.means.map((prior, k) => prior.map((value, i) => {
      const own = about.reduce((sum, row, n) => sum + chances[n][k] * row[i], 0);
      return (own + value / known.spread[i]) / certainty[k][i];
    }));
    variances = certainty.map((row) => row.map((value) => 1 + 1 / value));
  }
  const offset = variances.map((row) => -0.5 * share * row.reduce((sum, value) => sum + Math.log(value), 0));
  const middle = average(offset);
  return {
    means: means.map((row) => add(row, centre)),
    precisions: variances.map((row) => row.map((value) => share / value)),
    offset: offset.map((value) => value - middle),
  };
}

const likelihood = (row, mean, variance) =>
  -0.5 * row.reduce((sum, value, i) => sum + (value - mean[i]) ** 2 / variance[i] + Math.log(variance[i]), 0);

/** How far an enrolment is believed: several emotions, of a familiar voice. */
function belief(logits, embeddings, { centres, centre_spread: spread }) {
  const mean = meanRow(embeddings);
  const apart = centres.map((centre) => average(mean.map((value, i) => (value - centre[i]) ** 2 / spread[i])));
  return several(logits) * (1 - ramp(Math.sqrt(Math.min(...apart)), ...FAMILIAR));
}

function several(logits) {
  const posteriors = logits.map(softmax);
  return ramp(entropy(meanRow(posteriors)) - average(posteriors.map(entropy)), ...SEVERAL);
}

const ramp = (value, low, high) => Math.min(1, Math.max(0, (value - low) / (high - low)));
const entropy = (row) => -row.reduce((sum, value) => sum + value * Math.log(Math.max(value, 1e-12)), 0);
const add = (a, b) => a.map((value, i) => value + b[i]);
const scaled = (row, factor) => row.map((value) => factor * value);
const average = (row) => row.reduce((sum, value) => sum + value, 0) / row.length;
const sumRows = (rows) => rows.reduce(add);
const meanRow = (rows) => sumRows(rows).map((sum) => sum / rows.length);

function softmax(row) {
  const top = Math.max(...row);
  const powers = row.map((value) => Math.exp(value - top));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((power) => power / sum);
}
