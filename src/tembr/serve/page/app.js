// The page: what was chosen or spoken goes to the engine, what comes back is shown.

import { clearError, draw as drawError, showError } from "./alerts.js";
import { showAnswer, showLegend } from "./answer.js";
import { codes, said } from "./doubt.js";
import { $, say } from "./elements.js";
import { EngineError, openEngine } from "./engine.js";
import * as language from "./language.js";
import { Live } from "./live.js";
import { recall, remember } from "./memory.js";
import { onScheme, setNames } from "./palette.js";
import { Picture, trackOf } from "./picture.js";
import { Player } from "./player.js";
import { fromFile } from "./recording.js";
import { csv, json, save, saveText, textGrid } from "./results.js";
import { Speakers } from "./speakers.js";
import { Timeline } from "./timeline.js";

const { t, clock } = language;
const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");
const SEEN = 30; // seconds of live speech in the picture

class Page {
  recording = null;
  result = null; // {answer, segments, track, duration, bundle, version, speaker}
  live = null;
  model = null;
  threshold = Number(recall("threshold") ?? 0.5);

  constructor(engine) {
    this.engine = engine;
    this.picture = new Picture();
    this.player = new Player(this.picture, () => this.timeline.mark(null));
    this.timeline = new Timeline(this.picture, (segment) => this.#hear(segment));
    this.speakers = new Speakers(this);
    this.#controls();
    language.onLanguage(() => this.draw());
    onScheme(() => this.draw());
    language.apply();
    this.attempt(() => this.#load());
  }

  get labels() {
    return this.model?.labels ?? [];
  }

  /** Do something that may fail; a failure is shown, and where that may help it can be tried again. */
  async attempt(action) {
    clearError();
    try {
      await action();
    } catch (error) {
      say("");
      showError(error, (key) => this.#again(action, key), this.model?.limits);
    }
  }

  async #again(action, key) {
    if (key) this.engine.key = key;
    await this.attempt(async () => {
      if (!this.model) await this.#load();
      await action();
    });
  }

  async #load() {
    if (this.model) return;
    await this.engine.load((done, total) => say(t("loading_model", { done, total })));
    this.model = await this.engine.model();
    setNames(this.model.polish);
    this.picture.labels = this.labels;
    $("speaker").hidden = !this.model.adapts;
    if (this.model.adapts) this.speakers.recall();
    say("");
    this.draw();
  }

  #controls() {
    document.querySelector(".switch").addEventListener("click", ({ target }) => target.dataset.language && language.speak(target.dataset.language));
    $("choose").addEventListener("click", () => $("file").click());
    $("file").addEventListener("change", ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file) this.attempt(() => this.#open(file));
    });
    $("speak").addEventListener("click", () => (this.live ? this.#finish() : this.attempt(() => this.#speak())));
    $("channel").addEventListener("change", () => this.attempt(() => this.changed()));
    $("threshold").value = String(Math.round(100 * this.threshold));
    $("threshold").addEventListener("input", ({ target }) => this.#hold(Number(target.value) / 100));
    $("zoom-in").addEventListener("click", () => this.picture.zoomBy(2));
    $("zoom-out").addEventListener("click", () => this.picture.zoomBy(0.5));
    for (const button of document.querySelectorAll("[data-save]")) button.addEventListener("click", () => this.#save(button.dataset.save));
    this.#dropping();
  }

  #dropping() {
    const over = (event, on) => {
      event.preventDefault();
      $("drop").classList.toggle("over", on);
    };
    document.addEventListener("dragover", (event) => over(event, true));
    document.addEventListener("dragleave", (event) => over(event, false));
    document.addEventListener("drop", (event) => {
      over(event, false);
      const [file] = event.dataTransfer.files;
      if (file && !this.live) this.attempt(() => this.#open(file));
    });
  }

  #hold(threshold) {
    this.threshold = threshold;
    remember("threshold", String(threshold));
    this.speakers.draw();
    this.draw();
  }

  async #open(file) {
    if (this.live) return;
    say(t("reading", { name: file.name }));
    const asked = this.#ask(file);
    asked.catch(() => {}); // awaited below
    const recording = await fromFile(file);
    const result = await asked;
    this.#show(recording, result);
  }

  /** The answer of the whole and the segments. */
  async #ask(blob) {
    const options = { speaker: this.speakers.speaker, channel: $("channel").value };
    const whole = await this.engine.predict(blob, options);
    const along = await this.engine.segments(blob, options);
    const { bundle, version, duration, segments } = along;
    return { answer: whole.answers[0], segments, track: segments, duration, bundle, version, speaker: options.speaker };
  }

  #show(recording, result) {
    if (this.recording && this.recording !== recording) URL.revokeObjectURL(this.recording.url);
    Object.assign(this, { recording, result });
    const { duration } = result;
    Object.assign(this.picture, { sketch: recording.sketch, track: result.track, from: 0, span: Math.max(duration, 0.1), zoom: 1 });
    this.draw();
    this.player.load(recording.sketch ? recording.url : null, duration);
    const words = recording.sketch ? "" : ` ${t("cannot_draw")}`;
    say(t("heard", { name: recording.name, said: said(result.answer, this.threshold).brief }) + words);
    if (!result.segments.length && codes(result.answer).some((code) => /no_speech|silence|too_short/.test(code))) {
      showError(new EngineError("no_speech"));
    }
  }

  /** Answer again, as the speaker or the channel is another. */
  async changed() {
    if (!this.recording || this.live) return;
    const result = await this.#ask(this.recording.blob);
    this.result = result;
    this.picture.track = result.track;
    this.draw();
  }

  #hear(segment) {
    this.player.play(segment.start, segment.end);
    this.timeline.mark(segment);
  }

  async #speak() {
    if (!this.model) await this.#load();
    const options = { speaker: this.speakers.speaker, longest: this.model.limits?.max_seconds ?? 3600 };
    const live = new Live(this.engine, options, {
      draw: () => this.#drawLive(),
      event: (event) => this.#event(event),
      state: (name) => (name === "at_limit" ? this.#finish(t(name, { time: clock(options.longest, 0) })) : this.#connection(name)),
      error: (error) => this.#broken(error),
    });
    this.player.stop();
    await live.start();
    Object.assign(this, { live, recording: null, result: null });
    this.player.load(null, 0);
    say(t("listening"));
    this.draw();
  }

  #event(event) {
    if (event.event === "opened") say(t("now_hears", { label: said(event, this.threshold).brief, time: clock(event.start) }));
  }

  /** What happened to the connection; it stays until something else does. */
  #connection(name) {
    $("connection").textContent = name ? t(name) : "";
  }

  async #broken(error) {
    await this.#finish();
    showError(error, (key) => this.#again(() => this.#speak(), key), this.model?.limits);
  }

  /** End the live speech: from here on it is a recording like any other. */
  async #finish(reason = "") {
    if (!this.live || this.ending) return;
    this.ending = true;
    const live = this.live;
    this.#connection("");
    say(t("finishing"));
    const recording = await live.finish(t("recorded"));
    Object.assign(this, { live: null, ending: false });
    if (!live.samples) return this.draw();
    this.#show(recording, { ...(await this.#whole(live, recording)), segments: live.closed, track: trackOf(live.answers) });
    if (reason) say(reason);
  }

  /** The answer of all that was spoken; where it cannot be had the last one of the stream. */
  async #whole(live, { blob }) {
    const { bundle, version } = this.model;
    const facts = { bundle, version, duration: live.seconds, speaker: live.options.speaker };
    try {
      const { answers } = await this.engine.predict(blob, live.options);
      return { answer: answers[0], ...facts };
    } catch {
      return { answer: { likeliest: null, confidence: 0, probabilities: {}, ...live.answers.at(-1) }, ...facts };
    }
  }

  draw() {
    const busy = Boolean(this.live);
    $("speak-text").textContent = t(busy ? "stop" : "speak");
    $("speak").classList.toggle("on", busy);
    $("choose").disabled = $("channel").disabled = busy;
    $("result").hidden = !this.live && !this.result;
    $("result").classList.toggle("live", busy);
    for (const each of document.querySelectorAll(".downloads, .player, #list-box")) each.hidden = busy;
    for (const id of ["enrol", "speaker-load", "speaker-forget"]) $(id).disabled = busy;
    $("timeline-name").textContent = t(busy ? "timeline_live" : "timeline");
    $("save-wav").hidden = !this.recording?.spoken;
    $("threshold-value").textContent = language.percent(this.threshold);
    this.player.label();
    showLegend(this.labels);
    this.#about();
    this.speakers.draw();
    drawError();
    if (this.live) this.#drawLive(true);
    else if (this.result) this.#drawResult();
  }

  #drawResult() {
    $("result-title").textContent = t("result_file", { name: this.recording.name });
    showAnswer(this.result.answer, this.threshold, this.labels);
    this.picture.draw();
    this.timeline.show(this.result.segments, this.threshold);
  }

  #drawLive(anew = false) {
    const { live, picture } = this;
    $("result-title").textContent = t("result_live");
    const latest = live.answers.at(-1);
    const fresh = latest && (live.stream.speaking ?? live.seconds - latest.end < 3);
    const shown = fresh ? latest : null;
    if (anew || shown !== this.shown) showAnswer(shown, this.threshold, this.labels);
    this.shown = shown;
    const late = Math.max(0, live.seconds - SEEN);
    const from = REDUCED.matches ? Math.ceil(late / 10) * 10 : late;
    Object.assign(picture, { sketch: live.sketch, track: trackOf(live.answers), from, span: SEEN, zoom: 1 });
    picture.draw();
    this.timeline.show(live.segments, this.threshold, true);
  }

  #about() {
    $("privacy").textContent = t(`privacy_${this.engine.where}`);
    const threads = this.model?.threads;
    const how = threads ? ` · ${t("model_local", { threads })}${threads > 1 || crossOriginIsolated ? "" : ` ${t("model_threads")}`}` : "";
    $("model").textContent = this.model ? t("model", this.model) + how : "";
  }

  #save(kind) {
    const { recording, result, threshold } = this;
    const name = recording.name.replace(/\.\w+$/, "");
    if (kind === "wav") save(recording.blob, `${name}.wav`);
    if (kind === "csv") saveText(csv(recording.name, result.segments, this.labels, threshold), `${name}.csv`, "text/csv");
    if (kind === "json") saveText(json(recording.name, result, threshold), `${name}.json`, "application/json");
    if (kind === "TextGrid") saveText(textGrid(result.segments, result.duration, threshold, this.model.polish), `${name}.TextGrid`, "text/plain");
  }
}

new Page(await openEngine());
