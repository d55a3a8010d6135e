"""A small synthetic reef competition in Kaggle's own layout, so that everything runs without the data.

Three training videos and a hidden fourth, painted by :mod:`reef_scene`, written as the competition
"TensorFlow - Help Protect the Great Barrier Reef" lays out its files: train.csv, train_images/,
test.csv, example_test.npy and example_sample_submission.csv. What Kaggle keeps to itself lies in a
folder beside, ``<folder>-hidden``: the whole test video and its truth, for the API's emulator and the
scorer alone. Scores on this sample say whether the code works and which technique moves what; they
say nothing about starfish.
"""

from __future__ import annotations

from collections.abc import Callable
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

VERSION = 4  # raised when the same parameters paint other frames
JPEG_QUALITY = 90
EXAMPLE_FRAMES = 3  # of the test video that Kaggle shows in test.csv and example_test.npy
COLUMNS = ["video_id", "sequence", "video_frame", "sequence_frame", "image_id", "annotations"]
SAMPLE_TEXT = "0.99 123 456 1 1"


class Sequence(NamedTuple):
    """A run of frames: its video and its id, its length as a share of frames_per_sequence, the frames missing
    before it (as a share too), and when starfish visit (first and last moment, shares of its length; None: never)."""

    video: int
    number: int
    length: float
    gap: float
    visit: tuple[float, float] | None


# Lengths are irregular and average 1; about a fifth of all frames has starfish.
SEQUENCES = (
    Sequence(0, 41207, 1.25, 0.0, (0.0, 0.2)),
    Sequence(0, 8813, 0.60, 1.8, None),
    Sequence(0, 52960, 1.00, 0.9, (0.75, 1.0)),
    Sequence(1, 60422, 1.50, 0.0, (0.84, 1.0)),
    Sequence(1, 17359, 0.75, 1.2, None),
    Sequence(1, 29018, 1.05, 0.4, (0.0, 0.2)),
    Sequence(2, 26745, 0.55, 0.0, (0.60, 1.0)),
    Sequence(2, 37590, 1.30, 2.5, (0.0, 0.14)),
    Sequence(3, 33333, 1.15, 0.0, (0.80, 1.0)),
    Sequence(3, 44444, 0.85, 1.1, (0.0, 0.22)),
)
LOOKS = (  # water and camera of each video
    Look(water=(0.02, 0.47, 0.86), clear=(2.8, 5.5, 7.0), exposure=1.55, blur=0.55, noise=4.0),
    Look(water=(0.20, 0.54, 0.86), clear=(2.6, 3.8, 4.8), exposure=1.3, blur=0.95, noise=2.5),
    Look(water=(0.10, 0.40, 0.46), clear=(3.4, 5.5, 5.0), exposure=1.50, blur=0.60, noise=5.0),
    Look(water=(0.14, 0.50, 0.66), clear=(3.0, 5.0, 5.5), exposure=1.45, blur=0.60, noise=4.0),
)
HIDDEN = 3  # the test's video


def make_sample(
    folder: Path,
    *,
    seed: int = 0,
    frames_per_sequence: int = 40,
    size: tuple[int, int] = (1280, 720),
    workers: int = 2,
) -> Path:
    """Paint the sample into folder, or find it there made with the same parameters; returns folder.

    frames_per_sequence: mean; 8 sequences make train.csv, 2 the hidden video
    size: (width, height) of the frames in pixels
    workers: threads; the files do not depend on it
    Also writes ``hidden_folder(folder)``: test_images/video_3/, test.csv and truth.csv. A sample made
    with other parameters is replaced; files that are no sample raise ValueError and stay.
    """
    parameters = {"version": VERSION, "seed": seed, "frames_per_sequence": frames_per_sequence, "size": list(size)}
    made_of = seed, frames_per_sequence, size, workers
    return make_once(folder, parameters, lambda shown, hidden: _write(shown, hidden, *made_of))


def _write(shown: Path, hidden: Path, seed: int, frames: int, size: tuple[int, int], workers: int) -> None:
    jobs = _jobs(shown / "train_images", hidden / "test_images", frames)
    with tqdm(total=sum(j.frames for j in jobs), desc="reef sample", unit="frame", disable=None) as bar:
        with ThreadPoolExecutor(workers) as pool:
            side = round(2048 * size[0] / 1280)
            rngs = [np.random.default_rng([seed, video]) for video in range(len(LOOKS))]
            textures = list(pool.map(reef_texture, rngs, [side] * len(rngs)))
            films = [pool.submit(_film, job, textures[job.sequence.video], seed, size, bar.update) for job in jobs]
            rows = [row for film in films for row in film.result()]
    _write_tables(shown, hidden, pd.DataFrame(rows, columns=COLUMNS).sort_values(["video_id", "video_frame"]))


class _Job(NamedTuple):
    """One sequence to film: its first frame's number in the video, how many frames, and where they go."""

    sequence: Sequence
    first: int
    frames: int
    images: Path


def _film(job: _Job, texture: np.ndarray, seed: int, size: tuple[int, int], done: Callable[[], object]) -> list[tuple]:
    """Paint and write the frames one by one, calling done after each; returns their rows of train.csv."""
    video, number, _, _, visit = job.sequence
    scene = make_scene(texture, LOOKS[video], (seed, video, number), job.frames, visit, size)
    rows = []
    for t in range(job.frames):
        image, boxes = scene.frame(t)
        write_jpeg(job.images / f"{job.first + t}.jpg", image, JPEG_QUALITY)
        annotations = [dict(zip(("x", "y", "width", "height"), box, strict=True)) for box in boxes]
        rows.append((video, number, job.first + t, t, f"{video}-{job.first + t}", str(annotations)))
        done()
    return rows


def _jobs(train_images: Path, test_images: Path, frames: int) -> list[_Job]:
    """All sequences, the longest first so that the threads end together; makes the folders."""
    jobs, seen = [], [0] * len(LOOKS)  # frames of each video so far
    for sequence in SEQUENCES:
        images = (test_images if sequence.video == HIDDEN else train_images) / f"video_{sequence.video}"
        images.mkdir(parents=True, exist_ok=True)
        first, length = seen[sequence.video] + round(sequence.gap * frames), max(1, round(sequence.length * frames))
        jobs.append(_Job(sequence, first, length, images))
        seen[sequence.video] = first + length
    return sorted(jobs, key=lambda job: -job.frames)


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
