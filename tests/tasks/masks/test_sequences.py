"""Masks over time: frames in the channels, what several annotators drew, and one Dice of all pixels, on tiny records."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kaggle_utils.competitions import clouds, contrails  # noqa: E402
from kaggle_utils.learning.store import PredictionStore  # noqa: E402
from kaggle_utils.masks.dice import dice_counts, global_dice  # noqa: E402
from kaggle_utils.tasks.jobs import orders  # noqa: E402
from kaggle_utils.tasks.masks.cache import ANNOTATORS, cached_targets  # noqa: E402
from kaggle_utils.tasks.masks.examples import LEVELS, DiceMetric, MaskExamples  # noqa: E402
from kaggle_utils.tasks.masks.items import FolderItems  # noqa: E402

TIME = {"frames": (-1, 0, 1), "over_time": "conv3d", "time_layers": 1, "target": "annotator", "positives_only": True}


class Records(NamedTuple):
    """The sample's data, six training records and two for validation."""

    data: FolderItems
    cache: Path


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    from kaggle_utils.competitions.samples.contrails import make_sample

    folder = tmp_path_factory.mktemp("contrails")
    make_sample(folder / "input", train=6, validation=2, test=2, side=64)
    return Records(contrails.load(folder / "input"), folder / "cache")


def test_the_models_channels_follow_from_the_frames():
    model = contrails.KIND.parameters({"frames": (-1, 0, 1), "frame_channels": 9, "over_time": "conv3d"}).model
    assert (model.channels, model.sequence, model.labelled, model.inputs) == (27, 3, 1, 9)
    again = contrails.KIND.parameters(contrails.KIND.parameters({"frames": (0, 2)}).plain()).model  # through run.json
    assert (again.channels, again.sequence, again.labelled) == (6, 2, 0)


@pytest.mark.parametrize(
    "names, told",
    [
        ({"frames": (-1, 1), "over_time": "panels"}, r"frames are \[-1, 1\], expected the labelled one, 0, among them"),
        ({"frames": (0, 4)}, "frames has 4, expected some of"),
        ({"target": "median"}, "target is 'median', expected mean or annotator"),
    ],
)
def test_frames_and_targets_that_cannot_be_are_refused(names, told):
    with pytest.raises(ValueError, match=told):
        contrails.KIND.parameters(names)


def test_a_competition_of_single_pictures_has_no_other_frames_and_no_annotators():
    with pytest.raises(ValueError, match="frames has 1, expected some of"):
        clouds.KIND.parameters({"frames": (0, 1)})
    with pytest.raises(ValueError, match="of one class"):
        clouds.KIND.parameters({"target": "mean"})


def test_targets_are_what_the_annotators_drew(records):
    mean, each = (cached_targets(contrails, records.data, records.cache, (64, 64), how) for how in ("mean", "annotator"))
    for row in range(len(records.data)):
        drawn = contrails.annotators(records.data.table["path"].iloc[row])
        assert (mean[row] == np.rint(255 * drawn.mean(0))).all()
        for k in range(ANNOTATORS):
            assert (each[row] >> np.uint8(k) & 1 == drawn[k % len(drawn)]).all()


def test_a_drawn_annotator_is_one_of_them_and_another_one_next_time():
    images, bits = np.zeros((1, 1, 8, 3), np.uint8), np.array([[[1 << k for k in range(8)]]], np.uint8)  # each drew a pixel
    examples = MaskExamples(images, bits, target="annotator")
    found = [examples[0, draw][1][0].numpy().ravel() for draw in range(40)]
    assert all(one.sum() == 1 for one in found) and len({int(one.argmax()) for one in found}) == 8
    soft = MaskExamples(images, np.full((1, 1, 8), 51, np.uint8), target="mean")[0, 1]
    assert soft[1][0].unique().tolist() == [np.float32(0.2)] and soft[1][1].tolist() == [np.float32(0.2)]


def test_an_epoch_is_judged_by_all_pixels_together():
    truth = np.zeros((2, 4, 4), np.uint8)
    truth[0, 0] = 1
    said = np.zeros((2, 1, 4, 4), np.float32)
    said[0, 0, 0, :2], said[1, 0, 3] = 0.55, 0.35
    judged = DiceMetric(truth, 1, 0.0, pooled=True)([(np.arange(2), said)])
    by_level = {level: global_dice(dice_counts(said[:, 0] >= level, truth)) for level in LEVELS}
    assert judged == {"dice": pytest.approx(max(by_level.values())), "level": 0.4} and judged["dice"] == pytest.approx(4 / 6)


def test_a_member_over_time_begins_with_one_of_single_frames_and_both_are_judged_together(records, tmp_path):
    fold = np.where(records.data.table["split"] == "validation", 0, -1)
    tiny = {"size": (64, 64), "epochs": 1, "batch": 2, "augmentations": "flips"}
    alone = contrails.KIND.parameters(tiny, contrails.SMOKE)
    time = contrails.KIND.parameters({**tiny, **TIME, "start_from": "alone"}, contrails.SMOKE)
    jobs = []
    for name, one in (("alone", alone), ("time", time)):
        (order,) = orders("contrails", {name: one.plain()}, (0,))
        parents = {"start_from": str(jobs[0].weights["best"])} if jobs else {}
        order = type(order)(**{**vars(order), "parents": parents})
        jobs += contrails.KIND.train(contrails, records.data, fold, [order], tmp_path, cache=records.cache)
    assert [job.items for job in jobs] == [tuple(records.data.table["record_id"][fold == 0])] * 2
    for job in jobs:
        masks = PredictionStore(job.sets[f"{job.member}_identity"][1][0])
        assert masks.read(masks.rows).shape == (2, 1, *contrails.SHAPE)
