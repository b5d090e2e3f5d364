// One speaker: learnt from recordings, kept as a file or in this browser, and what that changes.

import { held, named } from "./doubt.js";
import { EngineError } from "./engine.js";
import { $, element, say } from "./elements.js";
import { current, percent, t } from "./language.js";
import { recall, remember } from "./memory.js";
import { dress, letters } from "./palette.js";
import { saveText } from "./results.js";

const MOST = 12; // recordings compared
const LARGEST = 1 << 20; // bytes of a speaker's file

export class Speakers {
  speaker = null;
  warnings = [];
  compared = [];

  /** `page` has engine, threshold, recording, changed() and attempt(action). */
  constructor(page) {
    this.page = page;
    $("enrol").addEventListener("click", () => $("enrol-files").click());
    $("speaker-load").addEventListener("click", () => $("speaker-file").click());
    $("enrol-files").addEventListener("change", (event) => page.attempt(() => this.#enrol(taken(event))));
    $("speaker-file").addEventListener("change", (event) => page.attempt(() => this.#load(taken(event)[0])));
    $("speaker-save").addEventListener("click", () => this.#save());
    $("speaker-keep").addEventListener("click", () => this.#keep());
    $("speaker-forget").addEventListener("click", () => page.attempt(() => this.#forget()));
  }

  /** What this browser has kept. */
  recall() {
    const kept = recall("speaker");
    try {
      if (kept) this.speaker = JSON.parse(kept);
    } catch {
      remember("speaker", null);
    }
    this.draw();
  }

  /** Give up a speaker that the engine does not take. */
  drop() {
    Object.assign(this, { speaker: null, compared: [], warnings: [] });
    remember("speaker", null);
    this.draw();
  }

  async #enrol(files) {
    if (!files.length) return;
    say(t("speaker_learning", { count: files.length }));
    const { speaker, recordings, warnings } = await this.page.engine.enrol(files, $("speaker-name").value.trim());
    Object.assign(this, { speaker, warnings: warnings ?? [], recordings, compared: [] });
    this.#forgetKept();
    this.draw();
    await this.#compare(files);
    await this.page.changed();
    say(t("speaker_learnt", this.#counts()));
  }

  async #compare(files) {
    const { engine, recording } = this.page;
    const chosen = [...(recording ? [recording] : []), ...files.map((file) => ({ blob: file, name: file.name }))].slice(0, MOST);
    for (const [i, { blob, name }] of chosen.entries()) {
      say(t("speaker_comparing", { done: i + 1, count: chosen.length }));
      try {
        const [before] = (await engine.predict(blob)).answers;
        const [after] = (await engine.predict(blob, { speaker: this.speaker })).answers;
        this.compared.push({ name, before, after });
      } catch (error) {
        if ([401, 429, 503].includes(error.status)) throw error; // others are recordings that were left out
      }
    }
    this.draw();
  }

  async #load(file) {
    if (!file) return;
    let speaker = null;
    try {
      if (file.size <= LARGEST) speaker = JSON.parse(await file.text());
    } catch {
      // said below
    }
    if (speaker?.kind !== "tembr speaker") throw new EngineError("speaker", "not a speaker's file");
    const before = this.speaker;
    this.speaker = speaker;
    try {
      await this.page.changed();
    } catch (error) {
      this.speaker = before;
      throw error;
    }
    Object.assign(this, { warnings: [], compared: [] });
    this.#forgetKept();
    this.draw();
    say(t("speaker_loaded"));
  }

  #save() {
    const name = (this.speaker.name || "speaker").replace(/[^\p{L}\p{N} _-]/gu, "_");
    saveText(`${JSON.stringify(this.speaker, null, 1)}\n`, `${name}.json`, "application/json");
  }

  #keep() {
    const kept = recall("speaker") !== null;
    remember("speaker", kept ? null : JSON.stringify(this.speaker));
    this.draw();
  }

  #forgetKept() {
    if (recall("speaker") !== null) remember("speaker", JSON.stringify(this.speaker));
  }

  async #forget() {
    this.drop();
    say(t("speaker_forgotten"));
    await this.page.changed();
    $("enrol").focus();
  }

  #counts() {
    const { threshold } = this.page;
    const changed = this.compared.filter(({ before, after }) => held(before, threshold) !== held(after, threshold));
    return { changed: changed.length, count: this.compared.length };
  }

  draw() {
    $("speaker-card").hidden = !this.speaker;
    if (!this.speaker) return;
    const name = this.speaker.name || t("speaker_unnamed");
    $("speaker-said").textContent = t("speaker_said", { name, count: this.speaker.recordings ?? "?" });
    $("speaker-warnings").replaceChildren(...this.warnings.map(warningItem));
    $("speaker-keep").setAttribute("aria-pressed", String(recall("speaker") !== null));
    $("comparison").hidden = !this.compared.length;
    $("comparison-said").textContent = t("comparison_said", this.#counts());
    $("comparison-rows").replaceChildren(...this.compared.map((each) => this.#row(each)));
  }

  #row({ name, before, after }) {
    const { threshold } = this.page;
    const changed = held(before, threshold) !== held(after, threshold);
    const mark = changed ? [" ", element("span", { className: "changed" }, t("changed"))] : [];
    const head = element("th", { scope: "row" }, name);
    return element("tr", {}, head, element("td", {}, ...sign(before, threshold)), element("td", {}, ...sign(after, threshold), ...mark));
  }
}

function sign(answer, threshold) {
  const label = held(answer, threshold);
  if (label === null) return [t("no_answer")];
  const mark = element("span", { className: "swatch", "aria-hidden": "true" });
  dress(mark, answer.likeliest);
  const letter = element("span", { className: "letters", "aria-hidden": "true" }, letters(answer.likeliest, current()));
  const name = label === "uncertain" ? `${t("uncertain")} (${named(answer.likeliest)})` : named(label);
  return [mark, letter, `${name} ${percent(answer.confidence)}`];
}

/** A warning of an enrolment; the reason why a recording was left out is in English. */
function warningItem(text) {
  const [, few] = /^adapted to (\d+):/.exec(text) ?? [];
  if (few) return element("li", {}, t("warn_few", { count: few }));
  if (text.startsWith("one emotion alone")) return element("li", {}, t("warn_one_emotion"));
  const [, why] = /^left out: (.*)/s.exec(text) ?? [];
  return why ? element("li", {}, `${t("warn_left_out")} `, element("span", { lang: "en" }, why)) : element("li", { lang: "en" }, text);
}

function taken(event) {
  const files = [...event.target.files];
  event.target.value = "";
  return files;
}
