"""A notebook, or what is attached to it, for every fault that a rehearsal names.

Each scenario is a function of a temporary folder that gives the findings. ``python tests/rehearsal_scenarios.py``
runs them all and writes what they print into the table of kernels/README.md.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pond_contest
from kernel_folders import write_kernel
from wheel_makers import make_wheel

from kaggle_utils.competitions import reef
from kaggle_utils.platform.kernels import chain
from kaggle_utils.platform.rehearsal import sandbox
from kaggle_utils.platform.rehearsal.attachments import attachments
from kaggle_utils.platform.rehearsal.report import projection_findings
from kaggle_utils.platform.rehearsal.session_faults import Finding
from kaggle_utils.platform.rehearsal.submission import Rehearsal, SubmissionReport, rehearse_submission
from kaggle_utils.platform.runtime import Limits
from kaggle_utils.tasks.hidden import HiddenTest

READ = """
import csv, os
root = os.environ.get("KAGGLE_UTILS_KAGGLE_ROOT", "/kaggle")
names = [row["name"] for row in csv.DictReader(open(f"{root}/input/competitions/pond/test.csv"))]
header, rows = "name,runs", [(name, "1 2") for name in names]
"""
WRITE = """
with open("submission.csv", "w") as file:
    file.write("\\n".join([header, *map(",".join, rows)]) + "\\n")
"""
SERVE = """
from kaggle_utils.platform import runtime
from kaggle_utils.platform.reef_api.timeseries import reef_environment
environment = reef_environment(runtime.hidden_dir())
"""
README = Path(__file__).parents[1] / "kernels" / "README.md"
TABLE = re.compile(r"(\| fault \| what is printed \|\n\|---\|---\|\n)((?:\|.*\n)+)")
LOOP = "for frame, sample in environment.iter_test():"
FAKE_P100 = """
from types import SimpleNamespace as Fake
from kaggle_utils.platform.gpu import check_gpu
cuda = Fake(is_available=lambda: True, device_count=lambda: 1, get_device_name=lambda n: "Tesla P100-PCIE-16GB")
cuda.get_device_capability, cuda.get_arch_list = lambda n: (6, 0), lambda: ["sm_75", "sm_80", "sm_90"]
cuda.get_device_properties = lambda n: Fake(total_memory=16 << 30)
torch = Fake(cuda=cuda, version=Fake(hip=None), __version__="2.11.0+cu128")
check_gpu(torch)
"""


def notebook(*cells: str) -> dict:
    """An .ipynb file's content with these code cells."""
    return {"cells": [{"cell_type": "code", "source": cell.strip("\n")} for cell in cells]}


def ponds(folder: Path, *cells: str, limits: Limits | None = None, items: int = 5) -> SubmissionReport:
    """The rehearsal of a submission to the ponds whose cells these are."""
    given = pond_contest.write_competition(folder / "pond")
    plan = Rehearsal(notebook(*cells), pond_contest, given, {}, sandbox.mechanism(), limits or Limits.rerun())
    return rehearse_submission(plan, HiddenTest(pond_contest, pond_contest.named(*pond_contest.HIDDEN)).some(items))


def rows(folder: Path, change: str) -> list[Finding]:
    """What is found when a sound submission is changed by a line of code."""
    return list(ponds(folder, READ, change, WRITE).findings)


def frames(folder: Path, loop: str, kind: type = np.uint8) -> list[Finding]:
    """What is found when three frames are served to a loop."""
    for number in range(3):
        place = folder / "test_images" / "video_0"
        place.mkdir(parents=True, exist_ok=True)
        np.save(place / f"{number}.npy", np.zeros((4, 4, 3), kind))
    (folder / "reef").mkdir()
    hidden = HiddenTest(reef, reef.hidden(folder / "test_images"), known=False)
    plan = Rehearsal(notebook(SERVE, loop), reef, folder / "reef", {}, sandbox.mechanism())
    return list(rehearse_submission(plan, hidden).findings)


def answering(change: str) -> Callable[[Path], list[Finding]]:
    """Every frame's sample is changed by a line of code and given back."""
    return lambda folder: frames(folder, f"{LOOP}\n    {change}\n    environment.predict(sample)")


def wheel_for_another_python(folder: Path) -> list[Finding]:
    kernel = write_kernel(folder / "kernels", "pond-3-submit", kernel_sources=[])
    make_wheel(folder / "wheels", "fastbox", tag="cp37-cp37m-linux_x86_64")
    stage = chain.stage("pond-3-submit", folder / "kernels")
    content = json.loads((kernel / "kernel-metadata.json").read_text())
    return attachments(stage, folder / "kernels", content, {"kaggle-utils-wheels": folder / "wheels"}).findings


def too_slow(folder: Path) -> list[Finding]:
    """1,000 ponds at 0.75 s take 750 s and not 72, though one run may start three seconds later than the other."""
    report = ponds(folder, READ, "import time\ntime.sleep(0.75 * len(names))", WRITE)
    return [*report.findings, *projection_findings(report, pond_contest, Limits(hours=0.02), like_kaggle=True)]


def out_of_memory(folder: Path) -> list[Finding]:
    limits = Limits(host=0.3e9)
    return list(ponds(folder, "import time\nx = b'x' * 500_000_000\ntime.sleep(600)", limits=limits).findings)


def too_much_output(folder: Path) -> list[Finding]:
    cell = "with open('features.npy', 'wb') as file:\n    file.write(b'x' * 25_000_000)"
    return list(ponds(folder, READ, cell, WRITE, limits=Limits(output=20_000_000)).findings)


SCENARIOS: dict[str, Callable[[Path], list[Finding]]] = {
    "a source that is not attached": lambda f: rows(
        f, "from kaggle_utils.platform import runtime\nweights = runtime.stage_dir('pond', '2_train') / 'best.pth'"
    ),
    "a wheel for another Python": wheel_for_another_python,
    "an attempt to reach the internet": lambda f: rows(
        f, "from urllib.request import urlopen\nweights = urlopen('https://example.org/resnet34.pth').read()"
    ),
    "a write into the inputs": lambda f: rows(f, "open(f'{root}/input/competitions/pond/cache.bin', 'wb')"),
    "wrong columns": lambda f: rows(f, "header = 'id,runs'"),
    "wrong columns in an answer": answering("sample = sample.rename(columns={'annotations': 'boxes'})"),
    "missing rows": lambda f: rows(f, "del rows[3]"),
    "doubled rows": lambda f: rows(f, "rows.append(rows[0])"),
    "reordered rows": lambda f: rows(f, "rows.sort(key=lambda row: row[0] != 'r')"),
    "NaN": answering("sample['annotations'] = float('nan')"),
    "malformed run lengths": lambda f: rows(f, "rows[1] = ('q', '1 2 7')"),
    "overlapping runs": lambda f: rows(f, "rows[1] = ('q', '1 5 4 3')"),
    "runs out of range": lambda f: rows(f, "rows[1] = ('q', '18 5')"),
    "a box outside the frame": answering("sample['annotations'] = '0.9 1270 0 30 40'"),
    "a score that is not a number": answering("sample['annotations'] = 'nan 10 20 30 40'"),
    "predict twice": lambda f: frames(f, f"{LOOP}\n    environment.predict(sample)\n    environment.predict(sample)"),
    "next without predict": lambda f: frames(f, f"{LOOP}\n    pass"),
    "no predict at the end": lambda f: frames(
        f, f"{LOOP}\n    if sample['index'].item() == 2:\n        break\n    environment.predict(sample)"
    ),
    "too slow": too_slow,
    "out of memory": out_of_memory,
    "too much output": too_much_output,
    "a GPU without kernels": lambda f: rows(f, FAKE_P100),
    "only the public test's rows": lambda f: rows(f, "rows = [(name, '1 2') for name in 'abc']"),
    "answers that depend on the order": lambda f: rows(
        f, "rows = [(name, f'{i + 1} 1') for i, name in enumerate(names)]"
    ),
    "no submission": lambda f: list(ponds(f, READ, "open('answers.csv', 'w').write(header)").findings),
}

def fatal(findings: list[Finding]) -> list[str]:
    """What would fail on Kaggle, in words."""
    return [finding.text for finding in findings if finding.fatal]


def readme_table() -> dict[str, str]:
    """Fault -> what is printed, as kernels/README.md has it."""
    rows = TABLE.search(README.read_text(encoding="utf-8")).group(2).splitlines()
    return dict(row.strip("| ").split(" | ", 1) for row in rows)


def write_readme_table() -> None:
    """Runs the scenarios and puts what they print in the place of the table; of several lines the last."""
    rows = ""
    for name, scenario in SCENARIOS.items():
        with tempfile.TemporaryDirectory() as folder:
            rows += f"| {name} | {fatal(scenario(Path(folder)))[-1]} |\n"
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda found: found.group(1) + rows, text), encoding="utf-8")


if __name__ == "__main__":
    write_readme_table()
