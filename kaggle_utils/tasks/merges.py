"""Which prediction sets are worth merging, so that views and members are seen apart."""

from __future__ import annotations

from collections.abc import Sequence


def groups_of_sets(sets: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Title -> sets of two and more: each member's, all members' in each view, all, and all without each member.

    sets: names as :class:`kaggle_utils.tasks.runs.PredictionSet` makes them

    >>> for title, some in groups_of_sets(["unet_identity", "unet_hflip", "fpn_identity", "fpn_hflip"]).items():
    ...     print(f"{title}: {', '.join(some)}")
    unet, all views: unet_identity, unet_hflip
    fpn, all views: fpn_identity, fpn_hflip
    all members, identity: unet_identity, fpn_identity
    all members, hflip: unet_hflip, fpn_hflip
    all: unet_identity, unet_hflip, fpn_identity, fpn_hflip
    >>> list(groups_of_sets(["a_identity", "b_identity", "c_identity"]))
    ['all', 'all without a', 'all without b', 'all without c']
    """
    member, view = ({name: name.partition("_")[place] for name in sets} for place in (0, 2))
    members, views = dict.fromkeys(member.values()), dict.fromkeys(view.values())
    found = {f"{one}, all views": [name for name in sets if member[name] == one] for one in members}
    found |= {f"all members, {one}": [name for name in sets if view[name] == one] for one in views}
    found |= {"all": list(sets)}
    found |= {f"all without {one}": [name for name in sets if member[name] != one] for one in members}
    known: set[tuple[str, ...]] = {tuple(sets)}  # which is called "all"
    groups = {}
    for title, some in found.items():
        if len(some) > 1 and (title == "all" or tuple(some) not in known):
            groups[title] = tuple(some)
            known.add(tuple(some))
    return groups
