// The bundle's network and Silero's detector in onnxruntime-web; runs never overlap.

import { trimmed } from "./windows.js";

const SHORTEST = 0.1; // seconds below which a waveform is filled up with silence

export class Network {
  /** `facts`: model/site.json. */
  static async open(ort, facts, contents) {
    const options = { executionProviders: ["wasm"] };
    const session = await ort.InferenceSession.create(contents.model, options);
    const detector = await ort.InferenceSession.create(contents.voice, options);
    return new Network(ort, facts, session, detector);
  }

  constructor(ort, facts, session, detector) {
    Object.assign(this, { ort, facts, session, detector });
    this.rate = facts.sample_rate;
    this.window = Math.round(facts.window * facts.sample_rate);
    this.given = inputs(ort, facts.inputs, null);
  }

  /** The same network as it hears a speaker; null is anybody. */
  of(speaker) {
    const other = new Network(this.ort, this.facts, this.session, this.detector);
    other.given = inputs(this.ort, this.facts.inputs, speaker);
    return other;
  }

  samplesOf(seconds) {
    return Math.min(this.window, Math.round(seconds * this.rate));
  }

  /** Outputs by name, an array of numbers each. */
  async outputs(samples, ...names) {
    const filled = new Float32Array(Math.max(samples.length, Math.round(SHORTEST * this.rate)));
    filled.set(samples);
    const waveform = this.facts.silence?.below ? trimmed(filled, this.rate, this.facts.silence) : filled;
    const found = await this.session.run({ waveform: new this.ort.Tensor("float32", waveform, [1, waveform.length]), ...this.given }, names);
    return names.map((name) => Array.from(found[name].data));
  }

  async posteriors(samples) {
    const [answer] = await this.outputs(samples, "probabilities");
    const sum = answer.reduce((total, value) => total + value, 0);
    return answer.map((value) => value / sum);
  }

  /** Probability of speech in a chunk with its context, and the next state. */
  async voice(samples, state) {
    const { Tensor } = this.ort;
    const found = await this.detector.run({
      input: new Tensor("float32", samples, [1, samples.length]),
      state: new Tensor("float32", state, [2, 1, 128]),
      sr: new Tensor("int64", BigInt64Array.of(16_000n), []),
    });
    return [found.output.data[0], found.stateN.data.slice()];
  }
}

/** Tensors of the inputs beside the waveform; without a speaker all are zeros. */
function inputs(ort, shapes, speaker) {
  const values = speaker && {
    speaker_weight: [1],
    speaker_offset: speaker.offset,
    speaker_means: speaker.means?.flat(),
    speaker_precisions: speaker.precisions?.flat(),
    speaker_share: speaker.share ? [speaker.share] : [],
  };
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    const data = values?.[name]?.length ? Float32Array.from(values[name]) : new Float32Array(size);
    return [name, new ort.Tensor("float32", data, shape)];
  }));
}
