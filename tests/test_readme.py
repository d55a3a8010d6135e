"""The README's promises: its commands are those of CI, its Python blocks run, its files are there."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_a_python_block_prints_what_it_says(number):
    parsed = doctest.DocTestParser().get_doctest(blocks("python")[number], {}, f"README block {number}", "README.md", 0)
    assert parsed.examples, "a Python block without a prompt shows nothing"
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(parsed).failed == 0


def test_the_two_commands_are_the_first_and_ci_runs_them():
    commands = "".join(blocks("sh")).splitlines()
    run, test = 'pip install -e . && kaggle-utils run reef', 'pip install -e ".[test]" && pytest'
    assert commands[0] == run and test in commands
    ci = (ROOT / ".ci" / "run").read_text()
    assert test in ci and "kaggle-utils run reef" in ci


def test_every_file_and_picture_it_names_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links and all((ROOT / link).exists() for link in links if not link.startswith("http"))
