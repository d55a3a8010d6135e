"""The clouds sample: Kaggle's layout, textures that differ as their names say, labels as hasty as real ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from kaggle_utils.competitions import clouds
from kaggle_utils.competitions.samples import clouds as sample
from kaggle_utils.competitions.samples.clouds_labels import annotated, draw_regions, mask_of_boxes
from kaggle_utils.competitions.samples.clouds_sky import PAINTERS, noise
from kaggle_utils.competitions.samples.folders import hidden_folder
from kaggle_utils.images.decode import read_image
from kaggle_utils.masks.rle import mask_from_rle

SHAPE = (140, 210)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("input") / "clouds"
    return sample.make_sample(place, images=40, test_images=8, size=SHAPE[::-1])


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_loads_as_the_competition_does(folder: Path) -> None:
    data = clouds.load(folder)
    assert len(data) == 40 and data.shape == SHAPE and data.table["exists"].all()
    assert data.labels.any(1).all() and (data.labels.sum(0) > 4).all()
    assert len(clouds.test(folder)) == 8 and clouds.test(folder).table["exists"].all()


def test_the_truth_of_the_test_lies_outside_at_the_size_of_submissions(folder: Path) -> None:
    truth = hidden_folder(folder) / "truth.csv"
    card = clouds.score_files(truth, truth, clouds.SUBMISSION_SHAPE)
    assert card.dice == 1.0 and card.pairs == 32 and 0.2 < card.all_empty < 0.8
    assert not list(folder.rglob("truth*"))


def test_the_sample_submission_names_the_test_images(folder: Path) -> None:
    table = clouds.read_table(folder / "sample_submission.csv")
    assert list(table.index) == sorted(p.name for p in (folder / "test_images").iterdir())
    assert (table == "1 1").all().all()


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(tmp_path: Path) -> None:
    few = {"images": 6, "test_images": 2, "size": (105, 70)}
    one = sample.make_sample(tmp_path / "one", workers=1, **few)
    four = sample.make_sample(tmp_path / "four", workers=4, **few)
    assert _bytes(one) == _bytes(four) and _bytes(hidden_folder(one)) == _bytes(hidden_folder(four))
    other = sample.make_sample(tmp_path / "other", seed=1, **few)
    assert _bytes(one)["train.csv"] != _bytes(other)["train.csv"]


def test_a_finished_sample_is_used_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_write", lambda *a: pytest.fail("painted again"))
    assert sample.make_sample(folder, images=40, test_images=8, size=SHAPE[::-1]) == folder
    assert json.loads((folder / "sample.json").read_text())["images"] == 40


def test_most_pictures_have_a_black_stripe(folder: Path) -> None:
    paths = clouds.load(folder).table["path"]
    black = [(read_image(path).max(2) < 6).mean() for path in paths]
    assert 0.4 < np.mean(np.array(black) > 0.02) < 0.95 and max(black) < 0.5


@pytest.mark.parametrize("kind", list(PAINTERS))
def test_a_texture_is_density_from_0_to_1_with_clear_sky_in_it(kind: str) -> None:
    density = PAINTERS[kind](np.random.default_rng(0), SHAPE)
    assert density.shape == SHAPE and density.min() >= 0 and density.max() <= 1.2
    assert 0.3 < (density < 0.15).mean() < 0.98 and (density > 0.5).mean() > 0.01


def test_grains_grow_from_sugar_over_gravel_to_flower() -> None:
    """The typical cloud, by the area of its component that a cloudy pixel lies in."""
    sizes = {kind: np.mean([_cloud_size(kind, seed) for seed in range(4)]) for kind in ("Sugar", "Gravel", "Flower")}
    assert 3 * sizes["Sugar"] < sizes["Gravel"] and 2 * sizes["Gravel"] < sizes["Flower"], sizes


def _cloud_size(kind: str, seed: int) -> float:
    import cv2

    solid = (PAINTERS[kind](np.random.default_rng(seed), (350, 525)) > 0.3).astype(np.uint8)
    areas = cv2.connectedComponentsWithStats(solid)[2][1:, cv2.CC_STAT_AREA]
    return float(np.median(np.repeat(areas, areas)))


def test_noise_has_the_deviation_it_says() -> None:
    field = noise(np.random.default_rng(0), SHAPE, 10.0, stretch=3.0, turn=0.5)
    assert field.shape == SHAPE and abs(field.mean()) < 1e-3 and abs(field.std() - 1) < 1e-2


def test_annotators_differ_and_now_and_then_forget_but_never_everything() -> None:
    rng = np.random.default_rng(0)
    regions = [draw_regions(rng) for _ in range(300)]
    boxes = [annotated(rng, one) for one in regions]
    assert all(boxes) and all(set(b) <= set(r) for b, r in zip(boxes, regions, strict=True))
    forgotten = sum(len(r) - len(b) for b, r in zip(boxes, regions, strict=True)) / sum(map(len, regions))
    assert 0.01 < forgotten < 0.12  # (1 - .6)^3 = .064 of the regions
    kind, drawn = next((k, b) for one in boxes for k, b in one.items() if len(b) > 1)
    assert len(set(drawn)) == len(drawn), kind


def test_masks_are_boxes(folder: Path) -> None:
    data = clouds.load(folder)
    mask = mask_from_rle(data.texts[data.labels][0], SHAPE)
    rows, columns = np.nonzero(mask)
    filled = len(rows) / (np.ptp(rows) + 1) / (np.ptp(columns) + 1)
    assert filled > 0.45
    assert mask_of_boxes([(0, 0, 1, 0.5), (0, 0, 0.5, 1)], (4, 4)).sum() == 12
