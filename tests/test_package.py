"""The house's laws: what importing costs, which floor knows which, and that what is public is explained."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kaggle_utils
from kaggle_utils import competitions

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kaggle_utils"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
FLOORS = (
    {"compiled"}, {"evidence", "images"}, {"boxes", "masks", "labels"}, {"folds"}, {"pictures"}, {"learning"},
    {"detector"}, {"tasks"}, {"competitions"}, {"platform"}, {"commands"},
)  # fmt: skip
TRAINERS = {"torch", "torchvision", "timm", "segmentation_models_pytorch", "ultralytics"}
WITH_TORCH = {"learning", "detector", "tasks"}
LIGHT = "boxes.table boxes.f2 boxes.fusion boxes.tracking boxes.attention boxes.clips evidence.crossfit evidence.intervals evidence.diary folds.groups images.views".split()
OF_A_COMPETITION = re.compile(
    r"(?<![a-z])(reef|clouds|amazon|contrails)(?![a-z])", re.IGNORECASE
)  # as a word, or part of a name
OF_NONE = {"tasks", "evidence", "learning", "detector", "commands", "platform"}  # floors that serve them all
PAGE = {name: module for module, names in kaggle_utils._PAGE.items() for name in names.split()}


def tree_of(module: Path) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text())


def imports(nodes: Iterator[ast.AST]) -> set[str]:
    """Dotted names that import statements among the nodes ask for: a module, or what is taken from one."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"line {node.lineno}: expected a whole name, not a relative one"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def loaded_at_the_top(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported: not those in functions or for type checkers alone."""
    for node in nodes:
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from loaded_at_the_top(node.orelse)
            continue
        for part in ("body", "orelse", "finalbody"):
            yield from loaded_at_the_top(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from loaded_at_the_top(handler.body)


def allowed_below(module: Path) -> set[str]:
    """Sub-packages and modules of the root that a module may import."""
    if len(module.parts) == 1:
        return {"__init__.py": set(), "cli.py": {"commands", "platform"}}.get(module.name, set()) | {"errors"}
    [height] = [number for number, floor in enumerate(FLOORS) if module.parts[0] in floor]
    return {module.parts[0], "errors", "files"}.union(*FLOORS[:height])


def climbing(module: Path) -> list[str]:
    """What a module imports from above, from beside, or through the contents page; the version alone is for all."""
    asked = [name.split(".") for name in imports(ast.walk(tree_of(module))) if name.startswith("kaggle_utils.")]
    allowed = allowed_below(module) | {"__version__"}
    return sorted(".".join(parts[1:]) for parts in asked if parts[1] not in allowed)


def test_every_folder_is_a_floor():
    assert {path.parts[0] for path in MODULES if len(path.parts) > 1} <= set().union(*FLOORS)


def test_imports_go_down():
    guilty = [f"{module} imports {name}" for module in MODULES for name in climbing(module)]
    assert not guilty, "\n".join(guilty)


def test_only_floors_that_train_load_torch():
    guilty = []
    for module in MODULES:
        loaded = {name.split(".")[0] for name in imports(loaded_at_the_top(tree_of(module).body))} & TRAINERS
        if loaded and module.parts[0] not in WITH_TORCH:
            guilty.append(f"{module} loads {', '.join(sorted(loaded))}")
    assert not guilty, "\n".join(guilty)


def test_only_the_detector_imports_ultralytics():
    guilty = {m for m in MODULES if any(n.split(".")[0] == "ultralytics" for n in imports(ast.walk(tree_of(m))))}
    assert guilty and {module.parts[0] for module in guilty} == {"detector"}


def test_the_folder_of_kaggle_stands_in_one_file():
    guilty = {module.name for module in MODULES if '"/kaggle' in (PACKAGE / module).read_text()}
    assert guilty == {"runtime.py"}


def test_all_that_is_public_has_a_docstring():
    guilty = []
    for module in MODULES:
        tree = tree_of(module)
        named = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_"]
        guilty += [f"{module}: {node.name}" for node in named if not ast.get_docstring(node)]
        guilty += [f"{module}: the module"] * (not ast.get_docstring(tree))
    assert not guilty, "\n".join(guilty)


def code_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, text) of every name and string of a module; not of docstrings, which tell of whom a thing was learnt."""
    nodes = [*ast.walk(tree)]
    said = {id(node.value) for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    for node in nodes:
        for _, part in ast.iter_fields(node) if id(node) not in said else ():
            texts = [one for one in (part if isinstance(part, list) else [part]) if isinstance(one, (str, bytes))]
            yield from ((getattr(node, "lineno", 0), str(text)) for text in texts)


def test_what_serves_all_competitions_names_none():
    """The folder reef_api aside, which emulates one competition's API, and those that import it."""
    guilty = []
    for module in MODULES:
        if module.parts[0] in OF_NONE and "reef_api" not in module.parts:
            names = {
                (line, text) for line, text in code_of(tree_of(module)) if OF_A_COMPETITION.search(text.replace("reef_api", ""))
            }
            guilty += [f"{module}, line {line}: {text}" for line, text in sorted(names)]
    assert not guilty, "\n".join(guilty)


def test_names_are_found_wherever_they_stand_but_in_docstrings():
    found = """
        import kaggle_utils.competitions.reef as a
        from b import clouds
        def amazon_sizes(x, reef=1, *, y: "contrails" = 0): return x.clouds
        REEF, CLOUDS_5 = f"{x} of clouds", {"a-reef-b": b"reef"}
        c(amazon=1)
        """
    asked = ast.parse("\n".join(line.strip() for line in found.splitlines()))
    assert [sum(line == n and bool(OF_A_COMPETITION.search(text)) for line, text in code_of(asked)) for n in range(2, 7)] == [
        1,
        1,
        4,
        5,
        1,
    ]
    told = ast.parse('"""Reef."""\ndef f(reefs, cloudsat):\n    """Clouds."""  # amazon\n    return f"{reefs} cloudscape"\n')
    assert not [text for _, text in code_of(told) if OF_A_COMPETITION.search(text)]


def test_a_competition_is_one_file_and_its_sample():
    folder = PACKAGE / "competitions"
    files = [path for path in folder.glob("*.py") if path.stem != "__init__"]
    long = {path.name: n for path in files if (n := len(path.read_text().splitlines())) > 300}
    assert not long, f"{long} lines, expected 300 at most"
    beside = {path.name for path in folder.iterdir() if path.suffix != ".py"} - {"__pycache__"}
    assert beside == {"samples"} and {path.stem for path in files} == set(competitions.known())


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


class TestTheContentsPage:
    def test_it_loads_nothing_heavy(self):
        heavy = {*TRAINERS, "pandas", "numba", "cv2", "matplotlib", "scipy"}
        assert not loaded_after("import kaggle_utils") & heavy
        assert not loaded_after("from kaggle_utils import Boxes, view_boxes") & heavy

    @pytest.mark.parametrize("name", PAGE)
    def test_a_name_is_found_where_it_lives_and_is_explained(self, name):
        home = importlib.import_module(f"kaggle_utils.{PAGE[name]}")
        found = getattr(kaggle_utils, name)
        assert found is getattr(home, name)
        assert found.__module__ == home.__name__ and inspect.getdoc(found)

    def test_its_names_are_told_and_hide_no_folder(self):
        assert len(PAGE) == sum(len(names.split()) for names in kaggle_utils._PAGE.values())
        assert {*PAGE, "__version__"} == set(kaggle_utils.__all__) <= set(dir(kaggle_utils))
        assert not set(PAGE) & {path.stem for path in PACKAGE.iterdir()}

    def test_a_name_that_is_not_there_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="'kaggle_utils' has no attribute 'f3'"):
            kaggle_utils.f3  # noqa: B018

    def test_the_readme_has_the_same_table(self):
        section = (ROOT / "README.md").read_text().split("## What is in the package")[1].split("\n## ")[0]
        rows = re.findall(r"^\| \[(.+?)\]\((.+?)\) \| (.+?) \| .+ \|$", section, flags=re.MULTILINE)
        table = {file: re.findall(r"`(\w+)`", names) for file, _, names in rows}
        assert table == {f"{module.replace('.', '/')}.py": names.split() for module, names in kaggle_utils._PAGE.items()}
        assert all((ROOT / link).is_file() and link == f"kaggle_utils/{file}" for file, link, _ in rows)


@pytest.mark.parametrize("module", LIGHT)
def test_leaves_and_decisions_load_neither_torch_nor_ultralytics(module):
    assert not loaded_after(f"import kaggle_utils.{module}") & {"torch", "ultralytics"}
