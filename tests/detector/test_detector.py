"""The detector: architectures by name, safe weights, boxes that follow their pixels, trainings that go on."""

import json
from pathlib import Path

import numpy as np
import pytest
from toy_boxes import TINY, Squares

torch = pytest.importorskip("torch")

from kaggle_utils.boxes.paste import donors_from_frames  # noqa: E402
from kaggle_utils.detector import architecture as arch  # noqa: E402
from kaggle_utils.detector.dataset import FrameAugmentation, cut_window  # noqa: E402
from kaggle_utils.detector.files import write_yolo_dataset  # noqa: E402
from kaggle_utils.detector.inference import Detector  # noqa: E402
from kaggle_utils.detector.parameters import DetectorParameters  # noqa: E402
from kaggle_utils.detector.stages import history_of  # noqa: E402
from kaggle_utils.detector.training import train_fold  # noqa: E402
from kaggle_utils.detector.validation import Validation  # noqa: E402
from kaggle_utils.images.views import VIEWS  # noqa: E402
from kaggle_utils.learning.checkpoints import load_weights, start_from  # noqa: E402
from kaggle_utils.learning.data_parallel import together  # noqa: E402
from kaggle_utils.tasks.boxes.items import VideoItems  # noqa: E402
from kaggle_utils.tasks.boxes.kind import BoxesInVideo  # noqa: E402


class TestArchitectures:
    @pytest.mark.parametrize("name", ["yolov5t", "yolov8n", "yolo11t"])
    def test_a_name_builds_a_model_with_three_levels(self, name):
        assert arch.build(arch.architecture(name)).stride.tolist() == [8, 16, 32]

    @pytest.mark.parametrize("name", ["yolov5t+p2", "yolov8t+p2", "yolo11t+p2"])
    def test_p2_adds_a_level_at_stride_4_that_runs(self, name):
        model = arch.build(arch.architecture(name)).eval()
        assert model.stride.tolist() == [4, 8, 16, 32]
        assert model(torch.zeros(1, 3, 64, 96))[0].shape[-1] == 16 * 24 + 8 * 12 + 4 * 6 + 2 * 3

    def test_the_stride_4_head_of_v8_is_wired_as_ultralytics_wires_its_own(self):
        from ultralytics.utils import YAML
        from ultralytics.utils.checks import check_yaml

        assert arch.architecture("yolov8n+p2")["head"] == YAML.load(check_yaml("yolov8-p2.yaml"))["head"]

    def test_sizes_differ_by_their_letter(self):
        sizes = [sum(p.numel() for p in arch.build(arch.architecture(f"yolov8{s}")).parameters()) for s in "tns"]
        assert sizes == sorted(sizes) and len(set(sizes)) == 3

    def test_an_unknown_name_is_refused_with_what_there_is(self):
        with pytest.raises(ValueError, match="'yolov7n'.*yolov5"):
            arch.architecture("yolov7n")

    def test_a_prior_is_the_score_a_new_model_gives_everywhere(self):
        model = arch.build(arch.architecture("yolov8t"), prior=0.03).eval()
        assert model(torch.zeros(1, 3, 64, 64))[0][:, 4].mean().item() == pytest.approx(0.03, abs=0.01)


class TestParameters:
    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"hsv": (0.1, 0.2)}, "hsv"),
            ({"augmentations": "clahhe"}, "'clahhe'"),
            ({"chain": {"epochs": 3}}, "chain"),
            ({"chain": ({"epoch": 3},)}, "stage 0.*'epoch'"),
        ],
    )
    def test_what_cannot_be_is_refused_at_once(self, wrong, said):
        with pytest.raises(ValueError, match=said):
            DetectorParameters(**wrong)


class TestWeights:
    def test_weights_come_back_with_their_facts(self, tmp_path):
        model = arch.build(arch.architecture("yolov5t"))
        arch.save_weights(tmp_path / "w.pth", model, imgsz=96)
        content = load_weights(tmp_path / "w.pth")
        name, tensor = next(iter(model.state_dict().items()))
        assert content["imgsz"] == 96 and torch.equal(content["state"][name], tensor.half())

    def test_a_pickled_checkpoint_is_refused_with_the_way_out(self, tmp_path):
        torch.save({"model": arch.build(arch.architecture("yolov5t"))}, tmp_path / "foreign.pt")
        with pytest.raises(ValueError, match="weights only.*trust"):
            load_weights(tmp_path / "foreign.pt")

    def test_start_weights_that_fit_nowhere_are_refused(self, tmp_path):
        torch.save({"other": torch.zeros(3)}, tmp_path / "w.pth")
        with pytest.raises(ValueError, match="'other'"):
            start_from(arch.build(arch.architecture("yolov5t")), tmp_path / "w.pth")

    def test_the_real_coco_backbone_fills_everything_but_the_head(self, real_data):
        model = arch.build(arch.architecture("yolov5s"))
        path = real_data / "weights" / "yolov5s_coco_backbone_ultralytics_fp16.pth"
        copied, _ = start_from(model, path)
        left = set(model.state_dict()) - set(load_weights(path)["state"])
        assert copied == 285 and all("model.24." in k or k.endswith("num_batches_tracked") for k in left)


class TestAugmentation:
    def test_a_quarter_turn_takes_the_box_along(self):
        image = np.zeros((40, 60, 3), np.uint8)
        image[5:15, 10:30] = 255
        turned, xyxy = FrameAugmentation(rotate90=1.0)(image, np.array([[10.0, 5, 30, 15]]), np.random.default_rng(0))
        x1, y1, x2, y2 = xyxy[0].astype(int)
        assert turned.shape == (60, 40, 3) and turned[y1:y2, x1:x2].all() and turned.sum() == image.sum()

    @pytest.mark.parametrize("seed", range(5))
    def test_a_window_shows_one_of_the_boxes_where_it_lay(self, seed):
        image = np.zeros((200, 300, 3), np.uint8)
        image[50:70, 200:230] = 255
        window, xyxy = cut_window(image, np.array([[200.0, 50, 230, 70]]), 96, np.random.default_rng(seed))
        x1, y1, x2, y2 = xyxy[0].astype(int)
        assert window.shape == (96, 96, 3) and window[y1:y2, x1:x2].all() and window.sum() == window[y1:y2, x1:x2].sum()

    def test_a_window_larger_than_the_image_is_the_image(self):
        image = np.ones((20, 30, 3), np.uint8)
        assert cut_window(image, np.zeros((0, 4)), 96, np.random.default_rng(0))[0].shape == (20, 30, 3)

    def test_an_empty_frame_gets_starfish_and_a_filled_one_does_not(self):
        rng = np.random.default_rng(0)
        photo = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
        donors = tuple(donors_from_frames([photo], [np.array([[60.0, 50, 90, 75]])]))
        paste = FrameAugmentation(donors=donors, paste=1.0)
        assert len(paste(photo, np.zeros((0, 4)), rng)[1]) >= 1
        assert len(paste(photo, np.array([[1.0, 1, 9, 9]]), rng)[1]) == 1


class _Bright(torch.nn.Module):
    """A stand-in for a network: one box round the pixels above .9, in ultralytics' raw output form."""

    stride = torch.tensor([32.0])

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, batch):
        out = []
        for image in batch:
            y, x = torch.where(image.mean(0) > 0.9)
            x1, y1, x2, y2 = x.min(), y.min(), x.max() + 1, y.max() + 1
            out.append(torch.tensor([[(x1 + x2) / 2], [(y1 + y2) / 2], [x2 - x1], [y2 - y1], [0.8]]))
        return torch.stack(out).float()


class TestInference:
    @pytest.mark.parametrize("imgsz", [256, 128])
    @pytest.mark.parametrize("name", VIEWS)
    def test_boxes_come_back_in_the_pixels_of_the_frame_from_every_view(self, name, imgsz):
        image = np.zeros((144, 256, 3), np.uint8)
        image[32:64, 160:224] = 255
        found = Detector(_Bright(), imgsz=256).predict([image], imgsz=imgsz, view_name=name)
        assert found.score.tolist() == pytest.approx([0.8])
        assert np.allclose(found.xyxy, [[160, 32, 224, 64]], atol=2)

    def test_frames_keep_their_numbers_over_batches(self):
        image = np.zeros((64, 64, 3), np.uint8)
        image[8:24, 8:24] = 255
        found = Detector(_Bright(), imgsz=64).predict_frames([(n, image) for n in (3, 9, 12)], batch=2)
        assert found.frame.tolist() == [3, 9, 12]

    def test_a_trained_detector_asks_as_it_was_trained_to(self, tmp_path):
        facts = {"imgsz": 64, "parameters": {"min_score": 0.2, "nms_iou": 0.3}}
        arch.save_weights(tmp_path / "w.pth", arch.build(arch.architecture("yolov5t")), **facts)
        detector = Detector.load(tmp_path / "w.pth")
        assert (detector.min_score, detector.nms_iou, detector.imgsz) == (0.2, 0.3, 64)

    def test_a_checkpoint_of_another_kind_is_refused(self, tmp_path):
        torch.save({"state": {}}, tmp_path / "w.pth")
        with pytest.raises(ValueError, match="written by this kit"):
            Detector.load(tmp_path / "w.pth")


@pytest.fixture(scope="module")
def squares(tmp_path_factory) -> VideoItems:
    """Twelve small frames in two videos, a bright square in half of them."""
    return Squares().load(Squares().make_sample(tmp_path_factory.mktemp("squares") / "squares"))


class Steps:
    """A metric that says what it is told to, and what it was asked about."""

    def __init__(self, scores):
        self.scores, self.truths = iter(scores), 0

    def __call__(self, truth, predictions):
        self.truths = len(truth)
        return {"luck": next(self.scores), "boxes seen": len(predictions)}


def judged_on(items, metric) -> Validation:
    return Validation(np.arange(6), items.table["path"].tolist()[:6], items.truth[items.truth.frame < 6], metric)


def linked(items, folder, classes=("square",)) -> Path:
    names, paths = (items.table[column].tolist() for column in ("name", "path"))
    return write_yolo_dataset(folder / "yolo", names, paths, items.truth, range(6, 12), range(6), classes=classes)


def on_two_cpus(team, *what) -> tuple[float, float]:
    """ultralytics hands a card's number to torch's wrapper, which a CPU has none of."""
    from torch.nn import parallel

    from kaggle_utils.detector.training import _train_as

    class OnCpu(parallel.DistributedDataParallel):
        def __init__(self, model, device_ids, **options):
            super().__init__(model, **options)

    parallel.DistributedDataParallel = OnCpu
    kept = []
    from kaggle_utils.detector.trainer import JudgedTrainer

    close = JudgedTrainer.final_eval
    JudgedTrainer.final_eval = lambda self: (kept.append(sum(p.double().sum() for p in self.model.parameters())), close(self))
    _train_as(team, *what)
    mine = kept[0].detach().reshape(1)
    return mine.item(), team.summed(mine.clone()).item()


def test_two_processes_train_one_detector(squares, tmp_path):
    parameters = DetectorParameters(**TINY | {"epochs": 2, "batch": 2})
    what = (linked(squares, tmp_path), judged_on(squares, BoxesInVideo((64, 64)).metric), tmp_path, parameters, "stamp", ())
    first, both = together(["cpu", "cpu"], on_two_cpus, *what)
    assert both == pytest.approx(2 * first, rel=1e-9)  # the same steps in both
    lines = json.loads((tmp_path / "progress.json").read_text())["history"]
    assert [line["epoch"] for line in lines] == [1, 2] and load_weights(tmp_path / "best.pth")["epoch"] in (1, 2)


def test_the_best_epoch_is_the_one_that_the_metric_given_says(squares, tmp_path):
    metric = Steps([0.2, 0.6, 0.4])
    parameters = DetectorParameters(**TINY | {"epochs": 3})
    weights, _ = train_fold(linked(squares, tmp_path), judged_on(squares, metric), tmp_path, parameters)
    assert load_weights(weights)["epoch"] == 2 and load_weights(weights)["score"] == 0.6
    assert [line["luck"] for line in history_of(tmp_path)] == [0.2, 0.6, 0.4] and "boxes seen" in history_of(tmp_path)[0]
    assert metric.truths == 3


def test_a_model_has_as_many_classes_as_it_is_given(squares, tmp_path):
    yaml = linked(squares, tmp_path, classes=("square", "circle", "star"))
    weights, _ = train_fold(yaml, judged_on(squares, BoxesInVideo((64, 64)).metric), tmp_path, DetectorParameters(**TINY | {"epochs": 1}))
    assert load_weights(weights)["architecture"]["nc"] == 3 and Detector.load(weights).model.model[-1].nc == 3
    with pytest.raises(ValueError, match="holds a training with data.judged=.*give the member another name"):
        train_fold(linked(squares, tmp_path), judged_on(squares, BoxesInVideo((64, 64)).metric), tmp_path, DetectorParameters(**TINY | {"epochs": 1}))


class Killed(BaseException):
    """Stands for the end of a process at this instant; it leaves the files that a SIGKILL leaves."""


KILLS = {
    "before a checkpoint": ("on_train_epoch_end", 2),
    "behind a checkpoint": ("on_fit_epoch_end", 2),
    "when mosaics are over": ("on_train_batch_start", 3 * 3 + 2),
    "behind the last": ("on_fit_epoch_end", 4),
}


@pytest.mark.parametrize(("workers", "kills"), [(0, [*KILLS]), (2, ["behind a checkpoint"])])
def test_a_training_that_is_killed_goes_on_to_the_same_weights(squares, tmp_path, monkeypatch, workers, kills):
    from kaggle_utils.detector.trainer import JudgedTrainer

    changes = {"imgsz": 64, "epochs": 4, "batch": 2, "mosaic": 0.7, "rotate90": 0.5, "augmentations": "blur_downscale", "workers": workers}
    parameters = DetectorParameters(**TINY | changes)
    calls, instant, set_up = [], [], JudgedTrainer.__init__

    def with_processes_on_a_cpu(self, *what):
        set_up(self, *what)
        self.args.workers = workers
        for event in {event for event, _ in KILLS.values()}:
            self.add_callback(event, lambda trainer, event=event: strike(event))

    def strike(event):
        calls.append(event)
        if instant and instant[0] == (event, calls.count(event)):
            raise Killed

    monkeypatch.setattr(JudgedTrainer, "__init__", with_processes_on_a_cpu)

    def trained(folder) -> dict:
        calls.clear()
        judged = judged_on(squares, BoxesInVideo((64, 64)).metric)
        path, _ = train_fold(linked(squares, tmp_path), judged, folder, parameters)
        return {**load_weights(path)["state"], "history": [line["loss"] for line in history_of(folder)]}

    wanted = trained(tmp_path / "whole")
    for number, kill in enumerate(kills):
        instant[:] = [KILLS[kill]]
        with pytest.raises(Killed):
            trained(tmp_path / f"killed{number}")
        instant.clear()
        found = trained(tmp_path / f"killed{number}")
        assert found.pop("history") == wanted["history"], kill
        assert all(torch.equal(tensor, wanted[name]) for name, tensor in found.items()), kill
