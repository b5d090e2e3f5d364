"""Measures: known answers first, then scikit-learn, then the bootstrap."""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as reference

from tembr.emotions import EMOTIONS
from tembr.errors import TembrError
from tembr.evaluate import metrics

CONFUSION = np.array([[3, 1, 0], [1, 2, 1], [0, 0, 2]])
"""Recalls 3/4, 2/4, 2/2; precisions 3/4, 2/3, 2/3; F1 6/8, 4/7, 4/5; accuracy 7/10."""


def test_confusion_matrix_has_truth_in_rows():
    confusion = metrics.confusion_matrix([0, 0, 1], [0, 1, 1], 3)
    np.testing.assert_array_equal(confusion, [[1, 1, 0], [0, 1, 0], [0, 0, 0]])


def test_accuracy_is_the_share_on_the_diagonal():
    assert metrics.accuracy(CONFUSION) == pytest.approx(7 / 10)


def test_uar_is_the_mean_of_the_recalls():
    assert metrics.uar(CONFUSION) == pytest.approx((3 / 4 + 2 / 4 + 1) / 3)


def test_uar_leaves_out_classes_absent_from_truth():
    assert metrics.uar(np.array([[3, 0, 1], [0, 4, 0], [0, 0, 0]])) == pytest.approx((3 / 4 + 1) / 2)


def test_macro_f1_is_the_mean_of_the_f1s():
    assert metrics.macro_f1(CONFUSION) == pytest.approx((6 / 8 + 4 / 7 + 4 / 5) / 3)


def test_measures_of_many_matrices_are_those_of_each():
    stack = np.stack([CONFUSION, CONFUSION.T, np.eye(3, dtype=int)])
    for measure in (metrics.accuracy, metrics.uar, metrics.macro_f1):
        np.testing.assert_allclose(measure(stack), [measure(one) for one in stack])


def test_ece_of_one_bin_is_confidence_minus_accuracy():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    assert metrics.expected_calibration_error(probabilities, [0, 0, 1, 0]) == pytest.approx(0.9 - 0.5)


def test_ece_weights_bins_by_their_recordings():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.95, 0.05], [0.55, 0.45]])
    by_hand = 3 / 4 * (0.95 - 2 / 3) + 1 / 4 * (1 - 0.55)
    assert metrics.expected_calibration_error(probabilities, [0, 0, 1, 0], bins=10) == pytest.approx(by_hand)


def test_ece_of_certain_and_right_answers_is_zero():
    assert metrics.expected_calibration_error(np.eye(3), [0, 1, 2]) == 0


def test_ece_counts_a_confidence_on_an_edge_to_the_bin_below():
    probabilities = np.array([[0.5, 0.5], [0.6, 0.4]])
    in_two_bins = (0.5 + 0.6) / 2
    assert metrics.expected_calibration_error(probabilities, [1, 1], bins=2) == pytest.approx(in_two_bins)
    apart = (abs(1 - 0.5) + 0.6) / 2
    assert metrics.expected_calibration_error(probabilities, [0, 1], bins=2) == pytest.approx(apart)


@pytest.mark.parametrize("absent", [None, 0, 3], ids=["all classes", "first absent", "one absent"])
@pytest.mark.parametrize("seed", range(5))
def test_measures_agree_with_scikit_learn(seed, absent):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 6, 200), rng.integers(0, 6, 200)
    if absent is not None:
        truth[truth == absent] = 1
    confusion = metrics.confusion_matrix(truth, predicted, 6)
    ours = [metrics.accuracy(confusion), metrics.uar(confusion), metrics.macro_f1(confusion)]
    theirs = [
        reference.accuracy_score(truth, predicted),
        reference.recall_score(truth, predicted, average="macro", labels=np.unique(truth)),
        reference.f1_score(truth, predicted, average="macro", labels=np.unique(truth)),
    ]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_uar_is_scikit_learns_balanced_accuracy_when_a_class_is_missing():
    truth, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 2, 1, 1, 0])
    ours = metrics.uar(metrics.confusion_matrix(truth, predicted, 3))
    assert ours == pytest.approx(reference.balanced_accuracy_score(truth, predicted))


def test_macro_f1_leaves_out_classes_absent_from_truth_whose_predictions_are_errors():
    """F1: of the first class 2·3 / (4 + 3), of the second 2·4 / (4 + 4); the third is predicted once, never spoken."""
    confusion = np.array([[3, 0, 1], [0, 4, 0], [0, 0, 0]])
    assert metrics.macro_f1(confusion) == pytest.approx((6 / 7 + 1) / 2)


def test_what_is_averaged_over_is_said():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]])
    scores = metrics.score([0, 0, 2], probabilities, ["a", "b", "c"])
    assert scores.averaged_over == ("a", "c") and scores.as_dict()["averaged_over"] == ["a", "c"]


def test_macro_f1_agrees_when_a_class_occurs_nowhere():
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    ours = metrics.macro_f1(metrics.confusion_matrix(truth, predicted, 6))
    assert ours == pytest.approx(reference.f1_score(truth, predicted, average="macro"))


def test_per_class_figures_agree_with_scikit_learn(posteriors):
    truth, probabilities = posteriors(seed=1)
    scores = metrics.score(truth, probabilities, EMOTIONS)
    theirs = reference.precision_recall_fscore_support(truth, probabilities.argmax(axis=1))
    ours = [[row[name] for row in scores.per_class.values()] for name in ("precision", "recall", "f1", "support")]
    np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize("measure", [metrics.accuracy, metrics.uar, metrics.macro_f1])
def test_drawing_cells_is_drawing_recordings(measure, posteriors):
    truth, probabilities = posteriors(seed=2, n=150)
    predicted = probabilities.argmax(axis=1)
    rng = np.random.default_rng(3)
    drawn = rng.integers(0, 150, (2000, 150))
    recordings = [measure(metrics.confusion_matrix(truth[rows], predicted[rows], 6)) for rows in drawn]
    cells = measure(metrics.resample_confusion(metrics.confusion_matrix(truth, predicted, 6), rng, 2000))
    np.testing.assert_allclose(
        np.percentile(cells, [2.5, 50, 97.5]), np.percentile(recordings, [2.5, 50, 97.5]), atol=0.02
    )


def test_accuracy_intervals_cover_the_true_accuracy_about_95_times_in_100():
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(300):
        hits = rng.binomial(200, 0.7)
        resamples = metrics.resample_confusion(np.array([[hits, 200 - hits], [0, 0]]), rng, 500)
        low, high = np.percentile(metrics.accuracy(resamples), [2.5, 97.5])
        covered += low <= 0.7 <= high
    assert 0.90 <= covered / 300 <= 0.98


def test_resampled_ece_is_the_ece_of_the_resampled_recordings(posteriors):
    truth, probabilities = posteriors(seed=5, n=60)
    ours = metrics._resample_calibration(probabilities, truth, np.random.default_rng(6), resamples=20)
    drawn = np.random.default_rng(6).integers(0, 60, (20, 60))
    one_by_one = [metrics.expected_calibration_error(probabilities[rows], truth[rows]) for rows in drawn]
    np.testing.assert_allclose(ours, one_by_one)


def test_resampling_ece_in_parts_gives_every_resample(monkeypatch, posteriors):
    monkeypatch.setattr(metrics, "INDICES_AT_ONCE", 700)
    truth, probabilities = posteriors(seed=5, n=100)
    parts = metrics._resample_calibration(probabilities, truth, np.random.default_rng(6), resamples=20)
    assert parts.shape == (20,)


def test_ece_interval_of_a_calibrated_classifier_holds_its_own_value():
    rng = np.random.default_rng(7)
    confidence = rng.uniform(0.5, 1, 400)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    truth = (rng.random(400) > confidence).astype(int)
    ece = metrics.score(truth, probabilities, ["yes", "no"]).ece
    assert 0 <= ece.low < ece.value < ece.high


def test_same_seed_gives_the_same_intervals(posteriors):
    truth, probabilities = posteriors(seed=8)
    first, second = (metrics.score(truth, probabilities, EMOTIONS, seed=9).as_dict() for _ in range(2))
    assert first == second


def test_more_recordings_give_narrower_intervals(posteriors):
    few, many = (metrics.score(*posteriors(seed=10, n=n), EMOTIONS).uar for n in (100, 2000))
    assert many.high - many.low < (few.high - few.low) / 2


def test_speakers_are_scored_apart():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
    scores = metrics.score([0, 1, 1, 1], probabilities, ["a", "b"], speakers=["S1", "S1", "S2", "S2"])
    assert scores.per_speaker == {
        "S1": {"n": 2, "accuracy": 0.5, "uar": 0.5},
        "S2": {"n": 2, "accuracy": 1.0, "uar": 1.0},
    }


def test_unknown_genders_are_left_out(posteriors):
    truth, probabilities = posteriors(seed=11, n=4)
    scores = metrics.score(truth, probabilities, EMOTIONS, genders=["female", "", None, float("nan")])
    assert set(scores.per_gender) == {"female"}


def test_scores_survive_json(posteriors):
    truth, probabilities = posteriors(seed=12)
    content = metrics.score(truth, probabilities, EMOTIONS, genders=["female"] * len(truth)).as_dict()
    assert json.loads(json.dumps(content)) == content


def test_as_dict_has_what_the_contract_promises(posteriors):
    content = metrics.score(*posteriors(seed=13), EMOTIONS).as_dict()
    assert set(content) == {
        *("n", "accuracy", "uar", "macro_f1", "ece"),
        *("per_class", "per_speaker", "per_gender", "confusion", "labels", "averaged_over"),
    }
    assert set(content["uar"]) == {"value", "low", "high"}


@pytest.mark.parametrize(
    ("truth", "probabilities", "message"),
    [
        ([], np.empty((0, 2)), "nothing to score"),
        ([0, 1], [[0.5, 0.5], [np.nan, 0.5]], "first row 1"),
        ([0], [[0.5, 0.3, 0.2]], "do not match"),
        ([2], [[0.5, 0.5]], "class indices"),
        ([-1], [[0.5, 0.5]], "class indices"),
        (["a"], [[0.5, 0.5]], "class indices"),
        ([0], [[3.0, -1.0]], "softmax"),
    ],
    ids=["empty", "NaN", "shape", "too large", "negative", "text", "logits"],
)
def test_input_that_cannot_be_scored_is_refused(truth, probabilities, message):
    with pytest.raises(metrics.ScoreError, match=message):
        metrics.score(truth, probabilities, ["a", "b"])


def test_score_error_is_both_ours_and_a_value_error():
    assert issubclass(metrics.ScoreError, TembrError)
    assert issubclass(metrics.ScoreError, ValueError)


def test_a_speaker_too_few_is_refused():
    with pytest.raises(metrics.ScoreError, match="1 speakers for 2 recordings"):
        metrics.score([0, 1], np.eye(2), ["a", "b"], speakers=["S1"])


def test_metrics_need_no_laboratory():
    check = "import sys, tembr.evaluate.metrics; print(*{'pandas', 'sklearn', 'torch'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert said.strip() == ""
