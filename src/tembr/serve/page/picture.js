// Waveform, spectrogram and probabilities over one time axis, on canvases.

import { $ } from "./elements.js";
import { clock } from "./language.js";
import { fill } from "./palette.js";
import { BANDS } from "./sketch.js";

const WIDEST = 16_000; // CSS pixels of the time axis, however far it is zoomed
const MOST = 16_384; // pixels of a canvas
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

export class Picture {
  from = 0; // seconds at the left
  span = 10; // seconds from left to right
  sketch = null;
  onDraw = []; // called when places have moved
  track = []; // {start, end, probabilities}
  labels = [];

  constructor() {
    this.rows = $("rows");
    this.zoom = 1;
    new ResizeObserver(() => this.draw()).observe($("scroll"));
  }

  get width() {
    return this.rows.clientWidth;
  }

  x(seconds) {
    return ((seconds - this.from) / this.span) * this.width;
  }

  seconds(x) {
    return this.from + (x / this.width) * this.span;
  }

  /** Zoom by a factor around the middle of what is seen. */
  zoomBy(factor) {
    const scroll = $("scroll");
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / this.width;
    this.zoom = Math.max(1, Math.min(WIDEST / scroll.clientWidth, this.zoom * factor));
    this.draw();
    scroll.scrollLeft = middle * this.width - scroll.clientWidth / 2;
  }

  draw() {
    const visible = $("scroll").clientWidth;
    if (!visible) return;
    this.rows.style.width = `${Math.floor(visible * this.zoom)}px`;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.#on("waveform", (pen, width, height) => this.#waveform(pen, width, height, colour("--wave")));
    this.#on("spectrogram", (pen, width, height) => this.#spectrogram(pen, width, height, ramp(colour)));
    this.#on("probabilities", (pen, width, height) => this.#probabilities(pen, width, height, colour("--surface")));
    this.#on("axis", (pen, width, height) => this.#axis(pen, width, height, colour("--soft")));
    for (const moved of this.onDraw) moved();
  }

  #on(id, paint) {
    const canvas = $(id);
    const [width, height] = [this.width, canvas.clientHeight];
    const scale = Math.min(devicePixelRatio, MOST / width);
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * devicePixelRatio);
    const pen = canvas.getContext("2d");
    pen.scale(canvas.width / width, canvas.height / height);
    paint(pen, width, height);
  }

  /** Columns of the sketch that pixel x shows, none where there are none. */
  #columns(x) {
    const at = (pixel) => this.seconds(pixel) * this.sketch.columnsPerSecond;
    const first = Math.floor(at(x));
    return [first, Math.min(this.sketch.columns.length, Math.max(first + 1, Math.floor(at(x + 1))))];
  }

  #waveform(pen, width, height, colour) {
    pen.fillStyle = colour;
    pen.fillRect(0, height / 2 - 0.5, width, 1);
    if (!this.sketch) return;
    const { peaks } = this.sketch;
    const loudest = peaks.reduce((most, peak) => Math.max(most, Math.abs(peak)), 0.1);
    for (let x = 0; x < width; x++) {
      const [first, last] = this.#columns(x);
      let [low, high] = [0, 0];
      for (let i = 2 * Math.max(0, first); i < 2 * last; i += 2) {
        low = Math.min(low, peaks[i]);
        high = Math.max(high, peaks[i + 1]);
      }
      const half = (height / 2 - 2) / loudest;
      pen.fillRect(x, height / 2 - high * half, 1, Math.max(0.5, (high - low) * half));
    }
  }

  #spectrogram(pen, width, height, colours) {
    pen.fillStyle = `rgb(${colours[0].join(" ")})`;
    pen.fillRect(0, 0, width, height);
    if (!this.sketch) return;
    const image = new ImageData(Math.ceil(width), BANDS);
    for (let x = 0; x < image.width; x++) {
      const [first, last] = this.#columns(x);
      for (let band = 0; band < BANDS; band++) {
        let level = 0;
        for (let i = Math.max(0, first); i < last; i++) level = Math.max(level, this.sketch.columns[i][band]);
        image.data.set([...colours[level], 255], 4 * ((BANDS - 1 - band) * image.width + x));
      }
    }
    const small = Object.assign(document.createElement("canvas"), { width: image.width, height: BANDS });
    small.getContext("2d").putImageData(image, 0, 0);
    pen.drawImage(small, 0, 0, width, height);
  }

  #probabilities(pen, width, height, gap) {
    const patterns = new Map(this.labels.map((label) => [label, fill(pen, label)]));
    for (const { start, end, probabilities } of this.track) {
      const [left, right] = [Math.max(0, this.x(start)), Math.min(width, this.x(end))];
      let top = height;
      for (const label of right > left ? this.labels : []) {
        const tall = probabilities[label] * height;
        pen.fillStyle = patterns.get(label);
        pen.fillRect(left, top - tall, right - left, tall);
        pen.fillStyle = gap;
        pen.fillRect(left, top - tall, right - left, 0.75);
        top -= tall;
      }
    }
  }

  #axis(pen, width, height, colour) {
    const step = STEPS.find((each) => (each / this.span) * width >= 64) ?? STEPS.at(-1);
    pen.fillStyle = colour;
    pen.font = "11px system-ui, sans-serif";
    for (let i = Math.ceil(this.from / step); i * step <= this.from + this.span; i++) {
      const x = this.x(i * step);
      pen.fillRect(x, 0, 1, 5);
      const text = clock(i * step, step < 1 ? 1 : 0);
      pen.fillText(text, Math.max(0, Math.min(width - pen.measureText(text).width, x - 8)), height - 2);
    }
  }
}

/** 256 colours from --spectrum-0 over -1 to -2. */
function ramp(colour) {
  const stops = [0, 1, 2].map((i) => colour(`--spectrum-${i}`).match(/\w\w/g).map((two) => parseInt(two, 16)));
  return Array.from({ length: 256 }, (_, level) => {
    const at = level / 127.5;
    const from = Math.min(1, Math.floor(at));
    return stops[from].map((value, i) => Math.round(value + (stops[from + 1][i] - value) * (at - from)));
  });
}

/** Answers of overlapping windows as a track: each speaks for the time nearest to its centre. */
export function trackOf(answers) {
  const middle = ({ start, end }) => (start + end) / 2;
  return answers.map((each, i) => {
    const [before, after] = [answers[i - 1], answers[i + 1]];
    const start = before && before.end > each.start ? (middle(before) + middle(each)) / 2 : each.start;
    const end = after && after.start < each.end ? (middle(each) + middle(after)) / 2 : each.end;
    return { start, end, probabilities: each.probabilities };
  });
}
