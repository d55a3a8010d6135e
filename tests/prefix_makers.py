"""What looks like the prefix of a CPython 3.7 to those who pack it: a script in the interpreter's place."""

from __future__ import annotations

import json
from pathlib import Path


def make_prefix(prefix: Path, loads: tuple = (), fails: str = "") -> Path:
    """A prefix with links, tests and packages of its own; its "interpreter" reports what it loads, or fails."""
    library = prefix / "lib" / "python3.7"
    for folder in ("test", "site-packages", "encodings", "__pycache__"):
        (library / folder).mkdir(parents=True)
        (library / folder / "a.py").write_text(folder)
    (library / "os.py").write_text("os")
    (prefix / "bin").mkdir()
    python = prefix / "bin" / "python3.7m"
    report = json.dumps(["3.7.99", [str(path) for path in loads]])
    python.write_text(f"#!/bin/sh\n{f'echo {fails} >&2; exit 1' if fails else f'''echo '{report}' '''}\n")
    python.chmod(0o755)
    (prefix / "bin" / "python3.7").symlink_to(python.name)
    return prefix
