"""A whole chain of kernels planned, and pushed one after another, each stage when the one before has ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kaggle_utils.platform import parameters
from kaggle_utils.platform.push import chain
from kaggle_utils.platform.push.chain import Stage
from kaggle_utils.platform.push.client import owner_name
from kaggle_utils.platform.push.kernels import Pushed
from kaggle_utils.platform.push.order import Order, tried_at_home
from kaggle_utils.platform.push.push import push
from kaggle_utils.platform.push.stamping import Stamp


@dataclass(frozen=True)
class Step:
    """One stage of a walk, its metadata, its part of the order, and the stamps that this comes to at home."""

    found: Stage
    content: dict
    order: Order
    stamps: list[Stamp]


def push_all(start: str, order: Order | None = None) -> list[Pushed]:
    """Pushes a chain stage by stage, waiting for each; what Kaggle took, in order.

    start: a competition (``reef``) or the kernel to begin with (``reef-3-decide``). An override goes
    to every stage whose notebook has the parameter, the accelerator to those that declare one;
    ``resume`` goes on with the first, ``submit`` submits the last. All are checked before the first is
    sent. Raises as :func:`kaggle_utils.platform.push.push.push` does.
    """
    order = replace(order or Order(), wait=True)
    steps = planned(start, order)
    owner = owner_name(order.owner)
    return [pushed for step in steps for pushed in push(step.found.name, replace(step.order, owner=owner))]


def planned(start: str, order: Order, whole: bool = True) -> list[Step]:
    """The stages of a walk, or the one kernel `start` (``whole=False``), each with its part of the order.

    Nothing is sent and no account is needed. Raises ValueError for what is wrong with any of them.
    """
    root = chain.kernels_root(order.kernels)
    walked = walk(start, root) if whole else [chain.stage(start, root)]
    contents = [chain.check(found, root) for found in walked]
    orders = _orders(walked, contents, order) if whole else [order]
    parts = zip(walked, contents, orders, strict=True)
    return [Step(found, content, part, tried_at_home(found, part)) for found, content, part in parts]


def _orders(walked: list[Stage], contents: list[dict], order: Order) -> list[Order]:
    shares = _shares(walked, contents, order.overrides)
    orders = []
    for number, (found, content, overrides) in enumerate(zip(walked, contents, shares, strict=True)):
        left = [text for text in order.overrides if any(text in share for share in shares[number:])]
        part = {
            "whole": replace(order, overrides=left),
            "overrides": overrides,
            "accelerator": order.accelerator if "machine_shape" in content else None,
            "resume": order.resume and found is walked[0],
            "submit": order.submit and found is walked[-1],
        }
        orders.append(replace(order, **part))
    return orders


def walk(start: str, root: Path) -> list[Stage]:
    """The stages to push: all of a competition, or those from one kernel on. ValueError for neither."""
    if all(found.name != start for found in chain.every_stage(root)):
        return chain.stages(start, root)
    first = chain.stage(start, root)
    return [found for found in chain.stages(first.competition, root) if found.number >= first.number]


def _shares(walked: list[Stage], contents: list[dict], overrides: Sequence[str]) -> list[list[str]]:
    """Each stage's part of the overrides: those its notebook has a parameter for."""
    if not overrides:
        return [[] for _ in walked]
    known = [_parameters(found.folder / content["code_file"]) for found, content in zip(walked, contents, strict=True)]
    for name, value in parameters.parse_set(overrides).items():
        if not any(name in names for names in known):
            raise ValueError(f"no stage of {walked[0].competition} has a parameter {name!r} (= {value!r})")
    return [[text for text in overrides if text.partition("=")[0].strip() in names] for names in known]


def _parameters(notebook: Path) -> set[str]:
    return set(parameters.defaults(json.loads(notebook.read_text(encoding="utf-8"))))
