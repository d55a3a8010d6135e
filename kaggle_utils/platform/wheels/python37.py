"""A CPython 3.7 packed into one wheel, so that it survives Kaggle's upload, and unpacked again.

The time-series API of the reef competition needs it (see :mod:`kaggle_utils.platform.reef_api.bridge`). An
uploaded dataset loses links and exec bits, has its archives taken apart and names with a ``+`` changed;
wheels arrive as they are. So the interpreter travels as the wheel ``packed_python37``: links are packed
as the files they point at, the mode of each file is noted in the archive and restored, the platform tag
says which C library it needs. Nobody installs that wheel; :func:`unpack` makes a folder of it.

Packed are the interpreter, its library and standard library (without tests, GUI and caches), numpy and
pandas from their wheels for 3.7, and of the other libraries below the prefix those that a first run was
seen to load. Libraries of the system (zlib, bzip2, OpenSSL 3) are left to Kaggle's image, which has them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from kaggle_utils.errors import KitError
from kaggle_utils.files import replacing
from kaggle_utils.platform.wheels.sources import Fetch, download
from kaggle_utils.platform.wheels.wheel import platforms

NAME = "packed-python37"
PACKAGES = ("numpy==1.21.6", "pandas==1.3.5", "python-dateutil==2.9.0.post0", "pytz==2024.1", "six==1.17.0")
_FILE = NAME.replace("-", "_")
_LEFT_OUT = re.compile(r"__pycache__|tests?|idlelib|tkinter|turtledemo|lib2to3|ensurepip|site-packages|config-3\.7.*")
_LOADED = """
import json, mmap, sys, numpy, pandas
version = "%d.%d.%d" % sys.version_info[:3]
with open("/proc/self/maps") as maps:
    mapped = {line.split(None, 5)[5].strip() for line in maps if ".so" in line}
print(json.dumps([version, sorted(mapped)]))
"""


class Unfit(KitError):
    """An interpreter that cannot be packed, or a pack that cannot be used; the text says why."""


def pack(prefix: Path, folder: Path, fetch: Fetch = download) -> Path:
    """Packs the CPython 3.7 installed under ``prefix`` into a wheel in ``folder`` and returns it.

    prefix: with ``bin/python3.7`` and ``lib/python3.7`` in it (pyenv, conda, a build of one's own).
    fetch: where the wheels of :data:`PACKAGES` come from. The copy is run in a folder of its own before it
    is zipped. Raises Unfit when it does not run or needs a younger C library than Kaggle's.
    """
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "python37")
        _copy_interpreter(Path(prefix), root)
        for requirement in PACKAGES:
            wheel = fetch(requirement, "3.7.17", Path(scratch))  # in full: pandas asks for 3.7.1
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(root / "lib/python3.7/site-packages", _wanted(archive.namelist()))
        version = _complete(root, Path(prefix) / "lib")
        return _zipped(root, version, folder)


def packs(folder: Path) -> list[Path]:
    """The packed interpreters that lie in a folder, by name."""
    return sorted(folder.glob(f"{_FILE}-*.whl"))


def unpack(packed: Path, folder: Path, quiet: bool = False) -> Path:
    """Unpacks into ``folder/<name of the pack>`` and returns the interpreter there, ready to run.

    A folder that is there already is taken as it is: it gets its name only when it is complete. Raises
    Unfit when the pack was damaged on its way.
    """
    target = folder / packed.stem
    if not target.is_dir():
        part = Path(tempfile.mkdtemp(prefix=f".{packed.stem}-", dir=folder))
        try:
            _extract(packed, part, quiet)
            part.rename(target)
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            if not target.is_dir():  # else another process was faster
                raise Unfit(f"{packed} cannot be unpacked into {folder}: {error}") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return target / "python37/bin/python3.7"


def _copy_interpreter(prefix: Path, root: Path) -> None:
    python, library = prefix / "bin/python3.7", prefix / "lib/python3.7"
    if not (python.is_file() and library.is_dir()):
        raise Unfit(f"{prefix} holds no bin/python3.7 with lib/python3.7, expected the prefix of a CPython 3.7")
    (root / "bin").mkdir(parents=True)
    shutil.copy(python, root / "bin")  # follows links, as copytree does
    shutil.copytree(library, root / "lib/python3.7", ignore=lambda _, names: set(names) - set(_wanted(names)))
    for shared in prefix.glob("lib/libpython3.7m.so.1.0"):
        shutil.copy(shared, root / "lib")
    (root / "lib/python3.7/site-packages").mkdir()


def _wanted(names: Iterable[str]) -> list[str]:
    return [name for name in names if not any(_LEFT_OUT.fullmatch(part) for part in name.split("/"))]


def _complete(root: Path, libraries: Path) -> str:
    """Adds what a first run loads from the prefix's own libraries, so that it runs without them; its version."""
    version, mapped = _run(root, f"{root / 'lib'}:{libraries}")
    lent = [library for library in libraries.glob("*.so*") if str(library.resolve()) in mapped]
    for library in lent:  # each under all its names
        shutil.copy(library, root / "lib")
    return _run(root, str(root / "lib"))[0] if lent else version


def _run(root: Path, libraries: str) -> list:
    order = [str(root / "bin/python3.7"), "-I", "-B", "-c", _LOADED]
    done = subprocess.run(order, capture_output=True, text=True, env={"LD_LIBRARY_PATH": libraries}, check=False)
    if done.returncode != 0:
        words = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise Unfit(f"the packed copy of CPython 3.7 does not run: {words}")
    return json.loads(done.stdout)


def _zipped(root: Path, version: str, folder: Path) -> Path:
    """The wheel of a folder: its files below ``python37/``, with their modes, and a wheel's few notes."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    tag, info = f"py3-none-{_platform(files, root)}", f"{_FILE}-{version}.dist-info"
    notes = {
        "METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\nSummary: CPython 3.7, to be unpacked\n",
        "WHEEL": f"Wheel-Version: 1.0\nGenerator: kaggle-utils\nRoot-Is-Purelib: false\nTag: {tag}\n",
    }
    names = [f"python37/{path.relative_to(root).as_posix()}" for path in files]
    notes["RECORD"] = "".join(f"{name},,\n" for name in [*names, *(f"{info}/{n}" for n in [*notes, "RECORD"])])
    wheel = folder / f"{_FILE}-{version}-{tag}.whl"
    with replacing(wheel) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for note, text in notes.items():  # before the packages inside, which have notes of their own
            archive.writestr(f"{info}/{note}", text)
        for path, name in zip(files, names, strict=True):
            archive.write(path, name)
    return wheel


def _platform(files: Iterable[Path], root: Path) -> str:
    """The platform tag that the most demanding file asks for; Unfit where Kaggle's C library is older."""
    asked, most = max((_glibc(path), path) for path in files)
    tag = f"manylinux_2_{max(asked, 17)}_x86_64"
    if tag not in platforms():
        raise Unfit(f"{most.relative_to(root)} asks for glibc 2.{asked}, Kaggle's machines accept {platforms()[0]} at most")
    return tag


def _glibc(path: Path) -> int:
    """The minor version of the C library a file asks for, 0 for what is no program or library."""
    with path.open("rb") as file:
        binary = file.read() if file.read(4) == b"\x7fELF" else b""
    return max((int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", binary)), default=0)


def _extract(packed: Path, part: Path, quiet: bool) -> None:
    """Files with their modes; the archive checks each file's sum as it is read."""
    from tqdm.auto import tqdm

    with zipfile.ZipFile(packed) as archive:
        for entry in tqdm(archive.infolist(), desc="unpacking CPython 3.7", unit="file", disable=quiet, leave=False):
            os.chmod(archive.extract(entry, part), entry.external_attr >> 16 | 0o400)
