"""A small synthetic reef competition in Kaggle's own layout, so that everything runs without the data.

Three training videos and a hidden fourth, short dives painted by :mod:`reef_scene`, written as the competition
"TensorFlow - Help Protect the Great Barrier Reef" lays out its files: train.csv, train_images/,
test.csv, example_test.npy and example_sample_submission.csv. What Kaggle keeps to itself lies in a
folder beside, ``<folder>-hidden``: the whole test video and its truth, for the API's emulator and the
scorer alone. Scores on this sample say whether the code works and which technique moves what; they
say nothing about starfish, which here are larger and in nearly all frames, not in one of five.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from kaggle_utils.competitions.samples.folders import make_once, write_jpeg
from kaggle_utils.competitions.samples.reef_bottom import reef_texture
from kaggle_utils.competitions.samples.reef_film import Look
from kaggle_utils.competitions.samples.reef_scene import make_scene

VERSION = 5  # raised when the same parameters paint other frames
JPEG_QUALITY = 90
EXAMPLE_FRAMES = 3  # of the test video that Kaggle shows in test.csv and example_test.npy
COLUMNS = ["video_id", "sequence", "video_frame", "sequence_frame", "image_id", "annotations"]
SAMPLE_TEXT = "0.99 123 456 1 1"

HIDDEN = 3  # the test's video, its sequences many, so that its score is as sure as the one at home
SEQUENCES = (10, 10, 10, 40)  # of each video
EMPTY = 10  # one sequence of so many has no starfish
STARFISH = (4, 8)  # in the others: the fewest, and more than the most
WATER = np.array([[0.04, 0.47, 0.86], [0.14, 0.48, 0.62]])  # blue and green water, RGB,
CLEAR = np.array([[2.8, 5.5, 7.0], [3.2, 5.2, 5.2]])  # and how far one sees red, green and blue in it, in camera heights
HEIGHTS = (400.0, 580.0)  # of the camera above the reef, lowest and highest dive, texels at 1280 pixels of width


class Sequence(NamedTuple):
    """A run of frames: its video and its id, its first frame's number in the video and how many there are; starfish
    along the way, the camera's height (texels at 1280 pixels of width), and in what light."""

    video: int
    number: int
    first: int
    frames: int
    starfish: int
    high: float
    look: Look


def make_sample(
    folder: Path,
    *,
    seed: int = 0,
    frames_per_sequence: int = 6,
    size: tuple[int, int] = (1280, 720),
    workers: int = 2,
) -> Path:
    """Paint the sample into folder, or find it there made with the same parameters; returns folder.

    frames_per_sequence: mean; 30 sequences make train.csv, 40 the hidden video
    size: (width, height) of the frames in pixels
    workers: threads; the files do not depend on it
    Also writes ``hidden_folder(folder)``: test_images/video_3/, test.csv and truth.csv. A sample made
    with other parameters is replaced; files that are no sample raise ValueError and stay.
    """
    parameters = {"version": VERSION, "seed": seed, "frames_per_sequence": frames_per_sequence, "size": list(size)}
    made_of = seed, frames_per_sequence, size, workers
    return make_once(folder, parameters, lambda shown, hidden: _write(shown, hidden, *made_of))


def _write(shown: Path, hidden: Path, seed: int, frames: int, size: tuple[int, int], workers: int) -> None:
    sequences = list(_sequences(np.random.default_rng(seed), frames))
    with tqdm(total=sum(one.frames for one in sequences), desc="reef sample", unit="frame", disable=None) as bar:
        with ThreadPoolExecutor(workers) as pool:
            texture = reef_texture(np.random.default_rng(seed), round(2048 * size[0] / 1280))
            films = []
            for one in sequences:
                images = (hidden / "test_images" if one.video == HIDDEN else shown / "train_images") / f"video_{one.video}"
                images.mkdir(parents=True, exist_ok=True)
                films.append(pool.submit(_film, one, images, texture, seed, size, bar.update))
            rows = [row for film in films for row in film.result()]
    _write_tables(shown, hidden, pd.DataFrame(rows, columns=COLUMNS).sort_values(["video_id", "video_frame"]))


def _film(
    one: Sequence, images: Path, texture: np.ndarray, seed: int, size: tuple[int, int], done: Callable[[], object]
) -> list[tuple]:
    """Paint the frames one by one and write them into images, calling done after each; returns their rows of train.csv."""
    scene = make_scene(texture, one.look, one.high, (seed, one.video, one.number), one.frames, one.starfish, size)
    rows = []
    for t in range(one.frames):
        image, boxes = scene.frame(t)
        write_jpeg(images / f"{one.first + t}.jpg", image, JPEG_QUALITY)
        annotations = [dict(zip(("x", "y", "width", "height"), box, strict=True)) for box in boxes]
        rows.append((one.video, one.number, one.first + t, t, f"{one.video}-{one.first + t}", str(annotations)))
        done()
    return rows


def _sequences(rng: np.random.Generator, frames: int) -> Iterator[Sequence]:
    """Every video's, of irregular lengths that average frames, at all heights; water and light differ from dive to dive."""
    numbers = iter(rng.choice(100_000, sum(SEQUENCES), replace=False).tolist())
    for video, count in enumerate(SEQUENCES):
        green, first = rng.uniform(0.2, 0.8), 0
        for place, high in enumerate(rng.permutation(np.linspace(*HEIGHTS, count)).tolist()):
            length, gap = rng.uniform(0.6, 1.4) * frames, 1 + rng.uniform(0.4, 2.5) * frames
            starfish = int(rng.integers(*STARFISH)) if (place + 1) % EMPTY else 0
            look = _look(rng, green + rng.uniform(-0.2, 0.2))
            first += round(gap) if place else 0
            yield Sequence(video, next(numbers), first, max(1, round(length)), starfish, high, look)
            first += max(1, round(length))


def _look(rng: np.random.Generator, green: float) -> Look:
    """Water between blue (0) and green (1), clear or less so, and the light and the camera of a dive."""
    water, clear = (tuple((1 - green) * blue + green * other) for blue, other in (WATER, CLEAR * rng.uniform(0.7, 1.2)))
    return Look(water, clear, exposure=rng.uniform(1.3, 1.6), blur=rng.uniform(0.5, 0.9), noise=rng.uniform(2.5, 5.0))


def _write_tables(shown: Path, hidden: Path, table: pd.DataFrame) -> None:
    truth = table[table["video_id"] == HIDDEN]
    seen = truth.drop(columns="annotations")
    example = seen[:EXAMPLE_FRAMES]
    table[table["video_id"] != HIDDEN].to_csv(shown / "train.csv", index=False)
    example.to_csv(shown / "test.csv", index=False)
    texts = pd.DataFrame({"row_num": range(len(example)), "annotations": SAMPLE_TEXT})
    texts.to_csv(shown / "example_sample_submission.csv", index=False)
    seen.to_csv(hidden / "test.csv", index=False)
    truth.to_csv(hidden / "truth.csv", index=False)
    paths = [hidden / "test_images" / f"video_{HIDDEN}" / f"{n}.jpg" for n in example["video_frame"]]
    np.save(shown / "example_test.npy", np.stack([cv2.imread(str(p))[..., ::-1] for p in paths]))
