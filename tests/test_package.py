"""What importing costs, and which layers know which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kaggle_utils"
LIGHT = "boxes.table boxes.f2 boxes.fusion boxes.tracking boxes.attention boxes.clips evidence.crossfit evidence.intervals evidence.diary folds.groups images.views".split()


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_package_alone_loads_neither_torch_nor_pandas_nor_numba():
    assert not loaded_after("import kaggle_utils") & {"torch", "ultralytics", "pandas", "numba", "cv2", "matplotlib"}


@pytest.mark.parametrize("module", LIGHT)
def test_leaves_and_decisions_load_neither_torch_nor_ultralytics(module):
    assert not loaded_after(f"import kaggle_utils.{module}") & {"torch", "ultralytics"}


def imported_by(path: Path) -> set[str]:
    """Names of kaggle_utils' modules that a file imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_competitions_and_what_is_below_them_do_not_know_the_platform():
    files = [p for p in PACKAGE.rglob("*.py") if not {"platform", "commands"} & set(p.parts) and p.name != "cli.py"]
    guilty = {p.name for p in files if any(n.startswith("kaggle_utils.platform") for n in imported_by(p))}
    assert guilty == set()


def test_only_the_detector_imports_ultralytics():
    guilty = {p.name for p in PACKAGE.rglob("*.py") if any(n.split(".")[0] == "ultralytics" for n in imported_by(p))}
    assert guilty and all((PACKAGE / "detector" / name).is_file() for name in guilty)


def test_the_folder_of_kaggle_stands_in_one_file():
    guilty = {p.name for p in PACKAGE.rglob("*.py") if '"/kaggle' in p.read_text() and p.name != "runtime.py"}
    assert guilty == set()
