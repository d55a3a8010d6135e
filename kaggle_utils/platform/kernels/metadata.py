"""kernel-metadata.json, checked for everything that Kaggle would swallow without a word.

The service ignores unknown keys, turns the internet on where it is not mentioned, makes a second
notebook where title and slug differ, does not look at ``machine_shape`` and accepts a push whose
sources it has rejected. Rules and limits are those of the kaggle client 2.2.5 and of the service as
it answers it (2026). In the kit's own files ``OWNER`` stands for the account that pushes.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

FILE = "kernel-metadata.json"
OWNER = "OWNER"

ACCELERATORS = tuple(
    "NvidiaTeslaP100 NvidiaTeslaT4 NvidiaTeslaA100 NvidiaL4 NvidiaL4X1 NvidiaH100 NvidiaRtxPro6000 TpuV5E8 TpuV6E8".split()
)
RETIRED = {"NvidiaTeslaP100": "retired by Kaggle on 2026-09-15, the session runs on NvidiaTeslaT4: two T4s, 16 GB each"}

_LISTS = ("dataset_sources", "competition_sources", "kernel_sources", "model_sources", "keywords")
BOOLEANS = ("is_private", "enable_gpu", "enable_tpu", "enable_internet")
_TEXTS = ("id", "title", "code_file", "language", "kernel_type", "machine_shape", "docker_image")
_CHOICES = {
    "language": ("python", "r", "rmarkdown"),
    "kernel_type": ("script", "notebook"),
    "machine_shape": ACCELERATORS,
    "docker_image_pinning_type": ("original", "latest"),
}
_KEYS = {*_LISTS, *BOOLEANS, *_TEXTS, *_CHOICES, "id_no"}
_NEEDED = ("id", "title", "code_file", "language", "kernel_type", "enable_internet")
_SOURCE = re.compile(r"[\w-]+/[\w-]+(/\d+)?")
_SOURCES = {
    "dataset_sources": (_SOURCE, "owner/slug or owner/slug/version"),
    "kernel_sources": (_SOURCE, "owner/slug or owner/slug/version"),
    "competition_sources": (re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*"), "a competition's slug"),
    "model_sources": (re.compile(r"([\w.-]+/){4}\d+"), "owner/model/framework/variation/version"),
}
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHORTEST, _LONGEST = 5, 50  # characters of a title, and so of its slug
_SHORTEST_OF = {"kernel_sources": _SHORTEST, "dataset_sources": 6}  # today; of other people's there are older ones


def read(folder: Path) -> dict:
    """The metadata of a kernel's folder; ValueError when there is none or it is no JSON object."""
    path = folder / FILE
    if not path.is_file():
        raise ValueError(f"{folder} has no {FILE}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}, expected an object")
    return found


def slug_of(title: str) -> str:
    """The slug that Kaggle makes from a title.

    >>> slug_of("Reef 2: train")
    'reef-2-train'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def problems(folder: Path, others: Collection[str] = (), content: dict | None = None) -> list[str]:
    """Everything wrong with a kernel's folder, a sentence each; empty when it may be pushed.

    others: names of the kernel folders that exist; a source of the same owner must be one of them
    content: metadata in place of what the folder holds
    Raises ValueError when there is no metadata to look at.
    """
    found = read(folder) if content is None else content
    if shape := [*_shape(found)]:
        return shape
    return [*_identity(found), *_machine(found), *_code(folder, found), *_sources(found), *_own_sources(found, others)]


def _shape(found: dict) -> Iterator[str]:
    for key in (key for key in _NEEDED if key not in found):
        yield f"{key} is missing" + (": Kaggle would turn the internet on" if key == "enable_internet" else "")
    for key in sorted(found.keys() - _KEYS):
        near = difflib.get_close_matches(key, _KEYS, n=1)
        yield f"{key} is no key Kaggle knows and would be ignored" + (f", {near[0]} is one" if near else "")
    for key, value in found.items():
        if key in _LISTS and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            yield f"{key} is {value!r}, expected a list of texts"
        if key in BOOLEANS and str(value).lower() not in ("true", "false"):
            yield f"{key} is {value!r}, expected true or false"
        if key in _TEXTS and not (isinstance(value, str) and value):
            yield f"{key} is {value!r}, expected a text"
        if key == "id_no" and type(value) is not int:
            yield f"id_no is {value!r}, expected a whole number"
        if key in _CHOICES and value not in _CHOICES[key]:
            yield f"{key} is {value!r}, expected one of {', '.join(_CHOICES[key])}"


def _identity(found: dict) -> Iterator[str]:
    owner, _, slug = found["id"].rpartition("/")
    if "/" in owner or not _SLUG.fullmatch(slug) or not owner:
        yield f"id is {found['id']!r}, expected owner/slug with a slug of small letters, digits and single dashes"
    for key, text in (("slug", slug), ("title", found["title"])):
        if not _SHORTEST <= len(text) <= _LONGEST:
            yield f"{key} {text!r} has {len(text)} characters, expected {_SHORTEST} to {_LONGEST}"
    if slug_of(found["title"]) != slug:
        made = slug_of(found["title"])
        yield f"title {found['title']!r} makes the slug {made!r}, not {slug!r}: Kaggle would keep two notebooks"


def _machine(found: dict) -> Iterator[str]:
    shape = found.get("machine_shape", "")
    for key, kind in (("enable_gpu", "Nvidia"), ("enable_tpu", "Tpu")):
        if key in found and shape and _true(found[key]) != shape.startswith(kind):
            yield f"{key} is {found[key]!r} but machine_shape is {shape}"
    if found["id"].endswith("-submit") and _true(found["enable_internet"]):
        yield "enable_internet is true, but Kaggle scores a submission only without internet"


def _true(value: object) -> bool:
    return str(value).lower() == "true"


def _code(folder: Path, found: dict) -> Iterator[str]:
    path = folder / found["code_file"]
    if not path.is_file():
        yield f"code_file {found['code_file']!r} does not exist (looked for {path})"
    elif (path.suffix == ".ipynb") != (found["kernel_type"] == "notebook"):
        yield f"code_file is {path.name} but kernel_type is {found['kernel_type']!r}"
    elif path.suffix == ".ipynb" and not _is_notebook(path):
        yield f"code_file {found['code_file']!r} is no notebook: expected JSON with a list of cells"


def _is_notebook(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8"))["cells"], list)
    except (ValueError, KeyError, TypeError):
        return False


def _sources(found: dict) -> Iterator[str]:
    for key, (form, expected) in _SOURCES.items():
        for source in found.get(key, []):
            if not form.fullmatch(source):
                yield f"{key} has {source!r}, expected {expected}"
            elif found[key].count(source) > 1:
                yield f"{key} has {source!r} more than once"


def _own_sources(found: dict, others: Collection[str]) -> Iterator[str]:
    """The lengths of slugs, and whether there are such kernels of one's own; today's rules are not other people's."""
    for key, shortest in _SHORTEST_OF.items():
        for source in filter(_SOURCE.fullmatch, found.get(key, [])):
            owner, slug = source.split("/")[:2]
            own = owner in (OWNER, found["id"].partition("/")[0])
            least = shortest if own else 1
            if not least <= len(slug) <= _LONGEST:
                yield f"{key} has {source!r}, a slug of {len(slug)} characters, expected {least} to {_LONGEST}"
            if own and key == "kernel_sources" and slug not in others:
                there = ", ".join(sorted(others)) or "none"
                yield f"{key} has {source!r}, but there is no such kernel; there is {there}"
