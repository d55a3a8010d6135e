"""What a decision of boxes missed and invented: told apart, shown once a moment, and read as advice."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from PIL import Image

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.evidence.candidates import Choice
from kaggle_utils.pictures.figures import PREDICTION, TRUTH, rgb
from kaggle_utils.tasks.boxes.candidates import alone
from kaggle_utils.tasks.boxes.losses import gallery, missed_and_invented, what_next
from kaggle_utils.tasks.boxes.out_of_fold import OutOfFold

SMALL, LARGE, AWAY = [10, 10, 30, 30], [100, 20, 160, 80], [200, 100, 220, 120]


def judged(tmp_path, answer: Boxes) -> OutOfFold:
    """Forty frames in two clips; a small box and a large one in each of them."""
    truth = Boxes(np.repeat(np.arange(40), 2), [SMALL, LARGE] * 40)
    Image.fromarray(np.full((144, 256, 3), 90, np.uint8)).save(tmp_path / "frame.png")
    clips = np.repeat([0, 1], 20)
    table = pd.DataFrame({"clip": clips, "group": np.repeat(np.arange(8), 5), "path": str(tmp_path / "frame.png")})
    return OutOfFold(SimpleNamespace(truth=truth, table=table), {"a_identity": answer}, clips, clips, (256, 144))


def answer_of(*boxes: list[int]) -> Boxes:
    return Boxes(np.repeat(np.arange(40), len(boxes)), list(boxes) * 40, np.linspace(0.9, 0.3, 40 * len(boxes)))


def test_what_lies_badly_is_neither_missed_nor_invented(tmp_path):
    shifted = [110, 30, 170, 90]  # IoU .53 with the large one
    missed, invented = missed_and_invented(judged(tmp_path, answer_of(shifted, AWAY)), answer_of(shifted, AWAY))
    assert missed.xyxy.tolist() == [SMALL] * 40 and invented.xyxy.tolist() == [AWAY] * 40
    assert (np.diff(invented.score) <= 0).all()


def test_a_gallery_shows_other_moments_and_both_colours(tmp_path):
    answer = answer_of(LARGE, AWAY)
    seen = judged(tmp_path, answer)
    missed, invented = missed_and_invented(seen, answer)
    for lost, colour in ((missed, TRUTH), (invented, PREDICTION)):
        shown = np.asarray(gallery(seen, lost, answer, n=4))
        assert shown.shape == (190, 4 * 194 - 4, 3) and (shown == rgb(colour)).all(2).any()
    assert gallery(seen, missed[:0], answer) is None


def test_the_advice_follows_what_is_lost(tmp_path):
    for boxes, told in (((LARGE,), "a larger imgsz"), ((SMALL,), "of the missed are of 48 to 64"), ((SMALL, LARGE, AWAY), "empties")):
        answer = answer_of(*boxes)
        seen = judged(tmp_path, answer)
        [(name, baseline)] = alone(seen, 0.5).items()
        line = what_next(seen, Choice(seen.ground, name, baseline), *missed_and_invented(seen, answer))
        assert told in line and line.startswith("what to try next: ") and "of the parts " in line and "\n" not in line
