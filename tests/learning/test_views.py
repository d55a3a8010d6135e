"""Views of batches: undone they are the identity, one forward pass a shape, merged by four rules."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from training_fixtures import one_thread  # noqa: E402, F401

from kaggle_utils.evidence.merging import HOW, merged, sharpened  # noqa: E402
from kaggle_utils.images.views import VIEWS, unview, view  # noqa: E402
from kaggle_utils.learning.predict import predict  # noqa: E402
from kaggle_utils.learning.views import in_views, unview_batch, view_batch  # noqa: E402

HEIGHT, WIDTH = 32, 64


def one_pixel() -> torch.Tensor:
    """Two pictures of three channels with one asymmetric pixel each."""
    images = torch.zeros(2, 3, HEIGHT, WIDTH, dtype=torch.uint8)
    images[0, 1, 3, 50] = images[1, 2, 30, 7] = 200
    return images


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_undone_is_the_identity(name):
    seen = view_batch(one_pixel(), name)
    assert torch.equal(unview_batch(seen, name, HEIGHT, WIDTH), one_pixel())
    assert seen.shape[-2:] == ((WIDTH, HEIGHT) if VIEWS[name][0] else (HEIGHT, WIDTH))


@pytest.mark.parametrize("name", VIEWS)
def test_batches_are_viewed_as_single_images_are(name):
    image = np.arange(12).reshape(3, 4)
    batch = torch.from_numpy(image)[None, None]
    assert np.array_equal(view_batch(batch, name)[0, 0].numpy(), view(image, name))
    turned = view(image, name).copy()
    assert np.array_equal(unview_batch(torch.from_numpy(turned)[None, None], name, 3, 4)[0, 0].numpy(), unview(turned, name))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_resized_view_comes_back_in_its_place_and_size(name, factor):
    masks = torch.zeros(1, 1, HEIGHT, WIDTH)
    masks[..., 4:12, 40:56] = 1.0
    seen = view_batch(masks, f"{name}@{factor}", multiple=8)
    back = unview_batch(seen, f"{name}@{factor}", HEIGHT, WIDTH)
    assert sorted(seen.shape[-2:]) == [HEIGHT * factor, WIDTH * factor] and back.shape == masks.shape
    assert (back > 0.5).ne(masks > 0.5).sum() <= 4  # a corner may be rounded off


def test_sides_are_rounded_to_what_encoders_take():
    assert view_batch(one_pixel(), "identity@0.8").shape[-2:] == (32, 64)
    assert view_batch(one_pixel(), "hflip@1.7").shape[-2:] == (64, 128)
    assert view_batch(one_pixel(), "hflip@2").dtype == torch.uint8


@pytest.mark.parametrize(("size", "factor", "expected"), [
    ((320, 480), 1.25, (384, 576)),  # 400x600: 384x576 keeps 2:3, the nearest 384x608 is 5 % wider
    ((320, 480), 0.75, (256, 384)),  # 240x360: 224x352 is 4.5 % wider, 256x384 keeps it
    ((320, 480), 1.5, (480, 736)),  # 480x720: the height is a multiple; 736 is 2.2 % too wide, 704 as narrow
    ((384, 384), 1.1, (416, 416)),  # 422.4, nearer to 416 than to 448
])  # fmt: skip
def test_a_resized_picture_is_stretched_as_little_as_may_be(size, factor, expected):
    assert view_batch(torch.zeros(1, 1, *size), f"identity@{factor}").shape[-2:] == expected
    assert view_batch(torch.zeros(1, 1, *size), f"rot90@{factor}").shape[-2:] == expected[::-1]


class Counting(nn.Module):
    """Masks that are a channel of the picture, and two labels; counts its forward passes and pictures."""

    def __init__(self, labels: bool = False) -> None:
        super().__init__()
        self.labels, self.passes = labels, []

    def forward(self, images):
        self.passes.append(tuple(images.shape))
        logits = images[:, :2].float() - images.float().mean((1, 2, 3), keepdim=True)
        return (logits, logits.mean((2, 3))) if self.labels else logits


@pytest.mark.parametrize("how", HOW)
def test_a_model_without_prejudice_answers_the_same_in_all_views(how):
    model, images = Counting(), one_pixel().float() / 100
    assert torch.allclose(in_views(list(VIEWS), how=how, temperature=1.0)(model, images), model(images).sigmoid(), atol=1e-5)


def test_views_of_one_shape_are_one_pass():
    model = Counting(labels=True)
    masks, labels = in_views([*VIEWS, "identity@2"])(model, one_pixel())
    assert masks.shape == (2, 2, HEIGHT, WIDTH) and labels.shape == (2, 2)
    assert sorted(model.passes) == [(2, 3, 64, 128), (8, 3, 32, 64), (8, 3, 64, 32)]
    square = Counting()
    in_views(list(VIEWS))(square, torch.zeros(2, 3, 32, 32))
    assert square.passes == [(16, 3, 32, 32)]


def test_views_count_as_they_are_weighted():
    class LeftIsBright(nn.Module):
        """Says 1 where the left pixel is bright and nothing else: its flip says something else."""

        def forward(self, images):
            return torch.where(images[:, :1, :1, :1] > 0, 20.0, -20.0).squeeze(-1).squeeze(-1)

    images = torch.zeros(1, 1, 4, 4)
    images[..., 0] = 1.0
    answer = in_views(["identity", "hflip"], weights=(3, 1))(LeftIsBright(), images)
    assert answer.item() == pytest.approx(0.75)


def test_predict_asks_in_views():
    class Pictures:
        def __getitem__(self, key):
            return one_pixel()[key[0]].numpy()

    ((rows, plain),) = predict(Counting(), Pictures(), [0, 1])
    ((_, seen),) = predict(Counting(), Pictures(), [0, 1], asked=in_views(["identity", "vflip"]))
    assert rows.tolist() == [0, 1] and np.allclose(seen, plain, atol=1e-6)


class TestMerging:
    answers = [np.array([0.1, 0.4]), np.array([0.9, 0.6]), np.array([0.5, 0.5])]

    def test_by_hand(self):
        assert merged(self.answers, (2, 1, 1)).tolist() == pytest.approx([(0.2 + 0.9 + 0.5) / 4, (0.8 + 0.6 + 0.5) / 4])
        assert merged(self.answers, how="geometric").tolist() == pytest.approx([0.045 ** (1 / 3), 0.12 ** (1 / 3)])
        assert merged(self.answers, how="maximum").tolist() == [0.9, 0.6]
        # .01 / (.01 + .81) = .0122, .81 / .82 = .9878, .5
        assert merged(self.answers, how="sharpened")[0] == pytest.approx((0.01 / 0.82 + 0.81 / 0.82 + 0.5) / 3)

    def test_a_weight_of_two_is_the_answer_twice(self):
        for how in ("mean", "geometric", "sharpened"):
            twice = merged([self.answers[0], *self.answers], how=how)
            assert np.allclose(merged(self.answers, (2, 1, 1), how), twice)

    def test_arrays_and_tensors_give_the_same(self):
        for how in HOW:
            tensors = merged([torch.from_numpy(a) for a in self.answers], how=how)
            assert np.allclose(tensors.numpy(), merged(self.answers, how=how))

    def test_many_small_probabilities_do_not_vanish(self):
        assert merged([np.float32([1e-4])] * 40, how="geometric").item() == pytest.approx(1e-4, rel=1e-4)

    def test_sharpening_leaves_certainty_and_doubt(self):
        assert sharpened(np.array([0.0, 0.5, 1.0])).tolist() == [0.0, 0.5, 1.0]

    def test_the_sharpest_temperatures_stay_numbers_in_32_bits(self):
        """.5 ** 200 is 0 in float32, and 0 / 0 no number."""
        doubtful = np.float32([0.0, 0.4, 0.5, 0.6, 1.0])
        assert sharpened(doubtful, 0.005).round(6).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
        assert sharpened(torch.from_numpy(doubtful), 0.005).round(decimals=6).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]

    @pytest.mark.parametrize(("options", "match"), [
        ({"how": "median"}, "'median'.*geometric"), ({"weights": (1, 2)}, "expected 3"), ({"weights": (0, 0, 0)}, "not all 0"),
        ({"weights": (1, 1, 1), "how": "maximum"}, "maximum knows none"),
    ])  # fmt: skip
    def test_mistakes_are_named(self, options, match):
        with pytest.raises(ValueError, match=match):
            merged(self.answers, **options)


@pytest.mark.parametrize("name", ["mirror", "hflip@", "hflip@two", "hflip@0", "hflip@-1"])
def test_an_unknown_view_is_named_before_any_work(name):
    with pytest.raises(ValueError, match=name):
        in_views([name])
