"""Runs a command as a Kaggle session sees the world, without touching this machine's root.

A fresh root is put together in namespaces of its own: every entry of ``/`` bound into it read-only,
Kaggle's folder added with ``input`` read-only and ``working`` and ``temp`` writable, and no network but
the loopback: with a few system calls, as any user where user namespaces are allowed and as root where
they are not, on Linux from 5.12 on. Where that does not work a command still runs, with less simulated;
:data:`WITHOUT` says what.

The standard library alone, so that it also runs as a script, without the kit (CI does that):
``python -I sandbox.py AT FOLDER COMMAND ...`` shows FOLDER, with input, working and temp in it, as AT.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

WITHOUT = (
    "namespaces do not work here, so this is not simulated: Kaggle's own paths (the kit is led to "
    "another folder, a notebook that writes them out fails), and network and inputs are closed to Python code only"
)
FOLDERS = ("input", "working", "temp")
_LEFT_AS_IT_IS = ("dev", "proc", "sys")  # devices and the kernel's files
_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_BIND, _REC, _PRIVATE = 4096, 16384, 1 << 18
_MOUNT_SETATTR, _RECURSIVE = 442, 0x8000
_READ_ONLY_ATTRIBUTES = struct.pack("4Q", 1, 0, 0, 0)  # those to set, to clear, and how mounts are shared and mapped
_DIE_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG
_TRYING = """
import errno, sys
for path in sys.argv[1:]:
    try:
        open(path, "a")
        sys.exit(f"{path} can be written")
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
"""


def wrapped(
    command: Sequence[str], folder: Path, at: Path, binds: Mapping[str, Path], how: str | None, writable: bool = False
) -> list[str]:
    """The command that runs ``command`` in the fresh root, in the folder ``working``.

    folder: with input, working and temp, made where they are missing; at: where the root shows it
    binds: path below ``at`` (such as ``input/competitions/x``) -> what lies there, read-only
    how: a :func:`mechanism`; writable: whether ``folder`` stays writable at its own path, too
    With ``how`` None, links in the folder stand for mounts and the command is returned as it is.
    """
    folder = Path(os.path.realpath(folder))  # as the kernel lists its mounts
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for inside, source in binds.items():
        _mount_point(folder / inside, Path(source), linked=how is None)
    if how is None:
        return list(command)
    order = {"folder": str(folder), "at": str(at), "writable": writable}
    order["binds"] = {inside: os.path.abspath(source) for inside, source in binds.items()}
    return [sys.executable, "-I", os.path.abspath(__file__), "--order", json.dumps(order), *command]


@cache
def mechanism() -> str | None:
    """How a fresh root can be made here, in which a file is found and refuses to be written: ``namespaces``, or None."""
    with tempfile.TemporaryDirectory(prefix="kaggle-root-") as folder:
        seen = Path(folder, "seen")
        seen.touch()
        trying = [sys.executable, "-c", _TRYING, "/new/input/seen", os.path.realpath(seen)]
        command = wrapped(trying, Path(folder, "session"), Path("/new"), {"input/seen": seen}, "namespaces")
        works = subprocess.run(command, capture_output=True, check=False).returncode == 0
        return "namespaces" if works else None


def _mount_point(spot: Path, source: Path, linked: bool) -> None:
    if spot.is_symlink():
        spot.unlink()
    spot.parent.mkdir(parents=True, exist_ok=True)
    if linked:
        spot.symlink_to(os.path.abspath(source))
    elif source.is_dir():
        spot.mkdir(exist_ok=True)
    else:
        spot.touch()


def main(arguments: Sequence[str]) -> None:
    """Runs as a script: ``AT FOLDER COMMAND ...``, or ``--order JSON COMMAND ...`` as :func:`wrapped` asks."""
    if arguments[0] == "--order":
        _enter(json.loads(arguments[1]))
        _call("prctl", _DIE_WITH_PARENT, signal.SIGKILL)
        os.execvp(arguments[2], arguments[2:])
    at, folder, *command = arguments
    command = wrapped(command, Path(folder), Path(at), {}, "namespaces", writable=True)
    os.execvp(command[0], command)


def _enter(order: Mapping) -> None:
    """Moves this process into a fresh root; OSError naming the step that the kernel refused."""
    _own_namespaces()
    _call("mount", b"none", b"/", None, _REC | _PRIVATE, None)
    folder = order["folder"]
    fresh = Path(folder, "root")
    fresh.mkdir(exist_ok=True)
    _call("mount", b"none", bytes(fresh), b"tmpfs", 0, None)
    for name in os.listdir("/"):
        if f"/{name}" != order["at"]:
            _entry(name, fresh)
    if order["writable"]:
        _bind(folder, f"{fresh}{folder}")
    at = Path(f"{fresh}{order['at']}")
    for name in FOLDERS:
        (at / name).mkdir(parents=True)
        _bind(f"{folder}/{name}", at / name)
    _close(at / "input")
    for inside, source in order["binds"].items():
        _bind(source, at / inside)
        _close(at / inside)
    os.chroot(fresh)
    os.chdir(f"{order['at']}/working")


def _own_namespaces() -> None:
    user, group = os.getuid(), os.getgid()
    try:
        _call("unshare", _NEWUSER | _NEWNS | _NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError:
        if user != 0:
            raise
        _call("unshare", _NEWNS | _NEWNET)
    _loopback_up()


def _loopback_up() -> None:
    """Jupyter and torch's workers talk over it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS: up and running


def _entry(name: str, fresh: Path) -> None:
    """One entry of / in the fresh root: a link as a link, all else bound read-only."""
    old, new = f"/{name}", fresh / name
    if os.path.islink(old):
        new.symlink_to(os.readlink(old))
        return
    new.mkdir() if os.path.isdir(old) else new.touch()
    _bind(old, new)
    if name not in _LEFT_AS_IT_IS:
        _close(new)


def _bind(source: str | Path, target: str | Path) -> None:
    _call("mount", os.fsencode(source), os.fsencode(target), None, _BIND | _REC, None)


def _close(target: str | Path) -> None:
    """Makes what is bound there read-only, and each file system that is mounted below it, too."""
    attributes = _READ_ONLY_ATTRIBUTES
    _call("syscall", _MOUNT_SETATTR, 0, os.fsencode(target), _RECURSIVE, attributes, len(attributes))


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*[ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{arguments}: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1:])
