"""The benchmark's harness says what is wrong: wrong answers, missed targets, absent peers."""

from pathlib import Path

import pytest
from benchmarks import Job, Peer, full_size
from benchmarks.__main__ import as_markdown
from benchmarks.measure import rows_of


def table_of(*peers):
    job = Job("a sum", lambda: sum(range(10)), peers)
    machine = {"cores": 2, "python": "3.11", "system": "Linux"}
    return as_markdown({"rows": list(rows_of(job, rounds=1)), "first_calls": [], "machine": machine})


def equal(ours, theirs):
    return ours == theirs


def test_a_missed_target_and_a_wrong_answer_are_told():
    text = table_of(Peer("constant", lambda: lambda: 44, target=1e9, same=equal))
    assert "1,000,000,000 **missed** | **no** |" in text
    assert "Targets missed:\n- a sum against constant" in text
    assert "Answers that differ:\n- a sum: not the answer of constant" in text


def test_an_absent_peer_is_named_and_not_made():
    text = table_of(Peer("other", lambda: 1 / 0, needs=("no_such_package",), target=5))
    assert "| a sum | | other | not installed: pip install -e .[bench] | | 5 | |" in text
    assert "No target missed." in text


def test_a_peer_with_the_same_answer_and_no_target_only_informs():
    text = table_of(Peer("loop", lambda: lambda: 45, same=equal), Peer("else", lambda: lambda: None))
    assert " |  | yes |" in text and " |  | not compared |" in text


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from Linux's /proc")
def test_the_full_size_run_goes_through_with_a_few_images_and_frames(capsys):
    full_size.main(["--images", "10", "--frames", "600"])
    said = capsys.readouterr().out
    assert (
        "| 8 sets of 10 images x 4 x 350x525 written, truths decoded | " in said and "| 28 masks decided and written | " in said
    )
    assert "| merges ranked, the best looked at and fitted | " in said and "| weights and cut searched, wbf | " in said
    assert said.count("\nPeak ") == said.count("\nDecided in ") == 2
