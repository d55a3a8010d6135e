"""The fresh root: what can be seen, written and reached in it, made as a rehearsal makes it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from kaggle_utils.platform.rehearsal import sandbox

AT = Path("/session")

@pytest.fixture
def how() -> str:
    return sandbox.mechanism() or pytest.skip(sandbox.WITHOUT)


@pytest.fixture
def inside(how, tmp_path):
    """Runs a line of Python in a fresh root; gives what it prints, or the last line of its error."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("x\n")
    binds = {"input/competitions/pond": tmp_path / "data", "temp/list.txt": tmp_path / "data" / "train.csv"}

    def run(code: str) -> str:
        command = sandbox.wrapped([sys.executable, "-c", code], tmp_path / "session", AT, binds, how)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return ((done.stdout or done.stderr).strip().splitlines() or [""])[-1]

    return run


def test_it_starts_in_the_working_folder_and_sees_what_is_bound(inside):
    assert inside("import os; print(os.getcwd())") == "/session/working"
    assert inside("print(open('/session/input/competitions/pond/train.csv').read())") == "x"
    assert inside("print(open('/session/temp/list.txt').read())") == "x"


def test_working_and_temp_take_files_and_they_are_found_outside(inside, tmp_path):
    inside("open('a.txt', 'w').write('1'); open('/session/temp/b.txt', 'w').write('2')")
    assert (tmp_path / "session/working/a.txt").read_text() == "1"
    assert (tmp_path / "session/temp/b.txt").read_text() == "2"


@pytest.mark.parametrize(
    "path", ["/session/input/new", "/session/input/competitions/pond/train.csv", "/etc/new", __file__]
)
def test_inputs_and_this_machine_cannot_be_written(inside, path):
    assert "Read-only file system" in inside(f"open({path!r}, 'a')")


def test_inputs_and_this_machine_cannot_be_written_from_a_folder_that_a_link_leads_to(tmp_path, how):
    """As where TMPDIR is a link: the kernel lists mounts by their real paths."""
    for name in ("real", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "data" / "train.csv").write_text("x\n")
    for place in ("/session/input/competitions/pond/train.csv", "/session/input/new", tmp_path / "new"):
        code = f"open({str(place)!r}, 'w')"
        binds = {"input/competitions/pond": tmp_path / "data"}
        command = sandbox.wrapped([sys.executable, "-c", code], tmp_path / "linked/session", AT, binds, how)
        assert "Read-only file system" in subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert (tmp_path / "data" / "train.csv").read_text() == "x\n" and not (tmp_path / "new").exists()


def test_a_means_that_leaves_files_open_does_not_work(monkeypatch):
    """One that runs the command and shields nothing."""
    monkeypatch.setattr(sandbox, "wrapped", lambda command, *_: [*command[:-2], command[-1]])
    assert sandbox.mechanism.__wrapped__() is None  # asked anew, whatever was found here


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount something to try this with")
def test_what_is_mounted_below_an_input_cannot_be_written_either(how, tmp_path):
    """In a mount namespace of the test's own, so that this machine sees nothing of it."""
    (tmp_path / "data" / "a b").mkdir(parents=True)
    binds = {"input/competitions/pond": tmp_path / "data"}
    code = "import sys; open(sys.argv[1], 'w')"
    for place in ("/session/input/competitions/pond/a b/new", f"{tmp_path}/data/a b/new"):
        command = sandbox.wrapped([sys.executable, "-c", code, place], tmp_path / "session", AT, binds, how)
        mounting = f"mount -t tmpfs none '{tmp_path}/data/a b' && {shlex.join(command)}"
        done = subprocess.run(["unshare", "-m", "sh", "-c", mounting], capture_output=True, text=True, check=False)
        assert "Read-only file system" in done.stderr, done


def test_it_ends_with_the_process_that_started_it(tmp_path, how):
    command = sandbox.wrapped(["sleep", "600"], tmp_path / "session", AT, {}, how)
    starting = f"import subprocess; p = subprocess.Popen({command!r}); print(p.pid, flush=True); p.wait()"
    with subprocess.Popen([sys.executable, "-c", starting], stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        while not any("sleep" in one.name() for one in (child, *child.children(recursive=True))):
            time.sleep(0.05)
        parent.kill()
        assert psutil.wait_procs([child], timeout=180)[1] == []


def test_there_is_no_network_but_the_loopback(inside):
    outside = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
    assert "unreachable" in inside(outside)
    loop = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()); print('heard')"
    assert inside(loop) == "heard"


def test_an_own_folder_of_that_name_is_left_alone(inside):
    inside("open('/session/working/x', 'w')")
    assert not AT.exists()


def test_as_a_script_it_needs_no_kit(how, tmp_path):
    command = [sys.executable, "-I", sandbox.__file__, "/kit", tmp_path, "sh", "-c", f"pwd; echo 1 > {tmp_path}/own.txt"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "/kit/working\n"
    assert (tmp_path / "own.txt").exists()  # such a folder stays writable at its own path


def test_without_a_fresh_root_links_stand_for_mounts(tmp_path):
    (tmp_path / "data").mkdir()
    assert sandbox.wrapped(["run"], tmp_path / "session", AT, {"input/x": tmp_path / "data"}, None) == ["run"]
    assert (tmp_path / "session/input/x").resolve() == tmp_path / "data"
