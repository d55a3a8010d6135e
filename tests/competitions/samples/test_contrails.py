"""The contrails sample: Kaggle's layout, lines that live, annotators who disagree, half a pixel."""

from pathlib import Path

import numpy as np
import pytest

from kaggle_utils.competitions import contrails
from kaggle_utils.competitions.samples.contrails import make_sample
from kaggle_utils.competitions.samples.contrails_sky import Contrail, annotated, draw_contrails, paint_bands
from kaggle_utils.competitions.samples.folders import hidden_folder
from kaggle_utils.images.infrared import contrast, half_pixel

STILL = np.zeros(2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("input") / "contrails", train=60, validation=8, test=6, side=64)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_loads_as_the_competition_does(folder: Path) -> None:
    data = contrails.load(folder)
    assert data.table["split"].value_counts().to_dict() == {"train": 60, "validation": 8} and data.table["exists"].all()
    assert 0.3 < data.filled.mean() < 0.6 and len(contrails.test(folder)) == 6
    assert data.table["latitude"].abs().max() < 50 and data.table["time"].notna().all()
    assert contrails.read(data, 0, None).shape == (64, 64, 3)


def test_only_training_records_have_each_annotators_mask_and_test_has_none(folder: Path) -> None:
    for split, masks in {"train": 2, "validation": 1, "test": 0}.items():
        assert {len([*record.glob("human_*.npy")]) for record in (folder / split).iterdir()} == {masks}


def test_the_truth_of_the_test_lies_outside_at_the_size_of_submissions(folder: Path) -> None:
    truth = hidden_folder(folder) / "truth.csv"
    assert contrails.score_files(truth, truth).score == 1.0 and not list(folder.rglob("truth*"))
    hidden = contrails.hidden(hidden_folder(folder) / "test_images")
    assert hidden.table["record_id"].tolist() == contrails.test(folder).table["record_id"].tolist()
    assert contrails.read(hidden, 0, (32, 32)).tolist() == contrails.read(contrails.test(folder), 0, (32, 32)).tolist()


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(tmp_path: Path) -> None:
    few = {"train": 4, "validation": 1, "test": 2, "side": 32}
    one = make_sample(tmp_path / "one", workers=1, **few)
    three = make_sample(tmp_path / "three", workers=3, **few)
    assert _bytes(one) == _bytes(three) and _bytes(hidden_folder(one)) == _bytes(hidden_folder(three))
    other = make_sample(tmp_path / "other", seed=1, **few)
    assert _bytes(hidden_folder(one))["truth.csv"] != _bytes(hidden_folder(other))["truth.csv"]


def test_some_skies_come_twice_at_one_place_half_an_hour_apart(folder: Path) -> None:
    table = contrails.load(folder).table.sort_values(["latitude", "time"])
    again = table.duplicated("latitude").to_numpy()
    assert 0.05 < again.mean() < 0.3
    assert (table["time"].diff()[again] == 1800).all()


def test_a_contrail_is_born_drifts_and_spreads() -> None:
    line, wind = Contrail(x=30, y=30, turn=0.0, length=30, bend=0, born=2, depth=0.4), np.array([0.0, 2.0])
    seen = [line.density((64, 64), frame, wind) for frame in range(8)]
    assert [bool(one.any()) for one in seen] == [False] * 3 + [True] * 5
    rows = [int(one.sum(1).argmax()) for one in seen[3:]]
    assert rows == [28, 30, 32, 34, 36]
    long = [(one.max(0) > 0.1).sum() for one in seen[3:5]]
    assert long[0] < long[1]
    wide = [(one[:, 30] > one[:, 30].max() / 2).sum() for one in (seen[4], line.density((64, 64), 20, STILL))]
    assert wide[0] < wide[1] and seen[4].max() > line.density((64, 64), 20, STILL).max()


def test_thin_ice_is_dark_blue_in_ash() -> None:
    line = Contrail(x=32, y=32, turn=0.5, length=50, bend=0, born=0, depth=0.4)
    clear, lined = (paint_bands(np.random.default_rng(5), 64, lines, STILL, np.array([4])) for lines in ([], [line]))
    y, x = np.unravel_index(line.density((64, 64), 4, STILL).argmax(), (64, 64))
    fall = {band: float(clear[band][y, x, 0] - lined[band][y, x, 0]) for band in clear}
    assert 2 < fall[11] < fall[14] < fall[15]


def test_annotators_agree_about_as_well_as_the_real_ones(folder: Path) -> None:
    """Against the majority .764, one against another .647 on real data."""
    data = contrails.load(folder)
    rows = np.flatnonzero(data.table["split"] == "train")
    each = np.stack([contrails.annotators(path) for path in data.table["path"].iloc[rows]]).astype(bool)
    most = np.stack([contrails.truth(data, row, (64, 64))[0] for row in rows])
    def dice(one, other):
        return 2 * (one & other).sum() / (one.sum() + other.sum())
    assert 0.6 < np.mean([dice(each[:, k], most) for k in range(4)]) < 0.9
    assert 0.5 < np.mean([dice(each[:, k], each[:, k - 1]) for k in range(4)]) < 0.8


def test_labels_sit_half_a_pixel_down_and_right_of_the_lines() -> None:
    found = {-1: [], 0: [], 1: [], 2: []}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        lines = draw_contrails(rng, 64)
        kelvin = paint_bands(rng, 64, lines, STILL, np.array([4]))
        masks = annotated(rng, 64, lines, STILL, 4).mean((2, 3)) > 0.5
        if masks.any():
            cool = (kelvin[14] - kelvin[15])[..., 0]
            moved = {-1: half_pixel(cool, -1), 0: cool, 1: half_pixel(cool), 2: half_pixel(half_pixel(cool))}
            for times, plane in moved.items():
                found[times].append(np.corrcoef(contrast(plane).ravel(), masks.ravel())[0, 1])
    mean = {times: np.mean(values) for times, values in found.items()}
    assert max(mean, key=mean.get) == 1 and mean[-1] < mean[0], mean
