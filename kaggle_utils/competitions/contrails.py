"""Contrails: thin ice clouds behind aircraft, in eight infrared frames (Kaggle, Google Research - Identify Contrails, 2023).

Everything that is particular to this competition: its names and sizes, its folders in, its submission out, its score. A
record is a folder of bands, ``band_08.npy`` to ``band_16.npy``, (256, 256, 8) float32 in kelvin, eight frames ten minutes
apart, and of masks of the fifth. The score is one Dice over all pixels of all records.

**Labels sit half a pixel down and right of the image**: they were drawn on pictures that were larger. A network learns that
offset; seen in a flip, it is a whole pixel wrong. So the image is moved onto its labels' grid when it is read, in float,
before it is 8 bits, and nothing later need know (``align``).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaggle_utils.evidence.medals import Medals
from kaggle_utils.folds.scenes import from_metres
from kaggle_utils.images import infrared
from kaggle_utils.images.decode import resized
from kaggle_utils.images.kelvin import read_bands
from kaggle_utils.masks.pixelcard import PixelScorecard, pixel_scorecard
from kaggle_utils.masks.rle import mask_from_rle, rle_from_mask, run_length_faults
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.faults import column_faults, name_faults, order_faults, read_texts, refuse
from kaggle_utils.tasks.hidden import hidden_truth
from kaggle_utils.tasks.masks.items import FolderItems, RunLengthItems
from kaggle_utils.tasks.masks.kind import Masks
from kaggle_utils.tasks.submission import FileStream, read_answers

if TYPE_CHECKING:
    import pandas as pd

NAME = "contrails"
SLUG = "google-research-identify-contrails-reduce-global-warming"
UNIT = "record"
KEY = "record_id"
CLASSES = ("contrail",)
COLUMNS = ("record_id", "encoded_pixels")
EMPTY = "-"  # how an empty mask is written
CODE, SERVED = True, False  # run again on a hidden test, whose folder takes the place of the one that everybody sees
SHAPE = (256, 256)  # (height, width) of the masks that are scored, and of Kaggle's bands
FRAMES, LABELLED = 8, 4  # in a band's file, and the one that masks are of, from 0
DEFAULTS = {  # what the best teams had in common: soft targets, inputs enlarged, all turns on the labels' grid
    "size": (256, 256), "enlarged": 2, "labels": 1, "loss": "bce", "target": "mean", "augmentations": "dihedral",
    "views": ("identity",), "least_share": 0.0,
}  # fmt: skip
KIND = Masks(1, SHAPE, (0, 100), True, tuple(range(-LABELLED, FRAMES - LABELLED)), DEFAULTS)
TRAIN_RECORDS, VALIDATION_RECORDS = 20_529, 1_856
HIDDEN_ITEMS = VALIDATION_RECORDS  # about as many
FULL = {0: FoldSize(TRAIN_RECORDS, VALIDATION_RECORDS)}  # the organisers' split, the normal case at this size
MEDALS = Medals(0.71059, 0.6936, 0.67929, winner=0.72432, validation=(0.693, 0.697))  # that of one family of models
SAMPLE = {  # two CPU cores, a few minutes
    "encoder": "tu-test_resnet", "options": {"decoder_channels": (64, 48, 32, 16, 16)}, "size": (96, 96), "enlarged": 1,
    "members": {"alone": {}, "time": {"frames": (-2, -1, 0, 1), "over_time": "conv3d", "time_layers": 1}},
    "epochs": 14, "batch": 8, "lr": 3e-3, "ema": 0.95,
}  # fmt: skip
SMOKE = SAMPLE | {"size": (64, 64), "members": None, "epochs": 1}
DATASETS, SCORE_OPTIONS = (), {}
_MAJORITY, _EACH = "human_pixel_masks.npy", "human_individual_masks.npy"


def make_sample(folder: Path) -> Path:
    """The built-in sample, painted unless it is there; its hidden test lies in ``<folder>-hidden``."""
    from kaggle_utils.competitions.samples import contrails

    return contrails.make_sample(folder)


def load(folder: Path) -> FolderItems:
    """A folder in the competition's layout: ``train/<record>/`` and ``validation/<record>/`` with bands and masks.

    Records are those that are there and those that ``train_metadata.json`` and ``validation_metadata.json`` name, in order
    of name. The table has the organisers' split, and where it is known time (Unix, seconds) and place (degrees, the middle).
    Raises FileNotFoundError where there is neither folder nor metadata.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "train", "1000216489776414077").mkdir(parents=True)
    ...     data = load(folder)
    >>> print(data, *data.table.iloc[0, :2])
    1 records; all files are there 1000216489776414077 train
    """
    import pandas as pd

    table = pd.concat([_records(Path(folder), split) for split in ("train", "validation")])
    if not len(table):
        raise FileNotFoundError(f"{folder} has no records, expected train/<record>/ or train_metadata.json")
    return FolderItems(table.sort_values(KEY, ignore_index=True).astype({"exists": bool}), CLASSES, majority)


def _records(folder: Path, split: str) -> pd.DataFrame:
    """One split's records, a row each."""
    import pandas as pd

    note = folder / f"{split}_metadata.json"
    places = _on_earth(pd.DataFrame(json.loads(note.read_text()))) if note.is_file() else pd.DataFrame()
    there = _folders(folder / split)
    table = _located(sorted({*there, *places.index}), folder / split, there).join(places, on=KEY)
    table.insert(1, "split", split)
    return table


def _on_earth(places: pd.DataFrame) -> pd.DataFrame:
    """Metadata as time, latitude and longitude by record: of the middle."""
    meridian = [float(re.search(r'central_meridian",\s*([-\d.]+)', text)[1]) for text in places["projection_wkt"]]
    north, east = (places[f"{side}_min"] + SHAPE[0] / 2 * places[f"{side}_size"] for side in ("row", "col"))
    latitude, longitude = from_metres(east - 500_000, north, meridian)  # less the false easting
    found = places.assign(time=places["timestamp"], latitude=latitude, longitude=longitude)
    return found.set_index(found[KEY].astype(str))[["time", "latitude", "longitude"]]


def _folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _located(names: Sequence[str], folder: Path, there: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    paths, known = [str(folder / name) for name in names], set(there)
    return pd.DataFrame({KEY: list(names), "path": paths, "exists": [name in known for name in names]})


def test(folder: Path) -> FolderItems:
    """The records of ``test/``, in order of name; where there is no such folder, those of ``sample_submission.csv``."""
    there = _folders(place := Path(folder) / "test")
    names = there or sorted(read_texts(Path(folder) / "sample_submission.csv")[KEY])
    return FolderItems(_located(names, place, there), CLASSES)


test.__test__ = False  # its name is no test's
unlabelled = test


def hidden(folder: Path) -> FolderItems | RunLengthItems:
    """A hidden test's records in a folder, with their truth where :func:`hidden_truth` finds it, in a submission's form.

    ValueError for a folder without records, or a truth that lacks one
    """
    names = _folders(Path(folder))
    if not names:
        raise ValueError(f"{str(folder)!r} has no records, expected a folder for each")
    table = _located(names, Path(folder), names)
    items = FolderItems(table, CLASSES)
    if (known := hidden_truth(Path(folder))) is None:
        return items
    given = read_texts(known)
    refuse(column_faults(given, COLUMNS) or faults(given[given[KEY].isin(names)], items), known)
    return RunLengthItems(table, CLASSES, SHAPE, _texts(given, names)[:, None])


def fit_pixels(items: FolderItems) -> dict:
    """Nothing: the ranges of false colours are the scheme's."""
    return {}


def read(
    items: FolderItems | RunLengthItems,
    row: int,
    size: tuple[int, int] | None,
    frames: Sequence[int] = (0,),
    bands: str | Sequence[str] = "ash",
    ranges: Mapping[str, Sequence[float]] | None = None,
    changes: bool = False,
    align: bool = True,
) -> np.ndarray:
    """(H, W, T * C) uint8: the channels of the first frame, then those of the next.

    size: (width, height), None: as it is; frames: counted from the labelled one, -4 to 3
    changes: also what changes to the frames before and after
    bands, ranges: false colours, see :func:`kaggle_utils.images.infrared.channels_of`
    align: whether the image is moved onto its labels' grid, by half a pixel
    Raises FileNotFoundError and ValueError naming a record's band or frame that is not there.
    """
    channels = infrared.channels_of(bands, ranges)
    wanted = [LABELLED + frame + step for step in ((-1, 0, 1) if changes else (0,)) for frame in frames]
    kelvin = read_bands(items.table["path"].iloc[row], infrared.bands_of(channels), wanted, size, halves=int(align))
    colour = infrared.false_colour(kelvin, channels)  # (H, W, T, C), changes: (H, W, 3T, C)
    colour = infrared.with_changes(*np.split(colour, 3, axis=2)) if changes else colour
    return infrared.in_bytes(colour.reshape(*colour.shape[:2], -1))


def majority(path: str) -> np.ndarray:
    """(1, height, width) of 0 and 1: what more than half of the annotators drew into a record."""
    return _masks(path, _MAJORITY)[None, ..., 0]


def annotators(path: str) -> np.ndarray:
    """(R, height, width) of 0 and 1: what each annotator drew; the organisers' validation records have the majority alone."""
    drawn = _masks(path, _EACH if Path(path, _EACH).is_file() else _MAJORITY)
    return np.moveaxis(drawn.reshape(*drawn.shape[:2], -1), 2, 0)


def _masks(path: str, name: str) -> np.ndarray:
    if not Path(path, name).is_file():
        raise FileNotFoundError(f"record {Path(path).name} has no {name}, expected it in {path}")
    return np.load(Path(path, name))


def truth(items: FolderItems | RunLengthItems, row: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """(1, height, width) bool, the majority's."""
    return items.masks(row, shape)


def target(
    items: FolderItems, row: int, shape: tuple[int, int], how: str = "majority", draw: int | Sequence[int] = 0
) -> np.ndarray:
    """(1, height, width) float32 from 0 to 1, what a model learns.

    how: majority; mean: the share of annotators; annotator: one of them, by the number draw, or several, one behind another
    """
    ways = {"majority": majority, "mean": annotators, "annotator": annotators}
    if how not in ways:
        raise ValueError(f"target is {how!r}, expected {', '.join(ways)}")
    drawn = ways[how](items.table["path"].iloc[row]).astype(np.float32)
    some = drawn[np.atleast_1d(draw) % len(drawn)] if how == "annotator" else drawn.mean(0, keepdims=True)
    return np.moveaxis(resized(np.moveaxis(some, 0, 2), shape[::-1]), 2, 0)


def stream(items: FolderItems | None, folder: Path, output: Path) -> FileStream:
    """The test, into ``submission.csv`` of the folder output; or other items, into ``validation.csv``."""
    return FileStream.opened(sys.modules[__name__], items, folder, output)


def lay_out(items: FolderItems | RunLengthItems, folder: Path, test: bool = True) -> None:
    """As the competition does, by links: test/ with bands alone and sample_submission.csv; or train/ and validation/."""
    parts = ["test"] * len(items) if test else items.table["split"]
    for part, path in zip(parts, map(Path, items.table["path"]), strict=True):
        (folder / part / path.name).mkdir(parents=True)
        for file in sorted(path.glob("band_*.npy" if test else "*.npy")):
            (folder / part / path.name / file.name).symlink_to(file.resolve())
    if test:
        rows = [f"{name},1 1" for name in sorted(items.table[KEY])]
        (folder / "sample_submission.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")


def rows(items: FolderItems, row: int, answer: np.ndarray) -> list[tuple[str, str]]:
    """The submission's row for one record; answer: (1, 256, 256), any value but 0 belongs to the mask."""
    expected = (len(CLASSES), *SHAPE)
    if np.shape(answer) != expected:
        raise ValueError(f"a record's mask has shape {np.shape(answer)}, expected {expected}")
    return [(items.table[KEY].iloc[row], rle_from_mask(answer[0], EMPTY))]


def faults(table: pd.DataFrame, items: FolderItems | RunLengthItems) -> list[str]:
    """What is wrong with a submission, a sentence each; none when Kaggle would score it.

    table: columns record_id and encoded_pixels (run lengths at 256x256, - for none), in order of record_id, a row a record

    >>> import pandas as pd
    >>> items = FolderItems(pd.DataFrame({"record_id": ["1", "2"]}), CLASSES)
    >>> faults(pd.DataFrame([("1", ""), ("2", "65536 2")], columns=list(COLUMNS)), items)
    ["1: an empty mask is '', expected '-'", '2: the run 65536 2 is beyond the last pixel, 65536']
    """
    if wrong := column_faults(table, COLUMNS, exactly=True):
        return wrong
    names, wanted = table[KEY], sorted(items.table[KEY])
    found = [(name, run_length_faults(text, SHAPE, EMPTY)) for name, text in table.itertuples(index=False)]
    told = [f"{name}: {'; '.join(wrong)}" for name, wrong in found if wrong]
    more = [f"{len(told) - 3} more rows are no run lengths"] if len(told) > 3 else []
    return [*(name_faults(KEY, names, wanted) or order_faults(KEY, names, wanted)), *told[:3], *more]


def _texts(table: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """(N,) run lengths in the order of names, empty for none, of a table without faults."""
    return table.set_index(KEY)[COLUMNS[1]].replace(EMPTY, "").reindex(list(names)).to_numpy(dtype=object)


def answers(table: pd.DataFrame, items: FolderItems | RunLengthItems) -> list[str]:
    """The run lengths of each record."""
    return _texts(table, items.table[KEY]).tolist()


def score(items: FolderItems | RunLengthItems, table: pd.DataFrame) -> PixelScorecard:
    """The Dice of all pixels of a table without faults; a truth of another size is resized to 256x256."""
    masks = (mask_from_rle(text, SHAPE) for text in answers(table, items))
    return pixel_scorecard((mask, truth(items, row)[0]) for row, mask in enumerate(masks))


def score_files(truth: Path, predictions: Path) -> PixelScorecard:
    """:func:`score` of two CSVs of record_id, encoded_pixels, at 256x256.

    Raises ValueError naming each fault of either.
    """
    import pandas as pd

    table = read_texts(truth)
    refuse(column_faults(table, COLUMNS), truth)
    items = FolderItems(pd.DataFrame({KEY: table[KEY]}), CLASSES)
    refuse(faults(table.sort_values(KEY), items), truth)
    known = RunLengthItems(items.table, CLASSES, SHAPE, _texts(table, table[KEY])[:, None])
    return score(known, read_answers(sys.modules[__name__], known, predictions))
