"""What taking the best of several candidates is worth, step upon step."""

import numpy as np
import pytest

from kaggle_utils.evidence.candidates import ANEW, FEWEST, Candidate, Choice, Ground, built_on, nested
from kaggle_utils.evidence.crossfit import CrossFit

PART = np.repeat([0, 1, 2], 8)


def hits(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return sums[:, 0] / sums[:, 1]


GROUND = Ground(PART, np.arange(len(PART)), hits, "hits")


def candidate(right: np.ndarray | float, without: dict | None = None) -> Candidate:
    """Of ten in each unit; without: of some parts, other figures than the cross-fitted ones."""
    counts = np.column_stack([np.broadcast_to(right, len(PART)), np.full(len(PART), 10.0)])
    return Candidate("rule", 0.9, counts, dict.fromkeys((0, 1, 2), counts) | (without or {}))


def noisy(mean: float, seed: int, spread: float = 2.0) -> Candidate:
    return candidate(mean + np.random.default_rng(seed).normal(0, spread, len(PART)))


def test_what_surely_gains_is_taken_and_what_stands_for_each_part_with_it() -> None:
    choice = Choice(GROUND, "plain", candidate(5.0))
    table = choice.step("views", {"more": candidate(6.0), "less": candidate(4.0)}).set_index("name")
    assert choice.name == "more" and choice.anew == {0: "more", 1: "more", 2: "more"}
    assert table["gain"].round(9).to_dict() == {"plain": 0, "more": 0.1, "less": -0.1, ANEW: 0.1}
    assert str(choice) == f"views: more, +0.1000 [+0.1000, +0.1000] {ANEW}: taken"


def test_what_may_be_luck_is_left_and_the_page_says_how_much_would_have_been_certain() -> None:
    choice = Choice(GROUND, "plain", candidate(5.0))
    table = choice.step("views", {"perhaps": noisy(5.5, seed=2)}).set_index("name")
    assert table.loc[ANEW, "gain_low"] < 0 < table.loc[ANEW, "gain"] and choice.name == "plain"
    reach = table.loc[ANEW, "gain"] - table.loc[ANEW, "gain_low"]
    assert str(choice).endswith(f"not certain, plain stays; certain would be a gain above {reach:.4f}")
    choice.certain = False
    choice.step("views", {"perhaps": noisy(5.5, seed=2)})
    assert choice.name == "perhaps"


def test_of_many_that_are_worth_nothing_one_passes_alone_and_seldom_as_a_choice() -> None:
    """Twenty candidates of pure noise, thirty times: one by one some look certain; the choice among them, made anew, does not."""
    alone = together = 0
    for repetition in range(30):
        choice = Choice(GROUND, "plain", candidate(5.0))
        table = choice.step("noise", {str(i): noisy(5.0, seed=100 * repetition + i) for i in range(20)}).set_index("name")
        alone += (table.drop(ANEW)["gain_low"] > 0).any()
        together += choice.name != "plain"
    assert alone >= 10 and together <= 4, (alone, together)


def test_each_part_gets_what_is_best_on_the_others_by_figures_that_have_not_seen_it() -> None:
    """In the cross-fitted figures a is best everywhere; where part 1 is not looked at, it is b."""
    b = candidate(5.5, {1: candidate(9.0).counts})
    choice = Choice(GROUND, "plain", candidate(5.0), certain=False)
    choice.step("fusion", {"a": candidate(6.0), "b": b})
    assert choice.name == "a" and choice.anew == {0: "a", 1: "b", 2: "a"}
    assert choice.worth.value == pytest.approx((6.0 * 16 + 5.5 * 8) / 240) and choice.by_part() == {0: 0.6, 1: 0.55, 2: 0.6}


def test_a_part_has_no_say_in_what_is_tried_on_what_stands_without_it() -> None:
    """Each part's menu in the second step is made of its own first choice."""
    b = candidate(5.5, {1: candidate(9.0).counts})
    choice, asked = Choice(GROUND, "plain", candidate(5.0), certain=False), []

    def further(base: Candidate) -> dict[str, Candidate]:
        asked.append(base)
        return {"more": Candidate("more", 0.9, base.counts + [1, 0], {p: one + [1, 0] for p, one in base.without.items()})}

    choice.step("fusion", {"a": candidate(6.0), "b": b})
    choice.step("time", further)
    assert choice.anew == {0: "a, more", 1: "b, more", 2: "a, more"} and choice.name == "a, more"
    assert len(asked) == 2 and asked[1] is b


def test_of_equals_what_stands_stays_and_of_nan_none_is_taken() -> None:
    choice = Choice(GROUND, "plain", candidate(5.0), certain=False)
    nothing = candidate(np.nan)
    choice.step("same", {"equal": candidate(5.0 + 1e-12), "nothing": nothing})
    assert choice.name == "plain" and "plain stays, nothing scores more" in str(choice)


def test_groups_that_lie_in_one_part_are_resampled_together() -> None:
    together = Ground(PART, PART, hits, "hits")
    wide, narrow = (one.table({"a": noisy(5.0, 3).counts}, "a") for one in (together, GROUND))
    assert len(np.unique(together.group)) == 3 and wide["hits"][0] == pytest.approx(narrow["hits"][0])
    assert GROUND.of(PART == 1).part.tolist() == [1] * 8


def searched() -> tuple[Candidate, dict]:
    """The outcome of a search: "low" where part 1 is not looked at, else "high", which part 1 alone likes."""
    high = candidate(np.where(PART == 1, 9.0, 6.0))
    found = {name: Candidate(name, 0.9, one.counts, one.without) for name, one in (("high", high), ("low", candidate(5.0)))}
    return nested(found, CrossFit("high", 0.9, {0: "high", 1: "low", 2: "high"}, 0.0), GROUND), found


def test_what_is_built_on_a_search_is_built_for_each_part_on_what_was_found_without_it() -> None:
    """A rule that changes nothing gains nothing, though the decision of all parts knows part 1."""
    base, found = searched()
    assert base.decision == "high" and base.counts[PART == 1, 0].tolist() == [5.0] * 8
    choice = Choice(GROUND, "searched", base)
    table = choice.step("rules", lambda one: built_on(one, lambda decision: {"nothing": found[decision]}, GROUND))
    assert table["gain"].tolist() == [0, 0, 0] and choice.name == "searched"
    again = choice.known["searched, nothing"]
    assert again.decisions == base.decisions and np.array_equal(again.counts, base.counts)


def test_few_groups_are_certain_of_nothing() -> None:
    few = Ground(PART, PART, hits, "hits")
    choice = Choice(few, "plain", candidate(5.0))
    choice.step("views", {"more": candidate(6.0)})
    assert choice.name == "plain" and str(choice).endswith(f"3 groups are too few to be certain of anything, expected {FEWEST} and more")


def test_where_nothing_is_tried_nothing_is_said_of_gains() -> None:
    choice = Choice(GROUND, "plain", candidate(5.0))
    choice.step("weights", {})
    assert str(choice) == "weights: plain stays, there is nothing else to try"
