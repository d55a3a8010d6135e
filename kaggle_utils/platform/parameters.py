"""Parameters of a notebook: found in its tagged cell, overridden by an injected one.

Every notebook of the kit has one cell tagged ``parameters`` that assigns each setting with its
reason. ``kaggle-utils run --set`` and ``kaggle-utils push --set`` override settings the way
papermill does: a cell tagged ``injected-parameters`` goes in right after that cell, so a reader sees
the default and what replaced it; it also says which names it sets, since these count as chosen even where the
value is the default. A name which the ``parameters`` cell does not assign is an error,
for a mistyped override would otherwise run for hours with the default.

On the command line several may follow one ``--set``, the flag may be repeated, and what a command works on
may stand on either side: ``rehearse --set imgsz=64 epochs=1 reef-2-train``. A command declares the flag with
:func:`add_set_argument` and reads the texts from ``args.set``; :mod:`kaggle_utils.cli` takes the arguments of
all commands apart with :func:`single_settings` before they are parsed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping

from kaggle_utils.learning.parameters import INJECTED as CHOSEN

PARAMETERS, INJECTED = "parameters", "injected-parameters"
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
_LIKE_A_RANGE = re.compile(r"(?=.*\d)-?\d*\s*(-|:|\.{2,})\s*-?\d*")  # 0-4, 0...4, 0 .. 4: would be texts
_BRACKETS = {"(": (")", tuple), "[": ("]", list), "{": ("}", tuple)}
_CONSTANTS = {"true": "True", "false": "False", "none": "None", "null": "None"}


def add_set_argument(parser: argparse.ArgumentParser, meaning: str = "override the notebook's parameters") -> None:
    """Adds ``--set``, whose texts come as the list ``args.set``; meaning: its help."""
    text = f"{meaning}; several may follow, and the flag may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=text)


def single_settings(arguments: Iterable[str]) -> Iterator[str]:
    """Arguments in which every ``--set`` has one text, so that it takes no name for another.

    The text right after the flag is its own, whatever it looks like; of those behind it each that has
    an ``=`` and is no flag.

    >>> list(single_settings(["push", "--set", "fold=3", "imgsz=1280", "reef-2-train", "--wait"]))
    ['push', '--set=fold=3', '--set=imgsz=1280', 'reef-2-train', '--wait']
    """
    rest, setting = iter(arguments), False
    for argument in rest:
        if argument == "--set" or argument.startswith("--set="):
            text = next(rest, None) if argument == "--set" else argument.removeprefix("--set=")
            setting = True
            yield "--set" if text is None else f"--set={text}"
        elif setting and "=" in argument and not argument.startswith("-"):
            yield f"--set={argument}"
        else:
            setting = False
            yield argument


def parse_set(texts: Iterable[str]) -> dict[str, object]:
    """Command line overrides ``name=value`` as Python values.

    A value is read as a Python literal, and is a text when it is none. ``first..last``, whole numbers with
    both included, and ``a,b`` are lists of what to fan out over; in brackets several are one value, in the
    order in which they stand.
    Raises ValueError naming the text that is no ``name=value``, an empty range, a name given twice, and
    what is nearly a literal or a range: ``smoke=false`` would be a text, and so true.

    >>> parse_set(["fold=0..2", "lr=1e-3", "model=yolo11n", "member=unet,fpn", "sizes=(640, 1280)"])
    {'fold': [0, 1, 2], 'lr': 0.001, 'model': 'yolo11n', 'member': ['unet', 'fpn'], 'sizes': (640, 1280)}
    >>> parse_set(["member=(unet,fpn),{pan,dpn}"])
    {'member': [('unet', 'fpn'), ('pan', 'dpn')]}
    """
    values: dict[str, object] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and name.isidentifier()):
            raise ValueError(f"override {text!r} is not of the form name=value with a Python name")
        if name in values:
            raise ValueError(f"override {text!r}: {name} is given twice")
        values[name] = _value(name, value)
    return values


def _value(name: str, text: str) -> object:
    if found := _RANGE.fullmatch(text):
        first, last = map(int, found.groups())
        if last < first:
            raise ValueError(f"range {first}..{last} is empty, expected first..last with first <= last")
        return list(range(first, last + 1))
    if _fans_out(text):
        return [_single(name, part) for part in _parts(text) if part]
    return _single(name, text)


def _fans_out(text: str) -> bool:
    return bool(_RANGE.fullmatch(text)) or len(_parts(text)) > 1


def _parts(text: str) -> list[str]:
    """What stands between commas, those in brackets and quotes aside."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote or character in "'\"":
            quote = "" if character == quote else quote or character
        else:
            depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _single(name: str, text: str) -> object:
    try:
        value = ast.literal_eval(text)
        if not isinstance(value, set):
            return value
    except (ValueError, SyntaxError):
        pass
    closing, several = _BRACKETS.get(text[:1], (None, list))
    if closing and text.endswith(closing) and not (closing == "}" and ":" in text):
        return several(_single(name, part) for part in _parts(text[1:-1]) if part)  # bare words, or a set in its order
    if meant := _CONSTANTS.get(text.lower(), "first..last" if _LIKE_A_RANGE.fullmatch(text) else ""):
        how = f"write {name}={meant}, or quote a text twice: {name}=\"'{text}'\""
        raise ValueError(f"override '{name}={text}': {how}")
    return text


def fan_out(texts: Iterable[str]) -> list[dict[str, object]]:
    """One set of values for each combination of what fans out among the overrides; one when nothing does.

    ``first..last`` and ``a,b`` fan out; what stands in brackets is one value.

    >>> fan_out(["fold=0..1", "sizes=[640, 1280]"])
    [{'fold': 0, 'sizes': [640, 1280]}, {'fold': 1, 'sizes': [640, 1280]}]
    >>> fan_out(["member=(unet,fpn),pan"])
    [{'member': ('unet', 'fpn')}, {'member': 'pan'}]
    """
    texts = list(texts)
    values, wide = parse_set(texts), fanned(texts)
    choices = [[(name, v) for v in value] if name in wide else [(name, value)] for name, value in values.items()]
    return [dict(chosen) for chosen in itertools.product(*choices)]


def fanned(texts: Iterable[str]) -> list[str]:
    """The names that fan out, in order; ``3..3`` and ``unet,`` do, over one value.

    >>> fanned(["fold=0..4", "sizes=[1, 2]", "member=unet,"])
    ['fold', 'member']
    """
    parts = (text.partition("=") for text in texts)
    return [name.strip() for name, _, value in parts if _fans_out(value.strip())]


def defaults(notebook: Mapping) -> dict[str, object]:
    """What the ``parameters`` cell assigns: name -> value, or its source text where it is no literal.

    notebook: an .ipynb file's content. Raises ValueError when it has not exactly one such cell.

    >>> cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "fold = 0\\nsize: int = 2 * 640"}
    >>> defaults({"cells": [cell]})
    {'fold': 0, 'size': '2 * 640'}
    """
    cell = notebook["cells"][_tagged(notebook)]
    tree = ast.parse("".join(cell["source"]))
    return {name: _literal(value) for node in tree.body for name, value in _assigned(node)}


def _tagged(notebook: Mapping) -> int:
    places = [i for i, cell in enumerate(notebook["cells"]) if PARAMETERS in _tags(cell)]
    if len(places) != 1:
        raise ValueError(f"the notebook has {len(places)} cells tagged {PARAMETERS!r}, expected exactly one")
    return places[0]


def _tags(cell: Mapping) -> list[str]:
    return cell.get("metadata", {}).get("tags", [])


def _assigned(node: ast.stmt) -> list[tuple[str, ast.expr]]:
    """The (name, value) pairs of one statement, ``a = b = 1`` and ``a, b = 1, 2`` included."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return _pairs(node.target, node.value)
    if isinstance(node, ast.Assign):
        return [pair for target in node.targets for pair in _pairs(target, node.value)]
    return []


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        return [(target.id, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return [pair for t, v in zip(target.elts, value.elts, strict=True) for pair in _pairs(t, v)]
    return []


def _literal(value: ast.expr) -> object:
    try:
        return ast.literal_eval(value)
    except ValueError:
        return ast.unparse(value)


def inject(notebook: Mapping, values: Mapping[str, object]) -> dict:
    """A copy of the notebook whose settings are overridden by one cell after the ``parameters`` cell.

    An ``injected-parameters`` cell of an earlier injection is replaced; without values there is none.
    Raises ValueError naming a setting that the ``parameters`` cell does not assign, or whose value is
    of another kind than the one there: a text for a number, a number for True or False.

    >>> cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "fold = 0"}
    >>> inject({"cells": [cell]}, {"fold": 3})["cells"][1]["source"]
    "# Overrides of the cell above.\\nfold = 3\\ninjected = ('fold',)\\n"
    """
    new = copy.deepcopy(dict(notebook))
    new["cells"] = [cell for cell in new["cells"] if INJECTED not in _tags(cell)]
    if values:
        known = defaults(new)
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"parameter {name!r} (= {value!r}) is not set by the notebook, it has {sorted(known)}")
            if not _of_a_kind(value, known[name]):
                expected = f"expected the kind of the notebook's {known[name]!r}"
                raise ValueError(f"parameter {name!r} is {value!r}, {expected}")
        new["cells"].insert(_tagged(new) + 1, _overriding_cell(new, values))
    return new


def _of_a_kind(value: object, default: object) -> bool:
    """Whether a value may take the default's place; where that is None or a text, any may, and None always."""
    if default is None or isinstance(default, str) or value is None:
        return True
    if isinstance(default, bool):
        return isinstance(value, bool)
    return not isinstance(value, str) and not (isinstance(default, (int, float)) and isinstance(value, bool))


def _overriding_cell(notebook: Mapping, values: Mapping[str, object]) -> dict:
    lines = "".join(f"{name} = {value!r}\n" for name, value in [*values.items(), (CHOSEN, tuple(values))])
    return code_cell(notebook, "# Overrides of the cell above.\n" + lines, INJECTED)


def code_cell(notebook: Mapping, source: str, tag: str) -> dict:
    """A cell of code for this notebook; the tag is its name as well, where cells have names."""
    metadata = {"tags": [tag]}
    cell = {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": source}
    takes_ids = (notebook.get("nbformat", 4), notebook.get("nbformat_minor", 5)) >= (4, 5)
    return cell | {"id": tag} if takes_ids else cell
