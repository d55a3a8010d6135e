"""The bridge to a module that only a CPython 3.7 can import: what crosses it, and where the interpreter is found."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bridge_fixtures import own_reef, reef, served  # noqa: F401

from kaggle_utils.errors import KitError
from kaggle_utils.platform import runtime
from kaggle_utils.platform.reef_api import bridge
from kaggle_utils.platform.reef_api.bridge import BridgedReef, find_python37
from kaggle_utils.platform.reef_api.link import WorkerDied
from kaggle_utils.platform.reef_api.timeseries import ReefEnvironment, reef_environment

pytest_plugins = ["reef_fixtures"]


def test_the_far_side_is_cpython_37(reef):
    assert reef().about["python"].startswith("3.7.")


def test_prints_come_through_in_their_place(reef, capfd):
    module = reef(make="print('made', 1); print('careful', file=sys.stderr)")
    print("before")
    module.make_env()
    print("after")
    said = capfd.readouterr()
    assert said.out == "before\nmade 1\nafter\n" and said.err == "careful\n"


def test_a_sample_keeps_its_dtypes_columns_and_rows(reef):
    numbers = "'index': np.array([7, 8], 'int32'), 'c': np.array([.1, np.nan], 'float32'), 3: [True, False]"
    table = f"pd.DataFrame({{{numbers}, 'd': pd.Series([None, 'x'], [5, 6], dtype=object)}}, index=[5, 6])"
    _, sample = served(reef(serve=f"yield np.zeros((1, 1, 3), np.uint8), {table}"))
    pd.testing.assert_frame_equal(sample, eval(table, {"np": np, "pd": pd}))


def test_a_prediction_keeps_its_dtypes(reef):
    env = reef(take="raise Exception(str(list(table.columns)) + ' '.join(map(str, table.dtypes)) + repr(table.values.tolist()))")
    table = pd.DataFrame({"a": np.array([1], "uint8"), "b": ["é"], "c": pd.array([None], "Int64")})
    with pytest.raises(Exception, match=r"^\['a', 'b', 'c'\]uint8 object object\[\[1, 'é', None\]\]$"):
        env.make_env().predict(table)


def test_an_entry_the_bridge_cannot_carry_is_named_and_costs_nothing(reef):
    env = reef(take="print('taken')").make_env()
    with pytest.raises(TypeError, match=r"'when' of the DataFrame holds Timestamp\('2022-01-01 00:00:00'\), expected numbers"):
        env.predict(pd.DataFrame({"when": pd.to_datetime(["2022-01-01"])}))
    env.predict(pd.DataFrame())


def test_an_error_that_is_no_refusal_keeps_its_type_and_traceback(reef):
    env = reef(take="{}['annotations']").make_env()
    with pytest.raises(Exception, match="^KeyError: 'annotations'$") as caught:
        env.predict(pd.DataFrame())
    assert "greatbarrierreef/environment.py" in str(caught.value.__cause__)


def test_a_module_that_cannot_be_imported_says_why(reef_python37, make_competition):
    competition = make_competition(text="import libfoo")
    with pytest.raises(KitError, match="did not start: ModuleNotFoundError: No module named 'libfoo'"):
        BridgedReef(reef_python37, competition)


def test_an_interpreter_without_pandas_says_so(plain_python37, make_competition, tmp_path):
    bare = tmp_path / "bin" / "bare37"
    bare.parent.mkdir()
    bare.write_text(f'#!/bin/sh\nunset LD_LIBRARY_PATH\nexec "{plain_python37}" -S "$@"\n')
    bare.chmod(0o755)  # -S: no site-packages, so no numpy, whatever that interpreter has
    with pytest.raises(WorkerDied, match=r"exit code 1 before it answered; its last words: .*No module named 'numpy'"):
        BridgedReef(bare, make_competition())


def test_the_notebooks_own_variables_do_not_reach_the_worker(request, monkeypatch, tmp_path):
    (tmp_path / "numpy.py").write_text("raise ImportError('numpy of the notebook')")
    for name in ("PYTHONPATH", "PYTHONHOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("LD_PRELOAD", "/nowhere/libtcmalloc.so")
    monkeypatch.setenv("KAGGLE_URL_BASE", "kept")
    with pytest.raises(Exception, match="^kept$"):
        reef = request.getfixturevalue("own_reef")  # started with these variables
        reef(make="raise Exception(os.environ['KAGGLE_URL_BASE'] + os.environ.get('LD_PRELOAD', ''))").make_env()


@pytest.fixture(params=["competitions/tensorflow-great-barrier-reef", "tensorflow-great-barrier-reef"])
def kaggle(request, tmp_path, monkeypatch, make_competition) -> Path:
    """A session on Kaggle with the competition attached, in either mount layout, and no CPython 3.7."""
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    monkeypatch.setenv("KAGGLE_UTILS_KAGGLE_ROOT", str(tmp_path / "kaggle"))
    for name in ("KAGGLE_UTILS_PYTHON37", "KAGGLE_UTILS_HIDDEN", "KAGGLE_UTILS_INPUT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "kaggle" / "working").mkdir(parents=True)
    make_competition(1, folder=tmp_path / "kaggle" / "input" / request.param)
    bridge.bridged_module.cache_clear()
    yield tmp_path / "kaggle"
    bridge.bridged_module.cache_clear()


def answer_all(environment) -> None:
    for _, sample in environment.iter_test():
        environment.predict(sample)


def test_without_a_cpython_37_it_is_said_what_to_attach(kaggle):
    with pytest.raises(runtime.NotAttached, match=r"no CPython 3.7 is attached; attached: .*tensorflow-great-barrier-reef") as told:
        reef_environment([])
    assert "`kaggle-utils wheels --python37 PREFIX --push`" in str(told.value)
    assert '"dataset_sources": ["<owner>/kaggle-utils-wheels"]' in str(told.value)


def test_with_the_packed_one_attached_the_api_writes_the_submission(kaggle, packed_python37, unpacked_python37):
    if kaggle.joinpath("input/competitions").is_dir():  # as a session's second call finds it; the other layout unpacks
        (kaggle / "temp").mkdir()
        (kaggle / "temp" / packed_python37.stem).symlink_to(unpacked_python37.parents[2])
    dataset = kaggle / "input" / "kaggle-utils-wheels"
    dataset.mkdir()
    (dataset / "kaggle_utils-1.0-py3-none-any.whl").write_bytes(b"")  # marks the dataset
    os.link(packed_python37, dataset / packed_python37.name)
    answer_all(reef_environment([], kaggle / "working"))
    assert (kaggle / "working" / "submission.csv").read_text() == "index,annotations\n0,0.99 123 456 1 1\n"
    assert str(find_python37()).startswith(str(kaggle / "temp"))


def test_a_given_interpreter_will_do(kaggle, reef_python37, monkeypatch):
    monkeypatch.setenv("KAGGLE_UTILS_PYTHON37", str(reef_python37))
    answer_all(reef_environment([], kaggle / "working"))
    with pytest.raises(Exception, match=r"^You can only call `make_env\(\)` once\.$"):
        reef_environment([], kaggle / "working")


def test_an_interpreter_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("KAGGLE_UTILS_PYTHON37", "/nowhere/python3.7")
    with pytest.raises(runtime.NotAttached, match="KAGGLE_UTILS_PYTHON37 is '/nowhere/python3.7', expected an interpreter"):
        find_python37()


def test_a_rehearsals_hidden_frames_go_before_the_competitions(kaggle, monkeypatch, tmp_path):
    monkeypatch.setenv("KAGGLE_UTILS_HIDDEN", str(tmp_path))
    assert isinstance(reef_environment([]), ReefEnvironment)


def test_a_competitions_folder_without_the_module_is_emulated(kaggle):
    next(kaggle.glob("input/**/*.so")).unlink()
    assert isinstance(reef_environment([]), ReefEnvironment)


def test_at_home_the_api_is_emulated(kaggle, monkeypatch):
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE")
    assert isinstance(reef_environment([]), ReefEnvironment)
