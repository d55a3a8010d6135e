"""The cache of resized frames: made once, whole, by one of many."""

import json
import multiprocessing
import os
import signal
import time

import cv2
import numpy as np
import pytest

from kaggle_utils.images import cache as frame_cache
from kaggle_utils.images.cache import cached_frames

SIZE = (32, 18)


@pytest.fixture
def paths(tmp_path):
    """Thirty grey pictures, each of its own grey."""
    names = [str(tmp_path / f"{i}.png") for i in range(30)]
    for i, name in enumerate(names):
        cv2.imwrite(name, np.full((90, 160, 3), 5 * i, np.uint8))
    return names


def greys(frames):
    assert frames.shape == (30, 18, 32, 3) and frames.dtype == np.uint8
    assert (frames == frames[:, :1, :1, :1]).all()
    return frames[:, 0, 0, 0].tolist()


def test_a_cache_holds_every_image_at_the_wanted_size_and_is_not_made_twice(paths, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    assert greys(cached_frames(paths, folder, SIZE)) == list(range(0, 150, 5))
    monkeypatch.setattr(frame_cache, "threaded", lambda *_: pytest.fail("decoded again"))
    assert greys(cached_frames(paths, folder, SIZE)) == list(range(0, 150, 5))
    held = json.loads(next(folder.glob("*.json")).read_text())
    assert held["size"] == [32, 18] and held["sources"][2][0] == paths[2]


def test_the_mapped_frames_cannot_be_written_to(paths, tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        cached_frames(paths, tmp_path / "cache", SIZE)[0] = 0


def test_another_size_other_paths_and_a_changed_image_are_other_caches(paths, tmp_path):
    folder = tmp_path / "cache"
    cached_frames(paths, folder, SIZE)
    cached_frames(paths, folder, (16, 9))
    cached_frames(paths[:5], folder, SIZE)
    cv2.imwrite(paths[0], np.full((90, 160, 3), 255, np.uint8))
    os.utime(paths[0], (1, 1))
    assert cached_frames(paths, folder, SIZE)[0, 0, 0, 0] == 255
    assert len(list(folder.glob("*.npy"))) == 4


def test_an_unreadable_image_is_named_and_leaves_no_finished_cache(paths, tmp_path):
    with open(paths[7], "wb") as file:
        file.write(b"no image")
    with pytest.raises(ValueError, match="7.png"):
        cached_frames(paths, tmp_path / "cache", SIZE)
    assert list((tmp_path / "cache").glob("*.npy")) == []


def test_grey_frames_are_opencv_s_grey_of_the_files_in_a_third_of_the_disk(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    for path in paths:
        cv2.imwrite(str(path), cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), SIZE))
    colour, grey = (cached_frames(paths, tmp_path / "cache", SIZE, grayscale=wanted) for wanted in (False, True))
    assert grey.shape == (3, *SIZE[::-1], 1) and colour.shape == (3, *SIZE[::-1], 3) and grey.nbytes * 3 == colour.nbytes
    for frame, path in zip(grey, paths, strict=True):
        assert np.array_equal(frame[..., 0], cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def test_what_is_no_picture_in_one_file_is_read_by_whoever_knows_it(paths, tmp_path):
    def read(row, size, band):
        return np.full((size[1], size[0], 5), row + band, np.uint8)

    one, other = (cached_frames(paths, tmp_path / "cache", SIZE, read=read, band=band) for band in (0, 100))
    assert one.shape == (30, 18, 32, 5) and one[:, 0, 0, 4].tolist() == list(range(30))
    assert other[7, 3, 2, 1] == 107  # what the reader is told tells caches apart


def test_a_cache_of_folders_is_known_by_what_is_in_them_wherever_they_lie(tmp_path, monkeypatch):
    def cached(place, moved=0):
        folders = [tmp_path / place / str(number) for number in range(9)]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)

        def read(row, size):
            return np.full((size[1], size[0], 3), 7 * row + moved, np.uint8)

        return cached_frames(folders, tmp_path / "cache", SIZE, read=read)

    assert cached("here")[8, 0, 0, 0] == 56 and cached("here", moved=1)[8, 0, 0, 0] == 57
    monkeypatch.setattr(frame_cache, "threaded", lambda *_: pytest.fail("read again"))
    assert cached("there")[8, 0, 0, 0] == 56 and len(list((tmp_path / "cache").glob("*.npy"))) == 2


def slowly(paths, folder, seen):
    """Fills the cache at 50 images a second, noting each image it decodes."""
    threaded = frame_cache.threaded

    def slow(*arguments):
        for image in threaded(*arguments):
            time.sleep(0.02)
            with open(seen, "a") as file:
                file.write(f"{image[0, 0, 0]}\n")
            yield image

    frame_cache.threaded, frame_cache.STEP = slow, 4
    cached_frames(paths, folder, SIZE)


def test_a_killed_process_is_gone_on_from_and_not_begun_again(paths, tmp_path, monkeypatch):
    folder, seen = tmp_path / "cache", tmp_path / "seen"
    worker = multiprocessing.get_context("spawn").Process(target=slowly, args=(paths, folder, seen))
    worker.start()
    while not seen.exists() or len(seen.read_text().split()) < 10:
        time.sleep(0.01)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert list(folder.glob("*.npy")) == []
    decoded, threaded = [], frame_cache.threaded
    monkeypatch.setattr(frame_cache, "threaded", lambda read, rows, *how: decoded.extend(rows) or threaded(read, rows, *how))
    assert greys(cached_frames(paths, folder, SIZE)) == list(range(0, 150, 5))
    assert 1 <= 30 - len(decoded) <= 28
    assert sorted(file.suffix for file in folder.iterdir()) == [".json", ".lock", ".npy"]


def test_processes_that_ask_at_once_share_one_making(paths, tmp_path):
    folder, seen = tmp_path / "cache", tmp_path / "seen"
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=slowly, args=(paths, folder, seen)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(seen.read_text().split()) == 30
    assert greys(cached_frames(paths, folder, SIZE)) == list(range(0, 150, 5))
