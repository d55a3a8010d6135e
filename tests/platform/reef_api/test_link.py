"""The line to the worker: pixels through shared memory, whose answer is whose, and how either side ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bridge_fixtures import own_reef, reef, served  # noqa: F401

from kaggle_utils.platform.reef_api import link as bridge_link
from kaggle_utils.platform.reef_api.link import WorkerDied

pytest_plugins = ["reef_fixtures"]


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


SCRIPT = """
import sys, time
from kaggle_utils.platform.reef_api.bridge import BridgedReef
reef = BridgedReef(sys.argv[1], sys.argv[2])
print(reef._link._process.pid, flush=True)
if sys.argv[3] == "killed":
    time.sleep(600)
raise SystemExit(0 if sys.argv[3] == "ended" else "an error")
"""


@pytest.mark.parametrize("how", ["ended", "failed", "killed"])
def test_the_worker_goes_when_its_notebook_goes(how, reef_python37, make_competition):
    order = [sys.executable, "-c", SCRIPT, str(reef_python37), str(make_competition()), how]
    with subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as notebook:
        worker = int(notebook.stdout.readline())
        if how == "killed":
            notebook.send_signal(signal.SIGKILL)
    for _ in range(1800):
        if not _alive(worker):
            return
        time.sleep(0.1)
    pytest.fail(f"worker {worker} is still there three minutes after its notebook")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except OSError:
        return False
