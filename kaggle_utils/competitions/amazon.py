"""Amazon: 17 labels of chips of forest (Kaggle, Planet: Understanding the Amazon from Space, 2017).

Everything that is particular to this competition: its names and sizes, its tables in, its submission
out, its score. A chip of 256x256 pixels is a JPG and a TIF of four bands; its tags stand in one text. The score is
the mean over chips of each one's F2. The files are archives on Kaggle, so people attach a dataset that has them unpacked:
chips and tables are found by their names, however deep they lie. Facts measured on the organisers' table are in the
constants.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kaggle_utils.evidence.medals import Medals
from kaggle_utils.images.bands import fit_limits, read_picture
from kaggle_utils.images.colour import without_haze
from kaggle_utils.images.decode import read_image
from kaggle_utils.labels.scorecard import LabelScorecard, label_scorecard
from kaggle_utils.tasks.competition import FoldSize
from kaggle_utils.tasks.faults import column_faults, doubled_faults, name_faults, read_texts, refuse
from kaggle_utils.tasks.hidden import hidden_truth
from kaggle_utils.tasks.labels.items import LabelItems
from kaggle_utils.tasks.labels.kind import Labels
from kaggle_utils.tasks.submission import FileStream, read_answers

if TYPE_CHECKING:
    import pandas as pd

NAME = "amazon"
SLUG = "planet-understanding-the-amazon-from-space"
DATASETS: tuple[str, ...] = ("planets-dataset",)  # nikitarom/planets-dataset: JPGs and tables
UNIT = "chip"
KEY = "image_name"
COLUMNS = ("image_name", "tags")
CODE = SERVED = False  # submitted as a file, the test's chips are there
CHIPS_OF_LABEL = {  # training chips that have it (73 name a tag twice); "artisinal" is the organisers' spelling
    "agriculture": 12_315, "artisinal_mine": 339, "bare_ground": 862, "blooming": 332, "blow_down": 98, "clear": 28_431,
    "cloudy": 2_089, "conventional_mine": 100, "cultivation": 4_477, "habitation": 3_660, "haze": 2_697,
    "partly_cloudy": 7_261, "primary": 37_513, "road": 8_071, "selective_logging": 340, "slash_burn": 209, "water": 7_411,
}  # fmt: skip
CLASSES = tuple(CHIPS_OF_LABEL)
WEATHER = ("clear", "cloudy", "haze", "partly_cloudy")  # exactly one of them, on all training chips but one
KIND = Labels(len(CLASSES), exclusive=(tuple(map(CLASSES.index, WEATHER)),), alone=(CLASSES.index("cloudy"),))
TRAIN_CHIPS, HIDDEN_ITEMS = 40_479, 61_191
# What teams say in write-ups and repositories, to three digits; at home the 7th, out of fold with a threshold of .2.
MEDALS = Medals((0.93, 0.933), 0.93, None, winner=0.933, validation=(0.9336, 0.9337), teams=938)
FULL = {  # near-duplicates stay together, so a fold may have a few chips more or less
    fold: FoldSize(TRAIN_CHIPS - valid, valid)
    for fold, valid in ((fold, len(range(fold, TRAIN_CHIPS, 5))) for fold in range(5))
}
# Two CPU cores, a few minutes: networks of half a million weights on chips of 64 pixels, from random weights.
SAMPLE = {
    "members": {"plain": {}, "focal": {"loss": "focal"}, "balanced": {"balance": 0.5}}, "n_folds": 3,
    "encoder": "test_resnet", "size": (64, 64), "augmentations": "dihedral", "epochs": 9, "batch": 32, "lr": 3e-3,
    "ema": 0.95, "views": ("identity", "hflip", "rot90", "rot180"),
}  # fmt: skip
SMOKE = SAMPLE | {"members": None, "epochs": 1, "views": ("identity",)}
SCORE_OPTIONS: dict[str, str] = {}

RGB = ("red", "green", "blue")
TRAIN_TABLES = ("train_v2.csv", "train_classes.csv")  # as the organisers call it, and a public re-packing
TEST_TABLES = ("sample_submission_v2.csv", "sample_submission.csv")
_CHIPS = re.compile(r"(train|test)-(jpg|tif)(-additional|-v2)*")  # folders that hold chips, directly or deeper
_ARCHIVES = (".7z", ".tar", ".zip", ".gz")


def make_sample(folder: Path) -> Path:
    """The built-in sample, painted unless it is there."""
    from kaggle_utils.competitions.samples import amazon as painter

    return painter.make_sample(folder)


def load(folder: Path) -> LabelItems:
    """The training chips, in order of their table, ``train_v2.csv`` or ``train_classes.csv``.

    Chips are ``train-jpg/train_0.jpg`` and ``train-tif-v2/train_0.tif``, wherever these folders lie below. Those that are
    not there are counted (``str``, ``exists``), not refused.
    Raises FileNotFoundError without a table; ValueError for one with unknown tags, and where archives lie in their place.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train_v2.csv").write_text("image_name,tags\\ntrain_0,haze primary\\n")
    ...     print(load(folder))
    1 items, 2 labels; 1 of their files are missing
    """
    files = _files(folder)
    table = read_table(_table(files, TRAIN_TABLES, folder))
    return LabelItems(_located(table[KEY], files, folder), CLASSES, labels_of(table["tags"]))


def test(folder: Path) -> LabelItems:
    """The chips to predict, in the sample submission's order: those called ``test_0``, then those called ``file_0``."""
    files = _files(folder)
    return LabelItems(_located(read_table(_table(files, TEST_TABLES, folder))[KEY], files, folder), CLASSES)


test.__test__ = False  # its name is no test's
unlabelled = test


def hidden(folder: Path) -> LabelItems:
    """A hidden test's chips in a folder, with their truth where :func:`hidden_truth` finds it.

    ValueError for a folder without chips, or a truth that lacks one.
    """
    files, known = _files(folder), hidden_truth(Path(folder))
    names = sorted({path.stem for path in files if path.suffix == ".jpg"})
    if not names:
        raise ValueError(f"{str(folder)!r} has no chips, expected files ending in .jpg")
    chips = _located(names, files, folder)
    if known is None:
        return LabelItems(chips, CLASSES)
    truth = read_table(known).set_index(KEY)["tags"]
    refuse([f"lacks the chip {name!r}, expected all {len(names)}" for name in names if name not in truth.index][:1], known)
    return LabelItems(chips, CLASSES, labels_of(truth.loc[names]))


def fit_pixels(items: LabelItems) -> Mapping[str, Any]:
    """What becomes 0 and 255 in each band, by percentiles of these chips; nothing where no TIF is there."""
    there = [path for path in items.table["tif"] if path]
    return {"limits": fit_limits(there)} if there else {}


def read(
    items: LabelItems, row: int, size: tuple[int, int] | None, bands: Sequence[str] = RGB,
    limits: Mapping[str, Sequence[float]] | None = None, dehazed: bool = False,
) -> np.ndarray:  # fmt: skip
    """A chip, (H, W, C) uint8: red, green and blue of the JPG, or other bands of the TIF.

    bands: also nir and ndvi, see :func:`kaggle_utils.images.bands.read_picture`; limits: of :func:`fit_pixels`
    dehazed: whether haze is taken out of red, green and blue, which then come first
    """
    chip = items.table.iloc[row]
    if tuple(bands) == RGB:
        picture = read_image(chip["path"], size)
    elif chip["tif"]:
        picture = read_picture(chip["tif"], bands, limits or {}, size)
    else:
        raise FileNotFoundError(f"{chip[KEY]} has no TIF, expected {chip[KEY]}.tif for the bands {', '.join(bands)}")
    if not dehazed:
        return picture
    if tuple(bands[:3]) != RGB:
        raise ValueError(f"bands are {tuple(bands)}, expected {', '.join(RGB)} first, from which haze is taken")
    return np.dstack([without_haze(np.ascontiguousarray(picture[..., :3])), picture[..., 3:]])


def truth(items: LabelItems, row: int, shape: tuple[int, int] | None = None) -> np.ndarray:
    """(17,) bool."""
    return items.labels[row]


def stream(items: LabelItems | None, folder: Path, output: Path) -> FileStream:
    """The test, into ``submission.csv`` of the folder output; or other items, into ``validation.csv``."""
    return FileStream.opened(sys.modules[__name__], items, folder, output)


def lay_out(items: LabelItems, folder: Path, test: bool = True) -> None:
    """As the competition does: chips (links) and sample_submission_v2.csv; or train_v2.csv of these chips."""
    if not test:
        return _write(folder / TRAIN_TABLES[0], items.table[KEY], tags_of(items.labels))
    for _, chip in items.table.iterrows():
        more = "" if chip[KEY].startswith("test") else "-additional"
        for place, path in ((f"test-jpg{more}", chip["path"]), ("test-tif-v2", chip["tif"])):
            if path:
                (folder / place).mkdir(parents=True, exist_ok=True)
                (folder / place / Path(path).name).symlink_to(Path(path).resolve())
    _write(folder / TEST_TABLES[0], items.table[KEY], ["primary clear agriculture road water"] * len(items))


def read_table(path: Path) -> pd.DataFrame:
    """A CSV of image_name, tags; ValueError naming missing columns, doubled names and the first unknown tag."""
    table = read_texts(path)
    refuse(column_faults(table, COLUMNS), path)
    refuse([*doubled_faults(table[KEY]), *_tag_faults(table)], path)
    return table


def labels_of(tags: pd.Series) -> np.ndarray:
    """(N, 17) bool of texts of known tags.

    >>> import pandas as pd
    >>> labels_of(pd.Series(["clear primary", ""])).sum(1).tolist()
    [2, 0]
    """
    each = tags.reset_index(drop=True).str.split().explode().dropna()
    labels = np.zeros((len(tags), len(CLASSES)), bool)
    labels[each.index, each.map(CLASSES.index)] = True
    return labels


def tags_of(labels: np.ndarray) -> list[str]:
    """The inverse of :func:`labels_of`, tags in alphabetical order.

    >>> tags_of(np.eye(17, dtype=bool)[:2])
    ['agriculture', 'artisinal_mine']
    """
    return [" ".join(name for name, there in zip(CLASSES, row, strict=True) if there) for row in labels.tolist()]


def _tag_faults(table: pd.DataFrame) -> list[str]:
    """The first tags that are no label's, and how many rows more there are."""
    each = table.set_index(KEY)["tags"].str.split().explode().dropna()
    odd = each[~each.isin(CLASSES)]
    told = [f"{name} has the tag {tag!r}, expected some of {', '.join(CLASSES)}" for name, tag in odd.iloc[:1].items()]
    return told + [f"{len(odd) - 1} more tags are no label's"] * (len(odd) > 1)


def _write(path: Path, names: Sequence[str], tags: Sequence[str]) -> None:
    pairs = zip(names, tags, strict=True)
    path.write_text("\n".join([",".join(COLUMNS), *map(",".join, pairs)]) + "\n")


def _files(folder: Path) -> list[Path]:
    """All files below a folder, in a fixed order, the deepest first, so that what lies higher is taken last."""
    found = [Path(place, name) for place, _, names in os.walk(folder, followlinks=True) for name in names]
    return sorted(found, key=lambda path: (-len(path.parts), path))


def _table(files: Sequence[Path], names: Sequence[str], folder: Path) -> Path:
    """The first of these tables that is there; an error that says what is there instead, and what to do."""
    by_name = {path.name: path for path in files}
    if found := [by_name[name] for name in names if name in by_name]:
        return found[0]
    _refuse_archives(files, folder)
    raise FileNotFoundError(f"{folder} has no {' and no '.join(names)}")


def _located(names: Sequence[str], files: Sequence[Path], folder: Path) -> pd.DataFrame:
    """image_name, path (of the JPG), exists, and tif, empty where it is not there."""
    import pandas as pd

    def holds(place: Path) -> bool:
        return place == Path(folder) or any(map(_CHIPS.fullmatch, place.relative_to(folder).parts))

    places = {place for place in {path.parent for path in files} if holds(place)}
    chips = [path for path in files if path.parent in places]
    jpg, tif = ({path.stem: str(path) for path in chips if path.suffix == kind} for kind in (".jpg", ".tif"))
    exists = [name in jpg for name in names]
    if len(names) and not any(exists):
        _refuse_archives(files, folder)
    paths = [jpg.get(name, f"{name}.jpg") for name in names]
    return pd.DataFrame({KEY: list(names), "path": paths, "exists": exists, "tif": [tif.get(name, "") for name in names]})


def _refuse_archives(files: Sequence[Path], folder: Path) -> None:
    packed = sorted(path.name for path in files if path.suffix in _ARCHIVES)
    if packed:
        ways = f"attach a dataset that has them unpacked in the metadata's dataset_sources, or unpack them (7z x {packed[0]})"
        raise ValueError(f"{folder} holds archives, {', '.join(packed[:3])}, and no chips: {ways} and read that folder")


def rows(items: LabelItems, row: int, answer: np.ndarray) -> list[tuple[str, str]]:
    """The submission's row for one chip; answer: (17,) bool."""
    if np.shape(answer) != (len(CLASSES),):
        raise ValueError(f"a chip's labels have shape {np.shape(answer)}, expected ({len(CLASSES)},)")
    return [(items.table[KEY].iloc[row], *tags_of(np.asarray(answer, bool)[None]))]


def faults(table: pd.DataFrame, items: LabelItems) -> list[str]:
    """What is wrong with a submission, a sentence each; none when Kaggle would score it.

    table: columns image_name and tags, separated by spaces, one row a chip

    >>> import pandas as pd
    >>> items = LabelItems(pd.DataFrame({"image_name": ["test_0", "file_0"]}), CLASSES)
    >>> faults(pd.DataFrame({"image_name": ["test_0"], "tags": ["clear primary"]}), items)
    ["1 image_name missing: 'file_0'"]
    """
    wrong = column_faults(table, COLUMNS, exactly=True)
    return wrong or [*name_faults(KEY, table[KEY], items.table[KEY]), *_tag_faults(table)]


def _predicted(table: pd.DataFrame, items: LabelItems) -> np.ndarray:
    """(N, 17) bool of a table without faults, in the order of items, rows in any order."""
    return labels_of(table.set_index(KEY)["tags"].loc[items.table[KEY]])


def answers(table: pd.DataFrame, items: LabelItems) -> list[str]:
    """The tags of each chip, in alphabetical order."""
    return tags_of(_predicted(table, items))


def score(items: LabelItems, table: pd.DataFrame) -> LabelScorecard:
    """The mean F2 of a table without faults."""
    return label_scorecard(items.labels, _predicted(table, items), CLASSES)


def score_files(truth: Path, predictions: Path) -> LabelScorecard:
    """:func:`score` of two CSVs of image_name, tags. Raises ValueError naming each fault of the predictions."""
    known = read_table(truth)
    items = LabelItems(known[[KEY]], CLASSES, labels_of(known["tags"]))
    return score(items, read_answers(sys.modules[__name__], items, predictions))
