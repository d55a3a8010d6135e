"""What is written into a kernel just before it is pushed: owner, machine, parameters, sources, and its mark.

The repository's files name no account and no experiment. A push works on a temporary copy, in which
``OWNER`` is the account, the notebook has its overrides in a cell of their own, and an earlier stage
that was fanned out stands in ``kernel_sources`` with all its kernels.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from kaggle_utils.platform import parameters
from kaggle_utils.platform.push import metadata
from kaggle_utils.platform.push.mark import Mark, digest, digest_of, marked


@dataclass(frozen=True)
class Stamp:
    """What to write into one kernel.

    owner: account name
    values: parameter -> value, overriding the notebook's; fanned: those of them that differ within a fan-out
    accelerator: machine shape in place of the declared one; ``none`` for a CPU; None leaves it
    sources: an earlier kernel's name -> the kernels (owner/slug) that are taken for it
    """

    owner: str
    values: Mapping[str, object] = field(default_factory=dict)
    fanned: Sequence[str] = ()
    accelerator: str | None = None
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        """What name and title of a kernel of a fan-out end in; ValueError for values that make no name.

        >>> Stamp("me", {"fold": 3}, ["fold"]).suffix
        'fold3'
        >>> Stamp("me", {"member": ("unet", "fpn"), "fold": 3, "smoke": True}, ["member", "fold"]).suffix
        'by memberunetfpn fold3'
        """
        parts = [_word(name, self.values[name]) for name in self.fanned]
        return " ".join(["by"] * (list(self.fanned) not in ([], ["fold"])) + parts)

    @property
    def settings(self) -> str:
        """The overrides in words, alike for all kernels of a fan-out.

        >>> Stamp("me", {"imgsz": 1280, "fold": 3}, ["fold"]).settings
        'fold=* imgsz=1280'
        """
        return " ".join(f"{name}={'*' if name in self.fanned else repr(self.values[name])}" for name in sorted(self.values))

    def kernel(self, name: str) -> str:
        """The kernel (owner/slug) that it makes of the stage `name`.

        >>> Stamp("me", {"fold": 3}, ["fold"]).kernel("reef-2-train")
        'me/reef-2-train-fold3'
        """
        return "-".join([f"{self.owner}/{name}", *self.suffix.split()])


def _word(name: str, value: object) -> str:
    several = value if isinstance(value, (tuple, list)) else [value]
    word = "".join(str(part).lower().replace("_", "").replace(".", "") for part in several)
    if not re.fullmatch("[a-z0-9]+", word):
        told = "folds are numbered from 0" if name == "fold" else "expected letters, digits and points"
        raise ValueError(f"{name} {value} cannot stand in a kernel's name: {told}")
    return name.lower().replace("_", "") + word


@dataclass(frozen=True)
class Made:
    """A kernel as it is sent, but for its mark: metadata, and a notebook's JSON or a script; ``stage``: its name at home."""

    stage: str
    content: dict
    code: str

    @property
    def kernel(self) -> str:
        """owner/slug."""
        return self.content["id"]

    def mark(self, stamp: Stamp, together: Sequence[str], reads: Mapping[str, int | None], run: bool = True) -> Mark:
        """What it will say of itself.

        together: all kernels of this push; reads: what it reads -> version; run: False where it is only saved
        """
        rest = digest({key: value for key, value in self.content.items() if key != "code_file"}, dict(reads), run)
        now = datetime.now(timezone.utc).isoformat()
        return Mark(digest_of(self.code, rest), rest, self.stage, stamp.settings, list(together), now, run, dict(reads))

    def going_on(self) -> Made:
        """The same with its own earlier output attached, which it goes on from."""
        sources = [source for source in self.content["kernel_sources"] if source != self.kernel]
        return replace(self, content=self.content | {"kernel_sources": [*sources, self.kernel]})

    @contextmanager
    def written(self, mark: Mark | None = None) -> Iterator[Path]:
        """A temporary folder, ready for ``kaggle kernels push -p``."""
        with tempfile.TemporaryDirectory(prefix="kaggle-push-") as name:
            folder = Path(name)
            code = self.code if mark is None else marked(self.code, mark)
            (folder / metadata.FILE).write_text(json.dumps(self.content, indent=2), encoding="utf-8")
            (folder / self.content["code_file"]).write_text(code, encoding="utf-8")
            yield folder


def made(folder: Path, stamp: Stamp) -> Made:
    """A kernel's folder with the stamp on it.

    Raises ValueError for an unknown accelerator, a parameter the notebook does not have, or a title
    that becomes too long.
    """
    content = metadata.read(folder)
    code = folder / content["code_file"]
    new = Made(folder.name, _content(content, stamp) | {"code_file": code.name}, _code(code, stamp.values))
    with new.written() as copy:
        if wrong := metadata.problems(copy, [s.split("/")[1] for s in new.content["kernel_sources"]]):
            raise ValueError(f"{folder.name} as it would be pushed: " + "; ".join(wrong))
    return new


def _content(content: dict, stamp: Stamp) -> dict:
    stamped = content | {
        "id": "-".join([_owned(content["id"], stamp), *stamp.suffix.split()]),
        "title": " ".join(filter(None, [content["title"], stamp.suffix])),
        "dataset_sources": [_owned(source, stamp) for source in content.get("dataset_sources", [])],
        "kernel_sources": [kernel for source in content.get("kernel_sources", []) for kernel in _kernels(source, stamp)],
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
