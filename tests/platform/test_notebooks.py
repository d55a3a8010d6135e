"""Notebooks: the same bones in all of them, and all of them run."""

import ast
import json
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.competitions import find
from kaggle_utils.files import plain
from kaggle_utils.platform.notebooks import execute, tidied
from kaggle_utils.platform.parameters import defaults, inject

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*/[0-9]_*.ipynb"))
BOOTSTRAP = (ROOT / "kaggle_utils" / "platform" / "bootstrap.txt").read_text().rstrip("\n")
OF_MEMBERS = {"start_from", "learns_from", "pseudo_from", "classes", "channels"}  # of a member, or of what is given
OF_A_RUN = {"fold", "folds", "members", "member", "full", "smoke", "comment"}
HEADER = "| Reads | Writes | Runs on | Takes |"


def cells(path: Path, kind: str) -> list[dict]:
    return [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def identity(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


TRAININGS = pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem == "2_train"], ids=identity)


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

    def test_no_line_of_code_is_longer_than_a_page_is_wide(self, path):
        assert [line for c in cells(path, "code") for line in source(c).splitlines() if len(line) > 100] == []

    def test_every_parameter_has_its_reason_at_the_line(self, path):
        lines = source(cells(path, "code")[1]).splitlines()
        assert [line for line in lines if "  # " not in line and not line.startswith("# ")] == []


def test_the_cell_that_shows_a_loss_of_ones_own_writes_one(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from kaggle_utils.learning.losses import loss

    [cell] = [source(c) for c in cells(ROOT / "notebooks/clouds/2_train.ipynb", "code") if source(c).startswith("%%")]
    magic, text = cell.split("\n", 1)
    assert magic == "%%writefile own.py"
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(text)
    right, true = torch.tensor([[[[20.0, -20.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
    assert loss("own.py:tversky")(right, true) < 1e-6 < 0.2 < loss("bce+own.py:tversky", (0.0, 1.0))(-right, true)


def test_cells_have_names_of_their_own():
    for path in NOTEBOOKS:
        names = [cell["id"] for cell in json.loads(path.read_text())["cells"]]
        assert len(names) == len(set(names)), path


def test_no_function_is_defined_in_a_notebook_twice():
    names = []
    for path in NOTEBOOKS:
        tree = ast.parse("\n".join(source(c) for c in cells(path, "code") if not source(c).startswith("%%")))
        names += [node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert len(names) == len(set(names))


def test_the_submission_notebook_is_about_eight_cells():
    assert all(len(cells(p, "code")) <= 9 for p in NOTEBOOKS if p.stem == "4_submit")


@TRAININGS
def test_the_parameters_of_a_training_are_the_defaults_and_all_of_them(path):
    real = find(path.parent.name).KIND.parameters({}).plain()
    shown = plain(defaults(json.loads(path.read_text())))
    assert {name: shown.get(name) for name in real.keys() - OF_MEMBERS} == {name: real[name] for name in real.keys() - OF_MEMBERS}
    assert shown.keys() - real.keys() == OF_A_RUN


@TRAININGS
def test_what_a_command_sets_beats_the_sample_even_where_it_is_the_default(path):
    def epochs(settings: dict) -> set[int]:
        names: dict = {}
        for cell in inject(json.loads(path.read_text()), settings)["cells"]:
            if {"parameters", "injected-parameters"} & {*cell["metadata"].get("tags", [])}:
                exec(source(cell), names)
        return {one.plain()["epochs"] for one in competition.KIND.members(names, competition.SAMPLE).values()}

    competition = find(path.parent.name)
    default = competition.KIND.parameters({}).plain()["epochs"]
    assert epochs({}) == {competition.SAMPLE["epochs"]} != {default}
    assert epochs({"epochs": default}) == {default} and epochs({"epochs": 3}) == {3}


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem == "3_decide"], ids=identity)
def test_a_decision_takes_few_names_and_reads_what_a_figure_shows(path):
    code = cells(path, "code")[2:]
    tree = ast.parse("\n".join(map(source, code)))
    assert len([alias for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names]) <= 18
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Dict, ast.DictComp)) and len(ast.unparse(node)) > 60]
    drawn = [i for i, c in enumerate(code) if source(c).splitlines()[-1].startswith("gains(")]
    assert drawn and all("print(choice" in source(code[i + 1]) for i in drawn)
    assert "what_next(" in source(code[-1])


def test_a_number_of_folds_is_said_once():
    path = ROOT / "notebooks" / "clouds" / "1_eda.ipynb"
    number = defaults(json.loads(path.read_text()))["n_folds"]
    assert any(f'stage.value("n_folds", globals(), default={number})' in source(c) for c in cells(path, "code"))


class TestWhatAPageKeepsOfAText:
    def test_a_bar_is_one_line_however_it_moved(self):
        nested = "".join(f"fold 0: {n:3}%|#|\n\x1b[Afold 1: {n:3}%|#|\n" for n in range(0, 101, 5))
        assert tidied(f"begins\n{nested}ends") == "begins\nfold 0: 100%|#|\nfold 1: 100%|#|\nends"

    def test_a_bar_that_begins_anew_is_another(self):
        assert tidied("a:  50%|\ra: 100%|\na:   0%|\ra:  30%|") == "a: 100%|\na:  30%|"
        assert tidied("a: 100%| 3 s\na: 100%| 4 s") == "a: 100%| 3 s\na: 100%| 4 s"

    def test_a_warning_names_its_file_alone(self):
        warned = "/home/me/lib/python3.13/site-packages/timm/layers.py:21: UserWarning: old\n  from /x import y\n"
        assert tidied(warned) == "layers.py:21: UserWarning: old\n  from /x import y\n"
        assert tidied(f"weights: {Path.cwd()}/runs/best.pth") == "weights: runs/best.pth"

    @given(st.lists(st.text("ab c\n"), max_size=5))
    def test_what_is_no_bar_stays_as_it_was(self, parts):
        assert tidied("\n".join(parts)) == "\n".join(parts)


def test_a_page_wraps_long_lines_and_shows_a_film_as_a_picture(tmp_path):
    film = "import numpy as np\nfrom kaggle_utils.pictures.frames import Film, write_film\n"
    film += f"Film(write_film(np.zeros((3, 8, 8, 3), np.uint8), r'{tmp_path}/film.gif'))"
    cells = [nbformat.v4.new_code_cell(film), nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]})]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "9_film.ipynb")
    page = execute(tmp_path / "9_film.ipynb", tmp_path / "out").read_text()
    assert 'src="data:image/gif;base64,R0lGOD' in page
    assert "white-space: pre-wrap !important" in page
