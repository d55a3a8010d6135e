"""Augmentation sets: masks move with their pixels, a draw names its result; batches are mixed with their truth."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kaggle_utils.learning.augment import (
    BATCH_SETS,
    COLOUR_SETS,
    GEOMETRY_SETS,
    PIXEL_SETS,
    augmentation,
    pixel_augmentation,
    split_sets,
)
from kaggle_utils.learning.mixing import cutmix, mixing, mixup  # noqa: E402

WIDTH, HEIGHT = 96, 64


SEEN = {"crop": (64, 64)} | {name: (HEIGHT, WIDTH) for name in (PIXEL_SETS | GEOMETRY_SETS) if name != "crop"}


def marked() -> tuple[np.ndarray, np.ndarray]:
    """A dark picture with a bright block, and the block's mask among four."""
    image, masks = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    image[12:40, 20:68] = 255
    masks[12:40, 20:68, 2] = 1
    return image, masks


@pytest.mark.parametrize("name", [n for n in GEOMETRY_SETS if n != "dihedral"])
def test_masks_go_where_their_pixels_go(name):
    image, masks = marked()
    change, moved = augmentation(name, (WIDTH, HEIGHT)), 0
    for draw in range(8):
        seen, truth = change(image, masks, draw)
        assert seen.shape == (*SEEN[name], 3) and truth.shape == (*SEEN[name], 4) and not truth[..., [0, 1, 3]].any()
        assert ((seen[..., 0] > 127) == (truth[..., 2] > 0)).mean() > 0.95
        moved += not np.array_equal(truth, masks)
    assert moved >= 3


def test_a_crop_is_a_window_of_the_picture_as_it_is_wherever_it_lies():
    """Three quarters of 640x448 are 480x336, the nearest multiples of 32 480x320 (336 / 32 = 10.5, even)."""
    image = np.random.default_rng(0).integers(0, 256, (448, 640, 3), np.uint8)
    change, corners = augmentation("crop", (640, 448)), set()
    for draw in range(20):
        seen, masks = change(image, image[..., :1], draw)
        assert seen.shape == (320, 480, 3) and np.array_equal(seen[..., :1], masks)
        y, x = np.argwhere((image[:129, :161] == seen[0, 0]).all(2))[0]
        assert np.array_equal(image[y : y + 320, x : x + 480], seen)
        corners.add((int(y), int(x)))
    assert len(corners) > 15


def test_what_follows_a_crop_keeps_its_size():
    change = augmentation("crop+crop_rescale+rotate_rescale", (WIDTH, HEIGHT))
    assert {change(*marked(), draw)[0].shape for draw in range(12)} == {(*SEEN["crop"], 3)}


def test_quarter_turns_turn_masks_as_well():
    image, masks = (part[:, :HEIGHT] for part in marked())
    change = augmentation("dihedral", (HEIGHT, HEIGHT))
    results = [change(image, masks, draw) for draw in range(30)]
    assert all(np.array_equal(seen[..., 0] > 0, truth[..., 2] > 0) for seen, truth in results)
    assert len({truth.tobytes() for _, truth in results}) == 8


@pytest.mark.parametrize("name", [n for n in PIXEL_SETS if n != "none"])
def test_pixel_sets_change_pixels_and_leave_masks(name):
    image, masks = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), marked()[1]
    results = [augmentation(name, (WIDTH, HEIGHT))(image, masks, draw) for draw in range(12)]
    assert all(np.array_equal(truth, masks) for _, truth in results)
    assert any(not np.array_equal(seen, image) for seen, _ in results)


@pytest.mark.parametrize("channels", [1, 4, 6])
@pytest.mark.parametrize("name", [n for n in PIXEL_SETS | GEOMETRY_SETS if n != "dihedral"])
def test_pictures_keep_their_channels_however_many_or_the_set_is_refused_at_once(name, channels):
    image, masks = marked()
    if channels not in COLOUR_SETS.get(name, (channels,)):
        with pytest.raises(ValueError, match=f"needs pictures of .*3 channels, these have {channels}"):
            augmentation(name, (WIDTH, HEIGHT), channels)
        return
    change, image = augmentation(name, (WIDTH, HEIGHT), channels), image[..., [0] * channels]
    for draw in range(6):
        seen, truth = change(image, masks, draw)
        assert seen.shape == (*SEEN[name], channels) and seen.dtype == np.uint8 and truth.shape == (*SEEN[name], 4)


def test_a_set_that_needs_colours_is_named_among_others():
    with pytest.raises(ValueError, match=r"'flips\+grayscale', \['grayscale'\] needs pictures of 3 channels, these have 1"):
        augmentation("flips+grayscale", (WIDTH, HEIGHT), channels=1)


def test_quarter_turns_are_refused_where_pictures_are_not_square():
    with pytest.raises(ValueError, match=r"'clahe\+dihedral', \['dihedral'\] needs square pictures, these are 96x64"):
        augmentation("clahe+dihedral", (WIDTH, HEIGHT))


def test_a_draw_names_its_result_whatever_came_before():
    image, masks = marked()
    one, other = (augmentation("flips+rotate_rescale+noise+cutout", (WIDTH, HEIGHT)) for _ in range(2))
    for draw in (3, 1, 4):
        other(image, masks, draw)
    first, second = one(image, masks, 7), other(image, masks, 7)
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], one(image, masks, 8)[0])


def test_a_draw_is_the_same_in_a_worker():
    from kaggle_utils.learning.batches import shuffled

    change = augmentation("flips+noise", (WIDTH, HEIGHT))

    class Marked:
        def __getitem__(self, key):
            return change(marked()[0], None, key[1])[0]

    batches = [[image for _, image in shuffled(Marked(), range(6), 2, seed=0, workers=n)] for n in (0, 2)]
    assert all(torch.equal(a, b) for a, b in zip(*batches, strict=True))


def test_no_draw_and_no_set_change_nothing():
    image, masks = marked()
    assert augmentation("flips", (WIDTH, HEIGHT))(image, masks, None)[0] is image
    assert augmentation("none", (WIDTH, HEIGHT))(image, None, 3) == (image, None)
    assert pixel_augmentation("none") is None


def test_an_unknown_set_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="'mirror'.*flips"):
        augmentation("mirror", (4, 4))
    with pytest.raises(ValueError, match="'flips'.*clahe"):
        pixel_augmentation("flips")  # geometry would leave a detector's boxes behind


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Four even pictures of their own brightness, and masks that are the picture."""
    images = torch.arange(4, dtype=torch.uint8).reshape(4, 1, 1, 1).expand(4, 3, 16, 24) * 60
    return images, images[:, :1].float() / 180


@pytest.mark.parametrize("mix", [mixup(p=1.0), cutmix(p=1.0)])
@pytest.mark.parametrize("seed", range(5))
def test_mixed_masks_are_the_masks_of_mixed_pixels(mix, seed):
    images, masks = mix(*batch(), torch.Generator().manual_seed(seed))
    assert images.dtype == torch.uint8 and torch.allclose(images[:, :1].float() / 180, masks, atol=1 / 180)


@pytest.mark.parametrize("mix", [mixup(p=1.0), cutmix(p=1.0)])
def test_mixed_labels_are_shares_of_the_picture(mix):
    images, labels = batch()[0].float(), torch.arange(4.0)[:, None] / 3
    for seed in range(5):
        mixed, truth = mix(images, labels, torch.Generator().manual_seed(seed))
        assert torch.allclose(mixed.mean((1, 2, 3)) / 180, truth[:, 0], atol=1e-5)


def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Masks (4, 2, 16, 24) and labels (4, 2): of class 0 a block in the first two pictures, of class 1 in the last."""
    masks = torch.zeros(4, 2, 16, 24)
    masks[:2, 0, 4:8, 6:12] = masks[3, 1, :2, :2] = 1
    return masks, masks.amax((2, 3))


@pytest.mark.parametrize("mix", [mixup(p=1.0), cutmix(p=1.0)])
@pytest.mark.parametrize("seed", range(5))
def test_nested_targets_are_mixed_as_each_would_be_alone(mix, seed):
    images, (masks, labels) = batch()[0], pairs()
    alone = mix(images, masks, torch.Generator().manual_seed(seed))
    both = mix(images, [masks, labels], torch.Generator().manual_seed(seed))  # a list, as a loader hands it over
    named = mix(images, {"labels": labels, "masks": {"all": masks}}, torch.Generator().manual_seed(seed))
    for mixed in (both[1][0], named[1]["masks"]["all"]):
        assert torch.equal(mixed, alone[1])
    assert torch.equal(both[0], alone[0]) and torch.equal(both[1][1], named[1]["labels"])


@pytest.mark.parametrize("seed", range(8))
def test_after_cutmix_a_label_says_what_is_left_of_its_mask(seed):
    masks, labels = cutmix(p=1.0)(batch()[0], pairs(), torch.Generator().manual_seed(seed))[1]
    assert torch.equal(labels, masks.amax((2, 3))) and set(labels.unique().tolist()) <= {0.0, 1.0}


def test_after_mixup_a_label_is_as_sure_as_the_pictures_it_came_from():
    """A class that both pictures have is there for sure, though no pixel of the blend need say so."""
    masks = torch.zeros(2, 1, 4, 4)
    masks[0, 0, 0, 0] = masks[1, 0, 3, 3] = 1
    blended, labels = mixup(p=1.0)(torch.zeros(2, 3, 4, 4), (masks, torch.ones(2, 1)), torch.Generator().manual_seed(1))[1]
    assert torch.allclose(labels, torch.ones(2, 1)) and (blended.sum((2, 3)) - 1).abs().max() < 1e-6


def test_of_several_mixings_each_batch_draws_one(monkeypatch):
    monkeypatch.setitem(BATCH_SETS, "mixup", {"alpha": 5.0, "p": 1.0})
    monkeypatch.setitem(BATCH_SETS, "cutmix", {"alpha": 1.0, "p": 1.0})
    images, generator, mix = batch()[0].float(), torch.Generator().manual_seed(0), mixing("mixup+cutmix")
    blended = [mix(images, pairs(), generator)[0].flatten(1).unique(dim=1).shape[1] == 1 for _ in range(60)]
    assert 15 < sum(blended) < 45  # one value a picture: mixup, or a cut that came from the same picture


def test_sets_are_split_into_those_of_a_picture_and_those_of_a_batch():
    assert split_sets("flips+brightness_contrast+mixup") == ("flips+brightness_contrast", "mixup")
    assert split_sets("none") == ("none", "") and mixing("") is None
    with pytest.raises(ValueError, match="'mixup2'.*flips.*cutmix"):
        split_sets("flips+mixup2")
    with pytest.raises(ValueError, match="'flips'.*is not among mixup, cutmix"):
        mixing("flips")


@pytest.mark.parametrize("made", [mixup, cutmix])
def test_a_batch_is_mixed_as_often_as_asked_and_its_own_tensors_stay(made):
    images, masks = batch()
    kept, generator = images.clone(), torch.Generator().manual_seed(0)
    mixed = [made(p=0.3)(images, masks, generator)[0] is not images for _ in range(200)]
    assert 0.2 < np.mean(mixed) < 0.4 and torch.equal(images, kept)
