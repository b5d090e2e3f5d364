"""A recording's representations side by side, with the axes that people read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec

from tembr import audio
from tembr.augment.representations import make_augmentation
from tembr.augment.settings import AugmentSettings
from tembr.errors import ConfigError
from tembr.evaluate.plots import BLUE, GREY, INK, picture_format, save_figure
from tembr.features.extract import extract_many
from tembr.features.normalization import normalize_recording
from tembr.features.picture import PictureSettings, curve_picture
from tembr.features.registry import REGISTRY, REPRESENTATIONS, Representation
from tembr.features.settings import FeatureSettings

DEFAULT_LENGTH = 30.0
"""Seconds drawn of a longer recording, unless its end is chosen."""
LONGEST = 600.0
"""Seconds that one page can hold."""
TOLERANCE = 0.05  # seconds: headers of compressed files claim a little more than there is
ENVELOPE = 2_000  # columns of a waveform, more than a panel has pixels
ROWS_UNSMOOTHED = 128  # a picture of fewer rows is enlarged first: resampling would blur one row into the next

log = logging.getLogger("tembr")


@dataclass(frozen=True)
class Part:
    """What is drawn of a recording.

    Attributes:
        waveform: `(samples,)`, at the settings' rate.
        start, end: seconds in the recording.
        duration: seconds of the whole.
    """

    waveform: np.ndarray
    start: float
    end: float
    duration: float

    @property
    def whole(self) -> bool:
        return self.start == 0 and self.end > self.duration - TOLERANCE


def check(path: str | Path, start: float = 0.0, end: float | None = None) -> None:
    """Refuse before any work what cannot be drawn.

    Raises:
        ConfigError: `path` names no picture, or `end` is not after `start`, or more than `LONGEST` after it.
    """
    picture_format(path)
    if start < 0 or (end is not None and end <= start):
        raise ConfigError(f"from {start:g} s to {end} s: nothing lies between; give an end after the start")
    if end is not None and end - start > LONGEST:
        raise ConfigError(f"from {start:g} s to {end:g} s: a page holds {LONGEST:g} s; give a nearer end")


def show(
    file: str | Path,
    path: str | Path,
    settings: FeatureSettings | None = None,
    augment: AugmentSettings | None = None,
    seed: int = 0,
    *,
    start: float = 0.0,
    end: float | None = None,
    representations: Sequence[str] = REPRESENTATIONS,
) -> Path:
    """Draw the waveform of `file` and its representations: seconds, hertz, decibels, beats per minute.

    ZCR and RMS are curves over the pictures that networks are given of them. A recording is drawn at its own length;
    `settings.window` is a mark on the waveform. A title says which part is drawn where it is not the
    whole; a recording cut here is logged too.

    Args:
        file: recording.
        path: PNG, PDF or SVG to write.
        augment: beside each representation draw one draw of its augmentation, of these strengths.
        seed: of that draw.
        start, end: seconds; without an end at most `DEFAULT_LENGTH` are drawn.
        representations: names in the registry, a panel each.

    Raises:
        ConfigError: as `check`. AudioError: the recording cannot be read, or ends before `start`.
        StoreError: the picture cannot be written.
    """
    check(path, start, end)
    settings = settings or FeatureSettings()
    part = _read(file, settings, start, end)
    batch = torch.from_numpy(_long_enough(part.waveform, settings))[None]
    values = extract_many(batch, representations, settings.sample_rate, settings=settings)
    figure, places = _page(len(representations), pairs=augment is not None)
    figure.suptitle(_title(Path(file), part, settings), color=INK, fontsize=13, parse_math=False)
    _draw_waveform(figure.add_subplot(places[0]), part, settings)
    for name, place in zip(representations, places[1:]):
        entry, (first, *second) = REGISTRY[name], _split(place, augment is not None)
        _draw(figure.add_subplot(first), entry, values[name], part, settings, entry.title)
        for beside in second:
            varied = _augmented(entry, values[name], augment, seed)
            _draw(figure.add_subplot(beside), entry, varied, part, settings, "augmented")
    return save_figure(figure, path)


def _read(file: str | Path, settings: FeatureSettings, start: float, end: float | None) -> Part:
    wanted = DEFAULT_LENGTH if end is None else end - start
    blocks = []
    with audio.Stream(file, None, start) as stream:  # opened once: it may be a pipe
        for block in stream:
            blocks.append(block)
            if stream.seconds >= wanted:
                break
    rate, duration = stream.stored_rate, start + stream.claimed
    waveform = audio.resample(np.concatenate(blocks)[: round(wanted * rate)], rate, settings.sample_rate)
    part = Part(waveform, start, start + len(waveform) / settings.sample_rate, duration)
    if end is None and part.end < duration - TOLERANCE:
        log.warning("%s: %s are drawn; start and end choose others", file, _span(part))
    return part


def _span(part: Part) -> str:
    return f"{part.start:.1f} to {part.end:.1f} s of {part.duration:.1f} s"


def _long_enough(waveform: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """With silence after it where a delta would have too few frames; that lies outside the drawn time."""
    return audio.fit_length(waveform, max(len(waveform), (settings.delta_width - 1) * settings.hop_length))


def _title(file: Path, part: Part, settings: FeatureSettings) -> str:
    name = file.name.encode("utf-8", "replace").decode()  # a name need not be text
    length = f"{part.duration:.2f} s" if part.whole else f"part: {_span(part)}"
    rate, frame, hop = settings.sample_rate, settings.n_fft, settings.hop_length
    frames = f"{rate / 1000:g} kHz, frames of {1000 * frame / rate:.0f} ms every {1000 * hop / rate:.0f} ms"
    return f"{name}, {length}\n{frames}"


def _page(count: int, pairs: bool) -> tuple[Figure, list[SubplotSpec]]:
    """A place for the waveform and one for each of `count` representations, wide enough for two where `pairs`."""
    columns = 3 if pairs else 4
    lines = -(-(count + 1) // columns)
    figure = Figure(figsize=(21 if pairs else 17, 0.8 + 2.9 * lines), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    return figure, list(GridSpec(lines, columns, figure))


def _split(place: SubplotSpec, pair: bool) -> list[SubplotSpec]:
    return list(place.subgridspec(1, 2)) if pair else [place]


def _augmented(entry: Representation, values: torch.Tensor, settings: AugmentSettings, seed: int) -> torch.Tensor:
    strategy = make_augmentation(entry, settings, scale=values[0].std(-1, keepdim=True))
    return strategy(values, torch.Generator().manual_seed(seed))


def _draw(axes: Axes, entry: Representation, values: torch.Tensor, part: Part, settings, title: str) -> None:
    shown = entry.scale.transform(values, settings)[0].numpy()
    frames = np.arange(values.shape[-1] + 1) - 0.5
    seconds = part.start + frames * settings.hop_length / settings.sample_rate
    if entry.picture:
        _draw_curve(axes, entry, shown[0], _network_picture(entry, values), seconds)
    else:
        _draw_rows(axes, entry, shown, seconds, settings)
    _head(axes, title, "grey: network input" if entry.picture else "")
    _finish(axes, part)


def _draw_rows(axes: Axes, entry: Representation, shown: np.ndarray, seconds: np.ndarray, settings) -> None:
    rows = entry.rows(settings)
    edges, picture = rows.edges, shown[rows.first :]
    if edges[0] > edges[-1]:
        edges, picture = edges[::-1], picture[::-1]
    low, high = _limits(picture, entry.scale.signed)
    shades = {"cmap": "RdBu_r" if entry.scale.signed else "magma", "vmin": low, "vmax": high}
    if np.allclose(np.diff(edges), edges[1] - edges[0]):
        enlarged = picture.repeat(-(-ROWS_UNSMOOTHED // len(picture)), axis=0)
        extent = (seconds[0], seconds[-1], edges[0], edges[-1])
        image = axes.imshow(enlarged, origin="lower", aspect="auto", extent=extent, **shades)
    else:
        image = axes.pcolorfast(seconds, edges, picture, **shades)
    axes.set_ylabel(rows.label, fontsize=9)
    axes.set_yticks([place for place, _ in rows.ticks], [text for _, text in rows.ticks])
    axes.set_ylim(edges[0], edges[-1])
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    bar.ax.tick_params(labelsize=7)
    bar.set_label(entry.scale.unit or entry.unit, fontsize=8)


def _limits(picture: np.ndarray, signed: bool) -> tuple[float, float]:
    """Of the colours: what all but the outermost values reach, around 0 where `signed`."""
    if signed:
        reach = float(np.percentile(np.abs(picture), 99)) or 1.0
        return -reach, reach
    low, high = np.percentile(picture, (0.5, 99.5))
    return float(low), float(high if high > low else low + 1)


def _network_picture(entry: Representation, values: torch.Tensor) -> np.ndarray:
    scaled = normalize_recording(values, entry.normalization)
    return curve_picture(scaled, PictureSettings().curve_bands, entry.picture)[0].numpy()


def _draw_curve(axes: Axes, entry: Representation, curve: np.ndarray, picture: np.ndarray, seconds) -> None:
    axes.plot((seconds[:-1] + seconds[1:]) / 2, curve, color=BLUE, linewidth=1.1)
    low, high = axes.get_ylim()
    extent = (seconds[0], seconds[-1], low, high)
    axes.imshow(picture, origin="lower", aspect="auto", extent=extent, cmap="Greys", vmax=1.6, zorder=0)
    axes.set_ylabel(entry.scale.unit or entry.unit, fontsize=9)


def _draw_waveform(axes: Axes, part: Part, settings: FeatureSettings) -> None:
    """The highest and lowest sample of each of `ENVELOPE` stretches."""
    marked = part.start == 0 < settings.window < part.end
    starts = np.unique(np.linspace(0, len(part.waveform), ENVELOPE, endpoint=False).astype(int))
    seconds = part.start + starts / settings.sample_rate
    low, high = np.minimum.reduceat(part.waveform, starts), np.maximum.reduceat(part.waveform, starts)
    axes.fill_between(seconds, low, high, color=INK, linewidth=0.5)
    _head(axes, "Waveform", f"dashed: a network's {settings.window:g} s" if marked else "")
    axes.set_ylabel("amplitude", fontsize=9)
    _finish(axes, part)
    if marked:
        axes.axvline(settings.window, color=BLUE, linewidth=1.2, linestyle="--")


def _head(axes: Axes, title: str, note: str) -> None:
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_title(note, fontsize=8, color=GREY, loc="right")


def _finish(axes: Axes, part: Part) -> None:
    axes.set_xlim(part.start, part.end)
    axes.set_xlabel("time (s)", fontsize=9)
    axes.tick_params(labelsize=8)
