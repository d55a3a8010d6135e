"""What a kernel reads: which kernels were pushed for an earlier stage, and the versions of all of it.

Kaggle tells: the kernels of a stage are those whose marks name it, and of these the ones that were pushed together
with the latest. No note at home is asked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from kaggle_utils.platform.client.calls import KaggleFailure, requests
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.versions import SAVED, Version, look, mine, there, work_left
from kaggle_utils.platform.runtime import FANNED_OUT

_DATASET = "datasets.DatasetApiService/GetDataset"


def taken(content: Mapping, stages: Collection[str], order: Order) -> dict[str, list[Version]]:
    """Source of a kernel that is a stage of ours -> the complete kernels that stand for it.

    content: the kernel's metadata; stages: all kernels (owner/slug) that there are at home. Raises KaggleFailure where
    one is not there, runs on (``busy``), or has not been sent of a fan-out; with ``again`` what there is is taken.
    """
    ours = [source for source in content["kernel_sources"] if source in stages]
    forms = {source: re.compile(re.escape(source) + FANNED_OUT) for source in ours}
    from_here = [f"{order.owner}/{note.stem}" for note in (order.locks / order.owner).glob("*.sent")]  # the list may lag
    known = [*mine(), *from_here] if ours else []
    listed = {kernel for kernel in known if any(form.fullmatch(kernel) for form in forms.values())}
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
    alike = [one for one in marked if (one.mark.stage, one.mark.settings) == (last.stage, last.settings)]
    pushed = [one for one in alike if order.again or one.mark.family == last.family]
    for version in alike:
        if version not in pushed:
            order.report(f"{version} is of other code or inputs, so it is left out; --again takes it")
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
    undone = {str(version): work_left(version) for version in complete if version.mark and not order.again}
    left = [f"{kernel} has ended before its work was done: {what}" for kernel, what in undone.items() if what]
    if left:
        raise KaggleFailure("sources", f"{', '.join(left)}; push that again to go on, or take it as it is with --again")
    for version in pushed:
        if version.failed:
            order.report(f"{version} ended with {version.state}, so it is left out")
    return complete


def versions_read(content: Mapping) -> dict[str, int | None]:
    """All that a kernel with this metadata would read now -> its version; None for competitions and models.

    Raises KaggleFailure for a kernel or dataset that is not to be seen: another day it might be, and be another push.
    """
    kernels, datasets = content["kernel_sources"], content["dataset_sources"]
    found = {source: int(source.split("/")[2]) for source in (*kernels, *datasets) if source.count("/") == 2}
    shown = look([kernel for kernel in kernels if kernel not in found])
    wanted = [dataset for dataset in datasets if dataset not in found]
    owned = [dict(zip(("ownerSlug", "datasetSlug"), dataset.split("/"), strict=True)) for dataset in wanted]
    rows = dict(zip(wanted, map(there, requests([(_DATASET, named) for named in owned])), strict=True))
    if hidden := [source for source, what in (shown | rows).items() if what is None]:
        how = "is it there, under this name, and yours to read?"
        raise KaggleFailure("sources", f"Kaggle does not show {', '.join(hidden)}, which is to be read: {how}")
    found |= {kernel: version.version for kernel, version in shown.items()}
    found |= {dataset: row.get("currentVersionNumber") for dataset, row in rows.items()}
    return found | dict.fromkeys([*content.get("competition_sources", ()), *content.get("model_sources", ())])


def require_same(begun: Mapping[str, int | None], now: Mapping[str, int | None]) -> None:
    """KaggleFailure where what is read has changed since a push began: its kernels would not belong together."""
    other = [name for name in begun if now[name] != begun[name]]
    changed = [f"{name} was version {begun[name]} and is version {now[name]} by now" for name in other]
    if changed:
        raise KaggleFailure("sources", f"{', '.join(changed)}; the same command sends all of them with that")
