"""MODEL_CARD.md in the Hugging Face form, written from the facts of a bundle alone."""

from __future__ import annotations

from huggingface_hub import EvalResult, ModelCardData

from tembr.bundle import Facts
from tembr.corpora import CORPORA, CorpusInfo
from tembr.emotions import POLISH
from tembr.export.usage import how_to_use

LICENCES = {"CC BY-NC-SA 4.0": "cc-by-nc-sa-4.0", "CC BY-NC 4.0": "cc-by-nc-4.0", "MIT": "mit"}
"""Licences by the word the hub has for them; any other is 'other' with its name."""

MEASURES = {"accuracy": "accuracy", "uar": "recall", "macro_f1": "f1"}
"""Measure → the hub's metric; UAR is the recall averaged over emotions."""

TITLES = {"accuracy": "Accuracy", "uar": "UAR (recall averaged over emotions)", "macro_f1": "Macro-F1"}

PROTOCOLS = {
    "random": "random split", "speaker": "unseen speakers", "kfold": "random folds",
    "sentence": "unseen speakers and sentences",
}  # fmt: skip


SPEAKERS = 24
"""That the card has a row of at most."""

CHANNELS = {
    "phone": "telephones", "mp3": "MP3", "noise": "other voices", "room": "rooms", "microphone": "other microphones",
}  # fmt: skip


def model_card(facts: Facts) -> str:
    """The card: front matter for machines, then what it is, how good, for what, and how to use it."""
    sections = (
        _front_matter(facts),
        _summary(facts),
        _results(facts),
        _variants(facts),
        _limits(facts),
        how_to_use(facts),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(facts: Facts) -> str:
    known = _known(facts)
    languages = list(dict.fromkeys(language for info in known for language in info.languages))
    data = ModelCardData(
        language=languages or None,
        library_name="onnx",
        pipeline_tag="audio-classification",
        tags=["audio-classification", "speech-emotion-recognition", "onnx", "tembr"],
        datasets=[_dataset(corpus["name"]) for corpus in facts.corpora],
        metrics=list(MEASURES.values()),
        model_name=facts.name,
        eval_results=_eval_results(facts) or None,
        **_licence(facts.licence),
    )
    return f"---\n{data.to_yaml()}\n---"


def _known(facts: Facts) -> list[CorpusInfo]:
    """Of the corpora it learnt from, those that have a module."""
    return [CORPORA[corpus["name"]] for corpus in facts.corpora if corpus["name"] in CORPORA]


def _dataset(name: str) -> str:
    """Its name on the hub, or its own."""
    return (CORPORA[name].hub if name in CORPORA else "") or name


def _licence(licence: str) -> dict[str, str]:
    word = next((word for name, word in LICENCES.items() if licence.startswith(name)), None)
    return {"license": word} if word else {"license": "other", "license_name": licence}


def _eval_results(facts: Facts) -> list[EvalResult]:
    name = facts.corpora[0]["name"]
    return [
        EvalResult(
            task_type="audio-classification",
            task_name="Speech emotion recognition",
            dataset_type=_dataset(name),
            dataset_name=f"{name}, {PROTOCOLS.get(protocol, protocol)}",
            dataset_config=protocol,
            metric_type=metric,
            metric_name=TITLES[measure],
            metric_value=round(scores[measure]["value"], 4),
        )
        for protocol, scores in facts.metrics.items()
        for measure, metric in MEASURES.items()
    ]


def _summary(facts: Facts) -> str:
    corpora = "; ".join(
        f"{c['name']} ({c['recordings']:,} recordings, {c['speakers']} speakers, {c['hours']:.2g} h; {c['licence']})"
        for c in facts.corpora
    )
    members = "\n".join(
        f"| {m['name']} | {m['weight']:.3f} | {m['network']} | {m['parameters']:,} |" for m in facts.members
    )
    emotions = ", ".join(f"{label} ({POLISH[label]})" if label in POLISH else label for label in facts.labels)
    return f"""# {facts.name}

Emotion in speech as one ONNX file: {_takes(facts)}, probabilities of {len(facts.labels)} emotions out:
{emotions}.

Version {facts.version}, written by tembr {facts.tembr}. Trained on {corpora}{_seen(facts)}.

| member | weight | network | parameters |
| --- | --- | --- | --- |
{members}

{_joined(facts)}"""


def _joined(facts: Facts) -> str:
    words = (
        f"The members' logits are divided by a temperature of {facts.temperature:.3g} and become probabilities, which "
        "are added\nby weight."
    )
    if not facts.adaptation:
        return words
    model = ", and a speaker model on its embedding" if facts.adaptation.get("two_covariance") else ""
    beside = ", a share of relative logits (how a recording differs from the speaker's mean)"
    relative = beside if facts.adaptation.get("relative") else ""
    return (
        f"{words}\n\nIt can be adapted to a speaker by recordings without labels (`tembr adapt`): the logarithm of the "
        f"sum gets an offset{relative}{model}, and is\ndivided by a temperature of "
        f"{facts.adaptation['temperature']:.3g}."
    )


def _takes(facts: Facts) -> str:
    if facts.inputs == "waveform":
        return (
            f"samples at {facts.sample_rate:,} Hz in (cut or padded to {facts.window:g} s inside; every "
            "representation, network and weight is in the file)"
        )
    return "one input a representation in (" + ", ".join(f"`{n}` {s}" for n, s in facts.shapes.items()) + ")"


def _seen(facts: Facts) -> str:
    words = dict.fromkeys(c["trained_on"] for c in facts.corpora if c.get("trained_on"))
    return f" ({'; '.join(words)})" if words else ""


def _results(facts: Facts) -> str:
    if not facts.metrics:
        return "## Results\n\nNone were measured for this recipe."
    rows = "\n".join(_result_row(protocol, scores) for protocol, scores in facts.metrics.items())
    splits = "\n".join(f"* **{PROTOCOLS.get(p, p)}**: {words}." for p, words in facts.split.items())
    warning = _warning(facts)
    if facts.adaptation.get("metrics"):
        warning += " Adapted figures are of one draw of recordings; with others the UAR is a point or two off."
    return f"""## Results

Of this recipe, on recordings that the measured networks were not trained on; 95 % intervals over recordings.

| protocol | recordings | accuracy | UAR | macro-F1 | calibration error |
| --- | --- | --- | --- | --- | --- |
{rows}{_adapted(facts)}
{_speakers(facts)}{_sets(facts)}
{splits}

{warning}"""


def _adapted(facts: Facts) -> str:
    count = facts.adaptation.get("recordings")
    return "".join(
        "\n" + _result_row(f"{PROTOCOLS.get(name, name)}, adapted to {count} recordings", scores)
        for name, scores in facts.adaptation.get("metrics", {}).items()
    )


def _speakers(facts: Facts) -> str:
    """What each unseen speaker got, the lowest first."""
    alone = facts.metrics.get("speaker", {}).get("per_speaker", {})
    if not alone:
        return ""
    adapted = facts.adaptation.get("metrics", {}).get("speaker", {}).get("per_speaker", {})
    heading = f" UAR, adapted to {facts.adaptation['recordings']} |" if adapted else ""
    rows = []
    for name in sorted(alone, key=lambda name: alone[name]["uar"])[:SPEAKERS]:
        cell = f" {adapted[name]['uar']:.1%} |" if name in adapted else " |" * bool(adapted)
        rows.append(f"| {name} | {alone[name]['n']:,} | {alone[name]['uar']:.1%} |{cell}")
    table = "\n".join(rows)
    return f"""
Unseen speakers one by one, the lowest first{f" {SPEAKERS} of {len(alone)}" * (len(alone) > SPEAKERS)}:

| speaker | recordings | UAR |{heading}
| --- | --- | --- |{" --- |" * bool(adapted)}
{table}
"""


def _sets(facts: Facts) -> str:
    """What sets of emotions came to on unseen speakers, where they were calibrated."""
    ways = {"speaker-independent": facts.metrics, "adapted": facts.adaptation.get("metrics", {})}
    rows = [
        f"| {way} | {one['level']:.0%} | {one['coverage']:.1%} | {one['size']:.2f} |"
        for way, metrics in ways.items()
        for one in metrics.get("speaker", {}).get("prediction_sets", [])
    ]
    if not rows or not facts.set_thresholds:
        return ""
    table = "\n".join(rows)
    return f"""
Emotions that cannot be excluded (`--coverage`), calibrated on other speakers than those they were counted on:

| answers | asked for | sets that held the truth | emotions in a set |
| --- | --- | --- | --- |
{table}
"""


def _result_row(protocol: str, scores: dict) -> str:
    cells = [
        f"{scores[name]['value']:.3f} [{scores[name]['low']:.3f}, {scores[name]['high']:.3f}]"
        for name in ("accuracy", "uar", "macro_f1", "ece")
    ]
    return f"| {PROTOCOLS.get(protocol, protocol)} | {scores['n']:,} | {' | '.join(cells)} |"


def _warning(facts: Facts) -> str:
    words = (
        "A random split puts the same voices and recording sessions on both sides, so it also rewards recognising the "
        "voice; it is reported because the field reports it."
    )
    if "speaker" in facts.metrics:
        uar = facts.metrics["speaker"]["uar"]["value"]
        gets = f"a UAR of {uar:.1%}, is what a new voice gets on the mean; some get far less"
        return f"{words} **The figure for unseen speakers, {gets}.**"
    return f"{words} **How it does on unseen speakers, which is what a new voice gets, was not measured.**"


def _variants(facts: Facts) -> str:
    if not facts.variants:
        return ""
    rows = "\n".join(
        f"| {'**' * (path == facts.default)}`{path}`{'**' * (path == facts.default)} | {v['words']} "
        f"| {v['bytes'] / 1e6:.2f} | {v['milliseconds']:.1f} | {v['agreement']:.1%} | {v['accuracy']['value']:.1%} |"
        for path, v in facts.variants.items()
    )
    line = next(iter(facts.variants.values()))
    seen = "not trained on" if line["unseen"] else "trained on as well: for comparison only"
    return f"""## Variants

| file | what | MB | ms, one thread | names the same emotion as fp32 | accuracy |
| --- | --- | --- | --- | --- | --- |
{rows}

Measured on {line["recordings"]} recordings {seen}; the file in bold is opened by default."""


def _limits(facts: Facts) -> str:
    corpora = ", ".join(c["name"] for c in facts.corpora)
    speakers = sum(c["speakers"] for c in facts.corpora)
    voices = "".join(f" {info.voices}" for info in _known(facts) if info.voices)
    beyond = "Spontaneous speech, other languages and children are outside what it learnt"
    channels = list(dict.fromkeys(CHANNELS[c] for m in facts.members for c in m.get("channels", ())))
    if channels:
        beyond += f"; of {', '.join(channels)} it knows what copies of its recordings told it, and is worse there."
    else:
        beyond += ", as are telephones and noise."
    return f"""## Intended use and limits

For research and teaching on emotion in speech, for exploring recordings, and as a base to adapt to speakers of
one's own, without labels.

* The voices are acted and few ({speakers} speakers of {corpora}).{voices}
  {beyond}
* It knows {len(facts.labels)} emotions and always answers with one. Where no probability is high, it does not know.
* It answers to how something is said, not to what a person feels. **It is not for decisions about people**: hiring,
  teaching, policing, insurance, health or credit. In the European Union, inferring emotions at work and in education
  is prohibited, but for medical or safety reasons (Regulation 2024/1689, Article 5).
* Recordings longer than {facts.window:g} s are to be given window by window; `tembr` does so.

## Licence

{facts.licence}.{_terms(facts)}{_notices(facts)}"""


def _terms(facts: Facts) -> str:
    """What the corpora ask of whoever uses the weights."""
    lines = []
    for info in _known(facts):
        if info.noncommercial:
            shared = ", and what is made of them is shared alike" if "-SA" in info.licence else ""
            lines.append(
                f"{info.title} is licensed {info.licence}: these weights are for non-commercial use only{shared}."
            )
        if info.citation:
            lines.append(f"Cite {info.citation}.")
    return "\n\n" + " ".join(lines) if lines else ""


def _notices(facts: Facts) -> str:
    """Weights of others, with their licences."""
    lines = [f"* {name}: {licence}; the text is in `NOTICE`." for name, licence in facts.notices.items()]
    return "\n\nIt carries weights of others:\n\n" + "\n".join(lines) if lines else ""
