"""A small synthetic contrails competition in Kaggle's own layout, so that everything runs without the data.

Skies painted by :mod:`contrails_sky`, written as "Google Research - Identify Contrails" lays out its files:
folders of bands 11, 14 and 15 and of masks in train/ and validation/, bands alone in test/, and the metadata.
Records are smaller than the real 256x256, and so are their masks; submissions are at 256x256 as on Kaggle. Some
skies come twice, half an hour later. The truth of the test lies in ``<folder>-hidden/truth.csv`` beside a copy of
its records. Scores on this sample say whether the code works; they say nothing about contrails.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from kaggle_utils.competitions.contrails import COLUMNS, EMPTY, FRAMES, LABELLED, SHAPE, SLUG
from kaggle_utils.competitions.samples.contrails_sky import annotated, draw_contrails, paint_bands
from kaggle_utils.competitions.samples.folders import make_once
from kaggle_utils.masks.rle import rle_from_mask
from kaggle_utils.masks.scorecard import resized_mask

VERSION = 3  # raised when the same parameters paint other records
TWICE, LATER = 0.15, 3  # of the skies come again, so many frames later
_ZONE = 'PROJCS["unknown",PROJECTION["Transverse_Mercator"],PARAMETER["central_meridian",{}]]'


class _Job(NamedTuple):
    """One record: its name, the split it lies in, the numbers its sky is drawn from, and its first frame."""

    name: str
    split: str
    seeds: tuple[int, ...]
    later: int


def make_sample(
    folder: Path, *, seed: int = 0, train: int = 140, validation: int = 60, test: int = 50, side: int = 96, workers: int = 2
) -> Path:
    """Paint the sample into folder, or find it there made with the same parameters; returns folder.

    train, validation, test: how many records; side: of a record in pixels, 256 on Kaggle
    workers: threads; the files do not depend on it
    Also writes ``hidden_folder(folder)`` with truth.csv and the test's records. A sample made with other
    parameters is replaced; files that are no sample raise ValueError and stay.
    """
    counts = {"train": train, "validation": validation, "test": test}
    parameters = {"version": VERSION, "slug": SLUG, "seed": seed, **counts, "side": side}
    return make_once(folder, parameters, lambda shown, hidden: _write(shown, hidden, _jobs(seed, counts), side, workers))


def _jobs(seed: int, counts: dict[str, int]) -> list[_Job]:
    rng = np.random.default_rng([seed, 0])
    splits = [split for split, count in counts.items() for _ in range(count)]
    names = rng.choice(10**18, len(splits), replace=False) + 10**18
    again = (rng.random(len(splits)) < TWICE).tolist()
    jobs: list[_Job] = []
    for number, (name, split) in enumerate(zip(map(str, names), splits, strict=True)):
        twin = again[number] and jobs and jobs[-1].split == split and not jobs[-1].later
        jobs.append(_Job(name, split, (seed, 1, number - bool(twin)), LATER * bool(twin)))
    return jobs


def _write(shown: Path, hidden: Path, jobs: list[_Job], side: int, workers: int) -> None:
    for folder in (hidden, *(shown / split for split in ("train", "validation", "test"))):
        folder.mkdir(parents=True)
    with ThreadPoolExecutor(workers) as pool:
        made = pool.map(lambda job: _make(job, shown / job.split / job.name, side), jobs)
        texts = list(tqdm(made, total=len(jobs), desc="contrails sample", unit="record", disable=None))
    for split in ("train", "validation"):
        places = [_place(job) for job in jobs if job.split == split]
        (shown / f"{split}_metadata.json").write_text(json.dumps(places))
    shutil.copytree(shown / "test", hidden / "test_images")  # what a rehearsal swaps in
    rows = sorted((job.name, text) for job, text in zip(jobs, texts, strict=True) if job.split == "test")
    truth = pd.DataFrame(rows, columns=list(COLUMNS))
    truth.to_csv(hidden / "truth.csv", index=False)
    truth.assign(**{COLUMNS[1]: "1 1"}).to_csv(shown / "sample_submission.csv", index=False)


def _make(job: _Job, folder: Path, side: int) -> str:
    """Paints and writes one record; returns the run lengths of its mask, at 256x256."""
    folder.mkdir()
    sky = np.random.default_rng(job.seeds)
    wind, lines = sky.normal(0, 1.2, 2) * side / 96, draw_contrails(sky, side)
    for band, kelvin in paint_bands(sky, side, lines, wind, job.later + np.arange(FRAMES)).items():
        np.save(folder / f"band_{band}.npy", kelvin)
    each = annotated(np.random.default_rng([*job.seeds, 1 + job.later]), side, lines, wind, job.later + LABELLED)
    mask = (each.mean(3) > 0.5).astype(np.int32)
    if job.split != "test":
        np.save(folder / "human_pixel_masks.npy", mask)
    if job.split == "train":
        np.save(folder / "human_individual_masks.npy", each)
    return rle_from_mask(resized_mask(mask[..., 0], SHAPE), EMPTY)


def _place(job: _Job) -> dict[str, object]:
    """A record's metadata: one sky has one place, as large as the real ones."""
    rng = np.random.default_rng([*job.seeds, 0])
    return {
        "record_id": job.name, "projection_wkt": _ZONE.format(6 * rng.integers(-20, -5) - 3),
        "row_min": rng.uniform(-3e6, 4.6e6), "row_size": -2000.0, "col_min": rng.uniform(2e5, 8e5), "col_size": 2000.0,
        "timestamp": 1_554_300_000.0 + 1200 * int(rng.integers(26_000)) + 600 * job.later,
    }  # fmt: skip
