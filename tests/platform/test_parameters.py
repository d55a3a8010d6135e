"""Overrides of a notebook's parameters: read from the command line, in any order and number, and injected."""

from __future__ import annotations

import argparse

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.cli import main
from kaggle_utils.commands.push import add_push_arguments
from kaggle_utils.commands.rehearse import add_rehearse_arguments
from kaggle_utils.commands.run import add_run_arguments
from kaggle_utils.platform.parameters import add_set_argument, defaults, fan_out, inject, parse_set, single_settings


def notebook(source: str = "fold = 0\nmodel = 'yolo11n'\n", tags: tuple[str, ...] = ("parameters",)) -> dict:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), cell])


def run(book: dict) -> dict:
    names: dict = {}
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    return names


def test_values_are_python_literals_and_otherwise_text():
    texts = ["a=1", "b=1e-3", "c=None", "d=[1, 'x']", "e=weights/best.pt", "f=x=y", "g='5'", "h="]
    expected = {"a": 1, "b": 1e-3, "c": None, "d": [1, "x"], "e": "weights/best.pt", "f": "x=y", "g": "5", "h": ""}
    assert parse_set(texts) == expected


def test_a_range_includes_both_ends():
    assert parse_set(["fold=0..4"]) == {"fold": [0, 1, 2, 3, 4]}
    assert parse_set(["fold=-1..0"]) == {"fold": [-1, 0]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("unet,fpn", ["unet", "fpn"]),
        ("640, 1280", [640, 1280]),
        ("unet,", ["unet"]),
        ("(unet,fpn),pan", [("unet", "fpn"), "pan"]),
        ("(unet,fpn)", ("unet", "fpn")),
        ("{unet,fpn}", ("unet", "fpn")),
        ("{2, 1}", (2, 1)),
        ("[a, [b, 1]]", ["a", ["b", 1]]),
        ("(unet)", ("unet",)),
        ("(1, 2)", (1, 2)),
        ("{'a': (1, 2), 'b': 3}", {"a": (1, 2), "b": 3}),
        ("'a,b'", "a,b"),
        ("'a,b',c", ["a,b", "c"]),
    ],
)
def test_what_stands_between_commas_fans_out_and_what_stands_in_brackets_is_one_value(text, value):
    assert parse_set([f"member={text}"]) == {"member": value}
    fans = isinstance(value, list) and not text.startswith("[")
    assert [one["member"] for one in fan_out([f"member={text}"])] == (value if fans else [value])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["fold"], "'fold' is not"),
        (["1a=2"], "'1a=2'"),
        (["a=1", "a=2"], "given twice"),
        (["f=4..0"], "4..0 is empty"),
        (["smoke=false"], "'smoke=false': write smoke=False, or quote a text twice: smoke=\"'false'\""),
        (["smoke=TRUE"], "write smoke=True"),
        (["fold=none"], "write fold=None"),
        (["fold=null"], "write fold=None"),
        (["fold=0-4"], "'fold=0-4': write fold=first..last"),
        (["fold=0...4"], "write fold=first..last"),
        (["fold=0 .. 4"], "write fold=first..last"),
        (["fold=0.."], "write fold=first..last"),
    ],
)
def test_a_wrong_override_is_named(texts, message):
    with pytest.raises(ValueError, match=message):
        parse_set(texts)


def test_a_text_that_looks_like_something_else_is_given_in_quotes():
    assert parse_set(["a='false'", "b='0-4'", "c=2024-10-05"]) == {"a": "false", "b": "0-4", "c": "2024-10-05"}


def test_two_ranges_make_every_combination():
    sets = fan_out(["fold=0..1", "seed=7..8", "lr=0.1"])
    assert [(s["fold"], s["seed"], s["lr"]) for s in sets] == [(0, 7, 0.1), (0, 8, 0.1), (1, 7, 0.1), (1, 8, 0.1)]


def test_without_overrides_there_is_one_run_with_the_defaults():
    assert fan_out([]) == [{}]


def test_defaults_reads_every_kind_of_assignment():
    book = notebook("a = 1\nb: str = 'x'\nc = d = 2\ne, f = 3, (4, 5)\ng = 2 * a\nprint(a)\n")
    assert defaults(book) == {"a": 1, "b": "x", "c": 2, "d": 2, "e": 3, "f": (4, 5), "g": "2 * a"}


def test_injected_values_win_when_the_notebook_runs():
    assert run(inject(notebook(), {"fold": 3}))["fold"] == 3
    assert run(inject(notebook(), {"fold": 3}))["model"] == "yolo11n"


def test_injecting_leaves_the_original_alone_and_a_second_injection_replaces_the_first():
    book = notebook()
    once = inject(book, {"fold": 3})
    assert len(book["cells"]) == 2
    assert inject(once, {"fold": 4})["cells"] == inject(book, {"fold": 4})["cells"]
    assert inject(once, {})["cells"] == book["cells"]


def test_an_unknown_parameter_is_named_beside_those_that_exist():
    with pytest.raises(ValueError, match=r"'folds' \(= 3\).*\['fold', 'model'\]"):
        inject(notebook(), {"folds": 3})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("a = False", "off"),
        ("a = False", 0),
        ("a = 640", "large"),
        ("a = 0.1", True),
        ("a = (1, 2)", "1 2"),
        ("a = {}", "x"),
    ],
)
def test_a_value_of_another_kind_than_the_notebooks_is_refused(source, value):
    with pytest.raises(ValueError, match=f"'a' is {value!r}, expected the kind of the notebook's"):
        inject(notebook(source), {"a": value})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("a = None", "x"),
        ("a = None", 3),
        ("a = 'x'", 3),
        ("a = 1", 0.5),
        ("a = (1, 2)", [3]),
        ("a = 640", None),
    ],
)
def test_a_value_that_may_be_meant_is_taken(source, value):
    assert run(inject(notebook(source), {"a": value}))["a"] == value


@pytest.mark.parametrize("tags", [(), ("parameter",)])
def test_a_notebook_without_a_parameters_cell_is_refused(tags):
    with pytest.raises(ValueError, match="0 cells tagged 'parameters'"):
        inject(notebook(tags=tags), {"fold": 3})


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
LITERALS = NUMBERS | st.text() | st.none() | st.lists(st.booleans())


@given(st.dictionaries(st.sampled_from(["fold", "model"]), LITERALS))
def test_any_literal_arrives_as_it_was_and_the_notebook_stays_valid(values):
    book = inject(notebook("fold = None\nmodel = None\n"), values)
    nbformat.validate(book)
    assert {name: run(book)[name] for name in values} == values


def parsed(line: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--wait", action="store_true")
    add_set_argument(parser)
    return parser.parse_args(list(single_settings(line.split())))


@pytest.mark.parametrize(
    "line",
    [
        "reef --set fold=0..4 imgsz=64",
        "reef --set fold=0..4 --set imgsz=64",
        "--set fold=0..4 imgsz=64 reef",
        "--set fold=0..4 reef --set imgsz=64",
        "--set=fold=0..4 imgsz=64 reef",
        "--set fold=0..4 imgsz=64 --wait reef",
    ],
)
def test_every_order_means_the_same(line):
    args = parsed(line)
    assert (args.name, args.set, args.wait) == ("reef", ["fold=0..4", "imgsz=64"], "--wait" in line)


def test_a_text_without_a_value_stays_with_its_flag_to_be_refused_by_name():
    assert parsed("--set imgsz reef").set == ["imgsz"]


def test_a_flag_without_a_text_is_an_error(capsys):
    with pytest.raises(SystemExit):
        parsed("reef --set")
    assert "--set: expected one argument" in capsys.readouterr().err


@pytest.mark.parametrize("add", [add_push_arguments, add_run_arguments, add_rehearse_arguments])
def test_every_command_takes_it(add):
    parser = argparse.ArgumentParser()
    add(parser)
    args = parser.parse_args(list(single_settings(["--set", "fold=3", "imgsz=64", "reef"])))
    assert args.set == ["fold=3", "imgsz=64"]


def test_a_kernel_may_be_named_after_its_parameters(capsys):
    assert main(["push", "--check", "--set", "imgsz=64", "epochs=1", "reef-2-train"]) == 0
    assert capsys.readouterr().out.startswith("reef-2-train: NvidiaTeslaP100")
