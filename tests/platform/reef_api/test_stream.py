"""The API as a stream: one loop for frames that wait for their answers, as for files."""

import numpy as np
import pandas as pd
import pytest

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.competitions import reef
from kaggle_utils.platform.reef_api.stream import ApiStream, served
from kaggle_utils.platform.reef_api.timeseries import ReefEnvironment
from kaggle_utils.tasks.submission import answer_all

FRAMES = [np.full((72, 128, 3), value, np.uint8) for value in (10, 20, 30)]


def seen(looks):
    """A box whose place says what was seen."""
    for look in looks:
        frame = look(None)
        yield Boxes([0], [[int(frame[0, 0, 0]), 0, 99, 9]], [0.5]) if frame[0, 0, 0] != 20 else Boxes.empty()


def test_the_environment_writes_what_was_answered(tmp_path):
    stream = ApiStream(reef, ReefEnvironment(FRAMES, tmp_path), tmp_path)
    assert (stream.total, stream.ahead) == (3, 1)
    path = answer_all(stream, seen, batch=8)
    assert path.read_text() == "index,annotations\n0,0.5 10 0 89 9\n1,\n2,0.5 30 0 69 9\n"


def test_a_frame_is_looked_at_in_any_size(tmp_path):
    _, look = next(iter(ApiStream(reef, ReefEnvironment(FRAMES, tmp_path), tmp_path)))
    assert look(None).shape == (72, 128, 3) and look((64, 36)).shape == (36, 64, 3)


def test_a_submission_that_would_be_refused_is_taken_away(tmp_path):
    stream = ApiStream(reef, ReefEnvironment(FRAMES, tmp_path), tmp_path)
    with pytest.raises(ValueError, match="submission.csv: index 0: the box 1270 0 30 9 leaves the frame"):
        answer_all(stream, lambda looks: [Boxes([0], [[1270, 0, 1300, 9]])] * len(looks))
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_says_nothing_of_itself_is_served_to_its_end(tmp_path):
    class Real:
        """Wraps what the real module gives: two methods and nothing else."""

        def __init__(self):
            own = ReefEnvironment(FRAMES, tmp_path)
            self.iter_test, self.predict = own.iter_test, own.predict

    stream = ApiStream(reef, Real(), tmp_path)
    assert stream.total is None and len(pd.read_csv(answer_all(stream, seen))) == 3


def test_nothing_is_served_where_there_is_neither_the_api_nor_a_hidden_test(tmp_path):
    assert served(reef, None, tmp_path) is None
    (tmp_path / "video_0").mkdir()
    np.save(tmp_path / "video_0" / "4.npy", FRAMES[0])
    assert served(reef, tmp_path, tmp_path).total == 1


def test_a_submission_leaves_no_figure_of_an_earlier_one_behind(tmp_path):
    (tmp_path / "validation.json").write_text("{}")
    answer_all(ApiStream(reef, ReefEnvironment(FRAMES, tmp_path), tmp_path), seen)
    assert not (tmp_path / "validation.json").exists()
