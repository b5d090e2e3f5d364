"""Examples that a VAE makes of the training part, as further data of a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tembr.augment.generative import TrainingPart, build_vae, fit_vae, generate
from tembr.augment.vae import ConditionalVAE
from tembr.errors import StoreError
from tembr.files import atomic_write
from tembr.train.data import Item
from tembr.train.fit import Training, device_of
from tembr.train.history import VAE


def generated_examples(
    training: Training,
    part: TrainingPart,
    folder: Path,
    count: Callable[[int, int], None] = lambda done, total: None,
) -> list[Item]:
    """`TrainSettings.generated` times as many examples as there are recordings to learn from; none where it is 0.

    The VAE's weights are left in `folder` until the training's result is safe, so that an interrupted training goes on
    with the same examples.

    Args:
        part: the recordings learnt from.
        folder: of the training.
        count: called with the VAE's epochs done and in all.

    Returns:
        values `(bins, frames)` and class of each; as long as the longest recording learnt from.

    Raises:
        ConfigError: there is no GPU where `train.device` asks for one, or the fitting diverges.
        StoreError: the weights cannot be written, or those left by an interrupted training are damaged.
    """
    size = round(training.train.generated * len(part.indices))
    if not size:
        return []
    vae = _vae(training, part, folder / VAE, count)
    return [(values, int(label)) for values, label in zip(*generate(vae, part, size, training.seed))]


def _vae(training: Training, part: TrainingPart, path: Path, count: Callable[[int, int], None]) -> ConditionalVAE:
    settings, device = training.train.vae, device_of(training.train)
    if not path.exists():
        vae = fit_vae(part, training.classes, settings, training.seed, device, count)
        with atomic_write(path) as temporary:
            save_file({name: value.cpu().contiguous() for name, value in vae.state_dict().items()}, temporary)
        return vae
    vae = build_vae(part, training.classes, settings)
    try:
        vae.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise StoreError(f"{path}: not the weights of this training's VAE; remove it and it is fitted again") from error
    return vae.to(device).eval()
