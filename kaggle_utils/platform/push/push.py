"""Kernels pushed to Kaggle, waited for, brought home and submitted: one, or a chain stage by stage.

Kaggle is the truth: what it has is not sent again, so the same command again goes on where another one was stopped.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kaggle_utils.platform import parameters
from kaggle_utils.platform.client.calls import KaggleFailure, owner_name
from kaggle_utils.platform.kernels import chain, metadata
from kaggle_utils.platform.kernels.chain import Stage
from kaggle_utils.platform.push import submissions
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.outputs import bring_home
from kaggle_utils.platform.push.sending import carried_out, ensured, patiently
from kaggle_utils.platform.push.sources import require_same, taken, versions_read
from kaggle_utils.platform.push.stamping import Made, Stamp, made
from kaggle_utils.platform.push.versions import Version, why_it_failed
from kaggle_utils.tasks.competition import SUBMISSION


@dataclass(frozen=True)
class Step:
    """One stage of a push: its metadata, its part of the order, and the kernels that this comes to at home."""

    found: Stage
    content: dict
    order: Order
    kernels: list[Made]


def push(start: str, order: Order | None = None, whole: bool = False) -> list[Version]:
    """Pushes one kernel, e.g. ``reef-2-train``; what Kaggle has of it then, several of a fan-out.

    whole: a competition's chain (``reef``), or that from a kernel on, stage by stage, waiting for each. An override
    then goes to every stage whose notebook has the parameter, the accelerator to those that declare one, and the
    last is submitted.
    Raises ValueError for what is wrong at home, with any of the stages, before anything is sent, and KaggleFailure
    for what Kaggle refuses, rejects or fails to finish.
    """
    order = replace(order or Order(), **({"wait": True} if whole else {}))
    planned(start, order, whole)  # what is wrong at home is told before anything is asked
    steps = planned(start, replace(order, owner=owner_name(order.owner)), whole)
    try:
        return [version for step in steps for version in _pushed(step)]
    except (KeyboardInterrupt, SystemExit):
        order.report("stopped; what was sent runs on, and the same command goes on here")
        raise


def planned(start: str, order: Order, whole: bool = False) -> list[Step]:
    """The stages of a push. Nothing is sent and no account is needed; ValueError for what is wrong with any."""
    root = chain.kernels_root(order.kernels)
    walked = walk(start, root) if whole else [chain.stage(start, root)]
    contents = [chain.check(found, root) for found in walked]
    orders = _orders(walked, contents, order) if whole else [order]
    parts = list(zip(walked, contents, orders, strict=True))
    steps = [
        Step(found, content, part, [made(found.folder, stamp) for stamp in _stamps(part)]) for found, content, part in parts
    ]
    for step in steps:
        _refuse(step.found, [kernel.kernel for kernel in step.kernels], step.order)
    return steps


def _refuse(found: Stage, kernels: list[str], order: Order) -> None:
    if len(set(kernels)) != len(kernels):
        raise ValueError(f"{found.name}: several kernels of {', '.join(order.overrides)} would have one name, {kernels[0]}")
    if order.submit and len(kernels) != 1:
        raise ValueError(f"{found.name} is {len(kernels)} kernels, only one can be submitted")
    if order.submit and submissions.takes_a_file(found.competition) and not re.search(order.files or "", SUBMISSION):
        raise ValueError(f"--files is {order.files!r}, expected it to take {SUBMISSION}, which is to be uploaded")


def walk(start: str, root: Path) -> list[Stage]:
    """The stages to push: all of a competition, or those from one kernel on. ValueError for neither."""
    if start not in [found.name for found in chain.every_stage(root)]:
        return chain.stages(start, root)
    every = chain.stages(chain.stage(start, root).competition, root)
    return every[[found.name for found in every].index(start) :]


def _orders(walked: list[Stage], contents: list[dict], order: Order) -> list[Order]:
    """Each stage's part of an order: the overrides that its notebook has a parameter for, and so on."""
    names = [_parameters(found.folder / content["code_file"]) for found, content in zip(walked, contents, strict=True)]
    for name, value in parameters.parse_set(order.overrides).items():
        if not any(name in known for known in names):
            raise ValueError(f"no stage of {walked[0].competition} has a parameter {name!r} (= {value!r})")
    return [
        replace(
            order,
            overrides=[text for text in order.overrides if text.partition("=")[0].strip() in known],
            accelerator=order.accelerator if "machine_shape" in content else None,
            submit=order.submit and found is walked[-1],
        )
        for found, content, known in zip(walked, contents, names, strict=True)
    ]


def _parameters(notebook: Path) -> set[str]:
    try:
        return set(parameters.defaults(json.loads(notebook.read_text(encoding="utf-8"))))
    except ValueError:  # a script, or a notebook without any
        return set()


def _stamps(order: Order) -> list[Stamp]:
    owner = order.owner or os.environ.get("KAGGLE_USERNAME") or metadata.OWNER
    wide = parameters.fanned(order.overrides)
    return [Stamp(owner, values, wide, order.accelerator) for values in parameters.fan_out(order.overrides)]


def _pushed(step: Step) -> list[Version]:
    found, order = step.found, step.order
    stages = {f"{order.owner}/{other.name}" for other in chain.every_stage(chain.kernels_root(order.kernels))}
    sources = patiently(lambda: taken(step.kernels[0].content, stages, order), order)
    known = [version for versions in sources.values() for version in versions]
    kernels = [kernel.taking({name: [v.kernel for v in sources[name]] for name in sources}) for kernel in step.kernels]
    _announce(kernels[0], known, order)
    reads = patiently(lambda: versions_read(kernels[0].content), order)
    require_same({version.kernel: version.version for version in known}, reads)
    marks = [kernel.mark([other.kernel for other in kernels], reads, order.run) for kernel in kernels]
    todo = {k.kernel: partial(ensured, k, mark, order) for k, mark in zip(kernels, marks, strict=True)}
    pushed = carried_out(todo, order)
    wrong = [why_it_failed(version) for version in pushed if version.failed]
    if order.waits:
        wrong += bring_home(found, pushed, order)
    if wrong:
        raise KaggleFailure("run", "\n".join(wrong))
    if order.submit:
        submissions.submit(step.content["competition_sources"][0], found, pushed[0], order)
    return pushed


def _announce(kernel: Made, takes: list[Version], order: Order) -> None:
    if takes:
        order.report(f"{kernel.stage} takes {', '.join(version.kernel for version in takes)}")
    shape = kernel.content.get("machine_shape", "")
    if shape in metadata.RETIRED:
        order.report(f"{kernel.stage} asks for {shape}: {metadata.RETIRED[shape]}")
