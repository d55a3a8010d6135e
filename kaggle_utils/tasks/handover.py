"""What stages hand to each other in files: written by one, found, checked and read by the next.

Stage 1 writes folds.csv, stage 2 run.json beside its weights, stage 3 decision.json, stage 4 submission.csv
and, on validation data, validation.json. What one competition's files hold is told in its own modules; here
is what they have in common, above all the refusals: files of other data, of another training, incomplete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_utils.files import json_text, replacing
from kaggle_utils.learning.parameters import UNLEARNT
from kaggle_utils.tasks.faults import column_faults, refuse

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "folds_table",
    "require_same_source",
    "require_weights",
    "stage_lines",
    "training_outputs",
    "write_run_json",
]


def folds_table(path: Path, names: pd.Series, what: str, also: tuple[str, ...] = ()) -> pd.DataFrame:
    """The rows of folds.csv in the order of names, indexed by them, with the column fold.

    names: (N,) whose name is that of the column in the file; what: they are, for messages; also: columns to be there, too
    Raises ValueError for a table that lacks columns, has a name twice, or has no fold for some name.

    >>> import pandas as pd, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "folds.csv").write_text("image,fold\\na.jpg,1\\nb.jpg,0\\n")
    ...     folds_table(Path(folder, "folds.csv"), pd.Series(["b.jpg", "a.jpg"], name="image"), "images")["fold"].tolist()
    [0, 1]
    """
    import pandas as pd

    key = names.name
    table = pd.read_csv(path, dtype=dict.fromkeys((key, *also), str))
    refuse(column_faults(table, (key, *also, "fold")), path)
    twice = table[key][table[key].duplicated()]
    refuse([f"{key} {name!r} stands more than once" for name in twice[:1]], path)
    found = table.set_index(key).reindex(names.astype(str))
    without = found.index[found["fold"].isna()]
    count = f"{len(without)} of {len(found)} {what} have no fold"
    refuse([f"{count}, the first is {name!r}, expected folds of this data" for name in without[:1]], path)
    return found.astype({"fold": "int64"})


def write_run_json(folder: Path, folds: object, parameters: Mapping[str, Any], **facts: Any) -> Path:
    """``run.json`` of the training stage; returns its path. facts: anything else worth keeping (plain values)."""
    with replacing(folder / "run.json") as part:
        part.write_text(json_text({"folds": folds, "parameters": parameters, **facts}, indent=1) + "\n")
    return folder / "run.json"


def training_outputs(folders: Iterable[Path], sample: bool | None = None) -> list[tuple[Path, dict]]:
    """(folder, run.json) of each output of the training stage, all trained with the same parameters.

    sample: whether the data in use are the built-in sample's, see :func:`require_same_source`
    Raises FileNotFoundError where run.json is missing, ValueError for another source and parameters that differ.
    """
    outputs = [(Path(folder), _run_json(Path(folder), sample)) for folder in folders]
    for other in outputs[1:]:
        _refuse_other_parameters(outputs[0], other)
    return outputs


def _run_json(folder: Path, sample: bool | None) -> dict:
    path = folder / "run.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing, stage 2_train writes it when its folds are done; {_lies_in(folder)}")
    run = json.loads(path.read_text())
    require_same_source(run, sample, path)
    return run


def _refuse_other_parameters(first: tuple[Path, dict], other: tuple[Path, dict]) -> None:
    one, two = first[1]["parameters"], other[1]["parameters"]
    for name in sorted((one.keys() | two.keys()) - UNLEARNT):
        if one.get(name) != two.get(name):
            both = f"{one.get(name)!r} in {first[0]} and {two.get(name)!r} in {other[0]}"
            raise ValueError(f"the parameter {name!r} is {both}, expected folds trained alike")


def require_same_source(content: Mapping[str, Any], sample: bool | None, path: Path) -> None:
    """Raises ValueError when a file's ``sample`` says that it was made from other data than are in use.

    content: what the file holds, with or without the flag; sample: whether the data in use are the built-in
    sample's, None to ask nothing

    >>> require_same_source({"sample": True}, False, "decision.json")
    Traceback (most recent call last):
    ValueError: decision.json was made from the built-in sample, expected the competition's data: run the stage again
    """
    made_from = content.get("sample")
    if None not in (made_from, sample) and made_from != sample:
        there, here = (("the competition's data", "the built-in sample")[flag] for flag in (made_from, sample))
        raise ValueError(f"{path} was made from {there}, expected {here}: run the stage again")


def require_weights(folder: Path, name: str, what: str) -> Path:
    """The path of weights that a run.json names; FileNotFoundError saying whose are missing and what lies there."""
    path = folder / name
    if not path.is_file():
        where = f"stage 2_train wrote them beside its run.json; {_lies_in(folder)}"
        raise FileNotFoundError(f"the weights of {what} are missing, expected {path}: {where}")
    return path


def _lies_in(folder: Path) -> str:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"in {folder} lies: {', '.join(names[:12]) or 'nothing'}{more}"


def stage_lines(
    runs: Path,
    stages: Collection[str],
    decided: Callable[[dict], list[str]],
    validated: Callable[[dict], str],
    hidden: Callable[[Path], str] | None,
) -> list[str]:
    """Lines about the stages named, in order, each made of what a stage left.

    runs: the folder with a folder for each stage
    stages: those that have just run; figures that others left earlier are not told
    decided: makes lines of decision.json; validated: one of validation.json
    hidden: makes one of submission.csv and the hidden test's truth; None where that is not known

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "3_decide", "decision.json")) as part:
    ...         _ = part.write_text('{"f2": 0.5}')
    ...     stage_lines(Path(folder), ["3_decide", "4_submit"], lambda d: [f"F2 {d['f2']}"], str, None)
    ['F2 0.5']
    """
    decision, answer = runs / "3_decide" / "decision.json", runs / "4_submit"
    submission, validation = answer / "submission.csv", answer / "validation.json"
    lines = decided(json.loads(decision.read_text())) if "3_decide" in stages and decision.is_file() else []
    if "4_submit" not in stages or not submission.is_file():
        return lines
    if validation.is_file():
        lines.append(validated(json.loads(validation.read_text())))
    elif hidden is not None:
        lines.append(hidden(submission))
    return [*lines, f"submission:     {submission}"]
