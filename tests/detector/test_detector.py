"""The detector: architectures by name, safe weights, boxes that follow their pixels, trainings that go on."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kaggle_utils.boxes.paste import donors_from_frames  # noqa: E402
from kaggle_utils.boxes.table import Boxes  # noqa: E402
from kaggle_utils.competitions import reef  # noqa: E402
from kaggle_utils.competitions.reef_runs import read_runs, write_run  # noqa: E402
from kaggle_utils.detector import architecture as arch  # noqa: E402
from kaggle_utils.detector.crossval import PredictionSet, train_and_predict, train_folds  # noqa: E402
from kaggle_utils.detector.dataset import FrameAugmentation, cut_window  # noqa: E402
from kaggle_utils.detector.inference import Detector  # noqa: E402
from kaggle_utils.detector.parameters import SMOKE, DetectorParameters  # noqa: E402
from kaggle_utils.images.views import VIEWS  # noqa: E402
from kaggle_utils.learning.checkpoints import load_weights, start_from  # noqa: E402

TINY = SMOKE | {"imgsz": 128, "crop": 0, "batch": 4, "epochs": 2, "validate_every": 1, "cache": False}


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
def small_reef(tmp_path_factory) -> reef.ReefData:
    """Twelve small frames in two sequences, a bright square in half of them."""
    import cv2
    import pandas as pd

    folder, rows, rng = tmp_path_factory.mktemp("reef"), [], np.random.default_rng(0)
    (folder / "train_images" / "video_0").mkdir(parents=True)
    for n in range(12):
        image = rng.integers(0, 90, (72, 128, 3), dtype=np.uint8)
        boxes = "[]"
        if n % 2:
            x, y = int(rng.integers(5, 90)), int(rng.integers(5, 40))
            image[y : y + 24, x : x + 30] = 230
            boxes = str([{"x": x, "y": y, "width": 30, "height": 24}])
        cv2.imwrite(str(folder / "train_images" / "video_0" / f"{n}.jpg"), image)
        rows.append([0, n // 6, n, n % 6, f"0-{n}", boxes])
    pd.DataFrame(rows, columns=reef.FRAME_COLUMNS).to_csv(folder / "train.csv", index=False)
    return reef.load(folder)


FOLDS = np.repeat([0, 1], 6)
SETS = [PredictionSet("identity", 128), PredictionSet("hflip", 96)]


class TestTraining:
    def test_a_fold_leaves_weights_predictions_and_a_run_that_reads_back(self, small_reef, tmp_path):
        parameters = DetectorParameters(**TINY | {"paste": 0.5, "augmentations": "clahe", "mosaic": 0.5})
        results = [train_and_predict(small_reef, FOLDS, k, tmp_path / f"fold{k}", parameters, SETS) for k in (0, 1)]
        write_run(tmp_path, small_reef, results, vars(parameters))
        runs = read_runs([tmp_path], small_reef)
        assert runs.judged.all() and runs.fold_of_frame.tolist() == FOLDS.tolist() and list(runs.weights) == [0, 1]
        assert len(runs.sets["hflip@96"]) == sum(len(r.predictions["hflip@96"]) for r in results)
        assert not list(tmp_path.rglob("resume.pth")) and not list(tmp_path.rglob("*.partial"))
        assert all(f < 6 for f in results[0].predictions["identity@128"].frame)

    def test_nothing_reaches_for_the_network(self, small_reef, tmp_path, monkeypatch):
        import socket

        asked = []
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: asked.append(a) or [])
        monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address))
        train_and_predict(small_reef, FOLDS, 0, tmp_path, DetectorParameters(**TINY | {"epochs": 1}), SETS[:1])
        assert asked == []

    def test_what_is_done_is_not_done_again(self, small_reef, tmp_path):
        parameters = DetectorParameters(**TINY | {"epochs": 1})
        train_and_predict(small_reef, FOLDS, 0, tmp_path, parameters, SETS[:1])
        files = [tmp_path / "stage0" / "best.pth", tmp_path / "best.pth", tmp_path / "identity@128.csv"]
        before = [f.stat().st_mtime_ns for f in files]
        train_and_predict(small_reef, FOLDS, 0, tmp_path, parameters, SETS[:1])
        assert [f.stat().st_mtime_ns for f in files] == before

    @pytest.mark.parametrize("change", ["folds", "parameters"])
    def test_other_folds_or_parameters_are_trained_anew(self, small_reef, tmp_path, change):
        parameters, folds = DetectorParameters(**TINY | {"epochs": 1}), FOLDS
        train_and_predict(small_reef, folds, 0, tmp_path, parameters, SETS[:1])
        stamp = json.loads((tmp_path / "stage0" / "done.json").read_text())["stamp"]
        if change == "folds":
            folds = np.tile([0, 1], 6)
        else:
            parameters = DetectorParameters(**TINY | {"epochs": 1, "lr": 1e-4})
        found = train_and_predict(small_reef, folds, 0, tmp_path, parameters, SETS[:1])
        assert json.loads((tmp_path / "stage0" / "done.json").read_text())["stamp"] != stamp
        assert len((tmp_path / "stage0" / "progress.jsonl").read_text().splitlines()) == 1
        assert found.rows.tolist() == np.flatnonzero(folds == 0).tolist()

    def test_a_killed_training_goes_on_behind_its_last_epoch(self, small_reef, tmp_path, monkeypatch):
        from kaggle_utils.detector.trainer import F2Trainer

        parameters = DetectorParameters(**TINY | {"epochs": 3})
        kept = F2Trainer.save_model

        def dies(self):
            kept(self)
            if self.epoch == 1:
                raise KeyboardInterrupt

        monkeypatch.setattr(F2Trainer, "save_model", dies)
        with pytest.raises(KeyboardInterrupt):
            train_and_predict(small_reef, FOLDS, 0, tmp_path, parameters, SETS[:1])
        monkeypatch.setattr(F2Trainer, "save_model", kept)
        train_and_predict(small_reef, FOLDS, 0, tmp_path, parameters, SETS[:1])
        epochs = [json.loads(line)["epoch"] for line in Path(tmp_path, "stage0", "progress.jsonl").read_text().splitlines()]
        assert epochs == [1, 2, 3]

    def test_a_killed_training_of_other_parameters_is_not_gone_on_with(self, small_reef, tmp_path, monkeypatch, capsys):
        from kaggle_utils.detector.trainer import F2Trainer

        kept = F2Trainer.save_model

        def dies(self):
            kept(self)
            raise KeyboardInterrupt

        monkeypatch.setattr(F2Trainer, "save_model", dies)
        with pytest.raises(KeyboardInterrupt):
            train_and_predict(small_reef, FOLDS, 0, tmp_path, DetectorParameters(**TINY), SETS[:1])
        monkeypatch.setattr(F2Trainer, "save_model", kept)
        train_and_predict(small_reef, FOLDS, 0, tmp_path, DetectorParameters(**TINY | {"seed": 5}), SETS[:1])
        epochs = [json.loads(line)["epoch"] for line in Path(tmp_path, "stage0", "progress.jsonl").read_text().splitlines()]
        assert epochs == [1, 2] and "training starts anew" in capsys.readouterr().out

    def test_a_changed_stage_of_a_chain_and_those_behind_it_are_trained_anew(self, small_reef, tmp_path):
        chain = ({"imgsz": 96, "epochs": 1}, {"imgsz": 128, "epochs": 1})
        stamps = []
        for second in (128, 160):
            chain = (chain[0], {"imgsz": second, "epochs": 1})
            train_and_predict(small_reef, FOLDS, 0, tmp_path, DetectorParameters(**TINY | {"chain": chain}), SETS[:1])
            stamps.append(json.loads((tmp_path / "stage1" / "done.json").read_text())["stamp"])
        assert stamps[0] != stamps[1] and load_weights(tmp_path / "best.pth")["imgsz"] == 160

    def test_hours_end_a_stage_and_do_not_stretch_it(self, small_reef, tmp_path):
        parameters = DetectorParameters(**TINY | {"epochs": 3, "hours": 1e-6})
        train_and_predict(small_reef, FOLDS, 0, tmp_path, parameters, SETS[:1])
        assert len((tmp_path / "stage0" / "progress.jsonl").read_text().splitlines()) == 1

    def test_a_chain_starts_each_stage_from_the_one_before_and_keeps_the_last(self, small_reef, tmp_path):
        chain = ({"imgsz": 96, "epochs": 1}, {"imgsz": 128, "epochs": 1, "freeze": 2})
        train_and_predict(small_reef, FOLDS, 0, tmp_path, DetectorParameters(**TINY | {"chain": chain}), SETS[:1])
        assert not (tmp_path / "stage0" / "best.pth").exists() and (tmp_path / "stage1" / "best.pth").is_file()
        assert load_weights(tmp_path / "best.pth")["imgsz"] == 128
        assert json.loads((tmp_path / "stage1" / "done.json").read_text())["parameters"]["start"].endswith("stage0/best.pth")

    def test_folds_side_by_side_give_what_folds_in_turn_give(self, small_reef, tmp_path):
        parameters, result = DetectorParameters(**TINY | {"epochs": 1}), {}
        for name, devices in (("turn", ["cpu"]), ("side", ["cpu", "cpu"])):
            found = train_folds(small_reef, FOLDS, [0, 1], tmp_path / name, parameters, SETS[:1], devices)
            result[name] = [(r.fold, len(r.predictions["identity@128"]), r.weights.parent.name) for r in found]
        assert [r[0] for r in result["side"]] == [0, 1] and result["side"] == result["turn"]

    def test_a_fold_without_frames_is_refused(self, small_reef, tmp_path):
        with pytest.raises(ValueError, match="fold 7 has 0 frames"):
            train_and_predict(small_reef, FOLDS, 7, tmp_path, DetectorParameters(**TINY), SETS)


def on_two_cpus(team, *what) -> tuple[float, float]:
    """ultralytics hands a card's number to torch's wrapper, which a CPU has none of."""
    from torch.nn import parallel

    from kaggle_utils.detector.training import _train_as

    class OnCpu(parallel.DistributedDataParallel):
        def __init__(self, model, device_ids, **options):
            super().__init__(model, **options)

    parallel.DistributedDataParallel = OnCpu
    kept = []
    from kaggle_utils.detector.trainer import F2Trainer

    close = F2Trainer.final_eval
    F2Trainer.final_eval = lambda self: (kept.append(sum(p.double().sum() for p in self.model.parameters())), close(self))
    _train_as(team, *what)
    mine = kept[0].detach().reshape(1)
    return mine.item(), team.summed(mine.clone()).item()


def test_two_processes_train_one_detector(small_reef, tmp_path):
    from kaggle_utils.detector.files import write_yolo_dataset
    from kaggle_utils.detector.validation import Validation
    from kaggle_utils.learning.data_parallel import together

    yaml = write_yolo_dataset(tmp_path / "yolo", small_reef.frames, small_reef.truth, range(6, 12), range(6))
    judged_on = Validation(np.arange(6), small_reef.frames["path"].tolist()[:6], small_reef.truth)
    what = (yaml, judged_on, tmp_path, DetectorParameters(**TINY | {"epochs": 2, "batch": 2}), "stamp", ())
    first, both = together(["cpu", "cpu"], on_two_cpus, *what)
    assert both == pytest.approx(2 * first, rel=1e-9)  # the same steps in both
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2] and load_weights(tmp_path / "best.pth")["epoch"] in (1, 2)


def test_a_batch_that_devices_cannot_share_is_refused(small_reef, tmp_path):
    with pytest.raises(ValueError, match="batch is 3, expected a multiple of 2"):
        train_folds(small_reef, FOLDS, [0], tmp_path, DetectorParameters(**TINY | {"batch": 3}), SETS[:1], ["cpu", "cpu"])


def test_the_best_epoch_is_the_one_with_the_best_f2(small_reef, tmp_path, monkeypatch):
    from kaggle_utils.detector import trainer, training, validation

    scores = iter([0.2, 0.6, 0.4])

    class Curve:
        def __init__(self):
            self.best = (0.5, next(scores))

    monkeypatch.setattr(trainer, "f2_curve", lambda *a: Curve())
    box = Boxes([0], [[0, 0, 9, 9]])
    monkeypatch.setattr(trainer, "predict_paths", lambda *a, **k: box)
    judged_on = validation.Validation(np.arange(6), small_reef.frames["path"].tolist()[:6], small_reef.truth)
    from kaggle_utils.detector.files import write_yolo_dataset

    yaml = write_yolo_dataset(tmp_path / "yolo", small_reef.frames, small_reef.truth, range(6, 12), range(6))
    weights = training.train_fold(yaml, judged_on, tmp_path, DetectorParameters(**TINY | {"epochs": 3}))
    assert load_weights(weights)["epoch"] == 2 and load_weights(weights)["f2"] == 0.6
