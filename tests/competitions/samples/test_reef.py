"""The built-in reef competition: Kaggle's layout, the same bytes every time, and a truth that is true."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.boxes.clips import is_cut
from kaggle_utils.boxes.formats import boxes_from_annotations
from kaggle_utils.competitions.samples import reef as sample
from kaggle_utils.competitions.samples import reef_bottom, reef_scene
from kaggle_utils.competitions.samples.folders import hidden_folder
from kaggle_utils.competitions.samples.reef_bottom import reef_texture
from kaggle_utils.competitions.samples.reef_camera import swim
from kaggle_utils.competitions.samples.reef_creatures import CANVAS, LOOK_ALIKES, STARFISH, Sprite, draw
from kaggle_utils.competitions.samples.reef_film import Look, Prop, paint_props, true_boxes
from kaggle_utils.competitions.samples.reef_scene import make_scene

SIZE = (320, 180)
COLUMNS = ["video_id", "sequence", "video_frame", "sequence_frame", "image_id"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.make_sample(tmp_path_factory.mktemp("reef") / "reef", frames_per_sequence=3, size=SIZE)


@pytest.fixture(scope="module")
def train(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "train.csv")


@pytest.fixture(scope="module")
def truth(folder: Path) -> pd.DataFrame:
    return pd.read_csv(hidden_folder(folder) / "truth.csv")


@pytest.fixture(scope="module")
def scene():
    texture, look = reef_texture(np.random.default_rng(0), 512), Look((0.1, 0.5, 0.7), (3.0, 5.0, 6.0), 1.4, 0.7, 3.0)
    return make_scene(texture, look, 480.0, (0, 0, 1), 12, 6, SIZE)


def test_the_layout_is_kaggles(folder: Path, train: pd.DataFrame) -> None:
    assert train.columns.tolist() == [*COLUMNS, "annotations"]
    assert train["video_id"].unique().tolist() == [0, 1, 2] and train["sequence"].nunique() == 30
    assert (train["image_id"] == train["video_id"].astype(str) + "-" + train["video_frame"].astype(str)).all()
    for video, frame in zip(train["video_id"], train["video_frame"], strict=True):
        assert (folder / f"train_images/video_{video}/{frame}.jpg").is_file()
    assert len(list(folder.glob("train_images/*/*.jpg"))) == len(train)


def test_the_shown_test_files_have_three_frames(folder: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    test, submission = pd.read_csv(folder / "test.csv"), pd.read_csv(folder / "example_sample_submission.csv")
    assert test.columns.tolist() == COLUMNS and test["image_id"].tolist() == ["3-0", "3-1", "3-2"]
    assert submission.columns.tolist() == ["row_num", "annotations"]
    assert submission["annotations"].tolist() == ["0.99 123 456 1 1"] * 3
    pixels = np.load(folder / "example_test.npy")
    assert pixels.shape == (3, SIZE[1], SIZE[0], 3) and pixels.dtype == np.uint8
    second = cv2.imread(str(hidden_folder(folder) / "test_images/video_3/1.jpg"), cv2.IMREAD_COLOR_RGB)
    assert (pixels[1] == second).all()


def test_the_hidden_video_lies_outside_the_folder(folder: Path, truth: pd.DataFrame) -> None:
    hidden = hidden_folder(folder)
    assert hidden.parent == folder.parent and hidden != folder
    assert not list(folder.rglob("truth*")) and not list(folder.rglob("video_3"))
    assert truth["video_id"].unique().tolist() == [3] and truth["sequence"].nunique() == 40
    assert len(list((hidden / "test_images/video_3").glob("*.jpg"))) == len(truth)
    pd.testing.assert_frame_equal(pd.read_csv(hidden / "test.csv"), truth.drop(columns="annotations"))


def test_sequences_count_from_zero_and_lie_apart_in_their_video(train: pd.DataFrame) -> None:
    for _, video in train.groupby("video_id"):
        assert video["video_frame"].is_monotonic_increasing and video["video_frame"].iloc[0] == 0
        starts = video["sequence_frame"] == 0
        assert video["video_frame"].diff()[starts].dropna().gt(1).all()  # frames are missing in between
        assert video["video_frame"].diff()[~starts].eq(1).all()
        assert starts.sum() == video["sequence"].nunique()


def test_starfish_are_in_all_sequences_but_every_tenth(train: pd.DataFrame, truth: pd.DataFrame) -> None:
    for table, sequences in ((train, 30), (truth, 40)):
        filled = (table["annotations"] != "[]").groupby(table["sequence"]).any()
        assert len(filled) == sequences and sequences - filled.sum() == sequences // 10


def test_every_fifth_frame_is_lost_in_silt_and_is_no_cut(scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (clear, boxes), (later, _) = scene.frame(2), scene.frame(3)
    monkeypatch.setattr(reef_scene, "SILT_EVERY", 1)
    silted, still = scene.frame(2)
    assert silted.std() < 0.5 * clear.std() and still == boxes and not is_cut(silted, later)


def test_boxes_are_whole_pixels_inside_the_frame_but_for_a_little_jitter(train: pd.DataFrame) -> None:
    boxes = boxes_from_annotations(train["annotations"])
    assert (boxes.xyxy == np.round(boxes.xyxy)).all() and (boxes.xyxy[:, :2] >= 0).all()
    sides = boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]
    assert sides.min() >= 3 and (boxes.xyxy[:, 2:] <= np.array(SIZE) + 0.1 * sides + 1).all()


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, few in ((reef_bottom, "DROPS", 200), (reef_scene, "KINDS_DRAWN", 4)):
        monkeypatch.setattr(module, name, few)  # a poorer reef, sooner made
    few = {"frames_per_sequence": 2, "size": (160, 90)}
    one = sample.make_sample(tmp_path / "one", workers=1, **few)
    four = sample.make_sample(tmp_path / "four", workers=4, **few)
    assert _bytes(one) == _bytes(four) and _bytes(hidden_folder(one)) == _bytes(hidden_folder(four))
    assert {"train.csv", "example_test.npy", "sample.json", "train_images/video_0/0.jpg"} <= _bytes(one).keys()


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_finished_sample_is_used_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_write", lambda *a: pytest.fail("painted again"))
    assert sample.make_sample(folder, frames_per_sequence=3, size=SIZE, workers=1) == folder
    assert json.loads((folder / "sample.json").read_text())["frames_per_sequence"] == 3


def test_a_sample_with_other_parameters_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_write", _only_folders)
    folder = sample.make_sample(tmp_path / "reef")
    sample.make_sample(folder, seed=7)
    assert json.loads((folder / "sample.json").read_text())["seed"] == 7


def _only_folders(shown: Path, hidden: Path, *_: object) -> None:
    shown.mkdir()
    hidden.mkdir()


def test_a_folder_that_is_no_sample_is_refused_and_stays(tmp_path: Path) -> None:
    tmp_path = tmp_path / "reef-hidden"  # neither as the sample's folder nor as its hidden one
    tmp_path.mkdir()
    (tmp_path / "train.csv").write_text("somebody's")
    with pytest.raises(ValueError, match="holds no sample.json"):
        sample.make_sample(tmp_path)
    with pytest.raises(ValueError, match="holds no sample.json"):
        sample.make_sample(tmp_path.with_name(tmp_path.name.removesuffix("-hidden")))
    assert (tmp_path / "train.csv").read_text() == "somebody's"


def test_an_interrupted_sample_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(shown: Path, hidden: Path, *_: object) -> None:
        _only_folders(shown, hidden)
        raise KeyboardInterrupt

    monkeypatch.setattr(sample, "_write", stop)
    with pytest.raises(KeyboardInterrupt):
        sample.make_sample(tmp_path / "reef")
    assert list(tmp_path.iterdir()) == []


def test_boxes_enclose_exactly_the_pixels_of_a_starfish_painted_white(scene) -> None:
    """The independent way to the truth: one starfish white, everything else black, bounds of the white."""
    checked = 0
    for t in range(len(scene)):
        owner, whole = paint_props(_black(), scene.way, t, scene.props)
        for number in whole:
            for box in true_boxes(owner, {number: whole[number]}, np.random.default_rng(t)):
                white = [_coloured(p, i + 1 == number) for i, p in enumerate(scene.props)]
                picture = _black()
                paint_props(picture, scene.way, t, white)
                _assert_near(box, picture[..., 0] > 90)
                checked += 1
    assert checked > 5


def _black() -> np.ndarray:
    return np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


def _coloured(prop: Prop, white: bool) -> Prop:
    rgba = prop.sprite.rgba.copy()
    rgba[..., :3] = rgba[..., 3:] if white else 0
    return Prop(Sprite(prop.sprite.kind, rgba, prop.sprite.shade), prop.place, prop.size, prop.turn, prop.tilt)


def _assert_near(box: tuple[int, int, int, int], pixels: np.ndarray) -> None:
    rows, columns = np.nonzero(pixels)
    tight = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    found = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
    assert (np.abs(found - tight) <= 1.5 + 0.1 * np.tile(tight[2:] - tight[:2], 2)).all(), (found, tight)


def test_a_look_alike_above_a_starfish_shrinks_its_box_and_then_hides_it(scene) -> None:
    star = _under_the_camera(scene, STARFISH, 0.0, 22.0)
    alone = _seen(scene, [star])
    half = _seen(scene, [star, _under_the_camera(scene, "anemone", 14.0, 30.0)])
    hidden = _seen(scene, [star, replace(_under_the_camera(scene, "anemone", 0.0, 60.0), tilt=1.0)])
    assert len(alone) == 1 and hidden == []
    assert len(half) == 1 and half[0][2] * half[0][3] < 0.9 * alone[0][2] * alone[0][3]


def test_a_starfish_at_the_border_has_a_box_cut_at_zero(scene) -> None:
    star = _under_the_camera(scene, STARFISH, 0.0, 22.0)
    right, at_zero = np.array([*_right(scene), 0.0]), np.array([[*star.place[:2], 0.0]])
    shift = scene.way.project(0, at_zero)[0][0, 0] / scene.way.project(0, at_zero)[1][0]
    (x, _, width, _), = _seen(scene, [replace(star, place=star.place - shift * right)])
    assert x == 0 and width < 0.75 * _seen(scene, [star])[0][2]


def test_jitter_never_pushes_a_box_over_the_left_or_upper_border() -> None:
    owner = np.zeros((720, 1280), np.uint16)
    owner[:60, :80] = 1
    boxes = np.array([true_boxes(owner, {1: 4800}, np.random.default_rng(seed))[0] for seed in range(30)])
    assert (boxes[:, :2] == 0).any(0).all() and boxes[:, :2].min() == 0 and boxes[:, :2].max() > 0
    assert np.ptp(boxes[:, 2]) > 1 and np.abs(boxes[:, :2] + boxes[:, 2:] - [80, 60]).max() <= 7  # 4 sigma of 80 px


def test_look_alikes_and_far_starfish_have_no_boxes(scene) -> None:
    assert _seen(scene, [_under_the_camera(scene, kind, 0.0, 22.0) for kind in LOOK_ALIKES]) == []
    star = _under_the_camera(scene, STARFISH, 0.0, 22.0)
    farther = 4 * scene.way.position[0, 2] * np.array([*scene.way.ahead(0), 0.0])
    assert _seen(scene, [replace(star, place=star.place + farther)]) == []


def _right(scene) -> np.ndarray:
    ahead = scene.way.ahead(0)
    return np.array([ahead[1], -ahead[0]])


def _under_the_camera(scene, kind: str, aside: float, size: float) -> Prop:
    """A creature near the middle of frame 0, a little nearer to the camera when it is no starfish."""
    nearer = 0.0 if kind == STARFISH else 1.0
    place = scene.way.position[0, :2] + (1.3 * scene.way.position[0, 2] - nearer) * scene.way.ahead(0)
    return Prop(draw(kind, np.random.default_rng(3)), np.array([*place + aside * _right(scene), 0.0]), size, 0.0, 0.9)


def _seen(scene, props: list[Prop]) -> list[tuple]:
    owner, whole = paint_props(_black(), scene.way, 0, props)
    return true_boxes(owner, whole, np.random.default_rng(0))


def test_frames_can_be_painted_in_any_order(scene) -> None:
    later, boxes = scene.frame(5)
    scene.frame(0)
    again, boxes_again = scene.frame(5)
    assert (later == again).all() and boxes == boxes_again and later.shape == (SIZE[1], SIZE[0], 3)


def test_ground_and_projection_agree_and_high_things_move_over_low_ones() -> None:
    way = swim(np.random.default_rng(0), 3, 480.0, *SIZE)
    point = np.array([*way.position[1, :2] + 150 * way.ahead(1), 0.0])
    homogeneous = way.ground(1) @ [point[0], point[1], 1]
    pixels, scale = way.project(1, point[None])
    assert np.allclose(pixels[0], homogeneous[:2] / homogeneous[2]) and scale[0] > 0
    high, high_scale = way.project(1, point[None] + [0, 0, 20])
    assert high[0, 1] < pixels[0, 1] and high_scale[0] > scale[0]  # up in the picture, and nearer


def test_the_texture_tiles() -> None:
    texture = reef_texture(np.random.default_rng(0), 128).astype(int)
    inner = np.abs(np.diff(texture, axis=0)).mean()
    assert np.abs(texture[0] - texture[-1]).mean() < 2 * inner
    assert np.abs(texture[:, 0] - texture[:, -1]).mean() < 2 * inner


def test_every_creature_is_opaque_somewhere_and_leaves_a_margin() -> None:
    for kind in (STARFISH, *LOOK_ALIKES):
        alpha = draw(kind, np.random.default_rng(1)).rgba[..., 3]
        assert alpha.shape == (CANVAS, CANVAS) and alpha.max() == 255
        assert alpha[[0, -1]].max() == 0 and alpha[:, [0, -1]].max() == 0
