"""The picture page: the eleven representations of one recording side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tembr import audio
from tembr.augment import AugmentSettings, make_augmentation
from tembr.evaluate.plots import INK, save_png
from tembr.features.extract import extract_many
from tembr.features.picture import curve_picture
from tembr.features.registry import REGISTRY, REPRESENTATIONS, Representation
from tembr.features.settings import FeatureSettings


def show(
    file: str | Path,
    path: str | Path,
    settings: FeatureSettings | None = None,
    augment: AugmentSettings | None = None,
    seed: int = 0,
) -> Path:
    """Draw the waveform of `file` and its eleven representations; ZCR and RMS as the pictures they become.

    Args:
        file: recording; cut or padded to the window.
        path: PNG to write.
        augment: beside each representation draw one draw of its augmentation, of these strengths.
        seed: of that draw.

    Raises:
        AudioError: the recording cannot be read. StoreError: the picture cannot be written.
    """
    settings = settings or FeatureSettings()
    waveform = audio.read(file, settings.sample_rate)
    if settings.window:
        waveform = audio.fit_length(waveform, settings.window_samples)
    values = extract_many(torch.from_numpy(waveform)[None], sample_rate=settings.sample_rate, settings=settings)
    columns = 4 if augment is None else 6
    figure = Figure(figsize=(16, 9.5 if augment is None else 11), layout="constrained")
    figure.suptitle(Path(file).name, color=INK, fontsize=15, parse_math=False)
    axes = iter(figure.subplots(3 if augment is None else 4, columns).flat)
    if augment is None:
        _draw_waveform(next(axes), waveform, settings)
    for name in REPRESENTATIONS:
        entry = REGISTRY[name]
        picture = _picture(entry, values[name])
        _draw(next(axes), picture, entry, entry.title, settings)
        if augment is not None:
            varied = _augmented(entry, values[name], augment, seed)
            _draw(next(axes), _picture(entry, varied), entry, "augmented", settings)
    for unused in axes:
        unused.set_axis_off()
    return save_png(figure, path)


def _augmented(entry: Representation, values: torch.Tensor, settings: AugmentSettings, seed: int) -> torch.Tensor:
    strategy = make_augmentation(entry, settings, scale=values[0].std(-1, keepdim=True))
    return strategy(values, torch.Generator().manual_seed(seed))


def _picture(entry: Representation, values: torch.Tensor) -> np.ndarray:
    return (curve_picture(values, 32, entry.picture) if entry.picture else values)[0].numpy()


def _draw_waveform(axes: Axes, waveform: np.ndarray, settings: FeatureSettings) -> None:
    seconds = np.arange(len(waveform)) / settings.sample_rate
    axes.plot(seconds, waveform, linewidth=0.4, color=INK)
    axes.set_title("Waveform", fontsize=11, color=INK)
    axes.set_xlabel("s", fontsize=8)
    axes.margins(x=0)
    axes.tick_params(labelsize=7)


def _draw(axes: Axes, picture: np.ndarray, entry: Representation, title: str, settings: FeatureSettings) -> None:
    seconds = picture.shape[1] * settings.hop_length / settings.sample_rate
    low, high = np.percentile(picture, (1, 99))
    shades = {"cmap": "magma", "vmin": low, "vmax": high if high > low else None}
    image = axes.imshow(picture, origin="lower", aspect="auto", extent=(0, seconds, 0, len(picture)), **shades)
    axes.set_title(title, fontsize=11, color=INK)
    axes.set_ylabel(entry.rows, fontsize=8)
    axes.set_xlabel("s", fontsize=8)
    axes.tick_params(labelsize=7)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    bar.ax.tick_params(labelsize=6)
    bar.set_label(entry.unit, fontsize=7)
