"""The one base class of errors that the command line shows as a sentence instead of a traceback."""

from __future__ import annotations


class KitError(RuntimeError):
    """Something the user can mend: the text says what, its value and what was expected."""
