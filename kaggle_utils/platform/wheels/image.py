"""What Kaggle's notebook image holds, as far as it is known, and on which day it was seen.

The facts lie in ``image_2026_10.json``: versions per Python where they are known, null where only the
package is; ``implied`` names packages whose version nobody saw, but that a listed one cannot do without;
``exceptions`` are requirements that are declared but need not hold, each with its reason, such as that of
a package which serves at home alone. When Kaggle moves on, a new file takes that one's place.

What was not seen in a session is from the lists of Colab's image, on which Kaggle builds its own
(github.com/googlecolab/backend-info, pip-freeze.gpu.txt): 3.12 of 2026-05-14, which Kaggle/docker-python
names as its base, 3.13 of 2026-08-19, which agrees with all that was seen since October; nbconvert as
Kaggle pins it. ``.ci/kaggle_image.sh`` makes an environment of the table for either Python.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("image_2026_10.json")
PYTHONS = ("3.12", "3.13")  # the image before October 2026 and the one since


@dataclass(frozen=True)
class Image:
    """The image of one Python: ``versions`` maps a package to its version, or to None if not known."""

    seen: str
    versions: dict[str, str | None]
    exceptions: dict[tuple[str, str], str]

    def excuses(self, package: str, requires: str) -> str | None:
        """The reason why this requirement of this package need not hold, or None.

        >>> image("3.13").excuses("norfair", "numpy") is not None
        True
        """
        return self.exceptions.get((package, requires))


@cache
def image(python: str) -> Image:
    """The image of a Python such as ``"3.13"``; ValueError for one Kaggle does not have.

    >>> image("3.13").versions["numpy"], "norfair" in image("3.13").versions
    ('2.1.3', False)
    """
    table = json.loads(_TABLE.read_text())
    if python not in table["versions"]:
        raise ValueError(f"python is {python!r}, expected one of Kaggle's: {', '.join(table['versions'])}")
    exceptions = {(row["package"], row["requires"]): row["reason"] for row in table["exceptions"]}
    versions = dict.fromkeys(table["implied"]) | table["versions"][python]
    return Image(table["seen"], versions, exceptions)
