"""The diary survives company and sudden death, and says of every run what was different; its tables show only that."""

import json
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from kaggle_utils.evidence.diary import (
    append,
    changed,
    entry,
    peak_memory,
    read,
    read_submissions,
    set_leaderboard,
    tables,
)

SPAWN = multiprocessing.get_context("spawn")


def run(**more):
    return entry("reef", "2_train", {"imgsz": 1920, "epochs": 3}, {"imgsz": 1280, "epochs": 3}, **more)


def test_an_entry_says_what_differs_what_it_scored_and_what_it_cost(tmp_path):
    line = run(score=np.float64(0.61), interval=(0.55, 0.66), fold_scores=[0.6, 0.62], started=time.time() - 90)
    append(tmp_path / "runs" / "diary.jsonl", line)
    [back] = read(tmp_path / "runs" / "diary.jsonl").entries
    assert back == line
    assert back["changed"] == {"imgsz": 1920} and back["folds"] == {"0": 0.6, "1": 0.62}
    assert back["minutes"] == pytest.approx(1.5, abs=0.1) and back["memory"]["host"] > 0
    assert back["version"] and back["interval"] == [0.55, 0.66]


def test_a_tuple_is_no_change_against_the_list_it_was_written_as():
    assert changed({"sizes": (1, 2), "new": None}, {"sizes": [1, 2]}) == {"new": None}


def test_a_score_that_is_nan_is_a_null(tmp_path):
    append(tmp_path / "d.jsonl", run(score=float("nan")))
    assert read(tmp_path / "d.jsonl").entries[0]["score"] is None


def test_a_line_cut_by_a_kill_is_reported_and_the_next_stands_on_its_own(tmp_path):
    path = tmp_path / "d.jsonl"
    first, second, third = run(), run(note="Sternförmig"), run()
    append(path, first)
    append(path, second)
    whole = path.read_bytes()
    cut = whole.rindex("ö".encode()) + 1  # in the middle of a letter
    path.write_bytes(whole[:cut])
    assert read(path).entries == [first]
    append(path, third)
    diary = read(path)
    assert diary.entries == [first, third]
    [told] = diary.unreadable
    assert told.startswith("line 2: '{\"time\"")


@pytest.mark.parametrize("keep", range(0, 300, 23))
def test_wherever_the_file_is_cut_the_lines_before_and_after_are_whole(tmp_path, keep):
    path = tmp_path / "d.jsonl"
    first, second = run(), run()
    append(path, first)
    start = path.stat().st_size
    append(path, run())
    os.truncate(path, start + min(keep, path.stat().st_size - start - 2))
    append(path, second)
    assert read(path).entries == [first, second]


def test_lines_that_are_no_entries_are_told_by_number(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text('[1, 2]\n\n{"no": "run"}\nhello\n')
    assert [line.split(":")[0] for line in read(path).unreadable] == ["line 1", "line 3", "line 4"]


def many(path, name, count):
    for number in range(count):
        append(path, {"run": f"{name}-{number}", "stage": "x", "text": "ä" * (37 * number % 5000)})


def test_no_line_of_many_writers_is_lost_or_mixed_with_another(tmp_path):
    path = tmp_path / "d.jsonl"
    writers = [SPAWN.Process(target=many, args=(path, name, 150)) for name in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    diary = read(path)
    assert {line["run"] for line in diary.entries} == {f"{w}-{n}" for w in range(4) for n in range(150)}
    assert diary.unreadable == [] and len(path.read_bytes().splitlines()) == 600


def test_writers_killed_at_any_moment_leave_a_diary_that_reads_and_goes_on(tmp_path):
    path = tmp_path / "d.jsonl"
    writers = [SPAWN.Process(target=many, args=(path, name, 100_000)) for name in range(2)]
    for writer in writers:
        writer.start()
    while not path.exists() or path.stat().st_size < 200_000:
        time.sleep(0.005)
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    append(path, run())
    diary = read(path)
    assert diary.entries[-1]["changed"] == {"imgsz": 1920}
    assert len(diary.unreadable) <= 1
    for name in range(2):  # what each wrote before is there without a gap
        numbers = [int(line["run"].split("-")[1]) for line in diary.entries if line["run"].startswith(f"{name}-")]
        assert numbers == list(range(len(numbers)))


def test_the_leaderboard_s_answer_joins_its_run_and_the_later_one_counts(tmp_path):
    path = tmp_path / "d.jsonl"
    one, other = run(), run()
    append(path, one)
    append(path, other)
    set_leaderboard(path, one["run"], public=0.6)
    set_leaderboard(path, one["run"], public=0.62)
    set_leaderboard(path, one["run"], private=0.59)
    entries = read(path).entries
    assert (entries[0]["public"], entries[0]["private"]) == (0.62, 0.59)
    assert entries[0]["time"] == one["time"] and "public" not in entries[1]


def test_a_run_that_is_not_in_the_diary_is_refused_with_those_that_are(tmp_path):
    append(tmp_path / "d.jsonl", {"run": "abc", "stage": "x"})
    with pytest.raises(ValueError, match=r"run is 'nope', expected one in .* \['abc'\]"):
        set_leaderboard(tmp_path / "d.jsonl", "nope", public=0.5)


def test_scores_come_from_the_competition_s_list_once(tmp_path):
    path, submissions = tmp_path / "d.jsonl", tmp_path / "submissions.csv"
    one, other = run(), run()
    append(path, one)
    append(path, other)
    submissions.write_text(
        "fileName,date,description,status,publicScore,privateScore\n"
        f"submission.csv,2026-11-20 10:00:00,reef {one['run']} again,SubmissionStatus.COMPLETE,0.652,0.671\n"
        f'submission.csv,2026-11-19 10:00:00,"{one["run"]}, first",SubmissionStatus.COMPLETE,0.5,0.5\n'
        f"submission.csv,2026-11-19 09:00:00,{other['run']},SubmissionStatus.PENDING,,\n"
        "submission.csv,2026-11-18 09:00:00,by hand,SubmissionStatus.COMPLETE,0.4,0.4\n"
    )
    assert read_submissions(path, submissions) == [one["run"]]  # newest first, as Kaggle lists them
    assert read(path).entries[0]["public"] == 0.652 and read(path).entries[0]["private"] == 0.671
    assert read_submissions(path, submissions) == []


def test_memory_counts_what_was_held_even_when_it_is_given_back():
    block = np.ones(40_000_000)  # 0.32 GB
    del block
    assert peak_memory()["host"] > 0.32
    assert json.dumps(peak_memory())


@pytest.fixture
def entries(tmp_path):
    """Three runs: at 640, at 1280 (the default) with the board's answer, and the same again without a score."""
    path = tmp_path / "diary.jsonl"
    lines = [
        entry("reef", "2_train", {"imgsz": size, "lr": 1}, {"imgsz": 1280, "lr": 0}, score=score, interval=interval, fold_scores=[0.5])
        for size, score, interval in ((640, 0.5, (0.4, 0.6)), (1280, 0.6, (0.5, 0.7)), (1280, None, None))
    ]
    for line in lines:
        append(path, line)
    set_leaderboard(path, lines[1]["run"], public=0.62)
    return read(path).entries


def test_what_differs_has_a_column_even_at_its_default_and_the_rest_is_said_once(entries):
    [(group, (table, same))] = tables(entries).items()
    assert group == ("reef", "2_train") and table.index.tolist() == [one["run"] for one in entries]
    assert table["imgsz"].tolist() == ["640", "1280", "1280"] and table["public"].tolist() == ["", "0.6200", ""]
    assert table["score"].tolist() == ["0.5000 [0.4000, 0.6000]", "0.6000 [0.5000, 0.7000]", ""]
    assert {"time", "score", "imgsz", "public"} == set(table) - {"host GB", "minutes"}
    assert same == f"the same in all: lr 1, folds 0.500, version {entries[0]['version']}"


def test_a_parameter_that_all_left_at_its_default_is_neither_shown_nor_said(entries):
    [(table, same)] = tables(entries[1:]).values()
    assert "imgsz" not in table and "imgsz" not in same


def test_a_single_run_is_its_score_and_words(entries):
    [(table, same)] = tables(entries[:1]).values()
    assert list(table) == ["time", "score"] and same.startswith("besides: imgsz 640, lr 1, folds 0.500")


def test_each_stage_of_a_competition_has_a_table_of_its_own(entries):
    other = entry("reef", "3_decide", {"cut": 0.1 + 0.2}, {}, score=0.5, member=None) | {"run": "b"}
    found = tables([*entries, other, other | {"run": "c", "changed": {}, "parameters": {"cut": None}}])
    assert [stage for _, stage in found] == ["2_train", "3_decide"]
    assert found["reef", "3_decide"][0]["cut"].to_dict() == {"b": "0.3", "c": "None"}


def test_lines_of_old_know_only_what_was_changed(entries):
    old = {name: value for name, value in entries[0].items() if name != "parameters"} | {"run": "old"}
    [(table, _)] = tables([old, entries[1]]).values()
    assert table["imgsz"].tolist() == ["640", "1280"]


def test_no_run_is_no_table():
    assert tables([]) == {}


def test_what_kernels_noted_is_read_with_the_diary_and_a_run_that_both_have_is_one(tmp_path, entries):
    there = tmp_path / "kaggle" / "reef" / "2_train-fold0" / "diary.jsonl"
    append(there, entries[0])
    append(there, entry("reef", "2_train", {}, {}, score=0.7) | {"run": "new", "time": "2020-01-01T00:00:00"})
    append(tmp_path / "kaggle" / "reef" / "earlier" / "2_train" / "diary.jsonl", entry("reef", "2_train", {}, {}))
    there.open("a").write("cut")
    path = tmp_path / "kaggle" / "diary.jsonl"
    set_leaderboard(path, "new", public=0.6)
    append(path, entries[0] | {"public": 0.5})
    book = read(path)
    assert [(one["run"], one["public"]) for one in book.entries] == [("new", 0.6), (entries[0]["run"], 0.5)]
    assert book.unreadable == [f"{there}, line 3: 'cut'"]
