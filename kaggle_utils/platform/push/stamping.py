"""A kernel as it is sent: with owner, machine, parameters, sources and its mark written into it.

The repository's files name no account and no experiment. In what is sent ``OWNER`` is the account, the notebook has its
overrides in a cell of their own, and an earlier stage that was fanned out stands in ``kernel_sources`` with all its kernels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from kaggle_utils.platform import parameters
from kaggle_utils.platform.kernels import metadata
from kaggle_utils.platform.push.mark import Mark, digest, digest_of, marked

_NAMES = {"id": "slug", "title": "newTitle", "keywords": "categoryIds", "id_no": "id"}  # in a request, other than camelCase


@dataclass(frozen=True)
class Stamp:
    """What to write into one kernel.

    owner: account name
    values: parameter -> value, overriding the notebook's; fanned: those of them that differ within a fan-out
    accelerator: machine shape in place of the declared one; ``none`` for a CPU; None leaves it
    """

    owner: str
    values: Mapping[str, object] = field(default_factory=dict)
    fanned: Sequence[str] = ()
    accelerator: str | None = None

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
    """A kernel as it is sent, but for its mark.

    stage: its name at home; content: metadata; code: a notebook's JSON or a script; settings: its overrides in words
    shared: stands for what of stage, settings and code is alike in all kernels of its fan-out
    """

    stage: str
    content: dict
    code: str
    settings: str = ""
    shared: str = ""

    @property
    def kernel(self) -> str:
        """owner/slug."""
        return self.content["id"]

    def taking(self, kernels: Mapping[str, Sequence[str]]) -> Made:
        """The same, reading others; kernels: one of its sources -> what is taken for it."""
        sources = [kernel for source in self.content["kernel_sources"] for kernel in kernels.get(source, [source])]
        return replace(self, content=self.content | {"kernel_sources": sources})

    def going_on(self) -> Made:
        """The same, reading its own earlier output as well, which it goes on from."""
        return replace(self, content=self.content | {"kernel_sources": [*self.content["kernel_sources"], self.kernel]})

    def mark(self, together: Sequence[str], reads: Mapping[str, int | None], run: bool = True) -> Mark:
        """What it will say of itself.

        together: all kernels of this push; reads: what it reads -> version; run: False where it is only saved
        """
        content = {key: value for key, value in self.content.items() if key != "code_file"}
        rest = digest(content, dict(reads))
        family = digest(self.shared, content | {"id": "", "title": ""}, dict(reads))
        now = datetime.now(timezone.utc).isoformat()
        code = digest_of(self.code, rest)
        return Mark(code, rest, family, self.stage, self.settings, list(together), now, run, dict(reads))

    def request(self, mark: Mark) -> dict:
        """The message SaveKernel, as the client makes it of the metadata; the service expects outputs to be emptied."""
        found = {"enable_gpu": False, "enable_tpu": False, "is_private": True, "competition_sources": []} | self.content
        found = {key: value for key, value in found.items() if key not in ("code_file", "keywords", "model_sources") or value}
        found |= {key: str(value).lower() == "true" for key, value in found.items() if key in metadata.BOOLEANS}
        if (found["kernel_type"], found["language"]) == ("notebook", "rmarkdown"):
            found["language"] = "r"
        message = {_NAMES.get(key) or _camel(key): value for key, value in found.items() if key != "code_file"}
        return message | {"text": marked(self.code, mark)} | ({} if mark.run else {"kernelExecutionType": "QUICK_SAVE"})


def _camel(key: str) -> str:
    first, *rest = key.replace("_sources", "_data_sources").split("_")
    return first + "".join(word.capitalize() for word in rest)


def made(folder: Path, stamp: Stamp) -> Made:
    """A kernel's folder with the stamp on it.

    Raises ValueError for an unknown accelerator, a parameter the notebook does not have, or a title
    that becomes too long.
    """
    content = _content(metadata.read(folder), stamp)
    code = _code(folder / content["code_file"], stamp.values)
    if wrong := metadata.problems(folder, [s.split("/")[1] for s in content["kernel_sources"]], content):
        raise ValueError(f"{folder.name} as it would be pushed: " + "; ".join(wrong))
    alike = {name: value for name, value in stamp.values.items() if name not in stamp.fanned}
    shared = digest_of(_code(folder / content["code_file"], alike), digest(folder.name, stamp.settings))
    return Made(folder.name, content, code, stamp.settings, shared)


def _content(content: dict, stamp: Stamp) -> dict:
    stamped = content | {
        "id": "-".join([_owned(content["id"], stamp), *stamp.suffix.split()]),
        "title": " ".join(filter(None, [content["title"], stamp.suffix])),
        "dataset_sources": [_owned(source, stamp) for source in content.get("dataset_sources", [])],
        "kernel_sources": [_owned(source, stamp) for source in content.get("kernel_sources", [])],
    }
    return stamped if stamp.accelerator is None else with_accelerator(stamped, stamp.accelerator)


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
