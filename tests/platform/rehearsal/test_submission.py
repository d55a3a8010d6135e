"""Every fault that a rehearsal names, each with a notebook that has it; and a sound one that has none."""

from __future__ import annotations

import re

import numpy as np
import pond_contest
import pytest
from rehearsal_scenarios import LOOP, READ, SCENARIOS, WRITE, fatal, frames, ponds, readme_table, rows

from kaggle_utils.platform.rehearsal import sandbox
from kaggle_utils.platform.rehearsal.report import projection_findings, submission_lines
from kaggle_utils.platform.rehearsal.submission import _from_the_difference
from kaggle_utils.platform.runtime import Limits

pytestmark = pytest.mark.skipif(sandbox.mechanism() is None, reason="no fresh root can be made here: " + sandbox.WITHOUT)


def without_noise(text: str) -> str:
    """What is measured stands as #."""
    return re.sub(r"held [\d.]+ GB|take [\d.]+ min", "#", text)


def test_every_fault_has_a_notebook_here_and_a_line_in_the_readme():
    assert list(SCENARIOS) == list(readme_table())


@pytest.mark.parametrize("fault", SCENARIOS)
def test_the_fault_is_named_in_the_words_of_the_readme(fault, tmp_path):
    said = [without_noise(text) for text in fatal(SCENARIOS[fault](tmp_path))]
    assert without_noise(readme_table()[fault]) == said[-1]
    more = {"a wheel for another Python": 2, "only the public test's rows": 3}  # for 3.12 too; missing and unknown rows
    assert len(said) == more.get(fault, 1), said


def test_a_sound_submission_has_no_fault_and_is_scored(tmp_path):
    report = ponds(tmp_path, READ, "rows = [(n, '-' if n == 'r' else f'{ord(n) - 100} 2') for n in names]", WRITE)
    assert report.findings == ()
    assert report.score == ("share of ponds", 0.8)  # 4 of 5 have a mask
    assert report.submission.splitlines()[1:3] == ["p,12 2", "q,13 2"]


def test_the_rerun_is_told_by_its_variable_and_has_no_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    check = "assert os.environ.get('KAGGLE_IS_COMPETITION_RERUN') and 'KAGGLE_KEY' not in os.environ"
    assert fatal(rows(tmp_path, check)) == []


def test_output_is_split_into_a_start_and_a_share_of_each_item(tmp_path):
    report = ponds(tmp_path, READ, "open('features', 'w').write('x' * (100 + 1000 * len(names)))", WRITE)
    assert report.output.each == pytest.approx(1000 + len("p,1 2\n"))
    assert report.output.start == pytest.approx(100 + len("name,runs\n"))


def test_from_one_item_nothing_is_projected(tmp_path):
    """A start of 0.2 s, taken for the cost of each of 1,000 ponds, would be 200 s."""
    limits = Limits(hours=100 / 3600)
    report = ponds(tmp_path, READ, "import time\ntime.sleep(0.2)", WRITE, limits=limits, items=1)
    assert projection_findings(report, pond_contest, limits, like_kaggle=True) == []
    what = "one pond only: what starts and what each costs cannot be told apart, so nothing is projected"
    assert [(f.text, f.fatal) for f in report.findings] == [(what, False)]
    assert submission_lines(report, pond_contest, limits)[1].startswith("memory:")


def test_a_notebook_that_counts_on_several_rows_fails_with_one(tmp_path):
    said = fatal(rows(tmp_path, "spread = rows[1]"))
    assert len(said) == 1
    what = "it works with the test's own number of rows only; with one pond"
    assert said[0].startswith(f"{what}: cell 2, line 1 (`spread = rows[1]`) raises IndexError")


def test_a_notebook_that_raises_on_the_hidden_test_alone_is_told_so(tmp_path):
    said = fatal(rows(tmp_path, "index = {'a': 0, 'b': 1, 'c': 2}\nnumbers = [index[name] for name in names]"))
    assert said == [
        "cell 2, line 2 (`numbers = [index[name] for name in names]`) raises KeyError: 'p'",
        "it works with the public test's rows only: with those it runs, with the hidden test it fails",
    ]


def test_the_same_answer_everywhere_is_worth_a_note(tmp_path):
    report = ponds(tmp_path, READ, WRITE)
    assert [(f.text, f.fatal) for f in report.findings] == [("all 5 answers are the same: '1 2'", False)]


def test_a_loop_that_stops_early_is_told_from_one_that_forgets_to_predict(tmp_path):
    loop = f"{LOOP}\n    environment.predict(sample)\n    if sample['index'].item() == 2:\n        break"
    [said] = fatal(frames(tmp_path, loop))
    assert said.startswith("after 3 of 3 frames no next one is asked for, so nothing is submitted")


FETCH = "from urllib.request import urlopen\ntry:\n    w = urlopen('https://example.org/w.pth')\nexcept OSError:\n    w = None"


@pytest.mark.parametrize("where", ["", "if len(names) == 1:\n    "])
def test_an_attempt_that_was_caught_stands_beside_the_failure_that_it_led_to(tmp_path, where):
    fetch = FETCH if not where else f"w = []\n{where}" + FETCH.replace("\n", "\n    ")
    said = [(f.text, f.fatal) for f in ponds(tmp_path, READ, fetch, "len(w)", WRITE).findings]
    attempt, failure = said if not where else said[1:]
    assert attempt[0].endswith("reaches for example.org, and there is no internet; the notebook goes on without")
    assert failure[0].endswith("cell 3, line 1 (`len(w)`) raises TypeError: object of type 'NoneType' has no len()")


def test_an_error_inside_the_api_is_told_for_what_it_is(tmp_path):
    """The API's complaint stands near every line of it, and a traceback shows it."""
    [said] = fatal(frames(tmp_path, f"{LOOP}\n    environment.predict(sample)", np.float32))
    assert said.startswith(f"cell 2, line 1 (`{LOOP}`) raises ValueError: frame ")
    assert said.endswith("has shape (4, 4, 3) and dtype float32, expected (H, W, 3) uint8")


def test_a_next_without_predict_that_is_lived_through_hides_no_other_error(tmp_path):
    twice = "rows = environment.iter_test()\nframe, sample = next(rows)\nassert next(rows) is None\nenvironment.predict(sample)"
    asks = "cell 2, line 3 (`assert next(rows) is None`) asks for the next frame without a predict for the last, and gets None"
    said = [(f.text, f.fatal) for f in frames(tmp_path, f"{twice}\nfor frame, sample in rows:\n    sample['boxes']")]
    assert said == [
        (f"{asks}; the notebook goes on", False),
        ("cell 2, line 6 (`sample['boxes']`) raises KeyError: 'boxes'", True),
    ]


def test_answers_that_depend_on_the_others_are_found_by_one_item_alone(tmp_path):
    said = fatal(rows(tmp_path, "rows = [(name, '1 1' if len(names) > 1 else '1 2') for name in names]"))
    assert said == ["answers depend on the order: 1 of 1 differ alone; pond 0 was '1 1', now '1 2'"]


def test_without_a_fresh_root_the_same_notebook_is_judged_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "mechanism", lambda: None)
    for name in "abc":
        (tmp_path / name).mkdir()
    assert fatal(rows(tmp_path / "a", "rows.append(rows[0])")) == ["submission.csv: 1 name doubled: 'p'"]
    public = fatal(rows(tmp_path / "b", "rows = [(name, '1 2') for name in 'abc']"))
    assert public[-1] == "it works with the public test's rows only: it submits those whatever the hidden test has"
    [said] = fatal(rows(tmp_path / "c", "open(f'{root}/input/competitions/pond/cache.bin', 'wb')"))
    assert said.endswith("/input/competitions/pond/cache.bin, and inputs are read-only")
    assert not (tmp_path / "c" / "pond" / "cache.bin").exists()


def test_long_answers_are_shown_from_where_they_differ():
    same = "0.9 1 2 3 4 " * 4
    assert _from_the_difference(same + "0.5 1 2 3 4", same + "0.6 1 2 3 4") == ("'... 0.5 1 2 3 4'", "'... 0.6 1 2 3 4'")
    assert _from_the_difference(same, same + "0.6 1 2 3 4") == ("'... '", "'... 0.6 1 2 3 4'")
    assert _from_the_difference("1 1", "1 2") == ("'1 1'", "'1 2'")


def test_the_competition_of_these_tests_is_sound_itself(tmp_path):
    folder = pond_contest.write_competition(tmp_path / "pond")
    assert (folder / "test.csv").read_text() == "name\na\nb\nc\n"
