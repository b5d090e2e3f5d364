"""What every comparison is held against: the commonest emotion, and time-means with an SVM or discriminants."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from tembr.errors import CorpusError
from tembr.features.extract import find
from tembr.features.inputs import Input, RepresentationInput
from tembr.features.settings import FeatureSettings
from tembr.models.base import NEVER, MemberSettings, Outputs, register
from tembr.models.data import FoldData, mean_over_time
from tembr.progress import Progress

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC


class _OnMeans(MemberSettings):
    """Kinds that see the time-mean of every bin of one representation, and nothing of how it goes on in time."""

    representation: str = "mfcc"

    baseline: ClassVar[bool] = True

    def check(self, features: FeatureSettings) -> None:
        find(self.representation)

    def inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        return (RepresentationInput(self.representation, features),)

    def fit(self, module: nn.Module, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        started, learnt = time.perf_counter(), data.target
        (taken,) = self.inputs(data.features)
        self._fit(module, mean_over_time(data.tables[taken], learnt), data.classes[learnt], data.speakers[learnt])
        return [{"seconds": time.perf_counter() - started}]

    def _fit(self, module: nn.Module, means: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> None:
        raise NotImplementedError


@register
class MajoritySettings(_OnMeans):
    """Always the share of each emotion among what it learnt from."""

    kind: Literal["majority"] = "majority"

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        return _Constant(labels)

    def _fit(self, module: _Constant, means: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> None:
        shares = np.bincount(classes, minlength=len(module.logits)) / len(classes)
        module.logits.copy_(torch.from_numpy(np.log(np.maximum(shares, 1e-30))))


@register
class SvmSettings(_OnMeans):
    """A support vector machine with a radial kernel on standardised time-means (scikit-learn's SVC).

    Its logits are the decision function: an order of the emotions rather than probabilities.

    Attributes:
        representation: whose time-means it takes.
        c: price of a training error.
    """

    kind: Literal["svm"] = "svm"
    c: float = Field(10.0, gt=0)

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        return _SupportVectors(find(self.representation).bins(features), labels)

    def _fit(self, module: _SupportVectors, means: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> None:
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        scaler = StandardScaler().fit(means)
        found = SVC(C=self.c, kernel="rbf", break_ties=True).fit(scaler.transform(means), classes)
        module.take(scaler, found)


@register
class DiscriminantsSettings(_OnMeans):
    """Linear discriminants over speaker and emotion together, on time-means: what a random split rewards.

    A recording's mean spectrum says which voice, microphone and day it is; where a corpus was recorded emotion by
    emotion that says the emotion too. Of a voice that is not in the training part it knows nothing.

    Attributes:
        representation: whose time-means it takes.
        shrinkage: of the covariance towards its diagonal, 0 to 1.
    """

    kind: Literal["discriminants"] = "discriminants"
    representation: str = "spectrogram"
    shrinkage: float = Field(0.01, ge=0, le=1)

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        return _Discriminants(find(self.representation).bins(features), labels)

    def _fit(self, module: _Discriminants, means: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> None:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.preprocessing import StandardScaler

        voices = np.unique(speakers, return_inverse=True)[1]
        groups, which = np.unique(voices * module.classes + classes, return_inverse=True)
        if len(groups) == len(which):
            raise CorpusError(f"{self.name}: needs several recordings of an emotion by one speaker; leave it out")
        scaler = StandardScaler().fit(means)
        values = scaler.transform(means)
        found = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=self.shrinkage).fit(values, which)
        slopes, biases = found.coef_, found.intercept_
        if len(groups) == 2:  # scikit-learn gives one row, of the second against the first
            slopes, biases = np.vstack([0 * slopes, slopes]), np.append(0 * biases, biases)
        module.take(scaler, slopes, biases, groups % module.classes)


class _Constant(nn.Module):
    def __init__(self, labels: int):
        super().__init__()
        self.register_buffer("logits", torch.zeros(labels))

    def forward(self, values: torch.Tensor) -> Outputs:
        return self.logits + torch.zeros_like(values[:, :1, 0]), None


class _Standardised(nn.Module):
    """Time-means less those of training, in units of their deviation."""

    def __init__(self, bins: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(bins))
        self.register_buffer("deviation", torch.ones(bins))

    def set(self, scaler: StandardScaler) -> None:
        self.mean.copy_(torch.from_numpy(scaler.mean_))
        self.deviation.copy_(torch.from_numpy(scaler.scale_))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """`(batch, bins, frames)` → `(batch, bins)`."""
        return (values.mean(-1) - self.mean) / self.deviation


class _SupportVectors(nn.Module):
    """The decision function of scikit-learn's SVC with a radial kernel, one against the rest.

    Of all pairs of classes the votes are counted; their summed confidences, squeezed to less than half a vote, decide
    between equals (`sklearn.utils.multiclass._ovr_decision_function`).
    """

    def __init__(self, bins: int, labels: int):
        super().__init__()
        self.labels = labels
        self.standardised = _Standardised(bins)
        for name in ("vectors", "coefficients", "intercepts", "votes", "places"):
            self.register_buffer(name, torch.zeros(0))
        self.register_buffer("gamma", torch.zeros(()))

    def take(self, scaler: StandardScaler, found: SVC) -> None:
        self.standardised.set(scaler)
        classes = len(found.classes_)
        pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
        starts = np.concatenate([[0], np.cumsum(found.n_support_)])
        coefficients = np.zeros((len(pairs), len(found.support_vectors_)))
        votes = np.zeros((len(pairs), classes))
        for number, (i, j) in enumerate(pairs):
            own, other = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
            coefficients[number, own] = found.dual_coef_[j - 1, own]
            coefficients[number, other] = found.dual_coef_[i, other]
            votes[number, [i, j]] = 1, -1
        sign = -1 if classes == 2 else 1  # of two classes scikit-learn turns the function round
        places = np.zeros((classes, self.labels))
        places[np.arange(classes), found.classes_] = 1
        self.vectors = _float(found.support_vectors_)
        self.coefficients, self.intercepts = _float(sign * coefficients), _float(sign * found.intercept_)
        self.votes, self.places, self.gamma = _float(votes), _float(places), torch.tensor(float(found._gamma))

    def forward(self, values: torch.Tensor) -> Outputs:
        means = self.standardised(values)
        distances = (means[:, None] - self.vectors).square().sum(-1)
        decisions = torch.exp(-self.gamma * distances) @ self.coefficients.T + self.intercepts
        won = torch.sign(decisions) @ self.votes / 2 + (self.votes.shape[1] - 1) / 2
        confidences = decisions @ self.votes
        scores = won + confidences / (3 * (confidences.abs() + 1))
        met = self.places.sum(0)
        return scores @ self.places + NEVER * (1 - met), None


class _Discriminants(nn.Module):
    def __init__(self, bins: int, labels: int):
        super().__init__()
        self.classes = labels
        self.standardised = _Standardised(bins)
        for name in ("slopes", "biases", "members"):
            self.register_buffer(name, torch.zeros(0))

    def take(self, scaler: StandardScaler, slopes: np.ndarray, biases: np.ndarray, labels: np.ndarray) -> None:
        self.standardised.set(scaler)
        self.slopes, self.biases = _float(slopes), _float(biases)
        self.members = torch.where(torch.from_numpy(np.eye(self.classes)[labels]) > 0, 0.0, NEVER).float()

    def forward(self, values: torch.Tensor) -> Outputs:
        scores = self.standardised(values) @ self.slopes.T + self.biases
        return (scores[:, :, None] + self.members).logsumexp(1), None


def _float(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
