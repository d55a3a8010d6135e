"""Pushes that are killed and cut at random instants, and what Kaggle has of them when the same command was given again.

``python tests/killed_pushes.py 200`` does so over single pushes, fan-outs, chains and submissions, against the
loopback server, and prints what happened: nothing may be there twice, nothing may be missing. The client is the real
one, in a process of its own for each call, but these are forks of a process that has loaded it: hundreds of pushes
would else take hours. An instant is a request of the push, before or after Kaggle has done what it asks, or a time.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from kaggle_http import Page, Refusal, Silence
from kaggle_server import KaggleServer
from kernel_folders import TAKES, write_kernel
from tqdm import tqdm

from kaggle_utils import cli
from kaggle_utils.commands import push as _  # noqa: F401 - loaded before the forks
from kaggle_utils.platform.client import calls, once
from kaggle_utils.platform.client.process import outcome
from kaggle_utils.platform.push import sending, versions
from kaggle_utils.platform.signals import ENDING

FOLDS = [f"me/pond-2-train-fold{k}" for k in range(4)]
COMMANDS = {  # what is typed, the kernels that Kaggle has in the end, and submissions
    "single": ("pond-2-train --wait", ["me/pond-2-train"], 0),
    "fan-out": ("pond-2-train --wait --set fold=0..3", FOLDS, 0),
    "chain": ("pond --all --set fold=0..1", ["me/pond-1-eda", *FOLDS[:2], "me/pond-3-submit"], 0),
    "submission": ("pond-3-submit --submit", ["me/pond-3-submit"], 1),
}
_BEFORE = {"single": ["me/pond-1-eda"], "fan-out": ["me/pond-1-eda"], "submission": ["me/pond-2-train"]}  # is there
CUTS = {"cut line": Silence(), "late 504": Refusal(504, "Gateway Timeout"), "proxy's page": Page(200, "<html>")}
KILLS = {"SIGKILL": signal.SIGKILL} | {number.name: number for number in ENDING}
SLOW_S, SHOWN_S = 0.5, 3.0  # of Kaggle, to do what a killed push asked; of ours, until that counts as lost
SENDS = ("SaveKernel", "CreateCodeSubmission")
KINDS = [*CUTS, *KILLS, "SIGKILL of all"]


@dataclass
class Trial:
    """One push that is disturbed once, and given again until it ends well."""

    scenario: str
    kind: str
    instant: int  # number of the request
    after: bool  # Kaggle has done what it asks
    sends: bool = False  # only requests that send something count
    seconds: float | None = None  # the instant as a time instead
    slow: float = 0.0  # seconds that Kaggle takes when it is killed
    late: int = 0  # looks until Kaggle shows what it has
    two: bool = False  # two at once go on
    struck: str = ""
    faults: list[str] = field(default_factory=list)

    def run(self, folder: Path) -> Trial:
        """Does it, in an empty folder; ``faults`` says what is there twice or missing."""
        for name in TAKES:
            write_kernel(folder / "kernels", name)
        command, wanted, submissions = COMMANDS[self.scenario]
        with KaggleServer() as service:
            _prepare(service, self.late)
            service.kernels |= {kernel: [{}] for kernel in _BEFORE.get(self.scenario, [])}
            self._given_once(service, folder, command)
            for _ in range(8):
                codes = [_ended(pid) for pid in [_started(service, folder, command) for _ in range(1 + self.two)]]
                if not any(codes):
                    break
            else:
                self.faults.append(f"it never ends well: exit codes {codes}, see {folder}/log")
            there = {kernel: len(sent) for kernel, sent in service.kernels.items() if sent != [{}]}
            if there != dict.fromkeys(wanted, 1):
                self.faults.append(f"there is {there}, expected one each of {wanted}")
            if len(service.submissions) != submissions:
                self.faults.append(f"{len(service.submissions)} submissions, expected {submissions}")
            homes = sorted(path.parent.name for path in (folder / "runs").rglob("submission.csv"))
            if len(homes) != len(wanted):
                self.faults.append(f"outputs at home are {homes}, expected those of {wanted}")
        return self

    def _given_once(self, service: KaggleServer, folder: Path, command: str) -> None:
        answered, count, ready = service.answer, 0, threading.Event()

        def disturbed(call: str, request: dict, credentials: str) -> dict:
            nonlocal count
            count += call in SENDS or not self.sends
            ready.wait()
            mine = self.seconds is None and count == self.instant and not self.struck and (call in SENDS or not self.sends)
            if mine and not self.after:
                self._strike(call, pid)
                time.sleep(self.slow)  # what goes on meanwhile finds nothing of it yet
            told = answered(call, request, credentials)
            if mine and self.after:
                self._strike(call, pid)
            return told

        service.answer = disturbed
        pid = _started(service, folder, command)
        ready.set()
        if self.seconds is not None:
            time.sleep(self.seconds)
            self.struck = "a time"
            self._kill(pid)
        _ended(pid)

    def _strike(self, call: str, pid: int) -> None:
        self.struck = f"{'after' if self.after else 'before'} {call}"
        if self.kind in CUTS:
            raise CUTS[self.kind]
        self._kill(pid)

    def _kill(self, pid: int) -> None:
        try:
            if self.kind == "SIGKILL of all":
                os.killpg(pid, signal.SIGKILL)
            elif self.kind == "SIGKILL":
                os.kill(pid, signal.SIGKILL)
            else:
                os.killpg(pid, KILLS[self.kind])  # as a terminal sends them
        except ProcessLookupError:
            pass  # it had ended before


def _prepare(service: KaggleServer, late: int) -> None:
    service.datasets["me/kaggle-utils-wheels"] = [{}]
    service.rooms, service.late = 2, late
    service.script = ["QUEUED", "RUNNING", "COMPLETE"]
    every = ["me/pond-1-eda", "me/pond-2-train", "me/pond-3-submit", *FOLDS]
    service.outputs.update({kernel: {"submission.csv": kernel.encode()} for kernel in every})


def _started(service: KaggleServer, folder: Path, command: str) -> int:
    """Pushes in a process of its own, the leader of its group; its id."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            os.setsid()
            code = _push(service, folder, command)
        finally:
            os._exit(code)
    return pid


def _push(service: KaggleServer, folder: Path, command: str) -> int:
    from kaggle import api
    from kagglesdk import kaggle_env

    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    type(api).args, api._authenticated = ["--local"], False
    kaggle_env._env_to_endpoint = dict.fromkeys(kaggle_env._env_to_endpoint, service.endpoint)
    os.environ |= {"KAGGLE_USERNAME": service.user, "KAGGLE_KEY": service.key, "KAGGLE_UTILS_RUNS": str(folder / "runs")}
    os.environ["HOME"] = str(folder)  # where the locks are
    once.SHOWN_S = SHOWN_S
    calls.subprocess.run, sending._LONGEST_PAUSE_S, versions._AGAIN_S = _forked, 0.02, (0.02, 0.02, 0.02)
    code = cli.main(["push", *command.split(), "--kernels", str(folder / "kernels"), "--poll", "0.02"])
    sys.stdout.flush()
    return code


def _forked(command: list[str], input: str, pass_fds: tuple[int, ...] = (), **_: object) -> subprocess.CompletedProcess:
    """The client's process as a fork, which keeps the files that it is given to keep, and no other."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for number in ENDING:
                signal.signal(number, signal.SIG_IGN)
            for name in os.listdir("/proc/self/fd"):
                if int(name) > 2 and int(name) not in (write, *pass_fds):
                    try:
                        os.close(int(name))
                    except OSError:
                        pass  # the listing's own
            order = json.loads(input)
            with os.fdopen(write, "w") as answer:
                answer.write(json.dumps(outcome(order["call"], order["arguments"])))
        finally:
            os._exit(0)
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            text = answer.read()
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _ended(pid)
    return subprocess.CompletedProcess(command, 0, text, "")


def _ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def trials(number: int, seed: int, timed: bool = True) -> list[Trial]:
    """At random: a third strikes at any request, a third at one that sends something, a third of the kills at a time."""
    chance, made = random.Random(seed), []
    for n in range(number):
        scenario, kind = [*COMMANDS][n % len(COMMANDS)], KINDS[(n + n // len(COMMANDS)) % len(KINDS)]
        how = chance.choice(["any", "sends", "time" if timed and kind in KILLS else "sends"])
        several = {"single": (30, 1), "fan-out": (90, 4), "chain": (90, 4), "submission": (40, 2)}[scenario]
        seconds = chance.uniform(0, several[0] / 60) if how == "time" else None
        instant = chance.randint(1, several[how == "sends"])
        late, two = chance.choice([0, 0, 3, 6]), chance.random() < 0.3
        made.append(Trial(scenario, kind, instant, chance.random() < 0.5, how == "sends", seconds, SLOW_S * timed, late, two))
    return made


def load_client(folder: Path) -> None:
    """The real client, loaded once with credentials that are none, for all processes that are forked from this one."""
    for name in [name for name in os.environ if name.startswith("KAGGLE_")]:
        del os.environ[name]
    os.environ |= {"KAGGLE_USERNAME": "me", "KAGGLE_KEY": "none", "KAGGLE_CONFIG_DIR": str(folder), "HOME": str(folder)}
    import kaggle  # noqa: F401


def main(number: str, seed: str = "0", untimed: str = "") -> int:
    """Runs the trials, prints a table and what was there twice or missing; 1 if anything was."""
    began, done = time.monotonic(), []
    with tempfile.TemporaryDirectory() as name:
        load_client(Path(name))
        for n, trial in enumerate(tqdm(trials(int(number), int(seed), not untimed), unit="push", disable=None)):
            (place := Path(name, str(n))).mkdir()
            done.append(trial.run(place))
            for fault in trial.faults:
                log = (place / "log").read_text()[-3000:]
                print(f"trial {n}, {trial.scenario}, {trial.kind}, {trial.struck}, late {trial.late}: {fault}\n{log}")
    struck = [trial for trial in done if trial.struck]
    print(f"seed {seed}: {len(done)} pushes, {len(struck)} struck before their end, {time.monotonic() - began:.0f} s")
    for scenario in COMMANDS:
        kinds = Counter(trial.kind for trial in struck if trial.scenario == scenario)
        print(f"{scenario:11}", ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))
    asked = Counter(trial.struck for trial in struck)
    print("struck at:", ", ".join(f"{what} {count}" for what, count in asked.most_common()))
    wrong = [trial for trial in done if trial.faults]
    print(f"something twice or lost: {len(wrong)} of {len(done)}")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
