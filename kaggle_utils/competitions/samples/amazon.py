"""A small synthetic amazon competition in Kaggle's own layout, so that everything runs without the data.

Chips painted by :mod:`amazon_land`, written as "Planet: Understanding the Amazon from Space" lays out its files:
train_v2.csv, sample_submission_v2.csv, a JPG and a TIF of 16 bits each. Chips are smaller than the real 256x256; labels
are as frequent as there, and as exclusive. The truth of the test lies in ``<folder>-hidden/truth.csv``, beside a copy of
its chips. Some training chips are the next one's overlapping neighbour, and the test's are a little hazier. Scores on
this sample say whether the code works; they say nothing about forests.
"""

from __future__ import annotations

import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from kaggle_utils.competitions.amazon import COLUMNS, tags_of
from kaggle_utils.competitions.samples.amazon_land import draw_labels, paint_chip
from kaggle_utils.competitions.samples.folders import make_once, write_jpeg

VERSION = 1  # raised when the same parameters paint other chips
JPEG_QUALITY = 92
TEST_HAZE = 0.3  # by which the test is hazier, so that it can be told from train, but hardly
FILES = 3  # one in so many chips of the test is called file_0 and not test_0
FOLDERS = {"train": "train-jpg", "test": "test-jpg", "file": "test-jpg-additional"}
TWICE = 0.04  # of the training chips show what the one before shows, a pixel off and in another light
DARK = np.array([4200, 2900, 1700, 300], np.float32)  # what a TIF has of a reflectance of 0 in each band
LIGHT = np.array([4000, 5000, 6000, 13000], np.float32)  # and how much more of 1, about as on Kaggle


def make_sample(
    folder: Path, *, seed: int = 0, chips: int = 1000, test_chips: int = 320, side: int = 64, workers: int = 2
) -> Path:
    """Paint the sample into folder, or find it there made with the same parameters; returns folder.

    chips, test_chips: how many; side: of the chips in pixels, 256 on Kaggle
    workers: threads; the files do not depend on it
    Also writes ``hidden_folder(folder)`` with truth.csv and the test's chips. A sample made with other
    parameters is replaced; files that are no sample raise ValueError and stay.
    """
    parameters = {"version": VERSION, "seed": seed, "chips": chips, "test_chips": test_chips, "side": side}
    return make_once(folder, parameters, partial(_write, seed=seed, counts=(chips, test_chips), side=side, workers=workers))


def _write(shown: Path, hidden: Path, seed: int, counts: tuple[int, int], side: int, workers: int) -> None:
    trains = [f"train_{i}" for i in range(counts[0])]
    files = counts[1] // FILES
    tests = [f"test_{i}" for i in range(counts[1] - files)] + [f"file_{i}" for i in range(files)]
    labels = np.concatenate([draw_labels(np.random.default_rng([seed, 0, part]), n) for part, n in enumerate(counts)])
    scene = np.arange(sum(counts))
    for row in np.flatnonzero(np.random.default_rng([seed, 1]).random(counts[0] - 1) < TWICE) + 1:
        labels[row], scene[row] = labels[row - 1], scene[row - 1]
    for place in [*FOLDERS.values(), "train-tif-v2", "test-tif-v2"]:
        (shown / place).mkdir(parents=True)

    def one(row: int) -> None:
        name = (trains + tests)[row]
        chip = paint_chip(np.random.default_rng([seed, 2, scene[row]]), labels[row], side, 1 + (row >= len(trains)) * TEST_HAZE)
        if scene[row] != row:
            chip = np.roll(chip, (1, -1), axis=(0, 1)) * 0.97
        _write_chip(shown, name, chip)

    with ThreadPoolExecutor(workers) as pool:
        list(tqdm(pool.map(one, range(len(labels))), total=len(labels), desc="amazon sample", unit="chip", disable=None))
    for place in ("test-jpg", "test-jpg-additional", "test-tif-v2"):  # what a rehearsal swaps in
        shutil.copytree(shown / place, hidden / "test_images" / place)
    _write_table(shown / "train_v2.csv", trains, tags_of(labels[: len(trains)]))
    _write_table(shown / "sample_submission_v2.csv", tests, ["primary clear agriculture road water"] * len(tests))
    _write_table(hidden / "truth.csv", tests, tags_of(labels[len(trains) :]))


def _write_chip(shown: Path, name: str, chip: np.ndarray) -> None:
    """(H, W, 4) reflectance as a JPG in colours, and as a TIF of 16 bits in blue, green, red, near infrared."""
    kind = name.partition("_")[0]
    write_jpeg(shown / FOLDERS[kind] / f"{name}.jpg", np.clip(255 * chip[..., 2::-1], 0, 255).astype(np.uint8), JPEG_QUALITY)
    place = shown / ("train-tif-v2" if kind == "train" else "test-tif-v2") / f"{name}.tif"
    place.write_bytes(tif(np.clip(DARK + LIGHT * chip, 0, 65535).astype("<u2")))


def tif(bands: np.ndarray) -> bytes:
    """A file of (H, W, 4) uint16, bands in their order, as plain as the organisers' (OpenCV writes one that it warns of)."""
    height, width = bands.shape[:2]
    sizes = 8 + 2 + 12 * 11 + 4  # behind the header and the directory: the bits of each band, then the pixels
    tags = {  # number: (type 3 is two bytes, 4 four; count; value or place)
        256: (4, 1, width), 257: (4, 1, height), 258: (3, 4, sizes), 259: (3, 1, 1), 262: (3, 1, 2), 273: (4, 1, sizes + 8),
        277: (3, 1, 4), 278: (4, 1, height), 279: (4, 1, bands.nbytes), 284: (3, 1, 1), 338: (3, 1, 1),
    }  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in tags.items())
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    return head + directory + struct.pack("<I4H", 0, 16, 16, 16, 16) + bands.tobytes()


def _write_table(path: Path, names: list[str], tags: list[str]) -> None:
    pd.DataFrame(zip(names, tags, strict=True), columns=list(COLUMNS)).to_csv(path, index=False)
