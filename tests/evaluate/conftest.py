"""Made-up posteriors and members, seeded, so that a failing test fails again."""

import numpy as np
import pytest

from tembr.emotions import EMOTIONS
from tembr.evaluate.metrics import score
from tembr.evaluate.results import MemberResult


def draw(seed: int, n: int = 300, strength: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Truth (n,) and posteriors (n, 6); the larger `strength`, the better they agree."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(EMOTIONS), n)
    probabilities = rng.dirichlet(np.ones(len(EMOTIONS)), n)
    probabilities[np.arange(n), truth] += strength
    return truth, probabilities / probabilities.sum(axis=1, keepdims=True)


@pytest.fixture(scope="session")
def posteriors():
    """A factory of truth and posteriors: `draw`."""
    return draw


@pytest.fixture(scope="session")
def scores():
    """Scores of one fair classifier."""
    return score(*draw(seed=20), EMOTIONS)


@pytest.fixture(scope="session")
def make_member():
    """A factory of results: name, protocol, and how good the member is."""

    def make(member, protocol="random", strength=0.4, kind="network") -> MemberResult:
        truth, probabilities = draw(seed=len(member), strength=strength)
        summary = score(truth, probabilities, EMOTIONS).as_dict() | {
            "member": member,
            "protocol": protocol,
            "kind": kind,
            "parameters": 11_173_318,
            "train_seconds": 61.5,
            "epochs": 12,
            "folds": 9 if protocol == "speaker" else 1,
            "corpus": "nemo",
            "seed": 42,
        }
        return MemberResult(member, protocol, kind, summary)

    return make


@pytest.fixture(scope="session")
def two_protocols(make_member):
    """Two networks and a baseline on the random split, two of them on unseen speakers as well."""
    return [
        make_member("mfcc", "random", 0.6),
        make_member("melspectrogram", "random", 0.5),
        make_member("svm", "random", 0.9, kind="baseline"),
        make_member("mfcc", "speaker", 0.1),
        make_member("melspectrogram", "speaker", 0.2),
    ]
