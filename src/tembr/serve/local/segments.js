// From overlapping windows to segments of one emotion each, as tembr/recognize/segments.py.

import { SOUND, Windows, level } from "./windows.js";

const LINK = 1.0; // seconds
const FLOOR = 1e-6;

/** Hears stretches of speech in windows that begin with each. */
export class Hearing {
  #begin = 0;
  #cut = null;

  /** `posteriors`: samples → array, awaited. */
  constructor(posteriors, rate, window, hop) {
    Object.assign(this, { posteriors, rate, window, hop });
  }

  get inside() {
    return this.#cut !== null;
  }

  async add(begin, samples) {
    const found = this.inside && begin !== this.#begin ? await this.end() : [];
    if (!this.inside) [this.#begin, this.#cut] = [begin, new Windows(this.window, this.hop)];
    return [...found, ...(await this.#heard(this.#cut.add(samples)))];
  }

  async end() {
    const cut = this.#cut;
    this.#cut = null;
    return cut === null ? [] : this.#heard(cut.end());
  }

  /** The first window of the open stretch while it is not complete, once it has `shortest` samples. */
  async soFar(shortest) {
    if (!this.inside || this.#cut.incomplete < shortest) return null;
    return (await this.#heard([[0, this.#cut.rest]]))[0] ?? null;
  }

  async #heard(cut) {
    const found = [];
    for (const [first, samples] of cut) {
      if (level(samples) < SOUND) continue;
      const start = (this.#begin + first) / this.rate;
      const posteriors = await this.posteriors(samples);
      found.push({ stretch: this.#begin / this.rate, start, end: start + samples.length / this.rate, posteriors });
    }
    return found;
  }
}

/** The likeliest sequence of labels where every change has a price (Viterbi 1967), told as soon as it is certain. */
class Smoother {
  #best = null;
  #origins = [];

  constructor(price) {
    this.price = price;
  }

  add(posteriors) {
    const best = this.#best ?? posteriors.map(() => 0);
    const top = Math.max(...best);
    const from = best.indexOf(top);
    this.#origins.push(best.map((score, label) => (score >= top - this.price ? label : from)));
    const next = best.map((score, label) => Math.max(score, top - this.price) + Math.log(Math.max(posteriors[label], FLOOR)));
    const most = Math.max(...next);
    this.#best = next.map((score) => score - most);
    return this.tell(0);
  }

  /** Labels of at least `count` of the oldest windows not told yet, and of those that are certain. */
  tell(count) {
    if (!this.#origins.length) return [];
    const alive = this.#best.flatMap((score, label) => (Number.isFinite(score) ? [label] : []));
    const paths = alive.map((label) => this.#back(label));
    const likeliest = paths[alive.reduce((top, label, i) => (this.#best[label] > this.#best[alive[top]] ? i : top), 0)];
    const told = likeliest.slice(0, Math.max(count, agreeing(paths)));
    alive.forEach((label, i) => {
      if (told.some((each, n) => paths[i][n] !== each)) this.#best[label] = -Infinity;
    });
    this.#origins.splice(0, told.length);
    return told;
  }

  finish() {
    const told = this.tell(this.#origins.length);
    this.#best = null;
    return told;
  }

  /** The sequence that ends in a label, of all windows not told. */
  #back(label) {
    const path = [label];
    for (let i = this.#origins.length - 1; i > 0; i--) path.push(this.#origins[i][path.at(-1)]);
    return path.reverse();
  }
}

/** One more than the last window in which all paths agree. */
function agreeing(paths) {
  for (let i = paths[0].length; i > 0; i--) if (paths.every((path) => path[i - 1] === paths[0][i - 1])) return i;
  return 0;
}

/** Joins neighbouring windows of one emotion; each window speaks for the time nearest to its centre. */
export class Segmenter {
  #cells = [];
  #growing = null;
  #last = null;

  constructor(smoothing = 1) {
    this.smoother = new Smoother(smoothing);
  }

  get link() {
    return this.#cells.length || this.#growing ? this.#last.heard.end + LINK : Infinity;
  }

  add(heard) {
    const last = this.#last;
    const told = [];
    let start = heard.start;
    if (last && heard.start - last.heard.end > LINK) told.push(...this.settle());
    else if (last && last.heard.stretch === heard.stretch) {
      start = last.end = (last.heard.start + last.heard.end + heard.start + heard.end) / 4;
    } else if (last) last.end = last.heard.end;
    this.#last = { heard, start, end: null, label: null };
    this.#cells.push(this.#last);
    return [...told, ...this.#label(this.smoother.add(heard.posteriors))];
  }

  tell(until) {
    const due = this.#cells.filter((cell) => cell.label === null && cell.heard.end <= until).length;
    return this.#label(due ? this.smoother.tell(due) : []);
  }

  endStretch() {
    if (!this.#last) return [];
    this.#last.end = this.#last.heard.end;
    const told = this.#label([]);
    return this.#growing && !this.#cells.length ? [...told, this.#close()] : told;
  }

  settle() {
    const told = [...this.endStretch(), ...this.#label(this.smoother.finish())];
    if (this.#growing) told.push(this.#close());
    this.#last = null;
    return told;
  }

  #label(labels) {
    const unlabelled = this.#cells.filter((cell) => cell.label === null);
    labels.forEach((label, i) => (unlabelled[i].label = label));
    const told = [];
    while (this.#cells.length) {
      const cell = this.#cells[0];
      if (this.#growing && !holds(this.#growing, cell)) told.push(this.#close());
      if (cell.label === null) return told;
      if (!this.#growing) {
        this.#growing = { cell, end: 0, weight: 0, posteriors: cell.heard.posteriors.map(() => 0) };
        told.push({ kind: "opened", start: cell.start, end: cell.heard.end, label: cell.label, posteriors: cell.heard.posteriors });
      }
      if (cell.end === null) return told;
      grow(this.#growing, this.#cells.shift());
    }
    return told;
  }

  #close() {
    const { cell, end, weight, posteriors } = this.#growing;
    this.#growing = null;
    return { kind: "closed", start: cell.start, end, label: cell.label, posteriors: posteriors.map((sum) => sum / weight) };
  }
}

const holds = (growing, cell) =>
  cell.heard.stretch === growing.cell.heard.stretch && (cell.label === null || cell.label === growing.cell.label);

function grow(growing, cell) {
  const span = cell.end - cell.start;
  growing.end = cell.end;
  growing.weight += span;
  growing.posteriors = growing.posteriors.map((sum, i) => sum + span * cell.heard.posteriors[i]);
}
