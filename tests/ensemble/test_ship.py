"""Which weights leave, and which files and facts go with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tembr.ensemble import ship as module
from tembr.ensemble.folder import EnsembleFolder
from tembr.ensemble.members import finished_members, read_protocol
from tembr.ensemble.report import ProtocolResult
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.ship import MeasuredProtocol, choose_shipped, ship
from tembr.errors import ConfigError, StoreError
from tembr.evaluate.results import MemberResult
from tembr.progress import Progress
from tembr.train.settings import TrainSettings
from tests.small_study import recordings_of, write_study

FOLDS = {"speaker": 3, "random": 1, "kfold": 5}


@pytest.fixture
def measured(tmp_path):
    """Two members under the speaker protocol, of which one has a weight."""
    study = write_study(tmp_path / "study", "chroma", "rms")
    protocol = read_protocol(study, tmp_path / "study", "speaker")
    members = list(finished_members(protocol).values())
    scores = {"n": 12, "accuracy": {"value": 0.4}, "uar": {"value": 0.5}}
    summary = {"member": "ensemble", **scores, "corpus": "demo", "network": "x"}
    kinds = {"ensemble": "ensemble", "knora": "ensemble", "rms": "network"}
    results = tuple(MemberResult(name, "speaker", kind, summary) for name, kind in kinds.items())
    result = ProtocolResult("x", results, "ensemble", {"chroma": 1.0, "rms": 0.0}, 1.5, {"trials": 3}, {}, {})
    return study, MeasuredProtocol(tmp_path / "out", protocol, members, result, new=True)


def of_one_fold(one: MeasuredProtocol) -> MeasuredProtocol:
    """As if the protocol had one fitting a member, whose weights are there."""
    for member in one.members:
        member.folds[0].joinpath("model.safetensors").write_text(member.name)
    return replace(one, protocol=replace(one.protocol, folds=one.protocol.folds[:1]))


def shipped(study, one: MeasuredProtocol, folder: Path, **settings) -> EnsembleFolder:
    chosen = EnsembleSettings(**settings)
    return ship(study, chosen, {"speaker": one}, "speaker", lambda: recordings_of(folder), one.place, Progress())


@pytest.mark.parametrize(
    ("protocols", "settings", "chosen"),
    [
        (["speaker", "random"], {}, "random"),
        (["speaker", "kfold"], {}, "speaker"),
        (["random", "speaker"], {"refit": True}, "speaker"),
        (["random", "kfold"], {"refit": True}, "random"),
        (["random", "kfold"], {"ship": "kfold"}, "kfold"),
    ],
)
def test_weights_leave_that_have_one_fitting_or_were_found_on_unseen_voices(protocols, settings, chosen):
    assert choose_shipped(protocols, FOLDS, EnsembleSettings(**settings)) == chosen


def test_a_protocol_that_is_not_measured_cannot_be_shipped():
    with pytest.raises(ConfigError, match="--ship kfold: not measured here; choose from random, speaker"):
        choose_shipped(["random", "speaker"], FOLDS, EnsembleSettings(ship="kfold"))


def test_members_without_a_weight_are_not_used(measured):
    assert [member.name for member in measured[1].used] == ["chroma"]


def test_of_several_fittings_none_is_shipped_and_that_is_said(measured, tmp_path):
    made = shipped(*measured, tmp_path / "audio")
    assert made.facts.trained_on == "none: the speaker protocol has 3 fittings of each; --refit fits one to ship"
    assert not list((made.folder / "members").glob("*"))


def test_the_one_fitting_of_a_used_member_is_copied_and_what_it_learnt_from_is_said(measured, tmp_path):
    study, one = measured
    made = shipped(study, of_one_fold(one), tmp_path / "audio")
    assert {p.name: p.read_text() for p in (made.folder / "members").iterdir()} == {"chroma.safetensors": "chroma"}
    assert made.facts.trained_on.startswith("the training part, 4 of 12 recordings of demo; 4 more")
    assert made.facts.corpora == [
        {"name": "demo", "licence": "CC0 1.0", "recordings": 4, "speakers": 1, "hours": round(6 / 3600, 3)}
    ]


def test_a_member_that_learns_from_the_validation_part_is_told_with_it(measured, tmp_path):
    study, one = measured
    refit = study.members["chroma"].model_copy(update={"train": TrainSettings(refit=True, schedule="cosine")})
    study = study.model_copy(update={"members": study.members | {"chroma": refit}})
    facts = shipped(study, of_one_fold(one), tmp_path / "audio").facts
    assert facts.trained_on == "the training and the validation part, 8 of 12 recordings of demo"
    assert (facts.corpora[0]["recordings"], facts.corpora[0]["speakers"]) == (8, 2)


def test_members_of_an_earlier_ensemble_do_not_stay(measured, tmp_path):
    study, one = measured
    (one.place / "members").mkdir(parents=True)
    for name in ("chroma", "zcr"):
        (one.place / "members" / f"{name}.safetensors").write_text("old")
    made = shipped(study, of_one_fold(one), tmp_path / "audio")
    assert [(p.name, p.read_text()) for p in (made.folder / "members").iterdir()] == [("chroma.safetensors", "chroma")]


def test_metrics_are_scores_without_what_is_no_score(measured, tmp_path):
    scores = {"n": 12, "accuracy": {"value": 0.4}, "uar": {"value": 0.5}}
    assert shipped(*measured, tmp_path / "audio").facts.metrics == {"speaker": scores}


def test_every_way_of_joining_is_told_with_its_scores(measured, tmp_path):
    scores = {"accuracy": {"value": 0.4}, "uar": {"value": 0.5}}
    made = shipped(*measured, tmp_path / "audio")
    assert made.facts.combiners == {"speaker": {"ensemble": scores, "knora": scores}}


def test_adapting_ships_with_its_temperature_where_it_was_measured(measured, tmp_path):
    study, one = measured
    adapted = {"shipped_strength": 0.5, "shipped_temperature": 1.25, "typical": [[1.0]], "uar": {"value": 0.6}}
    one = replace(one, result=replace(one.result, adapted=adapted))
    found = shipped(study, one, tmp_path / "audio", adapt=8, offset_prior=3.0, relative_prior=7.0).facts.adaptation
    assert found.relative_prior == 7.0
    assert (found.recordings, found.offset_prior, found.strength, found.temperature) == (8, 3.0, 0.5, 1.25)
    assert found.metrics == {"speaker": adapted}


def test_thresholds_of_sets_ship_as_they_were_found(measured, tmp_path):
    study, one = measured
    assert shipped(study, one, tmp_path / "audio").facts.set_thresholds == {}
    one = replace(one, result=replace(one.result, set_thresholds={"speaker_independent": [0.5, 0.25]}))
    found = shipped(study, one, tmp_path / "audio")
    assert EnsembleFolder.read(found.folder).facts.set_thresholds == {"speaker_independent": [0.5, 0.25]}


def test_a_refitted_member_learns_from_everything_once_and_leaves_no_checkpoint(measured, tmp_path, monkeypatch):
    study, one = measured
    fits = []

    class Fitted:
        def save(self, folder):
            folder.mkdir(parents=True)
            for name in ("model.safetensors", "last.ckpt"):
                (folder / name).write_text("refitted")

    monkeypatch.setattr(module, "fit_member", lambda settings, features, data, *_: fits.append(data) or Fitted())
    for _ in range(2):
        made = shipped(study, one, tmp_path / "audio", refit=True)
    assert (
        made.facts.trained_on == "all 12 recordings of demo" and made.weights_path("chroma").read_text() == "refitted"
    )
    assert [(data.train.tolist(), len(data.validation)) for data in fits] == [(list(range(12)), 0)]
    assert not list(made.folder.rglob("*.ckpt"))


def test_weights_that_are_gone_are_said_with_what_to_do(measured, tmp_path):
    study, one = measured
    one = of_one_fold(one)
    gone = one.members[0].folds[0] / "model.safetensors"
    gone.unlink()
    with pytest.raises(StoreError, match=rf"^{gone}: missing; remove {gone.parent} and run the study again"):
        shipped(study, one, tmp_path)
