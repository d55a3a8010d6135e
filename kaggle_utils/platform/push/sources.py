"""What a kernel reads: which kernels were pushed for an earlier stage, and the versions of all of it.

Kaggle tells: the kernels of a stage are those whose marks name it, and of these the ones that were pushed together
with the latest. No note at home is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kaggle_utils.platform.push import metadata
from kaggle_utils.platform.push.client import KaggleFailure, requests
from kaggle_utils.platform.push.kernels import SAVED, Version, look, mine, there
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.sending import Progress
from kaggle_utils.platform.runtime import FANNED_OUT

_DATASET = "datasets.DatasetApiService/GetDataset"


def taken(content: Mapping, stages: Iterable[str], order: Order) -> dict[str, list[Version]]:
    """Name of an earlier stage -> the complete kernels that stand for it, as soon as none of them runs any more.

    content: the kernel's metadata; stages: names of all kernels there are. Raises KaggleFailure where one is not
    there, runs on and is not waited for, or has not been sent of a fan-out (``again`` takes what there is).
    """
    sources = [source.split("/") for source in content.get("kernel_sources", [])]
    names = [parts[1] for parts in sources if len(parts) == 2 and parts[0] in (metadata.OWNER, order.owner)]
    names = [name for name in names if name in set(stages)]
    return {name: _complete(name, pushed, order) for name, pushed in _pushed(names, order).items()}


def _pushed(names: list[str], order: Order) -> dict[str, list[Version]]:
    """Name of a stage -> what was pushed for it last."""
    if not names:
        return {}
    of = {name: re.compile(f"{re.escape(f'{order.owner}/{name}')}{FANNED_OUT}") for name in names}
    listed = [kernel for kernel in mine() if any(name.fullmatch(kernel) for name in of.values())]
    shown = look(sorted({*listed, *(f"{order.owner}/{name}" for name in names)}))
    more = {kernel for version in shown.values() if version and version.mark for kernel in version.mark.kernels}
    shown |= look(sorted(more - shown.keys()))
    return {name: _last_push(name, [v for k, v in shown.items() if v and of[name].fullmatch(k)], order) for name in names}


def _last_push(name: str, there: list[Version], order: Order) -> list[Version]:
    if not there:
        raise KaggleFailure("sources", f"{order.owner}/{name} is not on Kaggle yet: `kaggle-utils push {name}` first")
    marked = [version for version in there if version.mark]
    if not marked:
        return [version for version in there if version.kernel == f"{order.owner}/{name}"] or there
    last = max(marked, key=lambda version: version.mark.sent).mark
    pushed = [version for version in marked if version.mark.together(last)]
    unsent = {kernel for version in pushed for kernel in version.mark.kernels} - {version.kernel for version in pushed}
    if unsent and not order.again:
        how = "push them as before, or take what there is with --again"
        raise KaggleFailure("sources", f"{name}: {', '.join(sorted(unsent))} not sent yet: {how}")
    return sorted(pushed, key=lambda version: version.kernel)


def _complete(name: str, pushed: list[Version], order: Order) -> list[Version]:
    running = [version for version in pushed if not version.over]
    if running and (not order.waits or SAVED in [version.state for version in running]):
        states = ", ".join(f"{version} is {version.state}" for version in running)
        raise KaggleFailure("sources", f"{states}: push again when it is complete; --wait waits for one that runs")
    if running:
        order.report(f"waiting for {', '.join(map(str, running))}")
        pushed = Progress(order, {}, {version.kernel: version for version in pushed}).carry_out()
    complete = [version for version in pushed if version.complete]
    for version in pushed:
        if not version.complete:
            order.report(f"{version} ended with {version.state}, so it is left out")
    if not complete:
        raise KaggleFailure("sources", f"{name}: none of its kernels is complete: {', '.join(map(str, pushed))}")
    return complete


def versions_read(content: Mapping, known: Iterable[Version]) -> dict[str, int | None]:
    """Kernel or dataset -> the version that a kernel with this metadata would read now; None where it is not to be seen.

    known: kernels that were looked at before
    """
    sources = [*content.get("kernel_sources", []), *content.get("dataset_sources", [])]
    pinned = {source: int(source.split("/")[2]) for source in sources if source.count("/") == 2}
    found = pinned | {version.kernel: version.version for version in known}
    kernels = [source for source in content.get("kernel_sources", []) if source not in found]
    datasets = [source for source in content.get("dataset_sources", []) if source not in found]
    found |= {kernel: version and version.version for kernel, version in look(kernels).items()}
    asked = [(_DATASET, dict(zip(("ownerSlug", "datasetSlug"), dataset.split("/"), strict=True))) for dataset in datasets]
    shown = map(there, requests(asked))
    return found | {dataset: row and row.get("currentVersionNumber") for dataset, row in zip(datasets, shown, strict=True)}
