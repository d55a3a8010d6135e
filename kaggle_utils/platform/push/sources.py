"""What a kernel reads: which kernels were pushed for an earlier stage, and the versions of all of it.

Kaggle tells: the kernels of a stage are those whose marks name it, and of these the ones that were pushed together
with the latest. No note at home is asked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from kaggle_utils.platform.client.calls import KaggleFailure, requests
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.versions import SAVED, Version, look, mine, there
from kaggle_utils.platform.runtime import FANNED_OUT

_DATASET = "datasets.DatasetApiService/GetDataset"


def taken(content: Mapping, stages: Collection[str], order: Order) -> dict[str, list[Version]]:
    """Source of a kernel that is a stage of ours -> the complete kernels that stand for it.

    content: the kernel's metadata; stages: all kernels (owner/slug) that there are at home. Raises KaggleFailure where
    one is not there, runs on (``busy``), or has not been sent of a fan-out; with ``again`` what there is is taken.
    """
    ours = [source for source in content["kernel_sources"] if source in stages]
    forms = {source: re.compile(re.escape(source) + FANNED_OUT) for source in ours}
    listed = {kernel for kernel in (mine() if ours else ()) if any(form.fullmatch(kernel) for form in forms.values())}
    shown = look(sorted(listed.union(ours)))
    siblings = {kernel for version in shown.values() if version and version.mark for kernel in version.mark.kernels}
    shown |= look(sorted(siblings - shown.keys()))
    there = {source: [v for k, v in sorted(shown.items()) if v and form.fullmatch(k)] for source, form in forms.items()}
    return {source: _complete(_last_push(source, versions, order), order) for source, versions in there.items()}


def _last_push(source: str, there: list[Version], order: Order) -> list[Version]:
    if not there:
        raise KaggleFailure("sources", f"{source} is not on Kaggle yet: `kaggle-utils push {source.split('/')[1]}` first")
    marked = [version for version in there if version.mark]
    if not marked:  # by an older version of the kit, or by hand
        return [version for version in there if version.kernel == source] or there
    last = max(marked, key=lambda version: version.mark.sent).mark
    pushed = [one for one in marked if (one.mark.stage, one.mark.settings) == (last.stage, last.settings)]
    unsent = {kernel for version in pushed for kernel in version.mark.kernels} - {version.kernel for version in pushed}
    if unsent and not order.again:
        how = "push them as before, or take what there is with --again"
        raise KaggleFailure("sources", f"{source}: {', '.join(sorted(unsent))} not sent yet: {how}")
    return pushed


def _complete(pushed: list[Version], order: Order) -> list[Version]:
    if running := [f"{version} is {version.state}" for version in pushed if not (version.over and version.version)]:
        kind = "sources" if any(version.state == SAVED for version in pushed) else "busy"
        how = "run it" if kind == "sources" else "push again when it is complete; --wait waits for that"
        raise KaggleFailure(kind, f"{', '.join(running)}: {how}")
    complete = [version for version in pushed if version.complete]
    if not complete:
        raise KaggleFailure("sources", f"none of {', '.join(map(str, pushed))} is complete")
    for version in pushed:
        if version.failed:
            order.report(f"{version} ended with {version.state}, so it is left out")
    return complete


def versions_read(content: Mapping, known: Iterable[Version]) -> dict[str, int | None]:
    """Kernel or dataset -> the version that a kernel with this metadata would read now; None where it is not to be seen.

    known: kernels that were looked at before
    """
    kernels, datasets = content["kernel_sources"], content["dataset_sources"]
    pinned = {source: int(source.split("/")[2]) for source in (*kernels, *datasets) if source.count("/") == 2}
    found = pinned | {version.kernel: version.version for version in known}
    shown = look([kernel for kernel in kernels if kernel not in found])
    wanted = [dataset.split("/") for dataset in datasets if dataset not in found]
    rows = requests([(_DATASET, {"ownerSlug": owner, "datasetSlug": slug}) for owner, slug in wanted])
    versions = [row and row.get("currentVersionNumber") for row in map(there, rows)]
    found |= {kernel: version and version.version for kernel, version in shown.items()}
    return found | {"/".join(parts): version for parts, version in zip(wanted, versions, strict=True)}
