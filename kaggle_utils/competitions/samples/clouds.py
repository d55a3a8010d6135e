"""A small synthetic clouds competition in Kaggle's own layout, so that everything runs without the data.

Skies painted by :mod:`clouds_sky`, with boxes as :mod:`clouds_labels` draws them, written as the
competition "Understanding Clouds from Satellite Images" lays out its files: train.csv, train_images/,
test_images/ and sample_submission.csv. Pictures are smaller than the real 1400x2100, run lengths of
train.csv are those of the pictures, and submissions are at 350x525 as on Kaggle. The truth of the test
lies in ``<folder>-hidden/truth.csv``, at 350x525, beside a copy of its pictures. A few skies come twice,
seen by a second satellite an hour later. The test's are of the same kind as the training's, and many, so
that its score is as sure as the one at home. Scores on this sample say whether the code works; they say
nothing about clouds.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from kaggle_utils.competitions.clouds import CLASSES, COLUMNS, SUBMISSION_SHAPE
from kaggle_utils.competitions.samples.clouds_labels import (
    Region,
    annotated,
    draw_regions,
    mask_of_boxes,
    share_of_regions,
)
from kaggle_utils.competitions.samples.clouds_sky import paint_sky
from kaggle_utils.competitions.samples.folders import make_once, write_jpeg
from kaggle_utils.masks.rle import rle_from_mask

VERSION = 4  # raised when the same parameters paint other pictures
JPEG_QUALITY = 92
TWICE = 0.04  # of the training images are a second look at the one before
BLACK = 0.7  # of the images are crossed by the black stripe between two orbits


class _Job(NamedTuple):
    """One picture: its file's name, the numbers its sky is drawn from, and whether it is a second look at it."""

    name: str
    folder: Path
    seeds: tuple[int, ...]
    again: bool
    test: bool


def make_sample(
    folder: Path,
    *,
    seed: int = 0,
    images: int = 120,
    test_images: int = 150,
    size: tuple[int, int] = (525, 350),
    workers: int = 2,
) -> Path:
    """Paint the sample into folder, or find it there made with the same parameters; returns folder.

    images, test_images: how many; size: (width, height) of the pictures in pixels, 2100x1400 on Kaggle
    workers: threads; the files do not depend on it
    Also writes ``hidden_folder(folder)`` with truth.csv and the test's pictures. A sample made with other
    parameters is replaced; files that are no sample raise ValueError and stay.
    """
    parameters = {"version": VERSION, "seed": seed, "images": images, "test_images": test_images, "size": list(size)}
    jobs = partial(_jobs, seed=seed, images=images, test_images=test_images)
    return make_once(folder, parameters, lambda shown, hidden: _write(shown, hidden, jobs(shown), size[::-1], workers))


def _jobs(shown: Path, seed: int, images: int, test_images: int) -> list[_Job]:
    rng = np.random.default_rng([seed, 0])
    numbers = rng.choice(16**7, images + test_images, replace=False)
    second = (rng.random(images) < TWICE) & (np.arange(images) > 0)
    jobs = []
    for i, number in enumerate(numbers.tolist()):
        test = i >= images
        again = bool(not test and second[i] and not second[i - 1])
        part = shown / ("test_images" if test else "train_images")
        jobs.append(_Job(f"{number:07x}.jpg", part, (seed, 1, i - again), again, test))
    return jobs


def _write(shown: Path, hidden: Path, jobs: list[_Job], shape: tuple[int, int], workers: int) -> None:
    for folder in (hidden, shown / "train_images", shown / "test_images"):
        folder.mkdir(parents=True)
    with ThreadPoolExecutor(workers) as pool:
        made = pool.map(lambda job: _make(job, shape), jobs)
        boxes = list(tqdm(made, total=len(jobs), desc="clouds sample", unit="image", disable=None))
    shutil.copytree(shown / "test_images", hidden / "test_images")  # what a rehearsal swaps in
    train, test = ([(j.name, b) for j, b in zip(jobs, boxes, strict=True) if j.test == kind] for kind in (False, True))
    _write_table(shown / "train.csv", _rows(train, shape))
    _write_table(hidden / "truth.csv", _rows(test, SUBMISSION_SHAPE))
    names = sorted(name for name, _ in test)
    _write_table(shown / "sample_submission.csv", ((f"{name}_{kind}", "1 1") for name in names for kind in CLASSES))


def _make(job: _Job, shape: tuple[int, int]) -> dict[str, list[Region]]:
    """Paints and writes one picture; returns the boxes of its kinds."""
    sky = np.random.default_rng(job.seeds)
    regions = draw_regions(sky)
    shares = {kind: share_of_regions(sky, places, shape) for kind, places in regions.items()}
    picture = paint_sky(sky, shape, shares)
    look = np.random.default_rng([*job.seeds, 1 + job.again])
    striped = _striped(sky, picture)
    write_jpeg(job.folder / job.name, _second_look(look, striped) if job.again else striped, JPEG_QUALITY)
    return annotated(look, regions)


def _second_look(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """The same sky from another satellite: a few pixels off and in another light."""
    moved = np.roll(picture, rng.integers(-3, 4, 2), axis=(0, 1))
    return np.clip(moved * rng.uniform(0.9, 1.1), 0, 255).astype(np.uint8)


def _striped(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """With the wedge that no orbit saw: black, slanted, anywhere across the picture."""
    if rng.random() > BLACK:
        return picture
    height, width = picture.shape[:2]
    slant, breadth = rng.choice([-1, 1]) * rng.uniform(0.12, 0.24), rng.uniform(0.04, 0.12)
    y = np.arange(height)[:, None] / height
    left = rng.uniform(-0.15, 1.0) + slant * y
    right = left + breadth + rng.uniform(-0.05, 0.1) * y
    x = np.arange(width)[None] / width
    return np.where(((x >= left) & (x < right))[..., None], 0, picture).astype(np.uint8)


def _rows(images: list[tuple[str, dict]], shape: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """Rows of a table of run lengths: images in order of name, classes in the competition's."""
    for name, boxes in sorted(images):
        for kind in CLASSES:
            yield f"{name}_{kind}", rle_from_mask(mask_of_boxes(boxes.get(kind, []), shape))


def _write_table(path: Path, rows: Iterator[tuple[str, str]]) -> None:
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(path, index=False)
