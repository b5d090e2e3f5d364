// The worker: the model is loaded once, and what the page asks is answered in turn.

import * as ort from "../../ort/ort.wasm.min.mjs";
import { fitToSpeaker } from "./adaptation.js";
import { LiveStream } from "./live.js";
import { Network } from "./network.js";
import { resampled } from "./resampling.js";
import { Hearing, Segmenter } from "./segments.js";
import { checkSpeaker, speakerOf } from "./speaker.js";
import { Cutter, Voice, speaks } from "./voice.js";
import { meanOf, outspoken, soundIn } from "./windows.js";

const SHORTEST = 0.3; // seconds of sound
const [CLIPPED, TELEPHONE] = [1e-3, 8_000];
const WINDOW = 3; // seconds
const FEW = 8; // recordings
const streams = new Map();
let network;
let facts;
let work = Promise.resolve();

onmessage = ({ data: { id, method, values } }) => {
  work = work.then(() => METHODS[method](values)).then(
    (result) => postMessage({ id, result }),
    (error) => postMessage({ id, error: { code: error.code ?? "other", message: String(error.message ?? error) } }),
  );
};

const METHODS = { load, predict, segments, enrol, open, push, finish };

async function load({ base, threads }) {
  ort.env.wasm.wasmPaths = new URL("ort/", base).href;
  ort.env.wasm.numThreads = threads;
  const site = await (await fetch(new URL("model/site.json", base))).json();
  const total = site.sizes.model + site.sizes.voice;
  let done = 0;
  const progress = (bytes) => postMessage({ progress: [Math.round((done += bytes) / 1e6), Math.round(total / 1e6)] });
  const contents = {
    model: await fetched(new URL("model/model.onnx", base), site.sizes.model, progress),
    voice: await fetched(new URL("model/voice.onnx", base), site.sizes.voice, progress),
  };
  facts = site;
  network = await Network.open(ort, site, contents);
  facts.milliseconds = await timed();
  return { ...site.page, threads, milliseconds: facts.milliseconds };
}

async function fetched(url, size, progress) {
  const response = await fetch(url);
  if (!response.ok) throw Object.assign(new Error(`${url.pathname}: ${response.status}`), { code: "unreachable" });
  const content = new Uint8Array(size);
  let at = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return content;
    content.set(value, at);
    at += value.length;
    progress(value.length);
  }
}

/** Milliseconds of an answer to 3 s, the second time. */
async function timed() {
  const noise = Float32Array.from({ length: WINDOW * network.rate }, (_, i) => 0.01 * Math.sin(i * i));
  await network.posteriors(noise);
  const begin = performance.now();
  await network.posteriors(noise);
  return performance.now() - begin;
}

function of(speaker) {
  if (!speaker) return network;
  checkSpeaker(facts, speaker);
  return network.of(speaker);
}

const name = () => ({ bundle: facts.page.bundle, version: facts.page.version });

async function predict({ sound, speaker }) {
  const own = of(speaker);
  const samples = resampled(sound.samples, sound.rate, own.rate);
  const posteriors = meanOf(await outspoken(samples, own.window, own.window >> 1, (window) => own.posteriors(window)));
  const answer = told(posteriors, 0, sound.samples.length / sound.rate, sound, undefined, await unanswerable(samples));
  return { ...name(), answers: [answer] };
}

async function unanswerable(samples) {
  const seconds = soundIn(samples, network.rate);
  if (seconds === 0) return ["silence: nothing is louder than -66 dB; check the microphone or the file"];
  if (seconds < SHORTEST) return [`too_short: ${seconds.toFixed(2)} s of sound; give at least ${SHORTEST} s`];
  return (await speaks(network, samples)) ? [] : ["no_speech: no voice found; check what was recorded"];
}

async function segments({ sound, speaker, hop }) {
  const own = of(speaker);
  const samples = resampled(sound.samples, sound.rate, own.rate);
  const hearing = new Hearing((window) => own.posteriors(window), own.rate, own.samplesOf(WINDOW), Math.round(hop * own.rate));
  const [cutter, segmenter] = [new Cutter(new Voice(own), own.rate), new Segmenter()];
  const found = [];
  const take = (heard) => heard.forEach((one) => found.push(...segmenter.add(one)));
  for (let at = 0; at < samples.length; at += own.rate) {
    for (const [begin, piece] of await cutter.add(samples.subarray(at, at + own.rate))) take(await hearing.add(begin, piece));
  }
  for (const [begin, piece] of await cutter.add(new Float32Array(0), true)) take(await hearing.add(begin, piece));
  take(await hearing.end());
  const closed = [...found, ...segmenter.settle()].filter((each) => each.kind === "closed");
  const answers = closed.map((s) => told(s.posteriors, s.start, s.end, sound, s.label));
  return { ...name(), duration: sound.samples.length / sound.rate, segments: answers };
}

async function enrol({ sounds, name: called = "" }) {
  const [rows, warnings] = [[], []];
  const outputs = ["logits"];
  if (facts.adaptation.two_covariance) outputs.push("embedding");
  if (facts.adaptation.relative) outputs.push("relative");
  const said = async (window) => (await network.outputs(window, ...outputs)).flat();
  for (const [i, sound] of sounds.entries()) {
    const samples = resampled(sound.samples, sound.rate, network.rate);
    const [wrong] = await unanswerable(samples);
    if (wrong) warnings.push(`left out: recording ${i + 1}: ${wrong}`);
    else rows.push(meanOf(await outspoken(samples, network.window, network.window >> 1, said)));
  }
  if (!rows.length) throw Object.assign(new Error("no recording to adapt to can be heard"), { code: "audio" });
  if (rows.length < FEW) warnings.push(`adapted to ${rows.length}: little can be learnt from fewer than ${FEW} recordings; give more`);
  const labels = facts.page.labels.length;
  const beyond = facts.adaptation.relative ? -labels : undefined;
  const parts = [[0, labels], [labels, beyond], [beyond ?? 0]].map((part) => rows.map((row) => row.slice(...part)));
  const fitted = fitToSpeaker(facts.adaptation, ...parts);
  if (facts.adaptation.relative && (facts.adaptation.strength ?? 1) && !fitted.share) warnings.push("one emotion alone was heard: little can be learnt; give recordings of several");
  return { ...name(), speaker: speakerOf(facts, fitted, rows.length, called), recordings: rows.length, warnings };
}

/** The answer that posteriors come to, as the service's. */
function told(posteriors, start, end, { rate, clipped, cancelled }, label, nothing = []) {
  const { labels, polish } = facts.page;
  const warnings = [...nothing];
  if (clipped >= CLIPPED) warnings.push("clipped: samples are at full scale; record with less gain");
  if (rate <= TELEPHONE) warnings.push(`low_rate: stored at ${rate} Hz, as telephones do; answers are less certain`);
  if (cancelled) warnings.push("cancelled: the channels cancel each other when averaged; hear one of them");
  const none = nothing.length > 0;
  const index = label ?? posteriors.indexOf(Math.max(...posteriors));
  const likeliest = none ? null : labels[index];
  const shares = labels.map((each, i) => [each, none ? 1 / labels.length : posteriors[i]]);
  return {
    start, end, label: likeliest, polish: none ? null : (polish[likeliest] ?? likeliest),
    confidence: none ? 0 : posteriors[index], likeliest, probabilities: Object.fromEntries(shares), warnings,
  };
}

/** Answers come as often as this machine keeps up with. */
function open({ stream, rate, speaker, hop = Math.max(0.5, (2.5 * facts.milliseconds) / 1000) }) {
  streams.set(stream, new LiveStream(of(speaker), rate, told, { hop }));
}

function push({ stream, samples }) {
  return streams.get(stream)?.push(samples) ?? [];
}

async function finish({ stream }) {
  const events = (await streams.get(stream)?.finish()) ?? [];
  streams.delete(stream);
  return events;
}
