"""Does a built-in sample keep its promises? ``python -m tests.sample_seeds reef 0 1 2 3``; no part of the suite.

Of each seed (0 to 7 unless some are named) the sample is painted and the code of its four notebooks is run, each seed
in a process of its own. The hidden test is answered by the first fold's models, the set-up that stage 3 measured.
Printed are the plain baseline, the decision with its interval, what it certainly gains, the best of what seemed to gain
more and was not certain, and the hidden test's figure.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from importlib import import_module
from multiprocessing import get_context

import nbformat

COLUMNS = ("seed", "baseline", "decision", "interval", "taken", "its gain", "tempting", "hidden", "inside", "CPU minutes")
NAMES = {"models": "first"}  # of a notebook's parameters, where it has them


def main(name: str, *seeds: str) -> None:
    """Prints the table, a line a seed as it is done, and how often both promises were kept."""
    print("|", " | ".join(COLUMNS), "|\n|" + "---|" * len(COLUMNS), flush=True)
    kept = []
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for line in pool.map(partial(_line, name), map(int, seeds or range(8))):
            kept.append((line["inside"] == "yes", line["taken"] != "-"))
            print("|", " | ".join(str(line[column]) for column in COLUMNS), "|", flush=True)
    inside, certain = (sum(one) for one in zip(*kept, strict=True))
    print(f"hidden figure inside the interval: {inside} of {len(kept)}; a certain gain: {certain} of {len(kept)}")


def _line(name: str, seed: int) -> dict:
    """What came of a seed."""
    from kaggle_utils import competitions
    from kaggle_utils.platform import notebooks, runtime, source
    from kaggle_utils.platform.parameters import inject
    from kaggle_utils.tasks.decisions import read_decision
    from kaggle_utils.tasks.faults import read_texts

    with tempfile.TemporaryDirectory(prefix=f"{name}-{seed}-") as folder:
        os.environ |= {"KAGGLE_UTILS_RUNS": folder, "MPLBACKEND": "Agg"}
        competition = competitions.find(name)
        painter = import_module(f"kaggle_utils.competitions.samples.{name}")
        competition.make_sample = partial(painter.make_sample, seed=seed)
        for path in notebooks.stages_of(name):
            code = inject(nbformat.read(path, as_version=4), notebooks.known_values(path, NAMES))
            with redirect_stdout(sys.stderr):
                exec("\n".join(cell["source"] for cell in code["cells"] if cell["cell_type"] == "code"), {})
        _, worth, facts = read_decision(runtime.stage_dir(name, "3_decide", "-sample") / "decision.json")
        answer = read_texts(runtime.stage_dir(name, "4_submit", "-sample") / "submission.csv")
        hidden = competition.score(competition.hidden(source.sample(name).hidden), answer).score
    baseline, *others = ({**row, "score": list(row.values())[1]} for row in facts["table"])
    tempting = max((row for row in others if row["gain"] > 0 >= row["gain_low"]), key=lambda row: row["gain"], default=None)
    gain = "{gain:+.4f} [{gain_low:+.4f}, {gain_high:+.4f}]".format_map
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own = next((row for row in others if row["name"] == worth.name), None)
    return {
        "seed": seed, "baseline": f"{baseline['score']:.4f}", "decision": f"{worth.score:.4f}",
        "interval": f"[{worth.low:.4f}, {worth.high:.4f}]", "taken": worth.name if own else "-",
        "its gain": gain(own) if own else "-", "tempting": f"{tempting['name']} {gain(tempting)}" if tempting else "-",
        "hidden": f"{hidden:.4f}", "inside": "yes" if worth.low <= hidden <= worth.high else "no",
        "CPU minutes": f"{sum(one.ru_utime + one.ru_stime for one in used) / 60:.1f}",
    }  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
