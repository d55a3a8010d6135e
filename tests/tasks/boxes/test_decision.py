"""A decision frame by frame is the decision on the whole table; what is written is what is read."""

from dataclasses import asdict

import numpy as np
import pytest

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.tasks.boxes.decision import Decision, FrameByFrame, answered, uncut
from kaggle_utils.tasks.decisions import Worth, read_decision, write_decision

WORTH = Worth("plain", 0.5, 0.4, 0.6, 0.5, 0.5)
SIZE = (1280, 720)
CLIPS = np.array([0] * 12 + [1] * 9 + [2] * 15)


def moving_boxes(seed: int, n_frames: int = len(CLIPS)) -> Boxes:
    """Three objects that drift through every frame, seen two times in three, and some noise."""
    rng = np.random.default_rng(seed)
    frame, k = np.divmod(np.arange(3 * n_frames), 3)
    left_top = np.column_stack([100 + 300 * k + 6 * frame, 200 + 100 * k + 3 * frame]) + rng.normal(0, 2, (len(k), 2))
    seen = rng.random(len(k)) < 0.67
    objects = Boxes(frame[seen], np.hstack([left_top, left_top + 50])[seen], rng.uniform(0.05, 0.9, seen.sum()))
    corner = rng.uniform(0, 600, (n_frames, 2))
    noise = Boxes(np.arange(n_frames), np.hstack([corner, corner + rng.uniform(10, 60, (n_frames, 2))]), rng.uniform(0.01, 0.3, n_frames))
    return Boxes.concat([objects, noise])


DECISIONS = {
    "fusion alone": Decision(("a", "b"), {"method": "wbf", "iou": 0.5}, cut=0.2),
    "attention": Decision(("a",), attention={"behind": 2, "gain": 0.5}, cut=0.2),
    "tracking": Decision(("a",), tracking={"min_score": 0.1, "lift": 0.5, "decay": 0.7, "longest": 1}, cut=0.2),
    "everything": Decision(("b", "a"), {"method": "nmw", "iou": 0.4}, {"behind": 3, "gain": 0.3}, {"longest": 2}, 0.25),
}


def streamed(decision: Decision, tables: dict[str, Boxes]) -> Boxes:
    stream, answers = FrameByFrame(decision, SIZE), []
    for frame, clip in enumerate(CLIPS):
        if frame and clip != CLIPS[frame - 1]:
            stream.reset()
        answers.append(stream.update([tables[name][tables[name].frame == frame] for name in decision.sets]))
    return Boxes.concat(answers)


@pytest.mark.parametrize("name", DECISIONS)
@pytest.mark.parametrize("seed", range(3))
def test_frame_by_frame_gives_the_boxes_of_the_whole_table(name, seed):
    decision, tables = DECISIONS[name], {"a": moving_boxes(seed), "b": moving_boxes(seed + 100)}
    whole, stream = (b[np.lexsort((*b.xyxy.T, b.score, b.frame))] for b in (answered(decision, tables, CLIPS, SIZE), streamed(decision, tables)))
    assert len(whole) == len(stream) > 20 and np.array_equal(whole.frame, stream.frame)
    assert np.allclose(whole.xyxy, stream.xyxy) and np.allclose(whole.score, stream.score)


def test_the_cut_is_applied_last_and_boxes_stay_inside_the_frame():
    tables = {"a": Boxes([0, 0], [[-20, -20, 40, 40], [900, 500, 1400, 800]], [0.9, 0.1])}
    decision = Decision(("a",), cut=0.5)
    assert len(uncut(decision, tables, CLIPS, SIZE)) == 2
    answer = answered(decision, tables, CLIPS, SIZE)
    assert answer.xyxy.tolist() == [[0, 0, 40, 40]]


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_is_read_as_it_was_written(name, tmp_path):
    write_decision(tmp_path / "d.json", asdict(DECISIONS[name]), WORTH, {"plain best": {"0": "ab"}}, sample=True)
    content, _, facts = read_decision(tmp_path / "d.json")
    assert Decision.from_plain(content) == DECISIONS[name] and facts == {"weights": {"plain best": {"0": "ab"}}, "sample": True}


@pytest.mark.parametrize(("made_from", "used"), [(True, False), (False, True)])
def test_a_decision_is_not_read_for_other_data(made_from, used, tmp_path):
    write_decision(tmp_path / "decision.json", asdict(DECISIONS["attention"]), WORTH, {}, sample=made_from)
    assert read_decision(tmp_path / "decision.json", sample=made_from) == read_decision(tmp_path / "decision.json")
    with pytest.raises(ValueError, match="decision.json was made from .*sample"):
        read_decision(tmp_path / "decision.json", sample=used)


def test_a_file_that_is_no_decision_is_refused(tmp_path):
    (tmp_path / "x.json").write_text('{"something": 1}')
    with pytest.raises(ValueError, match="something"):
        read_decision(tmp_path / "x.json")
    with pytest.raises(ValueError, match="rule"):
        Decision.from_plain({"rule": "of another kind"})


def test_a_missing_prediction_set_is_named():
    with pytest.raises(KeyError, match="hflip@640"):
        uncut(Decision(("hflip@640",)), {"identity@640": Boxes.empty()}, CLIPS, SIZE)
