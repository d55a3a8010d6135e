"""Parameters on the command line, in any order and number."""

from __future__ import annotations

import argparse

import pytest

from kaggle_utils.cli import main
from kaggle_utils.commands.push import add_push_arguments
from kaggle_utils.commands.rehearse import add_rehearse_arguments
from kaggle_utils.commands.run import add_run_arguments
from kaggle_utils.platform.parameters import add_set_argument, one_by_one


def parsed(line: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--wait", action="store_true")
    add_set_argument(parser)
    return parser.parse_args(list(one_by_one(line.split())))


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
    args = parser.parse_args(list(one_by_one(["--set", "fold=3", "imgsz=64", "reef"])))
    assert args.set == ["fold=3", "imgsz=64"]


def test_a_kernel_may_be_named_after_its_parameters(capsys):
    assert main(["push", "--check", "--set", "imgsz=64", "epochs=1", "reef-2-train"]) == 0
    assert capsys.readouterr().out.startswith("reef-2-train: NvidiaTeslaP100")
