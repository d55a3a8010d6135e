"""Watches what a rehearsed notebook reaches for: the internet and its inputs.

Every Python process of a rehearsed session loads this file as its ``sitecustomize``, programs that a
notebook starts included. Python announces each connection, open file and started program before it
happens (``sys.addaudithook``), the emulated time-series API what it puts up with, and the stack then says
which line of which cell is at work. What is seen goes as lines of JSON to the file that
``KAGGLE_UTILS_GUARD_LOG`` names; inputs lie below ``KAGGLE_UTILS_GUARD_ROOTS``. Where no
fresh root could be made (``KAGGLE_UTILS_GUARD_CLOSED`` is set) the guard also refuses, with the errors
Kaggle would give.

The standard library alone, for it must not change what a notebook finds imported.
"""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import sys

CELL = re.compile(r"<cell (\d+)>")  # the file name under which a cell's code is compiled
_LOCAL = re.compile(r"127\.|::1$|localhost$|0\.0\.0\.0$|::$")
# event -> which of its arguments are changed
_CHANGES = dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.utime"), slice(0, 1))
_CHANGES |= {"os.rename": slice(0, 2), "os.symlink": slice(1, 2), "os.link": slice(1, 2)}
_PLUMBING = set("socket ssl http urllib urllib3 requests httpx httpcore contextlib threading __main__".split())
_STARTS = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "pty.spawn"}
_WRITING = os.O_WRONLY | os.O_RDWR


def install() -> None:
    """Starts watching, if this process belongs to a rehearsal."""
    if os.environ.get("KAGGLE_UTILS_GUARD_LOG"):
        sys.addaudithook(_hook)


def note(kind: str, **facts: object) -> None:
    """Appends ``{"kind", ...}`` to the record of the session."""
    line = json.dumps({"kind": kind, **facts}, default=str) + "\n"
    handle = os.open(os.environ["KAGGLE_UTILS_GUARD_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def spot() -> dict:
    """Which cell and line are at work, ``{"cell", "line"}``; in a program that one has started, that one."""
    frame = sys._getframe(1)
    while frame is not None:
        if found := CELL.fullmatch(frame.f_code.co_filename):
            return {"cell": int(found.group(1)), "line": frame.f_lineno}
        frame = frame.f_back
    return json.loads(os.environ.get("KAGGLE_UTILS_GUARD_SPOT", "{}"))


def _caller() -> str:
    """The function that asked for a connection, such as ``timm.models.load``; empty where a cell did itself."""
    frame = sys._getframe(1)
    while frame is not None and not CELL.fullmatch(frame.f_code.co_filename):
        module = frame.f_globals.get("__name__", "")
        if module.split(".")[0] not in {*_PLUMBING, __name__}:
            return f"{module}.{frame.f_code.co_name}"
        frame = frame.f_back
    return ""


def _hook(event: str, arguments: tuple) -> None:
    """Must be quick: every opened file and every import comes by."""
    if event == "open":
        path, mode, flags = arguments
        if any(letter in mode for letter in "wax+") if mode else flags & _WRITING:
            _on_change(path)
    elif event.startswith("socket."):
        _on_socket(event, arguments)
    elif event in _CHANGES:
        for path in arguments[_CHANGES[event]]:
            _on_change(path)
    elif event == "kaggle_utils.unanswered":
        note("unanswered", **spot())
    elif event == "kaggle_utils.answer":
        note("answer", fault=arguments[0], **spot())
    elif event in _STARTS:
        os.environ["KAGGLE_UTILS_GUARD_SPOT"] = json.dumps(spot())


def _on_change(path: object) -> None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return
    full, roots = os.path.abspath(os.fsdecode(path)), os.environ["KAGGLE_UTILS_GUARD_ROOTS"].split(os.pathsep)
    if any(full.startswith(f"{root}/input/") for root in roots):
        note("input", path=full, **spot())
        if os.environ.get("KAGGLE_UTILS_GUARD_CLOSED"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), full)


def _on_socket(event: str, arguments: tuple) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = os.fsdecode(host) if host else "localhost"
    if _LOCAL.match(host):
        return
    note("internet", host=host, caller=_caller(), **spot())
    if os.environ.get("KAGGLE_UTILS_GUARD_CLOSED"):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


if __name__ == "sitecustomize":
    install()
