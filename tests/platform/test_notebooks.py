"""Notebooks: the same bones in all of them, and all of them run."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*/[0-9]_*.ipynb"))
BOOTSTRAP = (ROOT / "kaggle_utils" / "platform" / "bootstrap.txt").read_text().rstrip("\n")
HEADER = "| Reads | Writes | Runs on | Takes |"


def cells(path: Path, kind: str) -> list[dict]:
    return [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def identity(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=identity)
class TestEachNotebook:
    def test_opens_with_a_title_and_the_table_of_what_it_reads_and_writes(self, path):
        first = source(cells(path, "markdown")[0])
        assert first.startswith("# ") and HEADER in first

    def test_starts_with_the_bootstrap_cell_byte_for_byte(self, path):
        assert source(cells(path, "code")[0]) == BOOTSTRAP

    def test_has_one_cell_of_parameters_and_it_comes_second(self, path):
        tags = [c["metadata"].get("tags", []) for c in cells(path, "code")]
        assert [i for i, t in enumerate(tags) if "parameters" in t] == [1]

    def test_is_committed_without_outputs(self, path):
        assert all(not c["outputs"] and c["execution_count"] is None for c in cells(path, "code"))

    def test_cells_are_short(self, path):
        body = [len(source(c).splitlines()) for c in cells(path, "code")[2:]]
        assert sorted(body)[len(body) // 2] <= 8 and max(body) <= 24

    def test_ends_by_reading_back_what_it_wrote(self, path):
        assert "read back" in source(cells(path, "markdown")[-1]).lower()


def test_no_function_is_defined_in_a_notebook_twice():
    names = []
    for path in NOTEBOOKS:
        tree = ast.parse("\n".join(source(c) for c in cells(path, "code")))
        names += [node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert len(names) == len(set(names))


def test_the_submission_notebook_is_about_eight_cells():
    assert all(len(cells(p, "code")) <= 9 for p in NOTEBOOKS if p.stem == "4_submit")


def test_every_parameter_of_the_detector_can_be_set_and_has_a_reason():
    from dataclasses import fields

    from kaggle_utils.detector.parameters import DetectorParameters
    from kaggle_utils.platform.parameters import defaults

    path = ROOT / "notebooks" / "reef" / "2_train.ipynb"
    assert {f.name for f in fields(DetectorParameters)} <= set(defaults(json.loads(path.read_text())))
    cell = source(cells(path, "code")[1]).splitlines()
    assert all(" # " in line or line.startswith("#") for line in cell)
