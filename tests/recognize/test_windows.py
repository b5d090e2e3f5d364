"""Windows of a stream: where they lie, and that neither blocks nor resampling move them."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tembr import audio
from tembr.recognize.windows import windows


def cut(samples: int, length: int, hop: int, sizes=(7,)) -> list[tuple[int, int]]:
    """First and last sample of each window over 0, 1, 2 …, checked to hold the right samples."""
    waveform, blocks, at = np.arange(samples, dtype=np.float32), [], 0
    while at < samples:
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(waveform[at : at + size])
        at += size
    found = []
    for first, part in windows(blocks, length, hop):
        assert part.tolist() == waveform[first : first + len(part)].tolist()
        found.append((first, first + len(part)))
    return found


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (5, [(0, 5)]),
        (10, [(0, 10)]),
        (11, [(0, 10), (1, 11)]),
        (15, [(0, 10), (5, 15)]),
        (22, [(0, 10), (5, 15), (10, 20), (12, 22)]),
    ],
)
def test_windows_lie_where_they_should(samples, expected):
    assert cut(samples, 10, 5) == expected


@given(
    samples=st.integers(1, 200),
    length=st.integers(1, 60),
    hop=st.integers(1, 80),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5),
)
def test_blocks_do_not_move_windows(samples, length, hop, sizes):
    assert cut(samples, length, hop, sizes) == cut(samples, length, hop, (samples,))


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_streaming_gives_the_windows_of_the_whole(tmp_path, rate):
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "long.wav", rng.normal(0, 0.1, (40 * rate, 2)), rate)
    whole = audio.read(tmp_path / "long.wav")
    with audio.Stream(tmp_path / "long.wav") as stream:
        streamed = list(windows(stream, 48_000, 16_000))
    loaded = list(windows([whole], 48_000, 16_000))
    assert [first for first, _ in streamed] == [first for first, _ in loaded]
    for (_, ours), (_, theirs) in zip(streamed, loaded):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
