"""A notebook in a session: what it finds, what is measured, how its end is told; with and without a fresh root."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest
from rehearsal_scenarios import notebook

from kaggle_utils.platform.rehearsal import sandbox
from kaggle_utils.platform.rehearsal.session import Session, run_notebook
from kaggle_utils.platform.rehearsal.session_faults import findings
from kaggle_utils.platform.runtime import Limits


@pytest.fixture(params=[sandbox.mechanism(), None] if sandbox.mechanism() else [None], ids=lambda how: how or "plain")
def play(request, tmp_path):
    """Runs cells in a session that has a folder attached; gives the run."""
    (tmp_path / "pond").mkdir()
    (tmp_path / "pond" / "test.csv").write_text("name\na\n")
    session = Session(tmp_path / "session", {"input/competitions/pond": tmp_path / "pond"}, request.param)
    return lambda *cells, **options: run_notebook(session, notebook(*cells), **options)


def said(run) -> list[str]:
    return [str(finding) for finding in findings(run, Limits())]


def test_the_kit_finds_what_is_attached_where_kaggle_has_it(play):
    run = play(
        "from kaggle_utils.platform import runtime", "print(runtime.attached(), runtime.place(), runtime.is_rerun())"
    )
    assert run.finished and run.log.splitlines()[-1] == "['competitions/pond'] batch False"


def test_magics_shells_and_display_work_as_in_a_kernel(play):
    run = play("%matplotlib inline\nfrom IPython.display import display\ndisplay('shown')", "!echo from a shell", "1 + 1")
    assert run.finished, run.log
    assert "'shown'" in run.log and "from a shell" in run.log and "2" in run.log


def test_what_is_written_is_listed_the_largest_first(play):
    run = play("open('a', 'w').write('x')", "import os\nos.mkdir('b')\nopen('b/c', 'w').write('xxx')")
    assert run.written == (("b/c", 3), ("a", 1)) and run.output == 4


def test_the_working_folder_is_empty_again_at_the_next_run(play):
    play("open('left', 'w').write('x')")
    assert play("import os", "assert os.listdir() == []").finished


def test_an_error_is_told_with_its_innermost_cell_and_line(play):
    run = play("def half(x):\n    return x / 0", "a = 1\nhalf(a)", "print('never')")
    assert run.error["cell"] == 1 and run.error["line"] == 2 and run.error["code"] == "return x / 0"
    assert said(run) == ["FAULT   cell 1, line 2 (`return x / 0`) raises ZeroDivisionError: division by zero"]
    assert "never" not in run.log


def test_a_cell_that_does_not_parse_is_told_too(play):
    assert said(play("x = 1\ny = (")) == ["FAULT   cell 1, line 2 (`y = (`) raises SyntaxError: incomplete input"]


def test_a_process_that_ends_itself_is_told_by_its_status(play):
    assert said(play("pass", "import os\nprint('bye', flush=True)\nos._exit(4)")) == [
        "FAULT   cell 2 ended the session with status 4: bye"
    ]


def test_a_process_that_the_system_kills_ran_out_of_memory(play):
    [line] = said(play("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"))
    assert line == "FAULT   out of memory: the system killed the notebook in cell 1"


def test_a_run_beyond_its_time_is_ended(play):
    limits = Limits(hours=1 / 3600)
    run = play("import time\ntime.sleep(600)", limits=limits)
    assert run.stopped == "time" and run.seconds < 300
    assert [f.text for f in findings(run, limits)] == ["too slow: cell 1 was not done after 0.000277778 h"]


def test_peak_memory_counts_programs_that_a_cell_starts(play):
    code = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; x = b\"1\" * 200_000_000; time.sleep(3)'])"
    assert play(code).host > 200e6


def test_an_attempt_that_is_caught_is_a_note_and_names_who_asked(play):
    fetch = "from urllib.request import urlopen\ntry:\n    urlopen('http://example.org')\nexcept OSError:\n    print('offline')"
    where = "cell 1, line 3 (`urlopen('http://example.org')`) reaches for example.org, and there is no internet"
    assert said(play(fetch)) == [f"note    {where}; the notebook goes on without"]
    module = "import socket\ndef load():\n    socket.getaddrinfo('example.org', 80)\n"
    made = f"import pathlib, sys\npathlib.Path('lib.py').write_text({module!r})\nsys.path.append('.')"
    assert said(play(made, "import lib\nlib.load()")) == [
        "FAULT   cell 2, line 2 (`lib.load()`) reaches for example.org in lib.load, and there is no internet"
    ]


def test_programs_that_a_cell_starts_are_watched(play):
    [line] = said(play("!python -c \"import socket; socket.create_connection(('example.org', 80))\""))
    assert line.startswith("note    cell 1, line 1 (`!python -c ")
    assert line.endswith(") reaches for example.org, and there is no internet; the notebook goes on without")


@pytest.mark.skipif(sandbox.mechanism() is None, reason="without a fresh root programs other than Python can write there")
def test_a_program_that_writes_into_the_inputs_is_told_in_its_own_words(tmp_path):
    session = Session(tmp_path / "session", {})
    touch = "import subprocess\nsubprocess.run(['touch', '/kaggle/input/my cache'], check=True)"
    assert said(run_notebook(session, notebook(touch))) == [
        "FAULT   cell 1, line 2 (`subprocess.run(['touch', '/kaggle/input/my cache'], check=True)`) "
        "starts a program that writes /kaggle/input/my cache, and inputs are read-only"
    ]
    goes_on = "a program that the notebook starts writes /kaggle/input/{}, and inputs are read-only; the notebook goes on without"
    assert said(run_notebook(session, notebook("!mkdir /kaggle/input/new\n!echo 1 > /kaggle/input/a.txt", "1 / 0"))) == [
        f"note    {goes_on.format('new')}",
        f"note    {goes_on.format('a.txt')}",
        "FAULT   cell 2, line 1 (`1 / 0`) raises ZeroDivisionError: division by zero",
    ]


def test_loopback_connections_are_no_attempts(play):
    run = play(
        "import socket\nserver = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(server.getsockname())"
    )
    assert run.finished and said(run) == []


def test_a_copy_into_the_inputs_is_refused_and_told_once_a_line(play):
    code = "root = runtime.input_root()\nfor name in 'xyz':\n    try:\n        (root / name).mkdir()\n    except OSError:\n        pass"
    [line] = said(play("from kaggle_utils.platform import runtime", code))
    assert line.startswith("note    cell 2, line 4 (`(root / name).mkdir()`) writes ") and "/input/x and 2 more" in line


def test_a_link_to_an_input_is_no_write_into_it(play):
    code = "import os\nfrom kaggle_utils.platform import runtime\nos.symlink(runtime.input_root() / 'competitions/pond/test.csv', 'link')"
    run = play(code)
    assert run.finished and said(run) == []


def test_a_session_has_no_credentials_of_this_machine(play, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "secret")
    run = play(
        "import os\nprint(sorted(name for name in os.environ if name.startswith('KAGGLE') and 'UTILS' not in name))"
    )
    assert run.log.strip() == "['KAGGLE_KERNEL_RUN_TYPE']"


def test_an_error_with_another_cause_than_the_connection_is_told_beside_it(play):
    attempt = "    try:\n        socket.getaddrinfo('example.org', 80)\n    except OSError:\n        pass\n"
    module = f"import socket\ndef fit():\n{attempt}    raise FloatingPointError('the loss is nan')\n"
    made = f"import pathlib, sys\npathlib.Path('lib.py').write_text({module!r})\nsys.path.append('.')"
    lines = said(play(made, "import lib\nlib.fit()"))
    assert lines[0].startswith("note    cell 2, line 2 (`lib.fit()`) reaches for example.org in lib.fit")
    assert lines[1] == "FAULT   cell 2, line 2 (`lib.fit()`) raises FloatingPointError: the loss is nan"


STOPPED = """
import signal, sys, tempfile
from pathlib import Path
from kaggle_utils.platform.rehearsal.session import Session, run_notebook
from kaggle_utils.platform.signals import signals_as_exits
cell = {"cell_type": "code", "source": "import os, time; open('pid', 'w').write(f'{os.getpid()} '); time.sleep(600)"}
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore it, and that is left so
with signals_as_exits(), tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
    run_notebook(Session(Path(folder, "session"), {}, sys.argv[2] or None), {"cells": [cell]})
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("how", dict.fromkeys([sandbox.mechanism(), None]), ids=lambda how: how or "plain")
def test_a_rehearsal_that_is_stopped_leaves_no_notebook_and_no_folder(tmp_path, how, number):
    with subprocess.Popen([sys.executable, "-c", STOPPED, tmp_path, how or ""]) as process:
        while not (told := "".join(path.read_text() for path in tmp_path.glob("*/session/working/pid"))).endswith(" "):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(180) == 128 + number
    assert not psutil.pid_exists(int(told)) and list(tmp_path.iterdir()) == []


def test_caches_are_kept_and_all_else_in_temp_is_gone_at_the_next_run(play):
    play("import os\nopen(os.environ['HOME'] + '/cache', 'w')\nopen(os.environ['TMPDIR'] + '/left', 'w')")
    run = play("import os\nprint(sorted(os.listdir(os.environ['TMPDIR'])), os.listdir(os.environ['HOME']))")
    assert run.log.startswith("['home', 'rehearsal', 'site'] ") and "'cache'" in run.log
