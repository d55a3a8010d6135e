"""The amazon sample: Kaggle's layout, labels as frequent and as exclusive as the real ones, pictures that show them."""

from pathlib import Path

import numpy as np
import pytest

from kaggle_utils.competitions import amazon
from kaggle_utils.competitions.samples import amazon as sample
from kaggle_utils.competitions.samples.amazon_land import SHAPES, draw_labels, paint_chip
from kaggle_utils.competitions.samples.folders import hidden_folder

NUMBER = {name: number for number, name in enumerate(amazon.CLASSES)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.make_sample(tmp_path_factory.mktemp("input") / "amazon", chips=150, test_chips=30, side=32)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def painted(*names: str, seed: int = 0) -> np.ndarray:
    """A forest with these labels beside, (64, 64, 4)."""
    there = {"primary", "clear", *names} - ({"clear"} if set(names) & set(amazon.WEATHER) else set())
    return paint_chip(np.random.default_rng(seed), np.isin(amazon.CLASSES, list(there)))


def test_it_loads_as_the_competition_does(folder: Path) -> None:
    items, test = amazon.load(folder), amazon.test(folder)
    assert len(items) == 150 and items.table["exists"].all() and items.table["tif"].all() and items.filled.all()
    assert len(test) == 30 and test.table["exists"].all() and test.table["image_name"].iloc[[0, -1]].tolist() == ["test_0", "file_9"]


def test_the_truth_of_the_test_lies_outside(folder: Path) -> None:
    truth = hidden_folder(folder) / "truth.csv"
    assert amazon.score_files(truth, truth).score == 1.0 and not list(folder.rglob("truth*"))
    assert len(amazon.hidden(hidden_folder(folder) / "test_images").labels) == 30


def test_labels_are_as_frequent_as_the_real_ones_and_all_are_there() -> None:
    labels = draw_labels(np.random.default_rng(3), 4000)
    real = np.array(list(amazon.CHIPS_OF_LABEL.values())) / amazon.TRAIN_CHIPS
    assert np.abs(labels.mean(0) - real).max() < 0.006
    assert (draw_labels(np.random.default_rng(3), 300).sum(0) > 0).all()


def test_there_is_one_weather_and_cloudy_stands_alone() -> None:
    labels = draw_labels(np.random.default_rng(4), 500)
    [weather], [cloudy] = amazon.KIND.exclusive, amazon.KIND.alone
    assert (labels[:, list(weather)].sum(1) == 1).all() and (labels[labels[:, cloudy]].sum(1) == 1).all()


@pytest.mark.parametrize("name", SHAPES)
def test_a_label_changes_the_picture_where_it_is_drawn_and_not_all_of_it(name: str) -> None:
    shares = []
    for seed in range(6):
        noise = painted(seed=seed)
        changed = np.abs(painted(name, seed=seed) - noise).max(2) > 0.005
        shares.append(changed.mean())
    assert max(shares) > 0.01


@pytest.mark.parametrize("name, band, more", [("water", 3, False), ("cloudy", 0, True), ("haze", 0, True), ("cultivation", 3, True)])
def test_labels_look_as_they_are_called(name: str, band: int, more: bool) -> None:
    with_it, without = (np.mean([painted(*names, seed=seed)[..., band].mean() for seed in range(8)]) for names in ((name,), ()))
    assert (with_it > without) == more


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(tmp_path: Path) -> None:
    few = {"chips": 20, "test_chips": 4, "side": 16}
    one = sample.make_sample(tmp_path / "one", workers=1, **few)
    four = sample.make_sample(tmp_path / "four", workers=4, **few)
    assert _bytes(one) == _bytes(four) and _bytes(hidden_folder(one)) == _bytes(hidden_folder(four))
    other = sample.make_sample(tmp_path / "other", seed=1, **few)
    assert _bytes(one)["train_v2.csv"] != _bytes(other)["train_v2.csv"]


def test_some_chips_are_seen_twice_a_few_pixels_off(folder: Path) -> None:
    """So that near-duplicates are there to be found, and those alone are alike."""
    from kaggle_utils.folds.similar import image_hash, similar_pairs

    items = amazon.load(folder)
    pairs = similar_pairs((image_hash(amazon.read(items, row, None)) for row in range(len(items))), most_bits=64)
    near = [(one, other) for one, other, _ in pairs[:40].tolist() if other == one + 1]
    assert near and all(np.array_equal(items.labels[one], items.labels[other]) for one, other in near[:1])
