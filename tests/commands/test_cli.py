"""The command line: what it prints, and one sentence for a mistake."""

import json
import re
from pathlib import Path

import pytest

from kaggle_utils.cli import main
from kaggle_utils.commands import run as run_command
from kaggle_utils.competitions import reef
from kaggle_utils.evidence import diary
from kaggle_utils.platform import leaderboard, notebooks
from kaggle_utils.platform.runtime import diary_file, runs_dir
from kaggle_utils.tasks.decisions import Worth, write_decision

HEADER = "video_id,sequence,video_frame,sequence_frame,image_id,annotations\n"
TRUTH = HEADER + "0,1,0,0,0-0,\"[{'x': 10, 'y': 10, 'width': 40, 'height': 40}]\"\n0,1,1,1,0-1,[]\n"


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "train.csv").write_text(TRUTH)
    (tmp_path / "preds.csv").write_text("image_id,annotations\n0-0,0.9 10 10 40 40\n0-1,0.5 0 0 20 20\n")
    return tmp_path


def score(folder, *more: str) -> list[str]:
    return ["score", "reef", "--truth", str(folder / "train.csv"), "--predictions", str(folder / "preds.csv"), *more]


def test_score_prints_the_score_and_the_best_cut(tables, capsys):
    assert main(score(tables)) == 0  # 5 / (4 + 2) and 5 / (4 + 1)
    first, place, _, winner = capsys.readouterr().out.splitlines()
    assert first == "F2 0.8333 (2 frames, 1 true boxes, 2 predicted); 1.0000 with the cut 0.9"
    assert place == "would stand on the private leaderboard: 0.8333 silver to gold"
    assert winner == "its winner: 0.73 to 0.74, where their own cross-validation said: 0.74 to 0.75"


def test_a_score_on_a_sample_is_given_no_place(tables, capsys):
    (tables / "sample.json").write_text("{}")
    assert main(score(tables)) == 0
    assert capsys.readouterr().out == "F2 0.8333 (2 frames, 1 true boxes, 2 predicted); 1.0000 with the cut 0.9\n"


def test_score_as_json_holds_every_breakdown(tables, capsys):
    main(score(tables, "--json"))
    card = json.loads(capsys.readouterr().out)
    assert card["f2"] == pytest.approx(5 / 6) and len(card["by_iou"]) == 11 and card["by_group"] == {"0": card["f2"]}


def test_a_table_that_does_not_fit_is_one_sentence_and_exit_code_1(tables, capsys):
    (tables / "preds.csv").write_text("image_id,annotations\n0-0,\n")
    assert main(score(tables)) == 1
    captured = capsys.readouterr()
    assert "1 image_id missing: '0-1'" in captured.err and captured.out == ""


def test_an_annotation_that_cannot_be_read_is_named_with_its_file_and_frame(tables, capsys):
    (tables / "train.csv").write_text(TRUTH.replace("0-1,[]", "0-1,[{'x': 10}]").replace("0-0", "0-7"))
    assert main(score(tables)) == 1
    said = "train.csv: image_id 0-1: the annotations are \"[{'x': 10}]\", expected a list of {'x': .., 'y': .., 'width': .."
    assert said in capsys.readouterr().err


def test_what_has_a_metric_can_be_scored_and_what_has_notebooks_can_be_run(capsys):
    with pytest.raises(SystemExit):
        main(["run", "pond"])
    assert "invalid choice: 'pond' (choose from" in (said := capsys.readouterr().err) and "clouds" in said and "reef" in said
    assert main(["score", "pond", "--truth", "a.csv", "--predictions", "b.csv"]) == 1
    assert "no competition 'pond', expected one of amazon, clouds, reef, or module:object of your own" in capsys.readouterr().err


def test_a_competition_of_ones_own_is_scored_by_the_name_of_its_module(tmp_path, capsys):
    (tmp_path / "train.csv").write_text("name\na\nb\n")
    (tmp_path / "answers.csv").write_text("name,runs\na,-\nb,1 2\n")
    given = ["--truth", str(tmp_path / "train.csv"), "--predictions", str(tmp_path / "answers.csv")]
    assert main(["score", "pond_contest", *given]) == 0 and "score=0.5" in capsys.readouterr().out


def test_a_kit_without_notebooks_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "_NOTEBOOKS", tmp_path)
    assert main(["run", "reef"]) == 1
    assert "no notebooks at" in capsys.readouterr().err


@pytest.fixture
def earlier_runs(tmp_path, monkeypatch):
    """Stages 3 and 4 have run before and left their figures; notebooks do nothing now."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", "runs")
    monkeypatch.setenv("KAGGLE_UTILS_INPUT", "reef")
    monkeypatch.setenv("KAGGLE_UTILS_HIDDEN", "hidden")
    for folder in ("reef", "hidden", "runs/reef/3_decide", "runs/reef/4_submit"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "reef" / "train.csv").write_text(TRUTH)
    (tmp_path / "hidden" / "truth.csv").write_text(TRUTH)
    write_decision(tmp_path / "runs/reef/3_decide/decision.json", {}, Worth("baseline", 0.5, 0.4, 0.6, 0.52, 0.55), {})
    (tmp_path / "hidden" / "video_0").mkdir()
    for number in (0, 1):
        (tmp_path / "hidden" / "video_0" / f"{number}.jpg").touch()
    (tmp_path / "runs/reef/4_submit/submission.csv").write_text("index,annotations\n0,0.9 10 10 40 40\n1,0.5 0 0 20 20\n")
    monkeypatch.setattr(notebooks, "execute", lambda path, folder, values: folder / f"{path.stem}.html")


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ("2_train", []),
        ("3_decide", [
            "out-of-fold F2 0.5000 [0.4000, 0.6000] of baseline, chosen and fitted without the frames it is judged on",
            "flattering: 0.5200 of baseline, chosen with all frames; 0.5500 where its rule is fitted on them, too",
            "(of one model a frame: a submission that averages the folds' models usually does better)",
        ]),
        ("4_submit", ["hidden-test F2: 0.8333", f"submission:     {Path('runs/reef/4_submit/submission.csv')}"]),
    ],
)
def test_a_run_tells_the_figures_of_the_stages_that_ran_and_paths_from_here(stage, told, earlier_runs, capsys):
    assert main(["run", "reef", "--stage", stage, "--input", "reef"]) == 0
    page = f"notebooks:     {Path('runs/reef') / stage / stage}.html"
    assert [line.strip() for line in capsys.readouterr().out.splitlines()[3:]] == [*told, page]


def test_a_stage_goes_on_where_the_outputs_of_kernels_were_brought_home_to(earlier_runs, monkeypatch, capsys):
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", "runs/kaggle")
    folders = []
    monkeypatch.setattr(notebooks, "execute", lambda path, folder, values: folders.append((folder, runs_dir())) or folder / "x.html")
    Path("runs/kaggle").mkdir()
    Path("runs/reef").rename("runs/kaggle/reef")
    assert main(["run", "reef", "--stage", "3_decide"]) == 0
    assert folders == [(Path("runs/kaggle/reef/3_decide").absolute(), Path("runs/kaggle").absolute())]
    assert "out-of-fold F2 0.5000" in capsys.readouterr().out


def test_a_path_elsewhere_is_told_in_full(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run_command._from_here(tmp_path / "runs") == tmp_path / "runs"
    assert run_command._from_here(Path("runs/a")) == run_command._from_here(tmp_path / "here" / "runs" / "a") == Path("runs/a")


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A diary in the folder of runs: two trainings and a real decision, whose name it is."""
    monkeypatch.setenv("KAGGLE_UTILS_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "runs" / "diary.jsonl"
    for imgsz in (640, 1280):
        diary.append(path, diary.entry("reef", "2_train", {"imgsz": imgsz, "lr": 1}, {"imgsz": 0, "lr": 0}, score=0.5))
    line = diary.entry("reef", "3_decide", {"rule": "<b>" + "long " * 40}, {}, score=0.65, interval=(0.6, 0.7), sample=False)
    diary.append(path, line)
    return line["run"]


def test_diary_prints_a_table_a_stage_of_what_differs(book, tmp_path, capsys):
    assert main(["diary", "--score", book, "0.61", "-", "--plot", str(tmp_path / "p.png")]) == 0
    first, header, *_ = capsys.readouterr().out.splitlines()
    assert first == "reef 2_train" and "imgsz" in header and "lr" not in header and (tmp_path / "p.png").stat().st_size > 1000
    assert main(["diary", "--stage", "3_decide"]) == 0
    assert "reef 3_decide" in (said := capsys.readouterr().out) and "2_train" not in said and "0.6100" in said


@pytest.mark.parametrize("width", [60, 100])
def test_diary_fits_the_terminal(width, book, capsys, monkeypatch):
    diary.append(diary_file(), diary.entry("reef", "3_decide", {"rule": "word " * 40}, {}, score=0.5, comment="other " * 30))
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["diary"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width and any("rule" in line for line in lines) and any("comment" in line for line in lines)


def test_the_diary_s_page_needs_nothing_else_and_links_the_stages_pages(book, tmp_path, capsys):
    for name in ("reef/2_train/2_train.html", "reef/2_train/2_train-failed.html", "reef-sample/2_train/2_train.html"):
        (tmp_path / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / name).touch()
    assert main(["diary", "--html", str(tmp_path / "pages" / "diary.html")]) == 0
    page = (tmp_path / "pages" / "diary.html").read_text()
    links = re.findall(r'(?:href|src)="(.{42})', page)
    of_sample, of_real = "../runs/reef-sample/2_train/2_train.html", "../runs/reef/2_train/2_train.html"
    assert [link.split('"')[0][:40] for link in links] == [of_real, of_sample, "data:image/png;base64,iVBORw0KGgoAAAANSU"]
    assert "://" not in page and "&lt;b&gt;long" in page and "<b>long" not in page and page.count("<table") == 2
    assert main(["diary", "--html", str(tmp_path / "none.html"), "--stage", "2_train"]) == 0
    assert "<img" not in (page := (tmp_path / "none.html").read_text()) and "winner" not in page


def test_exact_medal_lines_are_asked_for_and_kept(book, monkeypatch, capsys):
    board = [{"score": f"{1 - rank / 2000:.4f}"} for rank in range(300)]
    monkeypatch.setattr(leaderboard, "all_rows", lambda name, rows, **message: board)
    assert main(["diary", "--medals"]) == 0 and "medal lines of reef kept in" in capsys.readouterr().out
    assert leaderboard.medals(reef).bronze == 0.8995


def test_a_diary_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["diary", str(tmp_path / "none.jsonl")]) == 1
    assert "none.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "imgsize=640"], "'imgsize'"),
        (["--stage", "5"], "'5'"),
        (["--input", "no/such/folder"], "no/such/folder"),
        (["--set", "imgsz"], "'imgsz'"),
    ],
)
def test_a_mistyped_run_is_refused_before_anything_runs(arguments, said, tmp_path, capsys):
    assert main(["run", "reef", "--output", str(tmp_path), *arguments]) == 1
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())


def written(path: Path, *sources: str) -> Path:
    """A notebook whose cells these are; the first holds its parameters."""
    tags = [{"tags": ["parameters"]}, *({} for _ in sources[1:])]
    cells = [
        {"cell_type": "code", "metadata": tag, "source": source, "outputs": [], "execution_count": None}
        for tag, source in zip(tags, sources, strict=True)
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    return path


def test_a_failing_notebook_is_left_beside_its_results(tmp_path):
    path = written(tmp_path / "1_bad.ipynb", "x = 1", "raise ValueError(f'x is {x}')")
    with pytest.raises(notebooks.NotebookFailed, match="code cell 3: ValueError: x is 7"):
        notebooks.execute(path, tmp_path / "out", {"x": 7})
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"1_bad-failed.html", "1_bad-failed.ipynb"}


def test_of_a_progress_bar_an_executed_page_holds_the_last_state(tmp_path, capsys):
    bar = "from tqdm import tqdm\nfor epoch in tqdm(range(3), desc='epochs', mininterval=0):\n    print('epoch', epoch)"
    page = notebooks.execute(written(tmp_path / "2_bar.ipynb", "x = 1", bar), tmp_path / "out")
    cells = json.loads(page.with_suffix(".ipynb").read_text())["cells"]
    texts = {output["name"]: "".join(output["text"]) for output in cells[1]["outputs"]}
    assert len(cells[1]["outputs"]) == 2 and texts["stdout"] == "epoch 0\nepoch 1\nepoch 2\n"
    assert texts["stderr"].startswith("epochs: 100%|") and texts["stderr"].count("\n") == 1 and " 33%|" not in page.read_text()
    assert " 33%|" in capsys.readouterr().err  # while it ran every state was to be seen
