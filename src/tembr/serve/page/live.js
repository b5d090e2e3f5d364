// Speech from the microphone as it is spoken: samples to the engine and the sketch, events to the picture.

import { openMicrophone } from "./microphone.js";
import { fromBlocks } from "./recording.js";
import { Sketch } from "./sketch.js";

const DRAWN = 100; // ms between two pictures

export class Live {
  answers = [];
  closed = [];
  opened = null;

  /** `view` has draw(live), event(event), state(name) and error(error). */
  constructor(engine, options, view) {
    Object.assign(this, { engine, options, view, blocks: [], samples: 0 });
  }

  async start() {
    this.early = []; // blocks that came before the rate was known
    this.microphone = await openMicrophone((samples) => this.#take(samples));
    this.rate = this.microphone.rate;
    this.sketch = new Sketch(this.rate);
    const hooks = { event: (event) => this.#event(event), state: (name, from) => this.#state(name, from), error: (error) => this.view.error(error) };
    this.stream = this.engine.stream(this.rate, this.options, hooks);
    this.early.forEach((samples) => this.#take(samples));
    this.timer = setInterval(() => this.view.draw(this), DRAWN);
  }

  get seconds() {
    return this.samples / (this.rate || 1);
  }

  /** Segments so far; the one that is open goes on until now. */
  get segments() {
    const open = this.opened && { ...this.opened, end: Math.max(this.opened.end, this.seconds), open: true };
    return open ? [...this.closed, open] : this.closed;
  }

  #take(samples) {
    if (!this.stream) return void this.early.push(samples);
    this.blocks.push(Int16Array.from(samples, (x) => Math.round(Math.max(-1, Math.min(1, x)) * 32767)));
    this.samples += samples.length;
    this.sketch.add(samples);
    this.stream.push(samples);
    if (this.seconds >= this.options.longest && !this.full) {
      this.full = true;
      this.view.state("at_limit");
    }
  }

  #event(event) {
    if (event.event === "answer") this.answers.push(event);
    if (event.event === "opened") this.opened = event;
    if (event.event === "closed") {
      this.closed.push(event);
      this.opened = null;
    }
    this.view.event(event, this);
  }

  /** Where a new session begins at `from` seconds, it alone speaks for the time from there on. */
  #state(name, from) {
    if (name === "anew") {
      const before = (told) => told.filter(({ start }) => start < from).map((each) => ({ ...each, end: Math.min(each.end, from) }));
      this.closed = before(this.segments).map((each) => ({ ...each, open: false }));
      this.answers = before(this.answers);
      this.opened = null;
    }
    this.view.state(name);
  }

  /** Stop listening; resolves to the recording when the last event has come. */
  async finish(name) {
    clearInterval(this.timer);
    await this.microphone.close();
    await this.stream.finish();
    if (this.opened) this.closed.push({ ...this.opened, end: Math.max(this.opened.end, this.seconds) }); // cut off by an error
    this.opened = null;
    return fromBlocks(this.blocks, this.rate, this.sketch, name);
  }
}
