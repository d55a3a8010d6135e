"""The bridge to a module that only a CPython 3.7 can import: what crosses it, and how it ends."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaggle_utils.errors import KitError
from kaggle_utils.platform import bridge, bridge_link, bridge_worker, runtime
from kaggle_utils.platform.bridge import BridgedReef, find_python37
from kaggle_utils.platform.bridge_link import WorkerDied
from kaggle_utils.platform.bridge_worker import plain_table, table_from_plain
from kaggle_utils.platform.timeseries import ReefEnvironment, reef_environment

pytest_plugins = ["reef_fixtures"]

MODULE = """
import os, sys
import numpy as np, pandas as pd

def make_env():
    path = os.path.join(os.path.dirname(__file__), "environment.py")
    with open(path) as file:
        exec(compile(file.read(), path, "exec"), globals())
    return make()
"""
ENVIRONMENT = """
class Environment:
    def iter_test(self):
        {serve}
    def predict(self, table):
        {take}

def make():
    {make}
    return Environment()
"""


class Worker:
    """A bridged module in Python 3.7, and what its next environment serves, takes and does when it is made."""

    def __init__(self, python: Path, competition: Path, folder: Path) -> None:
        self.place = competition / "greatbarrierreef"
        self.module = BridgedReef(python, competition, folder)

    def __call__(self, serve: str = "yield", take: str = "pass", make: str = "pass") -> BridgedReef:
        (self.place / "environment.py").write_text(ENVIRONMENT.format(serve=serve, take=take, make=make))
        return self.module


@pytest.fixture
def own_reef(reef_python37, make_competition, tmp_path):
    """A worker of the test's own, for it is to die, or remembers what came before."""
    worker = Worker(reef_python37, make_competition(text=MODULE), tmp_path)
    yield worker
    worker.module.close()


@pytest.fixture(scope="module")
def reef(reef_python37, make_competition, tmp_path_factory):
    """The worker that tests share; each makes an environment of its own."""
    worker = Worker(reef_python37, make_competition(text=MODULE), tmp_path_factory.mktemp("working"))
    yield worker
    worker.module.close()


def served(module: BridgedReef):
    return next(module.make_env().iter_test())


def test_the_far_side_is_written_in_the_python_of_the_far_side():
    ast.parse(Path(bridge_worker.__file__).read_text(), feature_version=(3, 7))


def test_the_far_side_is_cpython_37(reef):
    assert reef().about["python"].startswith("3.7.")


def test_prints_come_through_in_their_place(reef, capfd):
    module = reef(make="print('made', 1); print('careful', file=sys.stderr)")
    print("before")
    module.make_env()
    print("after")
    said = capfd.readouterr()
    assert said.out == "before\nmade 1\nafter\n" and said.err == "careful\n"


@pytest.mark.parametrize("shape, dtype", [((720, 1280, 3), "uint8"), ((1, 2, 3), "uint8"), ((800, 1300, 3), "float32")])
def test_pixels_arrive_as_they_were_whatever_their_size(reef, shape, dtype):
    there = f"np.arange({np.prod(shape)}).astype('{dtype}').reshape({shape})"
    pixels, _ = served(reef(serve=f"yield {there}, pd.DataFrame()"))
    expected = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    assert np.array_equal(pixels, expected) and pixels.dtype == expected.dtype and pixels.flags.writeable


def test_the_next_frame_leaves_the_last_one_alone(reef):
    rows = reef(serve="yield from ((np.full((2, 2, 3), k, np.uint8), pd.DataFrame()) for k in (1, 2))").make_env().iter_test()
    first, second = next(rows)[0], next(rows)[0]
    assert first.max() == 1 and second.max() == 2


def test_frames_may_grow_and_shrink(own_reef):
    assert 3 * 1000 * 1000 > bridge_link._FRAME_BYTES  # the block's first size
    frames = "(np.full((size, size, 3), size % 256, np.uint8) for size in (3, 1000, 2))"
    rows = own_reef(serve=f"yield from ((frame, pd.DataFrame()) for frame in {frames})").make_env().iter_test()
    assert [(image.shape, int(image.min())) for image, _ in rows] == [((s, s, 3), s % 256) for s in (3, 1000, 2)]


def test_a_view_with_strides_arrives_in_order(reef):
    pixels, _ = served(reef(serve="yield np.arange(12, dtype=np.uint8).reshape(2, 2, 3)[:, ::-1], pd.DataFrame()"))
    assert pixels[0].tolist() == [[3, 4, 5], [0, 1, 2]]


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


@pytest.mark.parametrize(
    "end, told",
    [
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL, without a word"),
        ("__import__('ctypes').string_at(0)", "was killed by SIGSEGV; its last words: .*Segmentation fault"),
        ("os._exit(3)", "ended with exit code 3 before it answered, without a word"),
    ],
)
def test_a_worker_that_dies_is_one_clear_error_and_stays_one(own_reef, end, told):
    env = own_reef(take=end).make_env()
    for _ in range(2):
        with pytest.raises(WorkerDied, match=told):
            env.predict(pd.DataFrame())


def test_after_an_interrupted_call_each_answer_belongs_to_its_question(own_reef, monkeypatch):
    env = own_reef(serve="yield from ((np.full((1, 1, 3), k, np.uint8), pd.DataFrame()) for k in range(3))").make_env()
    rows = env.iter_test()
    next(rows)
    with monkeypatch.context() as patch:
        patch.setattr(env._link, "_receive", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            env.predict(pd.DataFrame())
    assert next(rows)[0].max() == 1


def test_the_notebooks_own_variables_do_not_reach_the_worker(request, monkeypatch, tmp_path):
    (tmp_path / "numpy.py").write_text("raise ImportError('numpy of the notebook')")
    for name in ("PYTHONPATH", "PYTHONHOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("LD_PRELOAD", "/nowhere/libtcmalloc.so")
    monkeypatch.setenv("KAGGLE_URL_BASE", "kept")
    with pytest.raises(Exception, match="^kept$"):
        reef = request.getfixturevalue("own_reef")  # started with these variables
        reef(make="raise Exception(os.environ['KAGGLE_URL_BASE'] + os.environ.get('LD_PRELOAD', ''))").make_env()


SCRIPT = """
import sys, time
from kaggle_utils.platform.bridge import BridgedReef
reef = BridgedReef(sys.argv[1], sys.argv[2])
print(reef._link._process.pid, flush=True)
if sys.argv[3] == "killed":
    time.sleep(60)
raise SystemExit(0 if sys.argv[3] == "ended" else "an error")
"""


@pytest.mark.parametrize("how", ["ended", "failed", "killed"])
def test_the_worker_goes_when_its_notebook_goes(how, reef_python37, make_competition):
    order = [sys.executable, "-c", SCRIPT, str(reef_python37), str(make_competition()), how]
    with subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as notebook:
        worker = int(notebook.stdout.readline())
        if how == "killed":
            notebook.send_signal(signal.SIGKILL)
    for _ in range(200):
        if not _alive(worker):
            return
        time.sleep(0.05)
    pytest.fail(f"worker {worker} is still there ten seconds after its notebook")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except OSError:
        return False


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
