"""A small encoder that imitates a layer of a large one: read `distill_encoder` from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors.torch import save_file
from torch import nn

from tembr.corpora.corpus import Corpus
from tembr.errors import ConfigError, CorpusError
from tembr.features.encoder import Encoder, load_encoder
from tembr.features.layers import HOP_LENGTH, WhisperLayers, states_of
from tembr.features.log_mel import log_mel_input
from tembr.features.notices import KNOWN, MIT
from tembr.features.store import FeatureStore, FeatureTable
from tembr.files import atomic_write, json_bytes, write_bytes
from tembr.lock import only_process
from tembr.models.student import HEAD, begin, narrow_whisper, solve, whisper_state
from tembr.progress import Progress
from tembr.train.settings import TrainSettings

SETTINGS, WEIGHTS, HISTORY = "distillation.json", "model.safetensors", "history.png"

FIRST = 100
"""Recordings that a student begins from."""

CARD = """---
license: mit
library_name: transformers
tags: [speech, whisper, distillation]
---
# The first layers of {source}, made smaller

An encoder of speech with {layers} layers, {hidden} channels and {feedforward} feed-forward units. It began as the
least-squares solution to the first layers of {source}, and was taught to imitate layer {layer} of it, by the frame and
on the mean over time, on recordings of: {learnt}. No label was looked at. `tembr study --set
members.NAME.encoder=FOLDER` takes it; transformers loads it as a `WhisperModel`, of which `get_encoder()` alone means
anything. Its settings stand in `distillation.json`.

The recordings have licences of their own, some for non-commercial use: see there before you share what was learnt from
them. The weights it began from:

{notice}"""


class DistillSettings(BaseModel):
    """How a small encoder is made.

    Attributes:
        encoder: the teacher, a Whisper: name on the Hugging Face hub, or a folder.
        layer: of the teacher, which is imitated.
        layers, hidden, feedforward: of the student: layers, channels (64 each attention head) and feed-forward units.
        window: seconds taken of a recording.
        crop, warp, equalize: of a recording in training, see `tembr.train.log_mel.Lessons`.
        beside: share of recordings that another one is added to, as if two spoke at once.
        seed: of all that is random.
        train: epochs, batches, learning rate and device.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str = "openai/whisper-base"
    layer: int = Field(2, ge=1)
    layers: int = Field(2, ge=1)
    hidden: int = Field(384, ge=HEAD)
    feedforward: int = Field(640, ge=16)
    window: float = Field(10.0, gt=0, le=30)
    crop: float = Field(2.56, ge=0.1, le=30)
    warp: float = Field(0.1, ge=0, lt=0.5)
    equalize: float = Field(2.0, ge=0, le=40)
    beside: float = Field(0.5, ge=0, le=1)
    seed: int = Field(42, ge=0)
    train: TrainSettings = TrainSettings(epochs=10, batch_size=16, learning_rate=3e-4, weight_decay=0.01)

    @field_validator("hidden")
    @classmethod
    def _whole_heads(cls, hidden: int) -> int:
        if hidden % HEAD:
            raise ValueError(f"take a multiple of {HEAD}, the channels of an attention head")
        return hidden


def distill_settings(**values) -> DistillSettings:
    """Settings of which some are given; None is skipped, `train__epochs` is of `train`.

    Raises:
        ConfigError: a value does not fit.
    """
    given = {name: value for name, value in values.items() if value is not None}
    train = {name.removeprefix("train__"): given.pop(name) for name in list(given) if name.startswith("train__")}
    try:
        default = DistillSettings().train.model_dump()
        return DistillSettings.model_validate(given | {"train": default | train})
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise ConfigError(f"setting {name} = {problem.get('input')!r}: {message}") from error


def distill_encoder(
    settings: DistillSettings, corpora: Sequence[Corpus], folder: Path, progress: Progress | None = None
) -> Path:
    """Leave a small encoder in `folder`, as the Hugging Face hub has them: `encoder = FOLDER` takes it.

    No label is needed and none is looked at. What is measured with it is not to be learnt from: name other corpora than
    the one that members are scored on.

    Args:
        corpora: whose recordings it learns from.
        folder: an interrupted work in it is continued.
        progress: how the work is followed; silent by default.

    Raises:
        ConfigError: the encoder is no Whisper, the student is not smaller, or `folder` holds another one.
        CorpusError: there are no recordings. StoreError: nothing could be written.
    """
    from tembr.evaluate.plots import history_png
    from tembr.train.distillation import distill, scales_of
    from tembr.train.history import discard_checkpoints
    from tembr.train.log_mel import pooled_states
    from tembr.train.pooling import Pooling

    progress = progress or Progress()
    taken = log_mel_input(settings.encoder, settings.window)
    encoder = load_encoder(settings.encoder)
    _check(settings, encoder)
    utterances = [u for corpus in corpora for u in corpus.utterances]
    speakers = np.array([f"{corpus.name}/{u.speaker or u.key}" for corpus in corpora for u in corpus.utterances])
    if not utterances:
        raise CorpusError("there are no recordings to learn from; name a corpus that has some")
    with only_process(folder):
        _claim(settings, corpora, folder)
        if (folder / WEIGHTS).exists():
            return folder
        table = FeatureStore().prepare(utterances, [taken], partial(progress.count, "recordings analysed"))[taken]
        indices = np.arange(len(utterances))
        teacher = WhisperLayers(encoder.model, encoder.extractor, states_of([settings.layer]), taken.samples).eval()
        narrow = narrow_whisper(encoder.model, settings.layers, settings.hidden, settings.feedforward)
        student = WhisperLayers(narrow, encoder.extractor, states_of([settings.layers]), taken.samples)
        progress.say(f"beginning as the nearest to {settings.layers} layers of {Path(settings.encoder).name}")
        first = _first(table, round(settings.crop * taken.sample_rate / HOP_LENGTH), settings.seed)
        begin(student, teacher, first)
        readout = _readout(student, teacher, first)
        mean = Pooling(1, encoder.hidden)
        pooled = pooled_states(teacher, table, indices, settings.train, partial(progress.count, "teacher"), mean)

        def on_step(epoch: int, done: int, total: int) -> None:
            progress.count(f"epoch {epoch}", done, total)

        scales = scales_of(pooled, speakers)
        rows = distill(
            settings, student, readout, teacher, scales, table, indices, settings.seed, folder, progress.row, on_step
        )
        _write(narrow, student, encoder, corpora, settings, folder)
        history_png(
            pd.DataFrame(rows), folder / HISTORY, f"{settings.layers} layers taught by {Path(settings.encoder).name}"
        )
        discard_checkpoints(folder)
    return folder


def _check(settings: DistillSettings, encoder: Encoder) -> None:
    if settings.layer > encoder.layers:
        raise ConfigError(f"layer = {settings.layer}: {settings.encoder} has {encoder.layers} layers; choose less")
    if settings.layers > settings.layer:
        raise ConfigError(
            f"layers = {settings.layers}: more than the {settings.layer} layers that are imitated; choose less"
        )
    given = encoder.model.config
    for name, own, most in (
        ("hidden", settings.hidden, given.d_model),
        ("feedforward", settings.feedforward, given.encoder_ffn_dim),
    ):
        if own > most:
            raise ConfigError(f"{name} = {own}: the encoder has {most}; choose less")


def _claim(settings: DistillSettings, corpora: Sequence[Corpus], folder: Path) -> None:
    """Write what the encoder in a folder is made of, and refuse to make another one there."""
    made_of = {"settings": settings.model_dump(mode="json"), "recordings": {c.name: len(c) for c in corpora}}
    path, content = folder / SETTINGS, json_bytes(made_of)
    if not path.exists():
        write_bytes(path, content)
    elif path.read_bytes() != content:
        raise ConfigError(f"{folder}: holds an encoder of other settings or corpora; choose another --out")


def _first(table: FeatureTable, longest: int, seed: int) -> torch.Tensor:
    """Spectrograms of the middle of some recordings, `(n, bands, frames)`, of one length, at most `longest` frames."""
    lengths = np.array([table[index].shape[1] for index in range(len(table))])
    frames = min(longest, int(np.median(lengths)))
    enough = np.flatnonzero(lengths >= frames)
    chosen = np.random.default_rng(seed).permutation(enough)[:FIRST]
    starts = (lengths[chosen] - frames) // 2
    parts = [table[int(index)][:, start : start + frames] for index, start in zip(chosen, starts)]
    return torch.from_numpy(np.stack(parts))


@torch.no_grad()
def _readout(student: WhisperLayers, teacher: WhisperLayers, log_mel: torch.Tensor) -> nn.Linear:
    """The linear layer from a student's states to its teacher's, on spectrograms `(n, bands, frames)`."""
    own, wanted = (one.from_log_mel(log_mel)[0] for one in (student, teacher))
    layer = nn.Linear(own.shape[-1], wanted.shape[-1])
    solve(layer, own, wanted)
    return layer


def _write(
    narrow: nn.Module,
    student: WhisperLayers,
    encoder: Encoder,
    corpora: Sequence[Corpus],
    settings: DistillSettings,
    folder: Path,
) -> None:
    """Leave the encoder's files, the weights in half precision and last."""
    source = Path(settings.encoder).name
    config = narrow.config.to_dict() | {"architectures": ["WhisperModel"], "model_type": "whisper", "dtype": "float16"}
    encoder.extractor.save_pretrained(folder)
    write_bytes(folder / "config.json", json_bytes(config))
    learnt = ", ".join(f"{c.name} ({c.licence or 'licence unknown'})" for c in corpora)
    card = CARD.format(
        source=source, layers=settings.layers, hidden=settings.hidden, feedforward=settings.feedforward,
        layer=settings.layer, learnt=learnt, notice=MIT.format(holder=KNOWN["whisper"][1]),
    )  # fmt: skip
    write_bytes(folder / "README.md", card.encode())
    state = {name: values.half() for name, values in whisper_state(narrow, student).items()}
    with atomic_write(folder / WEIGHTS) as temporary:
        save_file(state, temporary, {"format": "pt"})
