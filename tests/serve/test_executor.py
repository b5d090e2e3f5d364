"""Work in threads: as many at once as there are cores for, within the time and the seconds that are allowed."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from tests.media_files import encoded, stating
from tests.recognize.fake_adaptable import PITCH, make_adaptable, voice
from tests.recognize.fake_bundle import RATE

from tembr.emotions import EMOTIONS
from tembr.errors import AudioError
from tembr.recognize import Recognizer, load
from tembr.serve.bodies import Body
from tembr.serve.errors import Refusal
from tembr.serve.executor import Executor, check_length
from tembr.serve.settings import Limits, ServiceSettings

UNCHECKED = {"check_speech": False}


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory) -> Recognizer:
    return load(make_adaptable(tmp_path_factory.mktemp("adaptable") / "bundle"))


@pytest.fixture
def tones_are_speech(monkeypatch):
    monkeypatch.setattr("tembr.recognize.speech.is_speech", lambda waveform: True)


def wav(samples: np.ndarray) -> bytes:
    written = io.BytesIO()
    soundfile.write(written, samples, RATE, format="WAV", subtype="FLOAT")
    return written.getvalue()


def executor(recognizer, threads: int = 1, **limits: float) -> Executor:
    return Executor(recognizer, ServiceSettings(threads=threads, limits=Limits(**limits)))


def enrolment(count: int) -> tuple[bytes, ...]:
    """Half a second each of a voice unlike the one that the bundle knows."""
    return tuple(wav(voice(EMOTIONS[number % 6], 2 * PITCH, 0.5)) for number in range(count))


@pytest.mark.parametrize("threads", [1, 3])
def test_as_much_is_done_at_once_as_there_are_threads(recognizer, threads):
    together, lock, now, most = threading.Barrier(threads, timeout=20), threading.Lock(), set(), []

    def work(number: int) -> int:
        with lock:
            now.add(number)
            most.append(len(now))
        together.wait()
        time.sleep(0.02)
        with lock:
            now.remove(number)
        return number

    async def all_of_them(count: int) -> list[int]:
        one = executor(recognizer, threads)
        return await asyncio.gather(*(one.run(lambda number=number: work(number)) for number in range(count)))

    assert asyncio.run(all_of_them(2 * threads)) == list(range(2 * threads))
    assert max(most) == threads


def test_work_that_takes_too_long_is_given_up(recognizer):
    done = threading.Event()
    try:
        with pytest.raises(Refusal, match=r"no answer within 0\.05 s; try again") as slow:
            asyncio.run(executor(recognizer, timeout=0.05).run(lambda: done.wait(20)))
    finally:
        done.set()
    assert (slow.value.status, slow.value.code, slow.value.retry_after) == (503, "slow", 5)


def test_work_that_was_given_up_keeps_its_thread_until_its_end(recognizer):
    lock, now, most = threading.Lock(), set(), []

    def work(number: int) -> None:
        with lock:
            now.add(number)
            most.append(len(now))
        time.sleep(0.1)
        with lock:
            now.remove(number)

    async def all_of_them() -> list:
        one = executor(recognizer, timeout=0.02)
        asked = (one.run(lambda number=number: work(number)) for number in range(4))
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(found) for found in asyncio.run(all_of_them())] == [Refusal] * 4
    assert most == [1]  # the others were given up before they began


def test_an_error_of_the_work_is_its_own(recognizer):
    with pytest.raises(AudioError, match="not readable as audio"):
        asyncio.run(executor(recognizer).predict(Body((b"no sound",))))


def test_an_answer_is_a_list_of_one_or_of_one_a_channel(recognizer):
    both = wav(np.stack([voice("anger"), voice("fear")], axis=1))
    ask = lambda channel: asyncio.run(executor(recognizer).predict(Body((both,)), channel=channel, **UNCHECKED))  # noqa: E731
    assert [(answer.label, answer.channel) for answer in ask("each")] == [("anger", 1), ("fear", 2)]
    assert [(answer.label, answer.channel) for answer in ask(2)] == [("fear", 2)]


def test_segments_come_with_the_seconds_of_the_recording(recognizer):
    content, options = wav(voice("anger", seconds=4.5)), {"speech_only": False, "hop": 0.5}
    seconds, found = asyncio.run(executor(recognizer).segments(Body((content,)), **options))
    assert seconds == 4.5 and found == recognizer.segments(content, **options) != []


def test_a_speaker_is_learnt_and_heard_as_the_recognizer_does_it(recognizer, tones_are_speech):
    one, recordings = executor(recognizer), enrolment(12)
    speaker, said = asyncio.run(one.enrol(Body(recordings, name="Anna")))
    adapted = recognizer.adapt(list(recordings))
    assert (speaker.name, speaker.recordings, said) == ("Anna", 12, [])
    assert speaker.offset == adapted.speaker.offset
    asked = wav(voice("fear", 2 * PITCH))
    (plain,), (theirs,) = (asyncio.run(one.predict(Body((asked,), who), **UNCHECKED)) for who in (None, speaker))
    assert plain == recognizer.predict(asked, **UNCHECKED) != theirs == adapted.predict(asked, **UNCHECKED)
    content = wav(voice("fear", 2 * PITCH, 4))
    _, found = asyncio.run(one.segments(Body((content,), speaker), speech_only=False))
    assert found == adapted.segments(content, speech_only=False)


def test_a_recording_that_cannot_be_read_is_left_out_of_an_enrolment(recognizer, tones_are_speech):
    one, recordings = executor(recognizer), enrolment(12)
    speaker, said = asyncio.run(one.enrol(Body((*recordings[:6], b"no sound", *recordings[6:]))))
    assert speaker.recordings == 12
    assert len(said) == 1 and said[0].startswith("left out: ") and "not readable as audio" in said[0]


def test_without_a_speaker_it_is_the_same_recognizer(recognizer):
    assert executor(recognizer).of(None) is recognizer


def test_a_silent_recording_of_an_enrolment_is_left_out_and_few_are_too_few(recognizer, tones_are_speech):
    speaker, said = asyncio.run(executor(recognizer).enrol(Body((wav(np.zeros(RATE)), *enrolment(3)))))
    assert speaker.recordings == 3
    assert said[0].startswith("left out: ") and said[1].startswith("adapted to 3: ") and len(said) == 2


def test_recordings_of_an_enrolment_share_the_seconds_that_are_allowed(recognizer, tones_are_speech):
    enrol = lambda seconds: asyncio.run(executor(recognizer, max_seconds=seconds).enrol(Body(enrolment(4))))  # noqa: E731
    assert enrol(2.0)[0].recordings == 4
    with pytest.raises(Refusal, match=r"more than 1\.9 s of audio") as refused:
        enrol(1.9)
    assert (refused.value.status, refused.value.code) == (413, "too_long")


@pytest.mark.parametrize("ask", [Executor.predict, Executor.segments])
def test_a_recording_that_is_too_long_is_not_heard(recognizer, ask: Callable):
    with pytest.raises(Refusal, match="send it in parts"):
        asyncio.run(ask(executor(recognizer, max_seconds=1.0), Body((wav(voice("anger", seconds=1.1)),))))


def test_windows_that_overlap_too_much_are_refused(recognizer, tones_are_speech):
    body = Body((wav(voice("anger", seconds=3.0)),))
    asyncio.run(executor(recognizer, max_seconds=3.0).segments(body, hop=0.3, window=3.0))
    with pytest.raises(Refusal, match=r"windows of 3 s each 0.29 s are too many here") as refused:
        asyncio.run(executor(recognizer, max_seconds=3.0).segments(body, hop=0.29, window=3.0))
    assert (refused.value.status, refused.value.code) == (413, "too_much")


def test_a_container_that_says_it_is_shorter_is_counted():
    pytest.importorskip("av", reason="the extra `media` is not installed")
    film = encoded(voice("anger", seconds=2.0)[:, None], RATE, "mkv")
    seconds, lying = check_length(film, Limits()), stating(film, 0.5)
    assert check_length(lying, Limits(max_seconds=seconds + 0.1)) == pytest.approx(seconds, abs=0.01)
    with pytest.raises(Refusal, match="send it in parts"):
        check_length(lying, Limits(max_seconds=seconds - 0.1))


def test_a_recording_may_be_as_long_as_allowed_and_no_sample_longer():
    limits, exact = Limits(max_seconds=2.0), np.zeros(2 * RATE)
    assert check_length(wav(exact), limits) == 2.0
    assert check_length(wav(exact), limits, left=2.0) == 2.0
    for samples, left in ((np.append(exact, 0), None), (exact, 1.99), (exact[:1], 0.0)):
        with pytest.raises(Refusal, match=r"more than 2 s of audio"):
            check_length(wav(samples), limits, left)


@pytest.mark.parametrize(("channels", "each", "allowed"), [(40, False, True), (64, False, False), (8, True, False)])
def test_samples_of_all_channels_are_bounded_and_more_where_each_is_read_anew(channels, each, allowed):
    """192,000 for each second allowed, of 5: half a second at 32 kHz holds 16,000 a channel."""
    content = io.BytesIO()
    soundfile.write(content, np.zeros((16_000, channels), np.float32), 32_000, format="WAV")
    bounded = Limits(max_seconds=5)
    if allowed:
        assert check_length(content.getvalue(), bounded, each=each) == 0.5
        return
    with pytest.raises(Refusal, match=f"{channels} channels at 32000 Hz") as error:
        check_length(content.getvalue(), bounded, each=each)
    assert (error.value.status, error.value.code) == (413, "too_much")
