"""JSON that any reader takes."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.plain_json import json_text, plain

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.recursive(leaves, lambda part: st.lists(part) | st.dictionaries(st.text(), part)))
def test_what_json_has_comes_back_as_it_went_in(value):
    assert json.loads(json_text(value)) == value
    assert "\n" not in json_text(value)


def test_what_json_lacks_becomes_what_it_has():
    value = {"a": np.float32(0.5), "b": (np.int64(1), {3, 2}), "c": Path("x/y"), "d": np.nan, "e": np.zeros((1, 2))}
    assert json.loads(json_text(value)) == {"a": 0.5, "b": [1, [2, 3]], "c": "x/y", "d": None, "e": [[0, 0]]}


def test_what_has_no_form_is_named():
    with pytest.raises(ValueError, match="is a complex, expected numbers"):
        plain({"a": [1j]})
