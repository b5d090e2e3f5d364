"""How voice networks are trained."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tembr.features.settings import FeatureSettings

CONTOURS = FeatureSettings(window=4.0, n_fft=1024, hop_length=256, n_mels=40)
"""What voice networks hear: 40 bands, pitch, voicing and energy every 16 ms."""


class VoiceSettings(BaseModel):
    """Parameters of the training of voice networks.

    Attributes:
        kind: 'network' (`VoiceNetwork`, along time) or 'pictures' (`PictureNetwork`, along time and frequency);
            'functionals' (`MannerModel`) or 'encoder', the same of what a pretrained encoder hears
            (`tembr.voices.encoder`), to which of what follows only `features`, `shrinkage`, `manner` and `voices`
            apply; 'spectra' or 'mean spectrum' (`SpectraModel`), for voices that are learnt from and asked alike, to
            which only `features` and `shrinkage` apply.
        features: of the contours.
        channels: of the network, see `VoiceNetwork` and `PictureNetwork`; `layers` of the former.
        dropout: before the last layer; `inner_dropout` of channels after every convolution.
        steps: batches.
        batch_size: recordings.
        learning_rate, weight_decay: of AdamW; the rate rises over the first tenth and falls along a cosine.
        label_smoothing: share of the target spread over the emotions of the recording's corpus.
        average: decay of the exponential moving average of the weights, which is what is kept; 0 keeps the last.
        level: what a recording's contours are taken relative to in training: 'recording' is its own level, 'speaker'
            the mean of its speaker's recordings, 'both' the mean of 1 to 32 of them, itself among them, drawn anew.
        warp: share by which the frequency axis is stretched or squeezed at most; `stretch` the same for time.
        masks: of each kind; `band_mask` rows, `time_mask` frames at most.
        crop: frames of a recording seen at once.
        mixstyle: probability that a recording takes part of another's mean and deviation in every row.
        balance: a speaker with n recordings is drawn in proportion to n ** (1 − balance).
        centred: the logits of a speaker's recordings in a batch are taken relative to their mean there, so that the
            network learns what tells a voice's emotions apart rather than voices; for speakers that are known by
            recordings of theirs. Batches then hold 16 recordings a speaker, of all emotions alike.
        shrinkage: share of their diagonal that is added to the covariances of functionals.
        manner, voices: what the covariances of speakers' manners and voices weigh, 1 as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["network", "pictures", "functionals", "encoder", "spectra", "mean spectrum"] = "network"
    features: FeatureSettings = CONTOURS
    channels: int = Field(128, ge=8, le=1024)
    layers: int = Field(4, ge=2, le=12)
    dropout: float = Field(0.3, ge=0, lt=1)
    inner_dropout: float = Field(0.1, ge=0, lt=1)
    steps: int = Field(640, ge=1, le=1_000_000)
    batch_size: int = Field(64, ge=2, le=4_096)
    learning_rate: float = Field(3e-3, gt=0)
    weight_decay: float = Field(3e-2, ge=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    average: float = Field(0.995, ge=0, lt=1)
    level: Literal["recording", "speaker", "both"] = "both"
    warp: float = Field(0.1, ge=0, lt=0.5)
    stretch: float = Field(0.15, ge=0, lt=0.5)
    masks: int = Field(2, ge=0, le=10)
    band_mask: int = Field(6, ge=0, le=40)
    time_mask: int = Field(25, ge=0, le=200)
    crop: int = Field(160, ge=16, le=2_000)
    mixstyle: float = Field(0.0, ge=0, le=1)
    balance: float = Field(0.5, ge=0, le=1)
    centred: bool = False
    shrinkage: float = Field(0.05, ge=0, le=1)
    manner: float = Field(0.5, ge=0, le=10)
    voices: float = Field(1.0, ge=0, le=10)
