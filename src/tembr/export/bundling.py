"""From an ensemble to a bundle in one call: read `export_bundle` from top to bottom."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from uuid import uuid4

import numpy as np
import onnx

from tembr.bundle import CARD, FACTS, MODEL, BundleError, Facts, write_facts
from tembr.corpora.corpus import Utterance
from tembr.ensemble.folder import EnsembleFolder
from tembr.ensemble.joined import Ensemble
from tembr.errors import ConfigError, StoreError
from tembr.export.card import model_card
from tembr.export.facts import gather_facts, metadata, self_test_answer, silence_of
from tembr.export.graph import features_graph, nobody, sample_rate_of, waveform_graph, with_defaults
from tembr.export.measure import FULL, Measured, best, measure
from tembr.export.onnx import write_metadata
from tembr.export.optimize import Optimized, optimize
from tembr.export.quantize import CALIBRATION, Variant, variants
from tembr.export.recordings import ExportRecordings, find_recordings, read_waveforms
from tembr.export.report import write_report
from tembr.export.runtime import Feed, make_feed
from tembr.export.settings import ExportSettings
from tembr.export.verify import Verification, verify_graph
from tembr.features.notices import NOTICE, notice_text
from tembr.files import json_bytes, write_bytes
from tembr.outputs import require_own_folder
from tembr.progress import Progress
from tembr.training_record import RECORD, write_record

OPTIMIZATION, VERIFICATION = "optimization.json", "verification.json"
RECORDED = "recordings noted in the training record"
PARTS = (MODEL, FACTS, CARD, NOTICE, RECORD, OPTIMIZATION, VERIFICATION, "quantized/*.onnx", "quantized/quantization.*")
"""Of a bundle; what else lies in its folder is somebody else's."""


def export_bundle(
    ensemble: EnsembleFolder, out: str | Path, settings: ExportSettings | None = None, progress: Progress | None = None
) -> Facts:
    """Turn an ensemble, or one member, into a verified bundle; `out` appears when all is done, or not at all.

    Args:
        ensemble: from `EnsembleFolder.read`, or `read_member_folder` for one member of a study.
        out: folder of the bundle; an older bundle there is replaced.
        settings: how; the defaults suit a recognizer.
        progress: how the work is followed; silent by default.

    Raises:
        BundleError: the graph does not answer as PyTorch does; a report is left beside `out`.
        ConfigError: a member cannot be exported.
        CorpusError: the corpus to verify on is not there.
        StoreError: `out` is something else than a bundle, cannot be written, or the ensemble has no networks.
    """
    settings, progress, out = settings or ExportSettings(), progress or Progress(), Path(out)
    require_bundle(out, settings.force)
    recordings = find_recordings(ensemble, settings.corpus_dir, progress)
    work = _Work(ensemble, ensemble.load(), settings, recordings, progress)
    with appearing(out) as folder:
        facts = gather_facts(ensemble, work.ensemble, settings, work.recordings)
        graph = work.optimized(folder)
        write_metadata(graph.model, metadata(facts))
        write_metadata(graph.portable, metadata(facts))
        work.verified(graph.model, folder, out)
        facts = work.measured_variants(graph, facts, folder)
        write_record(folder, work.recordings.learnt, partial(progress.count, RECORDED))
        write_bytes(folder / CARD, model_card(facts).encode())
        if facts.notices:
            write_bytes(folder / NOTICE, notice_text(work.ensemble.distinct_inputs).encode())
        write_facts(facts, folder)
    progress.say(f"{out}: {facts.name} {facts.version}, {(out / facts.default).stat().st_size / 1e6:.1f} MB")
    return facts


@dataclass(frozen=True)
class _Work:
    """An export under way."""

    folder: EnsembleFolder
    ensemble: Ensemble
    settings: ExportSettings
    recordings: ExportRecordings
    progress: Progress

    @property
    def temperature(self) -> float | None:
        """Of adapted answers; None where the graph cannot be adapted."""
        adaptation = self.folder.facts.adaptation
        return adaptation.temperature if adaptation and self.settings.inputs == "waveform" else None

    @property
    def speaker(self) -> Feed:
        """What the graph takes of a speaker of whom nothing is known."""
        return {} if self.temperature is None else nobody(self.ensemble)

    def feeds(self, waveforms: Sequence[np.ndarray], speaker: Feed | None = None) -> list[Feed]:
        """One feed a recording; with `speaker` for a graph whose inputs about one have no default yet."""
        inputs = self.ensemble.distinct_inputs
        return [{**make_feed([w], self.settings.inputs, inputs), **(speaker or {})} for w in waveforms]

    def waveforms(self, utterances) -> list[np.ndarray]:
        """As the graph is given them."""
        silence = silence_of(self.ensemble.distinct_inputs)
        return read_waveforms(utterances, sample_rate_of(self.ensemble), silence)

    def optimized(self, folder: Path) -> Optimized:
        """Make the graph and try the tools on it."""
        names = [member.settings.name for member in self.ensemble.members]
        self.progress.say(f"exporting {', '.join(names)} from {self.settings.inputs}")
        whole = self.settings.inputs == "waveform"
        graph = waveform_graph(self.ensemble, self.temperature) if whole else features_graph(self.ensemble)
        feeds = self.feeds(self.waveforms(self.recordings.for_verification(8)), self.speaker)
        optimized = optimize(graph, feeds)
        for step in optimized.steps[1:]:
            self.progress.say(f"  {step.name}: {'kept' if step.kept else 'dropped'}, {step.why}")
        write_bytes(folder / OPTIMIZATION, json_bytes([asdict(step) for step in optimized.steps]))
        return optimized

    def verified(self, model: onnx.ModelProto, folder: Path, out: Path) -> None:
        """Write the graph, if it answers as PyTorch does."""
        wanted, corpus = self.settings.recordings, self.recordings.corpus
        chosen = self.recordings.for_verification(wanted)
        if len(chosen) < wanted:
            self.progress.say(f"{corpus.name} has only {len(chosen)} recordings to verify on, {wanted} are wanted")
        how, waveforms = self.settings.inputs, self.waveforms(chosen)
        model = with_defaults(model, self.speaker)
        result = verify_graph(model, self.ensemble, waveforms, how, corpus.name, wanted, self.temperature)
        report = json_bytes(asdict(result))
        if not result.passed:
            beside = out.with_name(f"{out.name}.{VERIFICATION}")
            write_bytes(beside, report)
            raise BundleError(_refusal(result, beside))
        write_bytes(folder / VERIFICATION, report)
        write_bytes(folder / MODEL, model.SerializeToString())
        self.progress.say(f"verified on {result.recordings} recordings: {result.difference:.1e} from PyTorch at most")

    def measured_variants(self, graph: Optimized, facts: Facts, folder: Path) -> Facts:
        """Make, measure and write the variants; the facts with what each answers to the self-test."""
        models = {FULL: ("single precision, as verified", with_defaults(graph.model, self.speaker))}
        paths, made = {FULL: MODEL}, variants(self.settings.quantize, graph.portable)
        if self.settings.default not in (None, FULL, *(variant.name for variant in made)):
            raise ConfigError(f"default {self.settings.default}: not for networks with convolutions; choose another")
        for variant, model in self._quantized(graph.portable, made):
            write_metadata(model, metadata(facts) | {"variant": variant.name})
            model = with_defaults(model, self.speaker)
            models[variant.name] = (variant.words, model)
            paths[variant.name] = f"quantized/{variant.name}.onnx"
            write_bytes(folder / paths[variant.name], model.SerializeToString())
        if made:
            facts = self._measured(models, paths, facts, folder)
        facts = self._self_tested(facts, {paths[name]: model for name, (_, model) in models.items()}, made)
        return _alone(facts, folder) if self.settings.only_default else facts

    def _quantized(self, model: onnx.ModelProto, made: Sequence[Variant]):
        calibration = self.recordings.for_calibration(CALIBRATION) if any(v.calibrated for v in made) else []
        feeds = self.feeds(self.waveforms(calibration), self.speaker)
        for number, variant in enumerate(made):
            self.progress.count("variants made", number, len(made))
            yield variant, variant.make(model, feeds)
        self.progress.count("variants made", len(made), max(len(made), 1))

    def _measured(self, models, paths, facts: Facts, folder: Path) -> Facts:
        chosen = self.settings.default or best(self._lines(models, self.recordings.validation, facts)).variant
        lines = self._lines(models, self.recordings.test, facts)
        write_report(lines, folder / "quantized", chosen, self.recordings.unseen)
        for line in lines:
            self.progress.say(f"  {_said(line)}{' (default)' if line.variant == chosen else ''}")
        facts_of = {paths[line.variant]: asdict(line) | {"unseen": self.recordings.unseen} for line in lines}
        return replace(facts, variants=facts_of, default=paths[chosen])

    def _lines(self, models, utterances: Sequence[Utterance], facts: Facts) -> list[Measured]:
        self.progress.say(f"measuring {len(models)} variants on {len(utterances)} recordings")
        truth = np.array([facts.labels.index(u.emotion) for u in utterances])
        progress = partial(self.progress.count, "variants measured")
        return measure(models, self.feeds(self.waveforms(utterances)), truth, facts.labels, progress)

    def _self_tested(self, facts: Facts, models: dict[str, onnx.ModelProto], made: Sequence[Variant]) -> Facts:
        answers = {
            path: self_test_answer(model, self.settings.inputs, self.ensemble.distinct_inputs)
            for path, model in models.items()
        }
        tolerances = {f"quantized/{v.name}.onnx": v.tolerance for v in made}
        test = {"probabilities": answers[MODEL], "tolerance": 1e-3, "variants": answers, "tolerances": tolerances}
        return replace(facts, self_test=test)


def _alone(facts: Facts, folder: Path) -> Facts:
    """Leave of all ONNX files the default one, as `model.onnx`."""
    if facts.default != MODEL:
        (folder / facts.default).replace(folder / MODEL)
    for path in folder.glob("quantized/*.onnx"):
        path.unlink()
    answer = facts.self_test["variants"][facts.default]
    tolerance = facts.self_test["tolerances"].get(facts.default, facts.self_test["tolerance"])
    measured = {MODEL: facts.variants[facts.default]} if facts.variants else {}
    test = {"probabilities": answer, "tolerance": tolerance, "variants": {MODEL: answer}, "tolerances": {}}
    return replace(facts, default=MODEL, self_test=test, variants=measured)


def _refusal(result: Verification, report: Path) -> str:
    what = f"by {result.difference:.1e} on {result.recordings} recordings" if result.difference else "on silence"
    if result.batch_difference > result.tolerance >= result.difference:
        what = f"by {result.batch_difference:.1e} between batches and single recordings"
    return (
        f"the graph's probabilities are off PyTorch's {what} ({result.tolerance:g} is allowed), "
        f"{result.other_labels} labels differ; no bundle is written, see {report}"
    )


def _said(line: Measured) -> str:
    return (
        f"{line.variant}: {line.bytes / 1e6:.1f} MB, {line.milliseconds:.1f} ms, accuracy {line.accuracy.value:.1%}, "
        f"agrees on {line.agreement:.1%}"
    )


def require_bundle(out: Path, force: bool = False) -> None:
    """Raises StoreError: `out` is a file, or a folder with something else than a bundle in it."""
    require_own_folder(out, FACTS, {FACTS: "bundle"}, force)


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A hidden folder beside `out` that takes its place if the block succeeds, and is removed otherwise.

    What in `out` is no part of a bundle goes along.
    """
    folder, old = (out.with_name(f".{out.name}.{uuid4().hex[:12]}") for _ in range(2))
    try:
        folder.mkdir(parents=True)
        yield folder
        if out.exists():
            _keep_others(out, folder)
            out.replace(old)
        folder.replace(out)
    except OSError as error:
        if old.exists() and not out.exists():
            old.replace(out)
        raise StoreError(
            f"cannot write {out}: {error.strerror or error}; check the folder's permissions and the free space"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _keep_others(out: Path, folder: Path) -> None:
    """Copy to `folder` what lies in `out` and was not written by an export."""
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out)
        if (
            path.is_file()
            and not any(fnmatchcase(name.as_posix(), part) for part in PARTS)
            and not (folder / name).exists()
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / name)
