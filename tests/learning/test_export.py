"""A classifier in three files answers the same, by the same function."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from training_fixtures import one_thread  # noqa: E402, F401

from kaggle_utils.learning.checkpoints import write_checkpoint  # noqa: E402
from kaggle_utils.learning.export import compared, export, opened  # noqa: E402
from kaggle_utils.learning.models import ModelParameters, build, load_model  # noqa: E402


@pytest.mark.parametrize("encoder", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_three_files_answer_alike_for_batches_of_any_length(encoder, tmp_path):
    parameters = ModelParameters("classifier", encoder, classes=5, channels=4)
    write_checkpoint(tmp_path / "best.pth", {"state": build(parameters).state_dict(), "model": parameters.plain()})
    files = export(tmp_path / "best.pth", tmp_path, size=(64, 32))
    assert [path.name for path in files.values()] == ["best.pth", "best.pt", "best.onnx"]
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 32, 64), np.uint8)
    with torch.no_grad():
        expected = load_model(tmp_path / "best.pth")(torch.from_numpy(images)).sigmoid().numpy()
    for path in files.values():
        for some in (images, images[:1]):
            assert np.abs(opened(path)(some) - expected[: len(some)]).max() < 1e-5
    table = compared(files, images, times=1)
    assert table["largest difference"].max() < 1e-5 and (table["MB"] > 0).all() and (table["ms an image"] > 0).all()


def test_a_file_of_another_kind_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"best.h5 ends in '.h5', expected one of .pth, .pt, .onnx"):
        opened(tmp_path / "best.h5")
