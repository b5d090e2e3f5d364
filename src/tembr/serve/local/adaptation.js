// Fitting answers to one speaker from recordings without labels, as tembr/adaptation; formulas and names are its own.

const [FITTING_ROUNDS, OFFSET_ROUNDS, ROUNDS] = [2, 30, 20];
const SEVERAL = [0.2, 0.4];

/** {offset, means, precisions, share} of a speaker from logits, embeddings and relative logits, a row a recording. */
export function fitToSpeaker(known, logits, embeddings, relative) {
  const strength = known.strength ?? 1;
  const alone = fitOffset(known.offset, logits);
  let fitted = { offset: alone, share: 0 };
  for (let round = 0; round < FITTING_ROUNDS; round++) {
    fitted = fit(known, logits, embeddings, relative, alone, added(fitted, logits, embeddings, relative));
  }
  const { offset, means, precisions, share } = fitted;
  const found = { share: strength * share, offset: scaled(offset, strength) };
  return means ? { ...found, means, precisions: precisions.map((row) => scaled(row, strength)) } : found;
}

/** Logits as what is learnt of a speaker makes them. */
function added({ offset, means, precisions, share }, logits, embeddings, relative) {
  return logits.map((row, n) => row.map((value, k) => {
    const moved = value + offset[k] + (share ? share * (relative[n][k] - value) : 0);
    if (!means) return moved;
    return moved - 0.5 * means[k].reduce((sum, mean, i) => sum + precisions[k][i] * (embeddings[n][i] - mean) ** 2, 0);
  }));
}

function fit(known, logits, embeddings, relative, alone, adapted) {
  const believed = several(logits);
  const again = offsetOf(known.offset, logits, adapted);
  let offset = alone.map((value, i) => (1 - believed) * value + believed * again[i]);
  let share = 0;
  if (known.relative) {
    share = ((known.relative.share * logits.length) / (logits.length + (known.relative.prior ?? 0))) * believed;
    const own = relativeOffset(known.relative, adapted, relative);
    offset = offset.map((value, i) => (1 - share) * value + share * own[i]);
  }
  const space = known.two_covariance;
  if (!space) return { offset, share };
  const moved = added({ offset, share }, logits, embeddings, relative);
  const model = fitSpeaker({ ...space, share: space.share * believed }, embeddings, moved);
  return { offset: add(offset, model.offset), means: model.means, precisions: model.precisions, share };
}

function fitOffset(known, logits) {
  let offset = logits[0].map(() => 0);
  for (let round = 0; round < OFFSET_ROUNDS; round++) offset = offsetOf(known, logits, logits.map((row) => add(row, offset)));
  return offset;
}

function offsetOf({ typical, prior, mixture }, logits, adapted) {
  const [count, labels] = [logits.length, logits[0].length];
  const shares = sumRows(adapted.map(softmax)).map((sum) => (sum + mixture) / (count + labels * mixture));
  const bias = meanRow(logits).map((value, i) => value - shares.reduce((sum, share, j) => sum + share * typical[j][i], 0));
  const middle = average(bias);
  return bias.map((value) => (-(value - middle) * count) / (count + prior));
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
  const within = withinOf(known, about, logits.map(softmax));
  let means = known.means;
  let variances = means.map(() => add(within, known.spread));
  for (let round = 0; round < ROUNDS; round++) {
    const chances = about.map((row, n) => softmax(logits[n].map((logit, k) => logit + share * likelihood(row, means[k], variances[k]))));
    const found = positions(known, about, chances, within);
    means = found.means;
    variances = found.doubt.map((row) => add(within, row));
  }
  const offset = variances.map((row) => -0.5 * share * row.reduce((sum, value) => sum + Math.log(value), 0));
  const middle = average(offset);
  return {
    means: means.map((row) => add(row, centre)),
    precisions: variances.map((row) => row.map((value) => share / value)),
    offset: offset.map((value) => value - middle),
  };
}

/** Variance of a speaker's recordings of one emotion in each dimension, shrunk towards 1. */
function withinOf(known, about, chances) {
  const { means } = positions(known, about, chances, known.spread.map(() => 1));
  const apart = about.map((row, n) => row.map((value, i) => chances[n].reduce((sum, chance, k) => sum + chance * (value - means[k][i]) ** 2, 0)));
  const count = about.length;
  const weight = count / (count + (known.within_prior ?? Infinity));
  return sumRows(apart).map((sum) => 1 + weight * (sum / count - 1));
}

/** Where emotions lie about a speaker's centre, and the variance of what is known of that. */
function positions(known, about, chances, within) {
  const certainty = sumRows(chances).map((sum) => known.spread.map((spread, i) => sum / within[i] + 1 / spread));
  const means = known.means.map((prior, k) => prior.map((value, i) => {
    const own = about.reduce((sum, row, n) => sum + chances[n][k] * row[i], 0);
    return (own / within[i] + value / known.spread[i]) / certainty[k][i];
  }));
  return { means, doubt: certainty.map((row) => row.map((value) => 1 / value)) };
}

const likelihood = (row, mean, variance) =>
  -0.5 * row.reduce((sum, value, i) => sum + (value - mean[i]) ** 2 / variance[i] + Math.log(variance[i]), 0);

/** How far an enrolment shows several emotions, 0 to 1. */
function several(logits) {
  const posteriors = logits.map(softmax);
  const information = entropy(meanRow(posteriors)) - average(posteriors.map(entropy));
  return Math.min(1, Math.max(0, (information - SEVERAL[0]) / (SEVERAL[1] - SEVERAL[0])));
}

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
