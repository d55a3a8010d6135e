"""Members: named sets of overrides of a training's parameters, and the order in which they can be trained.

    members = {"unet": {}, "fpn": {"architecture": "fpn"}, "large": {"size": (640, 448), "start_from": "unet"}}

What is a parameter of the training may be overridden, so a size, an encoder or a detector's resolution is a member like
any other. A member may begin with another's weights of the same fold (``start_from``), or learn from what that one says of
items whose truth nobody knows (``learns_from``, pseudo labels): members form a graph, whatever their kind.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from kaggle_utils.files import plain
from kaggle_utils.learning.parameters import chosen
from kaggle_utils.tasks.runs import require_name

ROLES = {"start_from": "starts from", "learns_from": "learns from"}  # parameters that name another member


def members_of(
    names: Mapping[str, Any], preset: Mapping[str, Any] | None, parameters: Callable[..., Any], named: Callable[[Any], str]
) -> dict[str, Any]:
    """name -> parameters of each member that a notebook's variables ask for, in their order.

    names: those that are no defaults are chosen, see :func:`kaggle_utils.learning.parameters.chosen`; ``members`` maps names
    to overrides, None: one member; ``member`` is the one, or those, that are trained here
    preset: in place of defaults; it may have ``members``, too, which count where the notebook chooses neither members nor
    anything in which those differ
    parameters: (names, preset) -> parameters; named: parameters -> the name of a member that is alone
    Raises ValueError for a name that is none, an override that is no parameter or stays without effect, and a ``member``
    that is not among the members.
    """
    preset, defaults = dict(preset or {}), parameters({}).plain()
    own = chosen(names, defaults)
    wanted = _wanted(names.get("members"), own, preset.pop("members", None) or {})
    if not wanted:
        alone = parameters(own, preset)
        found = {named(alone): alone}
    else:
        for name, overrides in wanted.items():
            _refuse_unknown(name, overrides, defaults)
        found = {name: parameters({**own, **overrides}, preset) for name, overrides in wanted.items()}
        for name, one in found.items():
            _refuse_without_effect(name, wanted[name], one.plain())
    return _picked(found, names.get("member"))


def _wanted(given: Any, chosen: Collection[str], preset: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """name -> overrides that are set; those of the preset give way to a choice of what they differ in."""
    if given is None:
        differing = {key for overrides in preset.values() for key in overrides}
        given = {} if differing & set(chosen) else preset
    elif not isinstance(given, Mapping) or not given:
        raise ValueError(f"members is {given!r}, expected a mapping such as {{'a': {{}}, 'b': {{'epochs': 5}}}}")
    return {name: {key: value for key, value in (own or {}).items() if value is not None} for name, own in given.items()}


def _refuse_unknown(name: str, overrides: Mapping[str, Any], known: Collection[str]) -> None:
    require_name(name)
    for key in overrides:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1) or [f"one of {', '.join(known)}"]
            raise ValueError(f"the member {name!r} sets {key!r}, which is no parameter of the training; is it {near[0]}?")


def _refuse_without_effect(name: str, overrides: Mapping[str, Any], has: Mapping[str, Any]) -> None:
    for key, value in overrides.items():
        if plain(value) != has[key]:
            raise ValueError(f"the member {name!r} sets {key}={value!r}, but other parameters make it {has[key]!r}")


def _picked(members: Mapping[str, Any], member: str | Sequence[str] | None) -> dict[str, Any]:
    picked = list(members) if member is None else [member] if isinstance(member, str) else list(member)
    if unknown := [name for name in picked if name not in members]:
        raise ValueError(f"member is {unknown[0]!r}, expected some of {', '.join(members)}")
    return {name: one for name, one in members.items() if name in picked}


def parents_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """role -> member that another begins with or learns from; parameters: plain.

    >>> parents_of({"lr": 0.1, "start_from": "unet", "learns_from": ""})
    {'start_from': 'unet'}
    """
    return {role: parameters[role] for role in ROLES if parameters.get(role)}


def generations(members: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Members, each after those it begins with or learns from; members: name -> plain parameters.

    Raises ValueError for members that wait for one another.

    >>> generations({"large": {"start_from": "small"}, "small": {}, "student": {"learns_from": "large"}})
    [['small'], ['large'], ['student']]
    >>> generations({"a": {"start_from": "b"}, "b": {"learns_from": "a"}})
    Traceback (most recent call last):
    ValueError: members wait for one another: a, b, a
    """
    order = TopologicalSorter({name: parents_of(own).values() for name, own in members.items()})
    try:
        order.prepare()
    except CycleError as error:
        raise ValueError(f"members wait for one another: {', '.join(error.args[1])}") from None
    found = []
    while order.is_active():
        ready = order.get_ready()
        found.append([name for name in members if name in ready])
        order.done(*ready)
    return [names for names in found if names]


def differing(members: Mapping[str, Any], beside: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """member -> its parameters that are no defaults, where members differ in them first; for tables.

    members: name -> parameters with ``plain()`` and ``changed()``; beside: title -> values to compare with, which come first
    """
    all_of_them = {name: one.plain() for name, one in members.items()}
    values = {key: [own[key] for own in all_of_them.values()] for own in all_of_them.values() for key in own}
    keys = [key for key, each in values.items() if any(value != each[0] for value in each)]
    keys += [key for one in members.values() for key in one.changed()]
    columns = {**beside, **all_of_them}
    return {name: {key: own.get(key, "") for key in dict.fromkeys(keys)} for name, own in columns.items()}
