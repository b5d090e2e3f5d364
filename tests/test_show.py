"""The picture page: which part of a recording, how many panels, with which axes, in which format."""

import dataclasses
import logging
import os
import threading

import numpy as np
import pytest
import soundfile

from tembr import show as module
from tembr.augment.settings import AugmentSettings
from tembr.errors import AudioError, ConfigError
from tembr.features import REGISTRY, REPRESENTATIONS, FeatureSettings
from tembr.show import show

RATE = 16_000


def recording(folder, seconds: float):
    samples = 0.1 * np.random.default_rng(3).standard_normal(round(seconds * RATE))
    soundfile.write(folder / "voice.wav", samples.astype(np.float32), RATE)
    return folder / "voice.wav"


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """A function that draws a recording of some seconds and returns the figure instead of its file."""
    figures = []
    monkeypatch.setattr(module, "save_figure", lambda figure, path: figures.append(figure))

    def draw(seconds: float = 1.0, *arguments, **options):
        show(recording(tmp_path, seconds), "voice.png", *arguments, **options)
        return figures[-1]

    draw.figures = figures
    return draw


def panels(figure) -> dict:
    """Title → axes, without colour bars."""
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}


def test_the_waveform_and_the_eleven_have_a_panel_each(drawn):
    assert list(panels(drawn())) == ["Waveform", *(REGISTRY[name].title for name in REPRESENTATIONS)]


@pytest.mark.parametrize(
    ("title", "label", "ticks"),
    [
        ("Waveform", "amplitude", set()),
        ("Mel spectrogram", "frequency (Hz)", {"250", "1,000", "8,000"}),
        ("Spectrogram", "frequency (Hz)", {"0", "2,000", "8,000"}),
        ("MFCC", "coefficient", {"0", "10", "20", "30"}),
        ("Chroma", "pitch class", {"C", "F♯", "B"}),
        ("Spectral contrast", "band (Hz)", {"200", "400", "8,000"}),
        ("Zero-crossing rate", "crossings per sample", set()),
        ("RMS energy", "dB re full scale", set()),
        ("Tempogram", "tempo (BPM)", {"30", "60", "120", "240"}),
        ("Tonnetz", "dimension", {"fifth x", "minor 3rd y"}),
        ("Delta MFCC", "coefficient", {"0", "10"}),
        ("Delta tempogram", "tempo (BPM)", {"60", "120"}),
    ],
)
def test_axes_are_in_what_people_read(drawn, title, label, ticks):
    axes = panels(drawn())[title]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", label)
    assert ticks <= {text.get_text() for text in axes.get_yticklabels()}


def test_a_recording_is_drawn_at_its_own_length(drawn):
    figure = drawn(4.5)
    assert all(axes.get_xlim() == pytest.approx((0, 4.5)) for axes in panels(figure).values())
    assert "part" not in figure.get_suptitle()


def test_the_window_of_a_network_is_marked(drawn):
    (mark,) = panels(drawn(4.0))["Waveform"].lines
    assert mark.get_xdata()[0] == FeatureSettings().window
    assert not panels(drawn(2.0))["Waveform"].lines


def test_a_long_recording_is_cut_and_that_is_said(drawn, monkeypatch, caplog):
    monkeypatch.setattr(module, "DEFAULT_LENGTH", 2.0)
    monkeypatch.setattr(logging.getLogger("tembr"), "propagate", True)
    figure = drawn(5.0)
    assert panels(figure)["MFCC"].get_xlim() == pytest.approx((0, 2))
    assert "part: 0.0 to 2.0 s of 5.0 s" in figure.get_suptitle()
    assert "0.0 to 2.0 s of 5.0 s are drawn" in caplog.text


def test_a_chosen_part_is_drawn_at_its_seconds(drawn, caplog):
    figure = drawn(5.0, start=1.0, end=3.5)
    assert all(axes.get_xlim() == pytest.approx((1, 3.5)) for axes in panels(figure).values())
    assert panels(figure)["MFCC"].images[0].get_extent()[0] == pytest.approx(1 - 256 / RATE)  # half a frame before
    assert "part: 1.0 to 3.5 s of 5.0 s" in figure.get_suptitle()
    assert not caplog.text


@pytest.mark.parametrize(("start", "end"), [(2, 2), (3, 1), (-1, None), (0, 601)])
def test_a_part_that_cannot_be_drawn_is_refused(tmp_path, start, end):
    with pytest.raises(ConfigError, match="give a"):
        show(tmp_path / "none.wav", "voice.png", start=start, end=end)


def test_a_part_after_the_end_is_refused(drawn):
    with pytest.raises(AudioError, match=r"ends at 1 s, before the start asked for, 7 s"):
        drawn(1.0, start=7)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_drawn(drawn, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = recording(tmp_path, 1.5).read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True)
    writer.start()
    show(pipe, "voice.png", representations=["rms"])
    writer.join()
    assert panels(drawn.figures[-1])["RMS energy"].get_xlim() == pytest.approx((0, 1.5))


def test_a_recording_too_short_for_a_delta_is_drawn(drawn):
    assert panels(drawn(0.05))["Delta MFCC"].get_xlim() == pytest.approx((0, 0.05))


def test_a_twelfth_representation_gets_a_panel(drawn, monkeypatch):
    twelfth = dataclasses.replace(REGISTRY["chroma"], name="twelfth", title="The twelfth")
    monkeypatch.setitem(REGISTRY, "twelfth", twelfth)
    assert len(panels(drawn(representations=(*REPRESENTATIONS, "twelfth")))) == 13


def test_each_augmented_picture_stands_beside_its_own(drawn):
    figure = drawn(1.0, None, AugmentSettings())
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles.count("augmented") == len(REPRESENTATIONS)


@pytest.mark.parametrize("name", ["mfcc", "delta_mfcc", "tonnetz", "delta_tempogram", "spectral_contrast"])
def test_colours_of_signed_values_are_symmetric(drawn, name):
    (image,) = panels(drawn(representations=[name]))[REGISTRY[name].title].images
    low, high = image.get_clim()
    assert low == -high < 0


def test_curves_lie_over_what_a_network_is_given(drawn):
    axes = panels(drawn(representations=["rms"]))["RMS energy"]
    assert len(axes.lines) == len(axes.images) == 1


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("PDF", b"%PDF"), ("svg", b"<?xml")])
def test_the_suffix_is_the_format(tmp_path, suffix, begins):
    path = show(recording(tmp_path, 0.5), tmp_path / f"page.{suffix}", representations=["chroma"])
    assert path.read_bytes().startswith(begins)
    assert b"voice.wav, 0.50 s" in path.read_bytes()


def test_another_format_is_refused_before_any_work(tmp_path):
    with pytest.raises(ConfigError, match=r"\.png, \.pdf or \.svg"):
        show(tmp_path / "there is none.wav", tmp_path / "page.jpg")
