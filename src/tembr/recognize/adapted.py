"""What adapting to a speaker is worth on a corpus: each speaker by itself, on recordings it was not adapted to."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from tembr.audio import Stream
from tembr.corpora.corpus import Corpus, Utterance
from tembr.errors import AudioError, CorpusError
from tembr.extras import require
from tembr.recognize.adaptation import knowledge_of, learn
from tembr.recognize.evaluation import Adapted, Draw, Evaluation, gap
from tembr.recognize.recognizer import Recognizer


def check(recognizer: Recognizer) -> None:
    """See before any work whether an adapted evaluation can be had.

    Raises:
        BundleError: the bundle cannot adapt.
        MissingExtraError: what the comparison needs is not installed.
    """
    knowledge_of(recognizer.network)
    require("--adapt", "degrade", "scipy")


def draw(corpus: Corpus, recordings: int, seed: int = 0) -> Draw:
    """Draw `recordings` of each speaker's at random, without a look at labels; the same seed draws the same.

    What is drawn from one speaker does not depend on who else is in the corpus. A speaker without a recording more
    than that is left out.

    Raises:
        CorpusError: no speaker is known, or none has enough recordings.
    """
    by_speaker: dict[str, list[Utterance]] = {}
    for utterance in corpus.utterances:
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    nameless = by_speaker.pop("", [])
    if not by_speaker:
        raise CorpusError(f"{corpus.name}: no recording says whose it is; --adapt needs a column `speaker`")
    left_out = {"": f"{len(nameless)} recordings without a speaker"} if nameless else {}
    adapting = {}
    for speaker, own in sorted(by_speaker.items()):
        if len(own) <= recordings:
            left_out[speaker] = (
                f"speaker {speaker}: {len(own)} recordings, --adapt {recordings} takes one more at least"
            )
            continue
        rng = np.random.default_rng([seed, zlib.crc32(os.fsencode(speaker))])
        adapting[speaker] = tuple(own[i] for i in sorted(rng.choice(len(own), recordings, replace=False)))
    if not adapting:
        most = max(map(len, by_speaker.values()))
        raise CorpusError(f"{corpus.name}: no speaker has more than {most} recordings; choose --adapt below that")
    return Draw(recordings, seed, adapting, _others(corpus, adapting), left_out)


def adapt_each(
    recognizer: Recognizer,
    drawn: Draw,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Draw, dict[str, Recognizer], list[str]]:
    """A recognizer for each speaker of a draw.

    Returns:
        the draw without speakers of whose recordings none could be heard; speaker → recognizer; why single
        recordings were left out.

    Raises:
        BundleError: the bundle cannot adapt.
        CorpusError: no speaker is left.
    """
    recognizers, failures, left_out = {}, [], dict(drawn.left_out)
    for done, (speaker, utterances) in enumerate(drawn.adapting.items(), start=1):
        opened = [partial(Stream, u.path, recognizer.facts.sample_rate, u.start, u.end) for u in utterances]
        try:
            learnt = learn(recognizer.network, opened, speaker, threads, failures)
            recognizers[speaker] = recognizer.for_speaker(learnt)
        except AudioError as error:
            left_out[speaker] = f"speaker {speaker}: {error}"
        if progress:
            progress(done, len(drawn.adapting))
    if not recognizers:
        raise CorpusError(f"{drawn.scored.name}: no speaker could be adapted to; {next(iter(left_out.values()))}")
    kept = {speaker: drawn.adapting[speaker] for speaker in recognizers}
    scored = tuple(u for u in drawn.scored.utterances if u.speaker in kept)
    changed = replace(drawn, adapting=kept, scored=replace(drawn.scored, utterances=scored), left_out=left_out)
    return changed, recognizers, [str(failure) for failure in failures]


def compare(drawn: Draw, unadapted: Evaluation, adapted: Evaluation) -> Adapted:
    """Set two evaluations of the scored recordings side by side, as `Adapted` says."""
    return Adapted(drawn, adapted, gap(adapted, unadapted))


def _others(corpus: Corpus, adapting: Mapping[str, tuple[Utterance, ...]]) -> Corpus:
    taken = {utterance for own in adapting.values() for utterance in own}
    scored = tuple(u for u in corpus.utterances if u.speaker in adapting and u not in taken)
    return replace(corpus, utterances=scored)
