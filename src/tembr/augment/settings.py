"""How strongly training data are varied."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WaveformSettings(BaseModel):
    """Changes of the recording itself; the representation is then computed anew for every batch.

    Attributes:
        enabled: off by default: cached representations are several times faster.
        gain: dB, at most this much louder or softer.
        noise_snr: dB, lowest signal-to-noise ratio of added white noise, drawn up to 30 dB above it; 0 adds none.
        speed: at most this share faster or slower (pitch and tempo together).
        pitch: semitones, at most this much higher or lower at unchanged tempo.
        shift: share of the window by which the recording is moved at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    gain: float = Field(6.0, ge=0, le=40)
    noise_snr: float = Field(15.0, ge=0, le=80)
    speed: float = Field(0.1, ge=0, lt=0.5)
    pitch: float = Field(2.0, ge=0, le=12)
    shift: float = Field(0.1, ge=0, le=0.5)


class AugmentSettings(BaseModel):
    """How strongly training data are varied; 0 turns a part off.

    Attributes:
        enabled: False trains on the data as they are.
        noise: deviation of added noise as a share of each row's own, fitted on training data.
        time_mask, row_mask: largest share of frames or rows hidden by one mask (SpecAugment).
        masks: masks of each kind.
        harmonic_mask: pitch classes or tonal dimensions hidden at most.
        shift: share of the frames by which a recording is moved at most.
        warp: share by which the frequency axis of spectra, and time everywhere, is stretched or squeezed at most:
            another throat, another tempo (vocal tract length perturbation).
        waveform: variation of the recording itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    noise: float = Field(0.1, ge=0, le=2)
    time_mask: float = Field(0.15, ge=0, le=0.9)
    row_mask: float = Field(0.15, ge=0, le=0.9)
    masks: int = Field(2, ge=0, le=10)
    harmonic_mask: int = Field(2, ge=0, le=6)
    shift: float = Field(0.1, ge=0, le=0.5)
    warp: float = Field(0.0, ge=0, lt=0.5)
    waveform: WaveformSettings = WaveformSettings()


class VAESettings(BaseModel):
    """The variational autoencoder that makes further training examples, see `tembr.augment.vae`.

    Attributes:
        latent: numbers that say what emotion and speaker do not.
        embedding: numbers that stand for an emotion, and for a speaker.
        channels: of the first convolution; each further one has twice as many.
        epochs: of its fitting.
        batch_size: recordings.
        learning_rate: of Adam.
        beta: weight of the Kullback-Leibler divergence; 1 is the evidence lower bound, more makes latents that are
            closer to the prior and pictures that are smoother.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latent: int = Field(32, ge=1, le=1_024)
    embedding: int = Field(16, ge=1, le=256)
    channels: int = Field(16, ge=1, le=256)
    epochs: int = Field(25, ge=1, le=10_000)
    batch_size: int = Field(64, ge=1, le=4_096)
    learning_rate: float = Field(1e-3, gt=0)
    beta: float = Field(1.0, ge=0)
