// A speaker's file, read as untrusted; the same file as the recognizer in Python writes and takes.

const LARGEST = 1e6;
const FORMAT = 2;

export function speakerOf(facts, fitted, recordings, name) {
  const rounded = (row) => row.map(Math.fround);
  return {
    format: FORMAT,
    kind: "tembr speaker",
    name: [...name].slice(0, 200).join("").replace(/(?! )[\p{C}\p{Z}]/gu, "?"), // as Python's `plain`
    origin: facts.origin,
    recordings,
    offset: rounded(fitted.offset),
    means: (fitted.means ?? []).map(rounded),
    precisions: (fitted.precisions ?? []).map(rounded),
    share: Math.fround(fitted.share ?? 0),
  };
}

/** Throws what is wrong with a speaker for this model. */
export function checkSpeaker(facts, speaker) {
  const { origin } = facts;
  const own = speaker?.origin ?? {};
  if (speaker?.kind !== "tembr speaker" || speaker.format !== FORMAT) throw wrong("not a speaker's file");
  if (["name", "version", "model"].some((each) => own[each] !== origin[each])) throw wrong("adapted with another bundle");
  const rows = { speaker_offset: [speaker.offset], speaker_means: speaker.means, speaker_precisions: speaker.precisions };
  for (const [name, values] of Object.entries(rows)) {
    if (name in facts.inputs && !fits(values, facts.inputs[name])) throw wrong(`its ${name} is not the bundle's`);
  }
  const { share } = speaker;
  if (!Number.isFinite(share) || share < 0 || share > 1) throw wrong("its share of relative logits is not 0 to 1");
  if (speaker.precisions?.some((row) => row.some((value) => value < 0))) throw wrong("a precision is below 0");
}

function fits(rows, shape) {
  const width = shape.at(-1);
  const height = shape.length > 1 ? shape[0] : 1;
  const sound = (value) => Number.isFinite(value) && Math.abs(value) <= LARGEST;
  return Array.isArray(rows) && rows.length === height && rows.every((row) => Array.isArray(row) && row.length === width && row.every(sound));
}

const wrong = (message) => Object.assign(new Error(message), { code: "speaker" });
