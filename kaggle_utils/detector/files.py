"""A YOLO dataset that points at images where they lie instead of copying them.

ultralytics wants a folder with ``images/train``, ``labels/train``, the same for ``val``, and a YAML
file that names them. The images (15 GB in the reef competition, on a read-only disk) are linked; only
the label texts are written. Most reef frames are empty, so how many of them to train on is a choice.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kaggle_utils.boxes.formats import yolo_text_from_boxes
from kaggle_utils.boxes.table import Boxes
from kaggle_utils.files import replacing


def write_yolo_dataset(
    folder: str | os.PathLike,
    names: Sequence[str],
    paths: Sequence[str],
    truth: Boxes,
    train_rows: Sequence[int],
    valid_rows: Sequence[int],
    *,
    classes: Sequence[str],
    empties: float | None = None,
    seed: int = 0,
) -> Path:
    """Links, labels and ``data.yaml``; returns the path of the YAML file.

    names, paths: (n_frames,) of each frame, names no two of which are the same; truth numbers them
    train_rows, valid_rows: row numbers; ``empties`` thins out the training frames only
    classes: the name of each label number
    All frames are of one size, that of the first.
    empties, seed: as for :func:`thin_out_empties`
    Writing again gives the same folder: links and labels of frames that are no longer chosen go, and
    those that are right stay. Raises FileNotFoundError naming an image that is not there.
    """
    folder = Path(folder).absolute()
    rows = {"train": thin_out_empties(train_rows, truth, empties, seed), "val": np.asarray(valid_rows, np.int64)}
    size = _size_of_first(paths, rows)
    boxes = dict(truth.by_frame())
    for side, chosen in rows.items():
        stems, targets = (np.asarray(all_of_them)[chosen].tolist() for all_of_them in (names, paths))
        _write_links(folder / "images" / side, stems, targets)
        texts = [yolo_text_from_boxes(boxes[row], *size) if row in boxes else "" for row in chosen.tolist()]
        _write_labels(folder / "labels" / side, stems, texts)
    return _write_yaml(folder, classes)


def thin_out_empties(rows: Sequence[int], truth: Boxes, empties: float | None, seed: int = 0) -> np.ndarray:
    """The given rows with fewer frames without boxes, ascending, (R,) int64.

    empties: how many frames without boxes to keep for each one with boxes; 0 keeps none, None all
    seed: which of them

    >>> len(thin_out_empties(range(6), Boxes([1], [[0, 0, 9, 9]]), empties=2))
    3
    """
    rows = np.unique(np.asarray(rows, dtype=np.int64))
    filled = np.isin(rows, truth.frame)
    if empties is None:
        return rows
    wanted = min(round(empties * filled.sum()), int((~filled).sum()))
    kept = np.random.default_rng(seed).choice(rows[~filled], wanted, replace=False)
    return np.sort(np.concatenate([rows[filled], kept]))


def _size_of_first(paths: Sequence[str], rows: dict[str, np.ndarray]) -> tuple[int, int]:
    chosen = np.concatenate(list(rows.values()))
    if not len(chosen):
        raise ValueError("no frame is chosen for training or validation, expected at least one")
    with Image.open(paths[int(chosen[0])]) as image:
        return image.size


def _write_links(folder: Path, stems: Sequence[str], paths: Sequence[str]) -> None:
    targets = {f"{stem}{Path(path).suffix}": Path(path).absolute() for stem, path in zip(stems, paths, strict=True)}
    _remove_others(folder, targets)
    for name, target in targets.items():
        link = folder / name
        if not (link.exists() and link.samefile(target)):
            link.unlink(missing_ok=True)
            _link(target, link)


def _link(target: Path, link: Path) -> None:
    """A symbolic link, or where the disk has none a hard link, or where it has neither a copy."""
    if not target.exists():
        raise FileNotFoundError(f"{target} is not there, expected the image of {link.stem}")
    for attempt in (os.symlink, os.link, shutil.copyfile):
        try:
            attempt(target, link)
            return
        except OSError:
            if attempt is shutil.copyfile:
                raise


def _write_labels(folder: Path, stems: Sequence[str], texts: Sequence[str]) -> None:
    text_of = {f"{stem}.txt": text for stem, text in zip(stems, texts, strict=True)}
    _remove_others(folder, text_of)
    for name, text in text_of.items():
        path = folder / name
        if not (path.exists() and path.read_text() == text):
            with replacing(path) as part:
                part.write_text(text)


def _remove_others(folder: Path, names: Collection[str]) -> None:
    """Files that an earlier call left here; and ultralytics' cache of labels, which may be stale."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in os.scandir(folder):
        if file.name not in names:
            os.unlink(file.path)
    folder.with_suffix(".cache").unlink(missing_ok=True)


def _write_yaml(folder: Path, classes: Sequence[str]) -> Path:
    """JSON is YAML, and quotes whatever a path may hold."""
    path = folder / "data.yaml"
    content = {"path": str(folder), "train": "images/train", "val": "images/val", "names": list(classes)}
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n")
    return path
