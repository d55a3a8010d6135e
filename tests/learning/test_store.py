"""The prediction store: 8 bits, resumable, several models merged in the memory of one chunk."""

import errno
import os
import tracemalloc

import numpy as np
import pytest

from kaggle_utils.errors import KitError
from kaggle_utils.learning.store import Joined, PredictionStore, ensemble

SHAPE = (2, 3, 5)


def guesses(rows, seed: int = 0) -> np.ndarray:
    """Probabilities that each row has for itself."""
    return np.stack([np.random.default_rng([seed, row]).random(SHAPE, np.float32) for row in rows])


def filled(path, rows, seed: int = 0) -> PredictionStore:
    store = PredictionStore.create(path, rows, SHAPE)
    store.write(rows, guesses(rows, seed))
    return store


def test_rows_come_back_by_their_numbers_in_any_order(tmp_path):
    store = filled(tmp_path / "m.npy", [40, 3, 17])
    assert np.abs(store.read([17, 40]) - guesses([17, 40])).max() <= 1 / 510 + 1e-6
    assert PredictionStore(tmp_path / "m.npy").rows.tolist() == [3, 17, 40]


def test_one_byte_a_place_lies_on_disk(tmp_path):
    filled(tmp_path / "m.npy", range(10))
    assert (tmp_path / "m.npy").stat().st_size == 128 + 10 * 2 * 3 * 5


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="Linux")
def test_a_store_holds_its_disk_before_anything_is_written(tmp_path):
    PredictionStore.create(tmp_path / "m.npy", range(1000), (100, 20))
    assert (tmp_path / "m.npy").stat().st_blocks * 512 >= 1000 * 100 * 20


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="Linux")
def test_a_disk_without_room_for_a_store_is_a_sentence_and_nothing_is_left(tmp_path, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(KitError, match=r"m.npy takes 4.0 GB, and the disk has \d+.\d GB left"):
        patched.setattr(os, "posix_fallocate", full)
        PredictionStore.create(tmp_path / "m.npy", range(2000), (1000, 2000))
    assert not list(tmp_path.iterdir())
    filled(tmp_path / "m.npy", range(3))


def test_a_store_that_was_left_goes_on_with_what_is_missing(tmp_path):
    begun = PredictionStore.create(tmp_path / "m.npy", range(8), SHAPE, {"model": "unet"})
    for part in ([5, 6], [0, 1]):
        begun.write(part, guesses(part))
    again = PredictionStore.create(tmp_path / "m.npy", range(8), SHAPE, {"model": "unet"})
    assert again.missing().tolist() == [2, 3, 4, 7]
    again.write(again.missing(), guesses(again.missing()))
    whole = PredictionStore(tmp_path / "m.npy")
    assert not len(whole.missing()) and np.abs(whole.read(range(8)) - guesses(range(8))).max() <= 1 / 510 + 1e-6


def test_a_kill_between_numbers_and_note_only_repeats_work(tmp_path, monkeypatch):
    store = PredictionStore.create(tmp_path / "m.npy", range(4), SHAPE)
    store.write([0], guesses([0]))

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(PredictionStore, "_flags", killed)
        store.write([1], guesses([1]))
    assert PredictionStore(tmp_path / "m.npy").missing().tolist() == [1, 2, 3]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.json", "m.npy", "m.written"]


def test_floats_are_kept_as_they_are_and_joined_so(tmp_path):
    stores = [PredictionStore.create(tmp_path / f"{k}.npy", [k, k + 2], SHAPE, dtype="float32") for k in (0, 1)]
    for store in stores:
        store.write(store.rows, guesses(store.rows))
    assert (Joined(stores).read([3, 0]) == guesses([3, 0])).all()
    with pytest.raises(ValueError, match="other dtype: float32, now uint8"):
        PredictionStore.create(tmp_path / "0.npy", [0, 2], SHAPE)


def test_writing_batch_by_batch_does_not_note_all_rows_each_time(tmp_path, monkeypatch):
    store = PredictionStore.create(tmp_path / "m.npy", range(50), SHAPE)
    monkeypatch.setattr("kaggle_utils.learning.store.json_text", lambda *a: pytest.fail("written anew"))
    for row in range(50):
        store.write([row], guesses([row]))
    assert not len(PredictionStore(tmp_path / "m.npy").missing())


def test_mistakes_are_named(tmp_path):
    store = PredictionStore.create(tmp_path / "m.npy", [1, 2], SHAPE, {"size": 320})
    for wrong, match in [
        (lambda: store.read([1]), "row 1 .*not written"),
        (lambda: store.read([9]), "row 9 is not in"),
        (lambda: store.write([1], np.zeros((1, 2, 3))), r"\(1, 2, 3\), expected \(1, 2, 3, 5\)"),
        (lambda: PredictionStore.create(tmp_path / "m.npy", [1, 2], SHAPE, {"size": 640}), "other facts: .*320.*now .*640"),
        (lambda: PredictionStore.create(tmp_path / "m.npy", [1, 3], SHAPE, {"size": 320}), "other rows: "),
        (lambda: PredictionStore.create(tmp_path / "n.npy", [1, 1], SHAPE), "each once"),
    ]:
        with pytest.raises(ValueError, match=match):
            wrong()


class TestEnsemble:
    def test_folds_join_to_one_model(self, tmp_path):
        whole = Joined([filled(tmp_path / "0.npy", [4, 0, 2]), filled(tmp_path / "1.npy", [1, 5])])
        assert whole.rows.tolist() == [0, 1, 2, 4, 5]
        assert np.abs(whole.read([5, 0, 1]) - guesses([5, 0, 1])).max() <= 1 / 510 + 1e-6
        with pytest.raises(ValueError, match="row 3 is in none"):
            whole.read([3])

    def test_folds_that_share_a_row_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="row 2 is in two"):
            Joined([filled(tmp_path / "0.npy", [2, 3]), filled(tmp_path / "1.npy", [1, 2])])

    def test_models_are_merged_row_by_row_in_the_order_asked(self, tmp_path):
        models = [filled(tmp_path / f"{seed}.npy", range(7), seed) for seed in range(3)]
        parts = list(ensemble(models, [6, 1, 0, 3, 5], weights=(2, 1, 1), chunk=2))
        assert [rows.tolist() for rows, _ in parts] == [[6, 1], [0, 3], [5]]
        by_hand = sum(w * guesses([6, 1, 0, 3, 5], seed) for seed, w in enumerate((0.5, 0.25, 0.25)))
        assert np.abs(np.concatenate([p for _, p in parts]) - by_hand).max() <= 1 / 510 + 1e-6

    def test_memory_does_not_grow_with_the_number_of_rows(self, tmp_path):
        def peak(rows: int) -> int:
            stores = []
            for model in range(3):
                stores.append(PredictionStore.create(tmp_path / f"{rows}_{model}.npy", range(rows), (4, 64, 96)))
                for start in range(0, rows, 10):
                    stores[-1].write(range(start, start + 10), np.full((10, 4, 64, 96), model / 3, np.float32))
            tracemalloc.start()
            for _, merged in ensemble(stores, chunk=10):
                assert abs(merged[0, 0, 0, 0] - 1 / 3) < 1e-6
            highest = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return highest

        few, many = peak(20), peak(200)
        assert many < 1.1 * few < 10 * 10 * 4 * 64 * 96 * 4  # ten chunks of floats
