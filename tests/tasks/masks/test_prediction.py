"""Segmenters and a decision asked about items: for the submission, and for items whose truth is known."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from clouds_fixtures import Trained, chosen, trained  # noqa: E402, F401

from kaggle_utils.competitions import clouds  # noqa: E402
from kaggle_utils.competitions.samples.folders import hidden_folder  # noqa: E402
from kaggle_utils.tasks.decisions import Worth, summary, write_decision  # noqa: E402
from kaggle_utils.tasks.masks.decision import Decision, Merge, decided, same_rule  # noqa: E402
from kaggle_utils.tasks.runs import read_runs, write_run  # noqa: E402
from kaggle_utils.tasks.submission import answer_all, held_out, score_validation  # noqa: E402

SETS = ("96x64_identity", "96x64_hflip")


def decision(*sets: str, **merge: object) -> dict:
    return Decision(Merge(sets, **merge), same_rule(4)).plain()


def test_a_submission_is_made_of_all_folds_and_scored_by_the_summary(trained: Trained, tmp_path) -> None:
    predictor = clouds.KIND.predictor(clouds, trained.runs, decision(*SETS, "96x64_identity_last"))
    (tmp_path / "4_submit").mkdir()
    path = answer_all(clouds.stream(None, trained.input, tmp_path / "4_submit"), predictor, batch=2)
    assert path.name == "submission.csv" and len(pd.read_csv(path)) == 4 * len(clouds.test(trained.input)) == 12
    hidden = clouds.hidden(hidden_folder(trained.input) / "test_images")
    lines = summary(clouds, tmp_path, hidden, ["4_submit"])
    assert lines[0].startswith("hidden-test Dice: ") and "; all empty " in lines[0] and lines[-1].endswith("submission.csv")


def test_the_models_of_all_folds_are_asked_and_their_mean_is_decided(trained: Trained) -> None:
    """By hand: the mean of the two folds' probabilities of one set."""
    from kaggle_utils.learning.models import load_model
    from kaggle_utils.tasks.masks.prediction import predictions

    items = clouds.test(trained.input)
    pixels = np.stack([clouds.read(items, row, (96, 64)) for row in range(3)])
    each = []
    for path in trained.runs.weights("96x64").values():
        [(_, answer)] = predictions(load_model(path), pixels, range(3), "hflip", clouds.SUBMISSION_SHAPE, batch=3, device="cpu")
        each.append(answer)
    masks, labels = (np.mean(parts, axis=0) for parts in zip(*each, strict=True))
    one = Decision(Merge(SETS[1:]), same_rule(4, gate=0.4), labels=True)
    looks = [look for _, look in clouds.stream(None, trained.input, trained.output)]
    found = list(clouds.KIND.predictor(clouds, trained.runs, one.plain())(looks))
    assert np.array_equal(found, [decided(one, [masks[row]], [labels[row]]) for row in range(3)])


def test_a_grey_training_is_submitted_grey(trained: Trained, tmp_path) -> None:
    """One fold on six pictures; that they are grey is read from run.json."""
    few = replace(trained, data=trained.data.take(np.arange(6)), fold_of_item=np.arange(6) // 4, cache=tmp_path / "cache")
    write_run(tmp_path, few.train(chosen({"grayscale": True}), tmp_path, folds=(1,)))
    runs, shapes = read_runs([tmp_path]), []
    assert runs.parameters("96x64")["grayscale"] is True
    predictor = clouds.KIND.predictor(clouds, runs, decision("96x64_identity"))

    def look(size: tuple[int, int], **pixels: object) -> np.ndarray:
        picture = clouds.read(clouds.test(trained.input), 0, size, **pixels)
        shapes.append(picture.shape)
        return picture

    assert [masks.shape for masks in predictor([look])] == [(4, *clouds.SUBMISSION_SHAPE)] and shapes == [(64, 96, 1)]


def test_validation_gives_what_the_out_of_fold_predictions_gave(trained: Trained, tmp_path) -> None:
    """The submission's code on the first fold's pictures against the stored predictions of that fold."""
    judged, chosen_sets = trained.judged, Decision(Merge(SETS, how="geometric"), same_rule(4))
    items = held_out(clouds, trained.data, trained.runs)
    assert items.table["image"].tolist() == trained.data.table["image"].to_numpy()[trained.fold_of_item == 0].tolist()
    stream, masks = clouds.stream(items, trained.input, tmp_path), {}
    taken, stream.take = stream.take, lambda key, answer: (masks.update({key: answer}), taken(key, answer))
    predictor = clouds.KIND.predictor(clouds, trained.runs, chosen_sets.plain(), models="first")
    path = answer_all(stream, predictor, batch=2)
    for row, mask in zip(np.flatnonzero(trained.fold_of_item == 0), masks.values(), strict=True):
        answers = [[stores[name].read([row])[0] for name in SETS] for stores in (judged.masks, judged.labels)]
        assert (mask != decided(chosen_sets, *answers)).mean() < 0.01  # stored in 8 bits
    card = score_validation(clouds, items, path)
    assert path.name == "validation.csv" and not (tmp_path / "submission.csv").exists() and card.pairs == 20
    assert json.loads((tmp_path / "validation.json").read_text()) == {"metric": "Dice", "score": card.dice, "items": 5}


def test_other_models_than_the_first_folds_or_alls_are_refused(trained: Trained) -> None:
    with pytest.raises(ValueError, match="models is 'last', expected 'first', 'all' or 'full'"):
        clouds.KIND.predictor(clouds, trained.runs, decision(*SETS), models="last")


def test_a_missing_test_picture_is_named(trained: Trained, monkeypatch, tmp_path) -> None:
    items = clouds.test(trained.input)
    table = items.table.assign(exists=[True, False, True])
    monkeypatch.setattr(clouds, "test", lambda folder: replace(items, table=table))
    with pytest.raises(ValueError, match=f"1 of 3 test pictures are not there, the first is {table['image'][1]}"):
        clouds.stream(None, trained.input, tmp_path)


def test_a_decision_knows_the_weights_it_was_measured_with(trained: Trained, tmp_path) -> None:
    worth = Worth("a", 0.6, 0.5, 0.7, 0.62, 0.65)
    write_decision(tmp_path / "decision.json", decision(*SETS), worth, trained.runs.fingerprints(SETS))
    noted = json.loads((tmp_path / "decision.json").read_text())["weights"]
    assert list(noted) == ["96x64 best"] and set(noted["96x64 best"]) == {"0", "1"}
    trained.runs.require_weights(noted)
    with pytest.raises(ValueError, match="96x64 best fold 1: the decision was measured with 000000"):
        trained.runs.require_weights({"96x64 best": noted["96x64 best"] | {"1": "0" * 40}})
