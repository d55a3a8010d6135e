"""Frames with boxes drawn in: single, side by side, and as a film.

Images are (H, W, 3) uint8 RGB in and out. Truth is drawn green, predictions orange with their
confidence, and in a film every track has a colour and a tail. OpenCV draws; line widths and letters
follow the size of the image.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kaggle_utils.boxes.table import Boxes
from kaggle_utils.files import replacing
from kaggle_utils.pictures.figures import PALETTE, PREDICTION, TRUTH, rgb

DARK = "#212529"  # behind captions
Window = tuple[int, int, int, int]  # left, top, right, bottom in pixels


def draw_boxes(
    image: np.ndarray, truth: Boxes | None = None, predictions: Boxes | None = None, tracks: np.ndarray | None = None
) -> np.ndarray:
    """A copy of the image with boxes; truth a pixel wider, so that it is seen where both agree.

    truth, predictions: of this frame alone, in its pixels
    tracks: (N,) the track of each prediction, which then gives its colour; -1 is no track

    >>> frame = np.zeros((90, 160, 3), np.uint8)
    >>> draw_boxes(frame, truth=Boxes([0], [[20, 20, 60, 60]]))[20, 40].tolist()
    [47, 179, 68]
    """
    image, pen = np.ascontiguousarray(image).copy(), max(1, round(image.shape[1] / 640))
    for xyxy in () if truth is None else truth.xyxy:
        _rectangle(image, xyxy, TRUTH, pen + 1)
    if predictions is None or not len(predictions):
        return image
    colours = [PREDICTION if number < 0 else _track_colour(number) for number in _numbers(tracks, predictions)]
    for xyxy, colour in zip(predictions.xyxy, colours, strict=True):
        _rectangle(image, xyxy, colour, pen)
    texts = [f"{score:.2f}" for score in predictions.score]
    return _labelled(image, texts, predictions.xyxy[:, :2] - [0, pen], colours, "ld")


def _numbers(tracks: np.ndarray | None, boxes: Boxes) -> np.ndarray:
    return np.full(len(boxes), -1) if tracks is None else np.asarray(tracks)


def _track_colour(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def contact_sheet(
    images: Iterable[np.ndarray], columns: int, width: int = 320, captions: Sequence[str] | None = None, gap: int = 4
) -> np.ndarray:
    """Images in rows of ``columns``, each shrunk or enlarged to ``width`` pixels, on white.

    images: of one shape of frame (the first one's proportions count)
    captions: one an image, written into its upper left corner; an empty one is not

    >>> contact_sheet([np.zeros((90, 160, 3), np.uint8)] * 5, columns=3, width=80).shape
    (94, 248, 3)
    """
    cells: list[np.ndarray] = []
    for number, image in enumerate(images):
        height = cells[0].shape[0] if cells else round(width * image.shape[0] / image.shape[1])
        cell = _resized(image, (width, height))
        cells.append(_labelled(cell, [captions[number]], [(0, 0)], [DARK], "la") if captions and captions[number] else cell)
    if not cells:
        raise ValueError("there are no images, expected at least one")
    return _grid(cells, columns, gap)


def _grid(cells: Sequence[np.ndarray], columns: int, gap: int) -> np.ndarray:
    height, width = cells[0].shape[:2]
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for number, cell in enumerate(cells):
        top, left = (height + gap) * (number // columns), (width + gap) * (number % columns)
        sheet[top : top + height, left : left + width] = cell
    return sheet


def strip(
    images: Iterable[np.ndarray],
    frames: Sequence[int],
    truth: Boxes | None = None,
    predictions: Boxes | None = None,
    *,
    columns: int = 4,
    width: int = 320,
    captions: Sequence[str] | None = None,
    window: Window | None = None,
) -> np.ndarray:
    """Frames side by side with truth and predictions; arguments otherwise as for :func:`contact_sheet`.

    frames: the frame number of each image, by which its boxes are found
    window: (left, top, right, bottom) in pixels, inside the frame: the part of every frame to show, in
        which small things become large

    >>> strip([np.zeros((90, 160, 3), np.uint8)] * 2, [4, 5], Boxes([5], [[20, 20, 60, 60]]), width=80).shape
    (45, 164, 3)
    """
    cells = []
    for image, frame in zip(images, frames, strict=True):
        left, top, right, bottom = part = window or (0, 0, image.shape[1], image.shape[0])
        cell = _resized(image[top:bottom, left:right], (width, round(width * (bottom - top) / (right - left))))
        cells.append(draw_boxes(cell, *(_seen(table, frame, part, width) for table in (truth, predictions))))
    return contact_sheet(cells, columns, width, captions)


def close_ups(
    images: Iterable[np.ndarray], boxes: Boxes, truth: Boxes, predictions: Boxes, side: int = 200, columns: int = 6,
    width: int = 190,
) -> np.ndarray:  # fmt: skip
    """A square around each of some boxes, with all truth and predictions that show in it; for what was missed or invented.

    images: of the frame of each box; side: of the square in pixels, of a larger box half as much again

    >>> frame, box = np.zeros((90, 160, 3), np.uint8), Boxes([3], [[0, 0, 20, 20]])
    >>> close_ups([frame], box, box, box[:0], side=40, width=80).shape
    (80, 80, 3)
    """
    cells = []
    for image, number, xyxy in zip(images, boxes.frame, boxes.xyxy, strict=True):
        window = _around(xyxy, side, image.shape[:2])
        cells.append(strip([image], [number], truth, predictions, width=width, window=window))
    return contact_sheet(cells, columns, width)


def _around(xyxy: np.ndarray, side: int, shape: tuple[int, int]) -> Window:
    """A square around a box, moved into the frame; shape: (height, width)."""
    side = min(*shape, max(side, round(1.5 * float(max(xyxy[2:] - xyxy[:2])))))
    left, top = (round(float(middle)) - side // 2 for middle in (xyxy[:2] + xyxy[2:]) / 2)
    left, top = max(0, min(left, shape[1] - side)), max(0, min(top, shape[0] - side))
    return left, top, left + side, top + side


def _seen(boxes: Boxes | None, frame: int, window: Window, width: int) -> Boxes | None:
    """The boxes of a frame that show in its window, in the pixels of the window at that width."""
    if boxes is None:
        return None
    left, top, right, bottom = window
    shows = (boxes.xyxy[:, :2] < [right, bottom]).all(1) & (boxes.xyxy[:, 2:] > [left, top]).all(1)
    here = boxes[(boxes.frame == frame) & shows]
    return here.replace(xyxy=(here.xyxy - [left, top, left, top]) * width / (right - left))


def film_of_tracks(
    images: Iterable[np.ndarray],
    frames: Sequence[int],
    boxes: Boxes,
    tracks: np.ndarray | None = None,
    truth: Boxes | None = None,
    tail: int = 12,
) -> Iterator[np.ndarray]:
    """Frames with boxes, and behind each track the way it came.

    frames: the frame number of each image, ascending
    boxes, tracks: predictions and (N,) the track of each, such as those of :class:`kaggle_utils.boxes.tracking.Tracks`
    truth: drawn green when given
    tail: frames back in time that the way is drawn
    """
    tracks = _numbers(tracks, boxes)
    for image, frame in zip(images, frames, strict=True):
        here = boxes.frame == frame
        image = draw_boxes(image, None if truth is None else truth[truth.frame == frame], boxes[here], tracks[here])
        for number in np.unique(tracks[here & (tracks >= 0)]):
            way = (tracks == number) & (boxes.frame <= frame) & (boxes.frame > frame - tail)
            _way(image, boxes[way], _track_colour(number))
        yield image


def write_film(
    images: Iterable[np.ndarray], path: str | os.PathLike, frames_per_second: float = 8, width: int | None = None
) -> Path:
    """An animation: ``.gif`` (shown anywhere, few colours) or ``.mp4`` (small); returns its path.

    width: of the film in pixels; the images' own by default
    Raises ValueError when there are no images and for another suffix.
    """
    write = {".gif": _write_gif, ".mp4": _write_mp4}.get(Path(path).suffix)
    if write is None:
        raise ValueError(f"the film's path is {os.fspath(path)!r}, expected it to end in .gif or .mp4")
    images = iter(images)
    first = next(images, None)
    if first is None:
        raise ValueError("there are no images, expected at least one")
    scaled = (_even(image, width or first.shape[1]) for image in chain([first], images))
    with replacing(path) as part:
        write(scaled, part, frames_per_second)
    return Path(path)


@dataclass(frozen=True)
class Film:
    """An animated picture that a notebook shows, and keeps in its page. path: of a .gif"""

    path: Path

    def _repr_html_(self) -> str:
        return f'<img alt="film" src="data:image/gif;base64,{base64.b64encode(self.path.read_bytes()).decode()}">'


def _even(image: np.ndarray, width: int) -> np.ndarray:
    """At that width; both sides even, as MP4 wants them."""
    height = round(width * image.shape[0] / image.shape[1])
    return _resized(image, (width - width % 2, height - height % 2))


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    shrinks = image.shape[1] > size[0]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _write_gif(images: Iterator[np.ndarray], path: Path, frames_per_second: float) -> None:
    """All frames share the first one's colours and the kit's, so that nothing flickers or fades."""
    first = Image.fromarray(next(images))
    drawn = [part for colour in (TRUTH, PREDICTION, DARK, "white", *PALETTE) for part in rgb(colour)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(first.quantize(256 - len(drawn) // 3).getpalette()[: 3 * 256 - len(drawn)] + drawn)
    pictures = chain([first], map(Image.fromarray, images))
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=round(1000 / frames_per_second), loop=0)


def _write_mp4(images: Iterator[np.ndarray], path: Path, frames_per_second: float) -> None:
    first = next(images)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), frames_per_second, first.shape[1::-1])
    for image in chain([first], images):
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()
    if not path.exists():
        raise OSError(f"{path.name}: this OpenCV cannot write MP4, a .gif can always be written")


def _rectangle(image: np.ndarray, xyxy: np.ndarray, colour: str, pen: int) -> None:
    left, top, right, bottom = np.rint(xyxy).astype(int).tolist()
    cv2.rectangle(image, (left, top), (right, bottom), rgb(colour), pen)


def _way(image: np.ndarray, boxes: Boxes, colour: str) -> None:
    centres = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:])[np.argsort(boxes.frame)] / 2
    points = np.rint(centres).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(image, [points], False, rgb(colour), max(1, round(image.shape[1] / 500)), cv2.LINE_AA)


def _labelled(
    image: np.ndarray, texts: Sequence[str], at: Sequence[Sequence[float]], colours: Sequence[str], anchor: str
) -> np.ndarray:
    """White letters on plates of colour, kept inside the image; anchor as Pillow has it."""
    picture = Image.fromarray(image)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(max(10, round(image.shape[1] / 64)))
    for text, (x, y), colour in zip(texts, at, colours, strict=True):
        left, top, right, bottom = draw.textbbox((x, y), text, font, anchor)
        x += max(0, 2 - left) - max(0, right + 2 - image.shape[1])
        y += max(0, 2 - top) - max(0, bottom + 2 - image.shape[0])
        left, top, right, bottom = draw.textbbox((x, y), text, font, anchor)
        draw.rectangle((left - 2, top - 2, right + 1, bottom + 1), fill=colour)
        draw.text((x, y), text, "white", font, anchor)
    return np.array(picture)
