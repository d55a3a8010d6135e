"""Masks: run lengths, a whole submission, components, and the search over thresholds and sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kaggle_utils.evidence.joint_cuts import best_cuts
from kaggle_utils.masks.components import component_counts, remove_small
from kaggle_utils.masks.dice import dice_table
from kaggle_utils.masks.global_dice import best_level_and_gate, global_curve
from kaggle_utils.masks.rle import mask_from_rle, rle_from_mask
from tests.references import components
from tests.references.components import mask_size_table

from . import Job, Peer, job

CLOUDS = (350, 525)  # pixels of a mask in the submission
LEVELS, SIZES = range(40, 240, 10), range(0, 20_000, 1000)


def field(rng: np.random.Generator, sigma: float, height: int, width: int) -> np.ndarray:
    """(H, W) uint8: smooth noise over the whole range."""
    import cv2

    noise = cv2.GaussianBlur(rng.random((height, width), dtype=np.float32), (0, 0), sigma)
    return np.uint8(255 * (noise - noise.min()) / np.ptp(noise))


def fields(n: int, sigma: float, height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([field(rng, sigma, height, width) for _ in range(n)])


def there_and_back(mask: np.ndarray) -> tuple[str, np.ndarray]:
    text = rle_from_mask(mask)
    return text, mask_from_rle(text, mask.shape)


def usual_snippet(mask: np.ndarray) -> tuple[str, np.ndarray]:
    """What public notebooks do: every number made text by itself, every run painted by itself."""
    pixels = np.concatenate([[0], mask.T.flatten(), [0]])
    runs = np.where(pixels[1:] != pixels[:-1])[0] + 1
    runs[1::2] -= runs[::2]
    text = " ".join(str(number) for number in runs)
    words = text.split()
    starts, lengths = np.asarray(words[::2], dtype=int) - 1, np.asarray(words[1::2], dtype=int)
    flat = np.zeros(mask.size, np.uint8)
    for start, stop in zip(starts, starts + lengths, strict=True):
        flat[start:stop] = 1
    return text, flat.reshape(mask.shape[::-1]).T


def through_pycocotools(mask: np.ndarray) -> tuple[str, np.ndarray]:
    """pycocotools makes and paints the runs; between them stands Kaggle's text."""
    from pycocotools import mask as coco

    packed = coco.encode(np.asfortranarray(mask))
    pixels = np.flatnonzero(np.diff(np.r_[0, coco.decode(packed).ravel(order="F"), 0]))
    text = " ".join(f"{start + 1} {stop - start}" for start, stop in pixels.reshape(-1, 2))
    numbers = np.array(text.split(), dtype=int).reshape(-1, 2)
    gaps = np.stack([numbers[:, 0] - 1 - np.r_[0, numbers[:-1].sum(1) - 1], numbers[:, 1]], axis=1).ravel()
    counts = [*gaps.tolist(), mask.size - int(gaps.sum())]
    return text, coco.decode(coco.frPyObjects({"size": list(mask.shape), "counts": counts}, *mask.shape))


def same_masks(one: tuple[str, np.ndarray], other: tuple[str, np.ndarray]) -> bool:
    return one[0] == other[0] and np.array_equal(one[1], other[1])


def run_lengths(title: str, mask: np.ndarray, target: float | None) -> Job:
    return Job(
        title=f"run lengths there and back, {title}, {len(rle_from_mask(mask).split()) // 2:,} runs",
        ours=lambda: there_and_back(mask),
        peers=[
            Peer("usual snippet", lambda: lambda: usual_snippet(mask), target=target, same=same_masks),
            Peer(
                "pycocotools through the text",
                lambda: lambda: through_pycocotools(mask),
                needs=("pycocotools",),
                same=same_masks,
            ),
        ],
    )


@job
def rle_smooth() -> Job:
    return run_lengths("1400x2100 smooth", (fields(1, 60, 1400, 2100)[0] > 127).astype(np.uint8), 5)


@job
def rle_small() -> Job:
    return run_lengths("256x256", (fields(1, 12, 256, 256)[0] > 127).astype(np.uint8), None)


@job
def rle_noisy() -> Job:
    noisy = np.random.default_rng(0).random((1400, 2100)) > 0.7
    return run_lengths("1400x2100 noisy", noisy.astype(np.uint8), 5)


@job
def rle_submission() -> Job:
    """A tenth of the clouds competition's submission of 14,792 masks; the peer is a clock at a tenth of 30 s."""
    masks = (fields(64, 12, *CLOUDS) > 127).astype(np.uint8)

    def clock() -> Callable[[], None]:
        import time

        return lambda: time.sleep(3)

    return Job(
        title="1,479 of a submission's 14,792 masks 350x525 as text",
        ours=lambda: [rle_from_mask(masks[i % len(masks)]) for i in range(1479)],
        peers=[Peer("3 s on the clock", clock, target=1, rounds=1)],
    )


def first_table() -> None:
    """The kernels of components once."""
    image = np.eye(4, dtype=np.uint8)
    component_counts(image, image, [1])
    remove_small(image, 2)


def naive_grid(maps: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Labels anew for every threshold and size, and counts every mask."""
    import cv2

    tables = np.empty((len(maps), len(LEVELS), len(SIZES)))
    for n, t, s in np.ndindex(tables.shape):
        mask = (maps[n] >= LEVELS[t]).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        large = stats[:, cv2.CC_STAT_AREA] >= SIZES[s]
        large[0] = False
        kept, truth = large[labels], truths[n]
        pixels = np.count_nonzero(kept) + np.count_nonzero(truth)
        tables[n, t, s] = 2 * np.count_nonzero(kept & truth) / pixels if pixels else 1.0
    return tables


@job
def mask_sizes() -> Job:
    maps, truths = fields(10, 12, *CLOUDS), fields(10, 25, *CLOUDS, seed=1) > 140
    pairs = list(zip(maps, truths, strict=True))
    return Job(
        title="Dice at 20 thresholds x 20 minimum sizes, 10 maps 350x525",
        ours=lambda: np.stack([mask_size_table(one, truth, LEVELS, SIZES) for one, truth in pairs]),
        peers=[
            Peer("naive grid", lambda: lambda: naive_grid(maps, truths), target=20, same=np.array_equal, rounds=3),
            Peer(
                "itself on OpenCV's labels",
                lambda: (
                    lambda: np.stack(
                        [mask_size_table(*pair, LEVELS, SIZES, counts=components.component_counts) for pair in pairs]
                    )
                ),
                same=np.array_equal,
            ),
        ],
        first_call=first_table,
    )


def first_cuts() -> None:
    """The kernel of joint cuts once."""
    best_cuts(np.arange(2), np.arange(2.0), np.ones((2, 1)))


def gate_by_gate(values: np.ndarray, scores: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """The best total of each setting: for every gate a cumulated sum over all sizes."""
    order = np.argsort(-values, kind="stable")
    values, scores, gains = values[order], scores[order], gains[order]
    last = np.append(values[1:] != values[:-1], True)
    best = np.zeros(gains.shape[1])
    for gate in np.unique(scores):
        best = np.maximum(best, (gains * (scores >= gate)[:, None]).cumsum(axis=0)[last].max(0))
    return best


def same_totals(ours: tuple[np.ndarray, ...], theirs: np.ndarray) -> bool:
    return np.allclose(ours[0], theirs, atol=1e-9)


@job
def sizes_and_gates() -> Job:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 60_000, 5546), rng.random(5546), rng.normal(size=(5546, 12))
    return Job(
        title="best size and gate together, 5,546 images, 12 levels drawn from",
        ours=lambda: best_cuts(*rows),
        peers=[
            Peer("all sizes, gate by gate", lambda: lambda: gate_by_gate(*rows), target=50, same=same_totals, rounds=3),
        ],
        first_call=first_cuts,
    )


def removed_one_by_one(mask: np.ndarray, size: int) -> np.ndarray:
    """What public notebooks do: every component's pixels compared anew."""
    import cv2

    n, labels = cv2.connectedComponents(mask)
    kept = np.zeros_like(mask)
    for label in range(1, n):
        component = labels == label
        if component.sum() >= size:
            kept[component] = 1
    return kept


def removal(title: str, sigma: float) -> Job:
    import cv2

    masks = (fields(20, sigma, *CLOUDS) > 150).astype(np.uint8)
    each = np.mean([cv2.connectedComponents(mask)[0] - 1 for mask in masks])
    return Job(
        title=f"components under 400 px dropped, 20 masks 350x525, {title} ({each:.0f} each)",
        ours=lambda: [remove_small(mask, 400) for mask in masks],
        peers=[
            Peer(
                "OpenCV and a Python loop",
                lambda: lambda: [removed_one_by_one(mask, 400) for mask in masks],
                target=3,
                same=np.array_equal,
            ),
            Peer(
                "OpenCV's labels and a lookup",
                lambda: lambda: [components.remove_small(mask, 400) for mask in masks],
                same=np.array_equal,
            ),
        ],
        first_call=first_table if title == "few" else None,
    )


@job
def remove_small_few() -> Job:
    return removal("few", 12)


@job
def remove_small_many() -> Job:
    return removal("many", 2.5)


@job
def dice_levels() -> Job:
    """Every threshold of 100 maps against a mask for each."""
    maps, truths = fields(100, 6, 256, 256), fields(100, 12, 256, 256, seed=1) > 140

    def masks() -> np.ndarray:
        return np.array([np.count_nonzero((maps >= level) & truths, axis=(1, 2)) for level in range(256)]).T

    return Job(
        title="Dice at 256 thresholds, 100 maps 256x256",
        ours=lambda: dice_table(maps, truths),
        peers=[
            Peer(
                "a mask for each threshold",
                lambda: masks,
                same=lambda ours, theirs: np.array_equal(ours[:, :, 0], theirs),
                rounds=3,
            )
        ],
    )


def one_by_one(maps: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Counts of all masks together, a pass over all pixels for each of 256 thresholds."""
    masks = (maps >= level for level in range(256))
    return np.array([(np.count_nonzero(mask & truths), np.count_nonzero(mask), np.count_nonzero(truths)) for mask in masks])


def first_curve() -> None:
    """The histogram's kernel once."""
    global_curve(np.zeros((1, 1, 4), np.uint8), np.zeros((1, 1, 4), np.uint8))


@job
def global_dice_curve() -> Job:
    """A sixteenth of contrails' validation records; the second peer is a clock at a sixteenth of .2 s."""
    maps, truths = fields(116, 6, 256, 256), fields(116, 6, 256, 256, seed=1) > 220

    def clock() -> Callable[[], None]:
        import time

        return lambda: time.sleep(0.2 / 16)

    return Job(
        title="global Dice at 256 levels, 116 of 1,856 records 256x256",
        ours=lambda: global_curve(maps, truths),
        peers=[
            Peer("threshold by threshold", lambda: lambda: one_by_one(maps, truths), target=100, same=np.array_equal, rounds=3),
            Peer("12.5 ms on the clock", clock, target=1, rounds=3),
        ],
        first_call=first_curve,
    )


@job
def level_and_gate() -> Job:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 60, (20_529, 256, 2)).cumsum(1)[:, ::-1]
    common, scores = pixels.min(-1) // 2, rng.random(20_529)
    tables = np.stack([common, pixels[..., 0], np.broadcast_to(common[:, :1], common.shape)], axis=-1)

    def clock() -> Callable[[], None]:
        import time

        return lambda: time.sleep(1)

    return Job(
        title="best level and gate together, 20,529 records",
        ours=lambda: best_level_and_gate(tables, scores),
        peers=[Peer("1 s on the clock", clock, target=1, rounds=3)],
    )
