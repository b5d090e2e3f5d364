"""Where somebody speaks, by a detector that says what it is told to."""

from __future__ import annotations

from itertools import groupby
from types import SimpleNamespace

import numpy as np
import pytest

from tembr.recognize import voice
from tembr.recognize.voice import BEGIN, CHUNK, GO_ON, QUIET, Cutter, Voice


@pytest.fixture
def asked(monkeypatch) -> list[np.ndarray]:
    """Chunks the detector was asked about; it answers with the first sample."""
    chunks = []

    def answer(chunk):
        chunks.append(chunk)
        return chunk[0]

    monkeypatch.setattr(voice, "_detector", lambda: SimpleNamespace(process_array=answer))
    return chunks


def test_a_chunk_is_judged_when_it_is_complete(asked):
    hearing = Voice(16_000)
    blocks = [np.full(CHUNK - 1, 0.25), np.full(CHUNK + 1, 0.5), np.full(2, 0.75)]
    assert [hearing.hear(block.astype(np.float32)) for block in blocks] == [[], [0.25, 0.5], []]
    assert hearing.hear(np.empty(0, np.float32), last=True) == [0.75]
    assert asked[-1].tolist() == [0.75, 0.75] + [0] * (CHUNK - 2)


def test_what_is_too_faint_is_not_asked_about(asked):
    samples = np.full(2 * CHUNK, QUIET / 2, np.float32)
    samples[CHUNK] = QUIET * 1.01
    assert Voice(16_000).hear(samples) == [0.0, np.float32(QUIET * 1.01)] and len(asked) == 1


def test_another_rate_is_judged_in_chunks_of_the_same_time(asked):
    hearing = Voice(8_000)
    answers = hearing.hear(np.full(8_000, 0.5, np.float32)) + hearing.hear(np.empty(0, np.float32), last=True)
    assert len(answers) == -(-16_000 // CHUNK)


def cut(*probabilities: tuple[float, int], rate: int = 16_000) -> list[tuple[int, int]]:
    """Begin and end of each stretch, in samples, where each probability lasts for so many chunks."""
    told = [probability for probability, chunks in probabilities for _ in range(chunks)]
    chunk = CHUNK * rate // 16_000
    script = iter(told)
    fake = SimpleNamespace(hear=lambda block, last: [next(script)] if len(block) else [])
    pieces = Cutter(fake, rate).stretches(
        np.arange(i * chunk, (i + 1) * chunk, dtype=np.float32) for i in range(len(told))
    )
    found = []
    for begin, parts in groupby(pieces, key=lambda piece: piece[0]):
        samples = np.concatenate([samples for _, samples in parts])
        assert samples.tolist() == list(range(begin, begin + len(samples)))
        found.append((begin, begin + len(samples)))
    return found


MARGIN = 1_600


def test_a_stretch_has_a_margin_on_either_side():
    assert cut((0, 10), (0.9, 12), (0, 20)) == [(10 * CHUNK - MARGIN, 22 * CHUNK + MARGIN)]


def test_speech_to_the_end_is_kept_to_the_end():
    assert cut((0, 10), (0.9, 12)) == [(10 * CHUNK - MARGIN, 22 * CHUNK)]


@pytest.mark.parametrize(("doubt", "end"), [(GO_ON, 32), (GO_ON - 0.01, 22)])
def test_speech_goes_on_at_a_lower_probability(doubt, end):
    assert cut((0, 10), (0.9, 12), (doubt, 10), (0, 20)) == [(10 * CHUNK - MARGIN, end * CHUNK + MARGIN)]


def test_speech_does_not_begin_in_doubt():
    assert cut((0, 10), (BEGIN - 0.01, 40)) == []


@pytest.mark.parametrize(("chunks", "stretches"), [(9, 0), (10, 1)])
def test_a_cough_is_no_stretch(chunks, stretches):
    assert len(cut((0, 10), (0.9, chunks), (0, 20))) == stretches


@pytest.mark.parametrize(("pause", "stretches"), [(15, 1), (16, 2)])
def test_half_a_second_ends_a_stretch(pause, stretches):
    assert len(cut((0, 10), (0.9, 12), (0, pause), (0.9, 12))) == stretches


def test_stretches_at_another_rate_are_of_the_same_time():
    whole, half = (cut((0, 10), (0.9, 12), (0, 20), rate=rate) for rate in (16_000, 8_000))
    assert half == [(begin // 2, end // 2) for begin, end in whole]


def test_the_first_stretch_may_be_as_short_as_any_other():
    spoken = (0.9, 10), (0, 20)
    assert len(cut(*spoken)) == len(cut((0, 20), *spoken)) == 1
    assert cut((0.9, 9), (0, 20)) == cut((0, 20), (0.9, 9), (0, 20)) == []
