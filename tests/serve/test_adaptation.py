"""serve/local/adaptation.js beside tembr/adaptation, which it repeats: run by Node.js, where that is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import files

import numpy as np
import pytest

from tembr.adaptation.fitting import EnsembleOutputs, Knowledge, fit_to_speaker
from tembr.adaptation.offset import Offsets
from tembr.adaptation.relative import Relative
from tembr.adaptation.two_covariance import TwoCovariance

LABELS, SIZE = 4, 3
PROGRAM = """
import { readFileSync } from "node:fs";
const { fitToSpeaker } = await import(process.argv[1]);
const { known, logits, embeddings, relative } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(fitToSpeaker(known, logits, embeddings, relative)));
"""


def by_node(**given) -> dict:
    if not (node := shutil.which("node")):
        pytest.skip("Node.js is not installed")
    module = (files("tembr") / "serve" / "local" / "adaptation.js").as_uri()
    command = [node, "--input-type=module", "-e", PROGRAM, module]
    return json.loads(
        subprocess.run(command, input=json.dumps(given), text=True, capture_output=True, check=True).stdout
    )


@pytest.mark.parametrize("count", [1, 2, 9, 40])
@pytest.mark.parametrize(
    "parts", [(), ("relative",), ("space", "learning"), ("relative", "space", "learning"), ("space",)]
)
def test_a_browser_learns_of_a_speaker_what_python_learns(count, parts):
    rng = np.random.default_rng(count)
    typical, beside = rng.normal(size=(2, LABELS, LABELS))
    logits, relative = 3 * rng.normal(size=(2, count, LABELS))
    embeddings, means, spread = (
        2 * rng.normal(size=(count, SIZE)),
        rng.normal(size=(LABELS, SIZE)),
        rng.random(SIZE) + 0.1,
    )
    known = {"strength": 0.75, "offset": {"typical": typical.tolist(), "prior": 10.0, "mixture": 5.0}}
    knowledge = Knowledge(Offsets(typical, 10.0, 5.0), strength=0.75)
    if "relative" in parts:
        known["relative"] = {"typical": beside.tolist(), "share": 0.7, "mixture": 5.0, "prior": 5.0}
        knowledge = knowledge._replace(relative=Relative(beside, 0.7, 5.0, 5.0))
    if "space" in parts:
        learning = {"within_prior": 10.0} if "learning" in parts else {}
        known["two_covariance"] = {
            "means": means.tolist(),
            "spread": spread.tolist(),
            "share": 0.2,
            "prior": 8.0,
            **learning,
        }
        knowledge = knowledge._replace(two_covariance=TwoCovariance(means, spread, 0.2, 8.0, **learning))
    expected = fit_to_speaker(knowledge, EnsembleOutputs(logits, embeddings, relative))
    values = {"logits": logits, "embeddings": embeddings, "relative": relative}
    found = by_node(known=known, **{name: one.tolist() for name, one in values.items()})
    assert found["share"] == pytest.approx(expected.share)
    np.testing.assert_allclose(found["offset"], expected.offset, atol=1e-9)
    assert ("means" in found) == ("space" in parts)
    if "space" in parts:
        np.testing.assert_allclose(found["means"], expected.means, atol=1e-9)
        np.testing.assert_allclose(found["precisions"], expected.precisions, atol=1e-9)
