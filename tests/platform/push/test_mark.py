"""The comment that says what a sent kernel is: it survives the way to Kaggle and back, and an edit is noticed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_folders import notebook_with

from kaggle_utils.platform.push.mark import Mark, digest_of, marked, read

MARK = Mark(
    digest="",
    rest="rest",
    family="family",
    stage="pond-2-train",
    settings="fold=*",
    kernels=["me/pond-2-train-fold0"],
    sent="2026-11-21T20:00:00+00:00",
    run=True,
    reads={"me/w": 4, "a/b": None},
)
CODES = {"notebook": json.dumps(notebook_with("fold = 0")), "script": "import os\n\nfold = 0\n"}


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_a_mark_is_read_as_it_was_written(code):
    assert read(marked(code, MARK)) == replace(MARK, digest=digest_of(code, "rest"))


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_an_edit_that_keeps_the_comment_makes_another_digest(code):
    sent = marked(code, MARK)
    assert read(sent.replace("fold = 0", "fold = 1")).digest != read(sent).digest


def test_the_kind_of_a_cell_is_part_of_the_digest():
    text = CODES["notebook"].replace('"cell_type": "code"', '"cell_type": "markdown"')
    assert digest_of(text, "") != digest_of(CODES["notebook"], "")


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
@pytest.mark.parametrize("text", ["# kaggle-utils is great", "# kaggle-utils {}", "# kaggle-utils on GPUs\\nepochs = 1"])
def test_a_comment_that_is_no_mark_is_sent_and_part_of_the_digest(code, text):
    other = code.replace("fold = 0", f"{text}\\nfold = 0" if code.startswith("{") else f"{text}\nfold = 0")
    assert digest_of(other, "") != digest_of(code, "") and text in marked(other, MARK)


def test_what_kaggle_does_to_a_notebook_on_the_way_changes_nothing():
    sent = json.loads(marked(CODES["notebook"], MARK))
    for number, cell in enumerate(sent["cells"]):
        cell |= {"source": cell["source"].splitlines(keepends=True), "outputs": [{"text": "1"}], "execution_count": number}
        cell["metadata"]["trusted"] = True
    sent["metadata"]["kaggle"] = {"accelerator": "gpu"}
    sent["cells"].append({"cell_type": "code", "source": "", "metadata": {}})
    assert read(json.dumps(sent, indent=1)) == read(marked(CODES["notebook"], MARK))


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_a_comment_that_is_brought_along_is_replaced(code):
    again = marked(marked(code, replace(MARK, stage="pond-1-eda")), MARK)
    assert again == marked(code, MARK)


@pytest.mark.parametrize(
    "source", ["", "[]", "{}", '{"cells": []}', "x = 1", "# kaggle-utils is great", '# kaggle-utils {"digest": 1}']
)
def test_a_source_without_a_mark_has_none(source):
    assert read(source) is None


@given(st.lists(st.text()), st.text())
def test_a_mark_comes_back_whatever_the_cells_hold(cells, rest):
    code = json.dumps({"cells": [{"cell_type": "markdown", "source": text} for text in cells]})
    found = read(marked(code, replace(MARK, rest=rest)))
    assert found == replace(MARK, rest=rest, digest=digest_of(code, rest))
