"""The far side of the bridge: its Python, and tables that come back from their plain form."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.platform.reef_api import worker as bridge_worker
from kaggle_utils.platform.reef_api.worker import plain_table, table_from_plain


def test_the_far_side_is_written_in_the_python_of_the_far_side():
    ast.parse(Path(bridge_worker.__file__).read_text(), feature_version=(3, 7))


@given(
    st.dictionaries(
        st.text(max_size=3) | st.integers(0, 9),
        st.lists(st.text(max_size=3) | st.none(), min_size=2, max_size=2)
        | st.lists(st.floats(), min_size=2, max_size=2)
        | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2)
        | st.lists(st.booleans(), min_size=2, max_size=2),
    )
)
def test_a_table_comes_back_from_its_plain_form(columns):
    rows = [3, 1]
    dtypes = {name: None if isinstance(column[0], (int, float)) else object for name, column in columns.items()}
    table = pd.DataFrame({name: pd.Series(c, rows, dtypes[name]) for name, c in columns.items()}, index=rows)
    again = table_from_plain(json.loads(json.dumps(plain_table(table))))
    pd.testing.assert_frame_equal(again, table, check_column_type=False)


def test_columns_of_one_name_stay_two_columns():
    table = pd.DataFrame([[1, "x"]], columns=["a", "a"], dtype=object)
    pd.testing.assert_frame_equal(table_from_plain(plain_table(table)), table)
