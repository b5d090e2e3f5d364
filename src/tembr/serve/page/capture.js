// In the audio thread: samples of the microphone's first channel, handed on in blocks.

const BLOCK = 2048;

class Capture extends AudioWorkletProcessor {
  #block = new Float32Array(BLOCK);
  #filled = 0;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.port.postMessage(this.#block.slice(0, this.#filled));
      this.port.postMessage(null); // the last one
      this.done = true;
    };
  }

  process([[samples] = []]) {
    for (const sample of samples ?? []) {
      this.#block[this.#filled++] = sample;
      if (this.#filled === BLOCK) {
        this.port.postMessage(this.#block.slice());
        this.#filled = 0;
      }
    }
    return !this.done;
  }
}

registerProcessor("capture", Capture);
