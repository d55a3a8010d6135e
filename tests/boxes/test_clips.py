"""Clips from the table's numbers, and cuts seen in pixels: synthetic drift, real frames."""

import cv2
import numpy as np
import pandas as pd
import pytest

from kaggle_utils.boxes.clips import clip_lengths, clip_of_frame, frame_pairs, is_cut, similarity


def test_a_gap_a_new_video_and_a_new_sequence_are_cuts():
    frames = pd.DataFrame({
        "video_id": [0, 0, 0, 0, 1, 1, 1],
        "sequence": [5, 5, 5, 5, 6, 6, 7],
        "video_frame": [3, 4, 6, 7, 8, 9, 10],
    })  # fmt: skip
    #    start, +1, gap, +1, video, +1, sequence
    assert clip_of_frame(frames).tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_a_number_repeated_or_falling_is_a_cut():
    assert clip_of_frame({"video_id": [0] * 4, "video_frame": [1, 1, 0, 1]}).tolist() == [0, 1, 2, 2]


def test_the_index_of_the_table_does_not_matter():
    frames = pd.DataFrame({"video_id": [0, 0, 0], "video_frame": [1, 2, 3]}, index=[9, 4, 4])
    assert clip_of_frame(frames).tolist() == [0, 0, 0]


def test_a_table_without_rows_has_no_clips():
    assert clip_of_frame({"video_id": [], "video_frame": []}).shape == (0,)
    assert clip_lengths(np.zeros(0, int)).tolist() == []


def test_a_table_without_videos_or_of_uneven_columns_is_refused():
    with pytest.raises(ValueError, match="lacks 'video_id'"):
        clip_of_frame({"video_frame": [1, 2]})
    with pytest.raises(ValueError, match="video_id has 1 rows, expected 2"):
        clip_of_frame({"video_id": [1], "video_frame": [1, 2]})


def test_lengths_add_up_and_a_clip_in_two_places_is_refused():
    assert clip_lengths([4, 4, 9, 1, 1, 1]).tolist() == [2, 1, 3]
    with pytest.raises(ValueError, match="clip 4 is in several places"):
        clip_lengths([4, 9, 4])


def test_clips_of_the_real_table_lie_within_its_sequences(real_data):
    frames = pd.read_csv(real_data / "tables" / "reef_train.csv")
    clip = clip_of_frame(frames)
    assert clip_lengths(clip).sum() == 23501
    assert (frames.groupby(clip)["sequence"].nunique() == 1).all()
    steps = frames["video_frame"].diff()[1:][np.diff(clip) == 0]
    assert (steps == 1).all()
    assert len(frames["sequence"].unique()) == 20 <= clip[-1] + 1


@pytest.mark.parametrize("step", [-3, -1, 0, 1, 2, 40])
def test_pairs_of_rows_are_those_a_double_loop_finds(step):
    rng = np.random.default_rng(step + 10)
    frame, clip = rng.integers(0, 12, 40), np.sort(rng.integers(0, 3, 12))
    expected = [
        (i, j) for i in range(40) for j in range(40) if frame[j] == frame[i] + step and clip[frame[i]] == clip[frame[j]]
    ]
    assert list(zip(*map(np.ndarray.tolist, frame_pairs(frame, clip, step)), strict=True)) == expected


def test_no_rows_have_no_pairs_and_frames_beyond_the_clips_are_refused():
    none = np.zeros(0, int)
    assert [len(rows) for rows in frame_pairs(none, np.zeros(3, int), 1)] == [0, 0]
    assert [len(rows) for rows in frame_pairs(none, none, 1)] == [0, 0]
    with pytest.raises(ValueError, match="a row lies in frame 3, expected frames below 3"):
        frame_pairs(np.array([3]), np.zeros(3, int), 1)


def reef(rng: np.random.Generator) -> np.ndarray:
    """A (400, 600, 3) uint8 texture of blobs of several sizes, tinted."""
    sizes = (3, 9, 25)
    layers = [cv2.GaussianBlur(rng.normal(size=(400, 600, 3)), (0, 0), s) * s for s in sizes]
    return np.clip(sum(layers) * 60 + (60, 120, 110), 0, 255).astype(np.uint8)


def view(texture: np.ndarray, x: int, y: int) -> np.ndarray:
    return cv2.resize(texture[y : y + 180, x : x + 320], (1280, 720), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("shift", [(0, 0), (2, 0), (6, 4), (0, -9)])  # times 4 pixels of the view
def test_a_drift_is_no_cut(shift):
    texture = reef(np.random.default_rng(1))
    assert not is_cut(view(texture, 100, 100), view(texture, 100 + shift[0], 100 + shift[1]))


def test_a_drift_under_changing_light_and_noise_is_no_cut():
    rng = np.random.default_rng(2)
    texture = reef(rng)
    darker = view(texture, 103, 98) * 0.7 + rng.normal(0, 8, (720, 1280, 3))
    assert not is_cut(view(texture, 100, 100), np.clip(darker, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("seed", range(5))
def test_another_reef_of_the_same_colours_is_a_cut(seed):
    a, b = reef(np.random.default_rng(seed)), reef(np.random.default_rng(seed + 100))
    assert is_cut(view(a, 100, 100), view(b, 100, 100))


def test_the_first_frame_and_a_new_size_are_cuts():
    frame = view(reef(np.random.default_rng(3)), 0, 0)
    assert is_cut(None, frame) and is_cut(frame[:360], frame)
    assert not is_cut(frame, frame)


def test_flat_frames_are_like_each_other_and_nothing_else():
    black, frame = np.zeros((720, 1280, 3), np.uint8), view(reef(np.random.default_rng(4)), 0, 0)
    assert not is_cut(black, black)
    assert is_cut(black, frame) and is_cut(frame, black)


def test_similarity_is_symmetric_and_wants_bytes():
    a, b = (view(reef(np.random.default_rng(5)), x, 40) for x in (20, 24))
    assert similarity(a, b) == pytest.approx(similarity(b, a), abs=0.02)
    with pytest.raises(ValueError, match="dtype float64"):
        similarity(a / 255, b / 255)


def test_successive_real_frames_are_no_cut(real_data):
    frames = [np.load(real_data / "extra" / "reef_test_frames" / f"{i}.npy") for i in range(3)]
    assert not is_cut(frames[0], frames[1]) and not is_cut(frames[1], frames[2])
    assert not is_cut(frames[0], frames[2])


def test_real_frames_two_apart_hold_together_and_other_videos_do_not(real_data):
    folder = real_data / "input" / "tensorflow-great-barrier-reef" / "train_images"

    def read(name: str) -> np.ndarray:
        return cv2.cvtColor(cv2.imread(str(folder / f"{name}.jpg")), cv2.COLOR_BGR2RGB)

    for a, b in ((16, 18), (18, 20), (25, 27), (27, 30)):
        assert not is_cut(read(f"video_0/{a}"), read(f"video_0/{b}"))
    for a in ("video_0/16", "video_0/200"):
        for b in ("video_1/1", "video_1/100", "video_2/1", "video_2/150", "video_0/350"):
            assert is_cut(read(a), read(b)), (a, b)
