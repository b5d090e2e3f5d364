// Results as files: CSV and JSON in the forms of `tembr predict --segments`, and Praat's TextGrid.

import { held } from "./doubt.js";

export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export const saveText = (text, name, type) => save(new Blob([text], { type: `${type};charset=utf-8` }), name);

/** As `tembr predict --segments --format csv`. */
export function csv(file, segments, labels, threshold) {
  const columns = ["file", "start", "end", "label", "confidence", "likeliest", ...labels.map((l) => `p_${l}`), "warnings"];
  const row = (s) => [
    file, s.start.toFixed(3), s.end.toFixed(3), held(s, threshold) ?? "", s.confidence.toFixed(6), s.likeliest ?? "",
    ...labels.map((label) => s.probabilities[label].toFixed(6)), (s.warnings ?? []).join("; "),
  ];
  return [columns, ...segments.map(row)].map((cells) => `${cells.map(cell).join(",")}\n`).join("");
}

const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** A spreadsheet must not take a name for a formula: the rule of tembr/tables.py. */
function cell(value) {
  const text = FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function json(file, result, threshold) {
  const told = (answer) => ({ ...answer, label: held(answer, threshold) });
  const { bundle, version, duration, answer, segments, speaker } = result;
  const whole = answer ? { answer: told(answer) } : {};
  const whom = speaker ? { speaker: speaker.name } : {};
  const content = { file, bundle, version, ...whom, min_confidence: threshold, duration, ...whole, segments: segments.map(told) };
  return `${JSON.stringify(content, null, 1)}\n`;
}

/** Three tiers: emotion, its Polish name, confidence. Where nobody speaks an interval is empty. */
export function textGrid(segments, duration, threshold, polish) {
  const end = Math.max(duration, segments.at(-1)?.end ?? 0);
  const tiers = {
    emotion: (s) => held(s, threshold) ?? "",
    emocja: (s) => ({ ...polish, uncertain: "niepewne" })[held(s, threshold)] ?? "",
    confidence: (s) => s.confidence.toFixed(3),
  };
  const body = Object.entries(tiers).map(([name, text], i) => tier(i + 1, name, spans(segments, end, text), end));
  const head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", `xmax = ${end}`];
  return [...head, "tiers? <exists>", "size = 3", "item []:", ...body, ""].join("\n");
}

function tier(number, name, intervals, end) {
  const lines = intervals.map(([from, to, text], i) =>
    `        intervals [${i + 1}]:\n            xmin = ${from}\n            xmax = ${to}\n            text = "${text.replaceAll('"', '""')}"`);
  return [
    `    item [${number}]:`, '        class = "IntervalTier"', `        name = "${name}"`, "        xmin = 0",
    `        xmax = ${end}`, `        intervals: size = ${intervals.length}`, ...lines,
  ].join("\n");
}

function spans(segments, end, text) {
  const found = [];
  let at = 0;
  for (const segment of segments) {
    if (segment.start > at) found.push([at, segment.start, ""]);
    found.push([segment.start, segment.end, text(segment)]);
    at = segment.end;
  }
  if (at < end || !found.length) found.push([at, end, ""]);
  return found;
}
