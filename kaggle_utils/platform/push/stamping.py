"""What is written into a kernel just before it is pushed: owner, machine, parameters, sources.

The repository's files name no account and no experiment. A push works on a temporary copy, in which
``OWNER`` is the account, the notebook has its overrides in a cell of their own, and an earlier stage
that was fanned out stands in ``kernel_sources`` with all its kernels.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kaggle_utils.platform import parameters
from kaggle_utils.platform.push import metadata

FANNED = "fold"  # the one parameter that fans out: a stage finds the outputs of the others as <slug>-fold<k>


@dataclass(frozen=True)
class Stamp:
    """What to write into one kernel.

    owner: account name
    values: parameter -> value, overriding the notebook's
    suffix: of slug and title, ``fold3`` for one kernel of a fan-out, else empty
    accelerator: machine shape in place of the declared one; ``none`` for a CPU; None leaves it
    sources: an earlier kernel's name -> the kernels (owner/slug) that were pushed for it
    """

    owner: str
    values: Mapping[str, object] = field(default_factory=dict)
    suffix: str = ""
    accelerator: str | None = None
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def kernel(self, name: str) -> str:
        """The kernel (owner/slug) that it makes of the stage `name`.

        >>> Stamp("me", {"fold": 3}, "fold3").kernel("reef-2-train")
        'me/reef-2-train-fold3'
        """
        return f"{self.owner}/{'-'.join(filter(None, [name, self.suffix]))}"


@contextmanager
def stamped(folder: Path, stamp: Stamp) -> Iterator[Path]:
    """A temporary copy of a kernel's folder, its code file inside, ready for ``kaggle kernels push -p``.

    Raises ValueError for an unknown accelerator, a parameter the notebook does not have, or a title
    that becomes too long.
    """
    content = _content(metadata.read(folder), stamp)
    code = folder / content["code_file"]
    with tempfile.TemporaryDirectory(prefix="kaggle-push-") as name:
        copy = Path(name)
        (copy / metadata.FILE).write_text(json.dumps(content | {"code_file": code.name}, indent=2), encoding="utf-8")
        (copy / code.name).write_text(_code(code, stamp.values), encoding="utf-8")
        if wrong := metadata.problems(copy, [s.split("/")[1] for s in content.get("kernel_sources", [])]):
            raise ValueError(f"{folder.name} as it would be pushed: " + "; ".join(wrong))
        yield copy


def _content(content: dict, stamp: Stamp) -> dict:
    sources = [kernel for source in content.get("kernel_sources", []) for kernel in _kernels(source, stamp)]
    stamped = content | {
        "id": "-".join(filter(None, [_owned(content["id"], stamp), stamp.suffix])),
        "title": " ".join(filter(None, [content["title"], stamp.suffix])),
        "dataset_sources": [_owned(source, stamp) for source in content.get("dataset_sources", [])],
        "kernel_sources": sources,
    }
    return stamped if stamp.accelerator is None else with_accelerator(stamped, stamp.accelerator)


def _kernels(source: str, stamp: Stamp) -> Sequence[str]:
    owned = _owned(source, stamp)
    owner, slug = owned.split("/")[:2]
    return stamp.sources.get(slug, [owned]) if owner == stamp.owner else [owned]


def _owned(source: str, stamp: Stamp) -> str:
    owner, slash, rest = source.partition("/")
    return (stamp.owner if owner == metadata.OWNER else owner) + slash + rest


def with_accelerator(content: dict, accelerator: str) -> dict:
    """Metadata for another machine; ``none`` is a CPU. ValueError naming the machines there are.

    >>> with_accelerator({"id": "me/reef-1-eda", "enable_gpu": False}, "NvidiaTeslaT4")
    {'id': 'me/reef-1-eda', 'enable_gpu': True, 'enable_tpu': False, 'machine_shape': 'NvidiaTeslaT4'}
    """
    if accelerator not in (*metadata.ACCELERATORS, "none"):
        known = ", ".join((*metadata.ACCELERATORS, "none"))
        raise ValueError(f"accelerator {accelerator!r} is unknown, expected one of {known}")
    kept = {key: value for key, value in content.items() if key != "machine_shape"}
    switches = {"enable_gpu": accelerator.startswith("Nvidia"), "enable_tpu": accelerator.startswith("Tpu")}
    return kept | switches | ({} if accelerator == "none" else {"machine_shape": accelerator})


def _code(path: Path, values: Mapping[str, object]) -> str:
    """The code to push; overrides that a notebook brings along from elsewhere are left out."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        if values:
            raise ValueError(f"{path.name} is no notebook, so it takes no parameters {sorted(values)}")
        return text
    return json.dumps(parameters.inject(json.loads(text), values), ensure_ascii=False)
