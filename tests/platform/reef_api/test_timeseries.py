"""The time-series API against the behaviour its public mock was seen to have: emulated, and bridged.

Tests that take ``make_env`` run twice: over the kit's emulation, and over a stand-in for the compiled
module in a CPython 3.7, reached through the bridge.
"""

import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from kaggle_utils.images.listing import frame_paths
from kaggle_utils.platform.reef_api.bridge import BridgedReef
from kaggle_utils.platform.reef_api.timeseries import ReefEnvironment, reef_environment

pytest_plugins = ["reef_fixtures"]

CONTINUE = "You must call `predict()` successfully before you can continue with `iter_test()`"


@pytest.fixture(autouse=True)
def working(tmp_path, monkeypatch) -> Path:
    """Every test works in a folder of its own, where submission.csv would land."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frames(n: int) -> list[np.ndarray]:
    return [np.full((720, 1280, 3), number, np.uint8) for number in range(n)]


@pytest.fixture
def make_reef(reef_python37, make_competition):
    """Makes the module: an object with make_env(), over n frames of which frame k is filled with k."""
    made = []
    yield lambda n: made.append(BridgedReef(reef_python37, make_competition(n))) or made[-1]
    for reef in made:
        reef.close()


@pytest.fixture(params=["emulated", "bridged"])
def make_env(request):
    """Makes its environment."""
    if request.param == "emulated":
        return lambda n=2: ReefEnvironment(frames(n))
    make_reef = request.getfixturevalue("make_reef")
    return lambda n=2: make_reef(n).make_env()


def test_make_env_works_once(make_reef):
    reef = make_reef(1)
    reef.make_env()
    with pytest.raises(Exception, match=r"^You can only call `make_env\(\)` once\.$"):
        reef.make_env()


def test_a_sample_is_a_writeable_frame_and_a_row_to_fill(make_env):
    image, sample = next(make_env().iter_test())
    assert image.shape == (720, 1280, 3) and image.dtype == np.uint8 and image.flags.writeable
    assert sample.to_dict("records") == [{"index": 0, "annotations": "0.99 123 456 1 1"}]
    assert list(sample.columns) == ["index", "annotations"]


def test_writing_on_a_served_frame_leaves_the_source_alone():
    source = frames(1)
    image, _ = next(ReefEnvironment(source).iter_test())
    image[:] = 99
    assert source[0].max() == 0


def test_the_whole_loop_writes_one_row_a_frame(make_env, working):
    env = make_env(3)
    for image, sample in env.iter_test():
        sample["annotations"] = f"0.5 {image[0, 0, 0]} 2 3 4"
        env.predict(sample)
    expected = "index,annotations\n0,0.5 0 2 3 4\n1,0.5 1 2 3 4\n2,0.5 2 2 3 4\n"
    assert (working / "submission.csv").read_text() == expected
    assert [p.name for p in working.iterdir()] == ["submission.csv"]  # no temporary file is left


def test_a_second_iterator_raises_at_its_first_next_only(make_env):
    env = make_env()
    next(env.iter_test())
    second = env.iter_test()
    with pytest.raises(Exception, match=r"^You can only iterate over `iter_test\(\)` once\.$"):
        next(second)


def test_next_without_predict_complains_and_goes_on_after_it(make_env, capsys):
    env = make_env()
    rows = env.iter_test()
    _, sample = next(rows)
    assert next(rows) is None and next(rows) is None
    assert capsys.readouterr().out == f"{CONTINUE}\n{CONTINUE}\n"
    env.predict(sample)
    _, sample = next(rows)
    assert sample["index"].item() == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("predictions_before", [0, 1])
def test_predict_needs_a_frame_that_waits(make_env, predictions_before):
    env = make_env()
    if predictions_before:
        env.predict(next(env.iter_test())[1])
    with pytest.raises(Exception, match=r"^You must get the next test sample from `iter_test\(\)` first\.$"):
        env.predict(pd.DataFrame())


def test_predict_after_the_end_raises(make_env):
    env = make_env(1)
    for _, sample in env.iter_test():
        env.predict(sample)
    with pytest.raises(Exception, match=r"^You have already made predictions for the full test set\.$"):
        env.predict(sample)


@pytest.mark.parametrize("wrong", [None, "0.9 1 2 3 4", {"index": [0]}, np.zeros(2)])
def test_predict_wants_a_data_frame_and_can_be_called_again(make_env, wrong):
    env = make_env()
    _, sample = next(env.iter_test())
    with pytest.raises(Exception, match=r"^You must provide a DataFrame\.$"):
        env.predict(wrong)
    env.predict(sample)


def test_two_rows_nan_and_further_columns_pass(make_env, working):
    env = make_env(1)
    for _ in env.iter_test():
        env.predict(pd.DataFrame({"more": [1, 2], "index": [0, 7], "annotations": [np.nan, "x"]}))
    assert (working / "submission.csv").read_text() == "index,annotations\n0,\n7,x\n"


def test_the_file_appears_with_the_next_after_the_last_predict(make_env, working):
    env = make_env(1)
    rows = env.iter_test()
    env.predict(next(rows)[1])
    assert not (working / "submission.csv").exists()
    with pytest.raises(StopIteration):
        next(rows)
    assert (working / "submission.csv").exists()


def test_leaving_the_loop_early_writes_nothing(make_env, working):
    env = make_env(2)
    for _, sample in env.iter_test():
        env.predict(sample)
        break
    assert not (working / "submission.csv").exists()


def test_a_prediction_changed_later_counts_as_it_was_given(make_env, working):
    env = make_env(1)
    for _, sample in env.iter_test():
        env.predict(sample)
        sample["annotations"] = "changed"
    assert "changed" not in (working / "submission.csv").read_text()


def test_progress_tells_how_far_a_notebook_came(working):
    env = ReefEnvironment(frames(2))
    seen = [env.progress]
    for _, sample in env.iter_test():
        seen.append(env.progress)
        env.predict(sample)
        seen.append(env.progress)
    states = [("unopened", 0), ("asked", 0), ("answered", 1), ("asked", 1), ("answered", 2), ("done", 2)]
    assert [*seen, env.progress] == [(state, answered, 2) for state, answered in states]


def test_a_folder_is_served_in_numeric_order_and_in_rgb(working):
    for name in ("video_10/2.png", "video_2/10.png", "video_2/9.png"):
        (working / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(working / "f" / name), np.full((4, 6, 3), (10, 20, 30), np.uint8))  # BGR
    assert [str(p.relative_to("f")) for p in frame_paths("f")] == ["video_2/9.png", "video_2/10.png", "video_10/2.png"]
    image, _ = next(ReefEnvironment("f").iter_test())
    assert image.shape == (4, 6, 3) and image[0, 0].tolist() == [30, 20, 10]


def test_wrong_frames_are_named(working):
    with pytest.raises(ValueError, match="has no frames"):
        frame_paths(working)
    (working / "0.jpg").write_text("no image")
    with pytest.raises(ValueError, match=r"0\.jpg.* cannot be read"):
        next(ReefEnvironment(working).iter_test())
    with pytest.raises(ValueError, match=r"shape \(4, 4\) and dtype float64"):
        next(ReefEnvironment([np.zeros((4, 4))]).iter_test())


def test_the_real_module_is_preferred_where_it_can_be_imported(monkeypatch):
    module = types.SimpleNamespace(make_env=lambda: "the real one")
    monkeypatch.setitem(sys.modules, "greatbarrierreef", module)
    assert reef_environment(frames(1)) == "the real one"


def test_without_the_module_the_frames_are_emulated():
    image, _ = next(reef_environment(frames(1)).iter_test())
    assert image.shape == (720, 1280, 3)


def test_the_apis_own_frames_are_served_as_they_are(real_data):
    folder = real_data / "extra" / "reef_test_frames"
    env = ReefEnvironment(folder)
    for number, (image, sample) in enumerate(env.iter_test()):
        assert np.array_equal(image, np.load(folder / f"{number}.npy")) and image.flags.writeable
        env.predict(sample)
    assert number == 2
