"""Members from a notebook's variables: names, overrides, which of them are trained here, and in which order."""

from dataclasses import asdict, dataclass

import pytest

from kaggle_utils.competitions import clouds, reef
from kaggle_utils.tasks.members import differing, generations, members_of, parents_of


@dataclass(frozen=True)
class Parameters:
    """Of a training whose width follows from its depth."""

    depth: int = 3
    lr: float = 0.1
    views: tuple[str, ...] = ("identity",)
    start_from: str = ""
    learns_from: str = ""
    width: int = 30

    def plain(self):
        return asdict(self) | {"views": list(self.views)}

    def changed(self):
        default = Parameters().plain()
        return {name: value for name, value in self.plain().items() if value != default[name]}


def parameters(names, preset=None):
    chosen = {k: s[k] for s in (preset or {}, names) for k in ("depth", "lr", "views") if s.get(k) is not None}
    parents = {k: names[k] for k in ("start_from", "learns_from") if names.get(k)}
    return Parameters(**chosen, **parents, width=10 * chosen.get("depth", 3))


def members(names, preset=None):
    return members_of(names, preset, parameters, lambda alone: f"deep{alone.depth}")


class TestMembers:
    def test_without_a_choice_there_is_one_named_after_its_parameters(self):
        assert members({"depth": 5, "members": None}, {"lr": 0.2}) == {"deep5": Parameters(5, 0.2, width=50)}

    def test_an_override_beats_a_choice_and_that_the_preset(self):
        found = members({"members": {"a": {}, "b": {"lr": 0.3, "depth": None}}, "lr": 0.2}, {"lr": 0.1, "depth": 4})
        assert found == {"a": Parameters(4, 0.2, width=40), "b": Parameters(4, 0.3, width=40)}

    def test_members_stay_in_their_order(self):
        assert list(members({"members": {"z": {}, "a": None, "m": {}}})) == ["z", "a", "m"]

    @pytest.mark.parametrize(("chosen", "expected"), [
        ({}, {"small": 3, "large": 6}), ({"lr": 0.5}, {"small": 3, "large": 6}), ({"depth": 4}, {"deep4": 4}),
        ({"members": {"mine": {}}}, {"mine": 3}),
    ])  # fmt: skip
    def test_a_presets_members_give_way_to_a_choice_of_what_they_differ_in(self, chosen, expected):
        preset = {"depth": 3, "members": {"small": {}, "large": {"depth": 6}}}
        assert {name: one.depth for name, one in members(chosen, preset).items()} == expected

    def test_a_default_gives_way_to_the_preset_unless_a_command_or_a_member_sets_it(self):
        preset = {"depth": 4, "lr": 0.5}
        assert members({"depth": 3, "lr": 0.1}, preset) == {"deep4": Parameters(4, 0.5, width=40)}
        assert members({"depth": 3, "lr": 0.1, "injected": ("depth",)}, preset) == {"deep3": Parameters(3, 0.5, width=30)}
        assert members({"members": {"a": {"depth": 3}}}, preset) == {"a": Parameters(3, 0.5, width=30)}

    @pytest.mark.parametrize(
        ("member", "expected"), [("b", ["b"]), (["c", "a"], ["a", "c"]), (("b",), ["b"]), (None, ["a", "b", "c"])]
    )
    def test_one_some_or_all_are_trained_here(self, member, expected):
        assert list(members({"members": {"a": {}, "b": {}, "c": {}}, "member": member})) == expected

    @pytest.mark.parametrize(("names", "said"), [
        ({"members": {"a": {"dept": 5}}}, "the member 'a' sets 'dept', which is no parameter of the training; is it depth?"),
        ({"members": {"a": {"fold": 5}}}, "sets 'fold', which is no parameter of the training; is it one of depth, lr"),
        ({"members": {"U-Net": {}}}, "the member is called 'U-Net', expected small letters and digits only"),
        ({"members": {"a": {"width": 7}}}, "the member 'a' sets width=7, but other parameters make it 30"),
        ({"members": ["a", "b"]}, r"members is \['a', 'b'\], expected a mapping such as"),
        ({"members": {}}, r"members is \{\}, expected a mapping"),
        ({"members": {"a": {}}, "member": "b"}, "member is 'b', expected some of a$"),
        ({"members": {"a": {}}, "member": ["a", "b"]}, "member is 'b', expected some of a$"),
        ({"member": "deep4"}, "member is 'deep4', expected some of deep3"),
    ])  # fmt: skip
    def test_what_is_meant_is_said_where_a_name_is_none(self, names, said):
        with pytest.raises(ValueError, match=said):
            members(names)

    def test_tables_show_first_what_members_differ_in_and_then_what_is_no_default(self):
        found = members({"members": {"a": {"lr": 0.3}, "b": {"lr": 0.2}}, "depth": 5})
        expected = {"a": {"lr": 0.3, "depth": 5, "width": 50}, "b": {"lr": 0.2, "depth": 5, "width": 50}}
        assert differing(found, {}) == expected
        assert differing(found, {"default": {"lr": 0.1}})["default"] == {"lr": 0.1, "depth": "", "width": ""}


class TestOfTheKinds:
    def test_any_parameter_of_a_segmenter_may_be_overridden(self):
        pytest.importorskip("segmentation_models_pytorch")
        found = clouds.KIND.members(
            {"members": {"a": {}, "b": {"architecture": "fpn", "size": [96, 64], "ema": 0.5}}}, clouds.SMOKE
        )
        assert {name: (one.model.architecture, one.training.ema) for name, one in found.items()} == {
            "a": ("fpn", 0.95),
            "b": ("fpn", 0.5),
        }
        with pytest.raises(ValueError, match="sets channels=1, but other parameters make it 3"):
            clouds.KIND.members({"members": {"a": {"channels": 1}}})
        with pytest.raises(ValueError, match="sets 'architecure', .* is it architecture"):
            clouds.KIND.members({"members": {"a": {"architecure": "fpn"}}})

    def test_any_parameter_of_a_detector_may_be_overridden(self):
        found = reef.KIND.members({"members": {"a": {}, "b": {"imgsz": 640, "start_from": "a"}}}, reef.SMOKE)
        assert {name: (one.imgsz, one.start_from) for name, one in found.items()} == {"a": (320, ""), "b": (640, "a")}
        assert list(reef.KIND.members({"model": "yolov5s+p2"})) == ["yolov5sp2"]

    @pytest.mark.parametrize("kind", [clouds.KIND, reef.KIND])
    def test_a_file_and_another_member_are_not_both_begun_with(self, kind):
        with pytest.raises(ValueError, match="start is 'w.pth' and start_from 'a', expected one of both"):
            kind.parameters({"start": "w.pth", "start_from": "a"})


class TestOrder:
    def test_members_come_after_all_that_they_need(self):
        graph = {"d": {"start_from": "b", "learns_from": "c"}, "c": {"learns_from": "a"}, "b": {"start_from": "a"}, "a": {}}
        assert generations(graph) == [["a"], ["c", "b"], ["d"]]

    def test_a_parent_from_elsewhere_is_no_member_of_this_run(self):
        assert generations({"b": {"start_from": "a"}, "c": {}}) == [["c"], ["b"]]

    def test_members_that_wait_for_one_another_are_named(self):
        with pytest.raises(ValueError, match="members wait for one another: (a, c, b, a|b, a, c, b|c, b, a, c)"):
            generations({"a": {"start_from": "b"}, "b": {"learns_from": "c"}, "c": {"start_from": "a"}})
        with pytest.raises(ValueError, match="members wait for one another: a, a"):
            generations({"a": {"start_from": "a"}})

    def test_parents_are_told_by_what_they_are_to_a_member(self):
        assert (
            parents_of({"start_from": "a", "learns_from": "b"}) == {"start_from": "a", "learns_from": "b"}
            and parents_of({}) == {}
        )
