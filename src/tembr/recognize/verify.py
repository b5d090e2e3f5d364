"""Whether a bundle is what it says: every check by itself, so that all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tembr.bundle import MODEL, BundleError, Facts, altered, complaints, locate, read_facts, self_test_waveform
from tembr.recognize.network import (
    bundle_folder,
    contradictions,
    disagreements,
    is_distribution,
    open_session,
    run,
    unadaptable,
)

TOLERANCE = 1e-3
"""Of the self-test where the bundle names none: largest difference of a probability."""


class Check(NamedTuple):
    """One line of the report.

    Attributes:
        passed: whether it is as it should be.
        subject: what was looked at.
        said: what was found.
    """

    passed: bool
    subject: str
    said: str


def verify(folder: str | Path) -> Iterator[Check]:
    """Check a bundle: facts, hashes, and of each variant inputs, outputs, metadata, answers, the self-test.

    Raises:
        BundleError: there is no bundle at all.
    """
    folder = bundle_folder(folder)
    facts = read_facts(folder)
    wrong = complaints(facts)
    yield Check(
        not wrong, "bundle.json", "; ".join(wrong) or f"{facts.name} {facts.version}: {', '.join(facts.labels)}"
    )
    if wrong:
        return
    yield from _hashes(folder, facts)
    variants = [name for name in facts.hashes if name.endswith(".onnx")] or [MODEL]
    yield Check(facts.default in variants, "default variant", facts.default)
    for variant in variants:
        yield from _variant(folder, facts, variant)


def _hashes(folder: Path, facts: Facts) -> Iterator[Check]:
    wrong = altered(folder, facts)
    yield from (Check(False, *line.split(": ", 1)) for line in wrong)
    if not wrong:
        yield Check(bool(facts.hashes), "hashes", f"{len(facts.hashes)} files as recorded")


def _variant(folder: Path, facts: Facts, variant: str) -> Iterator[Check]:
    try:
        path = locate(folder, variant)
        session = open_session(path.read_bytes(), str(path))
    except (BundleError, OSError) as error:
        yield Check(False, variant, str(error))
        return
    if facts.inputs == "features":
        yield _features(session, facts, variant)
        return
    wrong = disagreements(session, facts)
    yield Check(not wrong, variant, "; ".join(wrong) or f"waveform → probabilities of {len(facts.labels)} labels")
    yield _metadata(session, facts, variant)
    if facts.adaptation:
        lacking = unadaptable(session, facts)
        yield Check(not lacking, f"{variant} adaptation", "; ".join(lacking) or "inputs and outputs as it takes")
    if not wrong:
        yield from _answers(session, facts, variant)


def _features(session, facts: Facts, variant: str) -> Check:
    found = {i.name: list(i.shape) for i in session.get_inputs()}
    return Check(set(found) == set(facts.shapes), variant, f"inputs {', '.join(found)}; give them features yourself")


def _metadata(session, facts: Facts, variant: str) -> Check:
    wrong = contradictions(session, facts)
    return Check(not wrong, f"{variant} metadata", "; ".join(wrong) or "labels, rate and window as in bundle.json")


def _answers(session, facts: Facts, variant: str) -> Iterator[Check]:
    signal = self_test_waveform(facts.sample_rate)
    try:
        (one,), (three,) = run(session, signal[None]), run(session, np.stack([signal] * 3))
    except BundleError as error:
        yield Check(False, f"{variant} answers", str(error))
        return
    both = np.concatenate([one, three])
    sound = is_distribution(both)
    said = "finite, in [0, 1], sum to one" if sound else f"sums {both.sum(axis=1).tolist()}"
    yield Check(sound, f"{variant} answers", said)
    apart = float(np.abs(one - three).max())
    yield Check(apart <= TOLERANCE, f"{variant} batches", f"one by one and in threes {apart:.1g} apart")
    yield _self_test(one[0], facts, variant)


def _self_test(answer: np.ndarray, facts: Facts, variant: str) -> Check:
    try:
        recorded = facts.self_test.get("variants", {}).get(variant)
        if recorded is None and variant == MODEL:
            recorded = facts.self_test["probabilities"]
        apart = float(np.abs(answer - np.array(recorded, dtype=float).reshape(answer.shape)).max())
        tolerance = _tolerance(facts, variant)
    except (AttributeError, KeyError, TypeError, ValueError):
        return Check(False, f"{variant} self-test", f"no answer recorded of {len(answer)} probabilities")
    return Check(apart <= tolerance, f"{variant} self-test", f"{apart:.1g} from the recorded answer ({tolerance:g})")


def _tolerance(facts: Facts, variant: str) -> float:
    """What a variant's answer may be off: what is rounded to 8 bits is not alike on other processors."""
    own = facts.self_test.get("tolerances", {})
    return float(own.get(variant, facts.self_test.get("tolerance", TOLERANCE)))
