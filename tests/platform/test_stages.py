"""A stage's own earlier output, attached, is taken over; what is there already stays."""

from kaggle_utils.platform.stages import restore


def test_an_attached_earlier_output_is_copied_back(tmp_path, monkeypatch):
    earlier = tmp_path / "input" / "notebooks" / "me" / "reef-2-train" / "fold0" / "stage0"
    earlier.mkdir(parents=True)
    (earlier / "resume.pth").write_text("epoch 7")
    (earlier.parent / "best.pth").write_text("old")
    working = tmp_path / "working"
    (working / "fold0").mkdir(parents=True)
    (working / "fold0" / "best.pth").write_text("new")
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    monkeypatch.setenv("KAGGLE_UTILS_KAGGLE_ROOT", str(tmp_path))
    assert restore("reef", "2_train", working) == ["fold0/stage0/resume.pth"]
    assert (working / "fold0" / "stage0" / "resume.pth").read_text() == "epoch 7"
    assert (working / "fold0" / "best.pth").read_text() == "new"


def test_nothing_attached_is_nothing_to_copy(tmp_path, monkeypatch):
    (tmp_path / "input").mkdir()
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    monkeypatch.setenv("KAGGLE_UTILS_KAGGLE_ROOT", str(tmp_path))
    assert restore("reef", "2_train", tmp_path) == []


def test_at_home_a_stage_finds_its_files_where_it_left_them(tmp_path, monkeypatch):
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    assert restore("reef", "2_train", tmp_path) == []
