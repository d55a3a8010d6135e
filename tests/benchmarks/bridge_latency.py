"""What the bridge to a CPython 3.7 costs a frame: ``python -m tests.benchmarks.bridge_latency [FRAMES]``.

No job of the table, for it compares with nothing: each frame of 720 x 1280 is fetched and answered, by a
module that does nothing else, and the milliseconds of both calls together are printed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kaggle_utils.platform.reef_api.bridge import BridgedReef
from kaggle_utils.platform.wheels.python37 import pack, unpack

STAND_IN = Path(__file__).parents[1] / "reef_stand_in.py"


def main(n_frames: int = 2000) -> None:
    """Packs the CPython 3.7 of this machine, unpacks it, and runs the loop through it."""
    from tests.reef_fixtures import interpreters

    python = next(Path(found) for found in interpreters() if found)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        started = time.perf_counter()
        packed = pack(python.parents[1], scratch)
        middle = time.perf_counter()
        python = unpack(packed, scratch, quiet=True)
        print(f"packed: {packed.stat().st_size / 1e6:.1f} MB in {middle - started:.1f} s")
        print(f"unpacked in {time.perf_counter() - middle:.1f} s")
        reef = BridgedReef(python, _competition(scratch, n_frames), scratch)
        spent = np.array(list(_milliseconds(reef)))
        reef.close()
    median, most = np.percentile(spent, (50, 95))
    load = os.getloadavg()[0]
    print(
        f"a frame and its answer: median {median:.2f} ms, 95 % within {most:.2f} ms (load {load:.1f} on {os.cpu_count()} cores)"
    )


def _competition(scratch: Path, n_frames: int) -> Path:
    package = scratch / "competition" / "greatbarrierreef"
    package.mkdir(parents=True)
    shutil.copy(STAND_IN, package / "__init__.py")
    (package / "frames.txt").write_text(str(n_frames))
    return package.parent


def _milliseconds(reef: BridgedReef) -> Iterator[float]:
    env = reef.make_env()
    rows = env.iter_test()
    while True:
        started = time.perf_counter()
        item = next(rows, None)
        if item is None:
            return
        env.predict(item[1])
        yield 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
