"""Infrared bands in kelvin to pictures: false colours by name, differences in time, half a pixel.

What a geostationary imager sees (GOES-16, bands 8 to 16) is brightness temperature. Differences of two bands tell thin ice
from water, dust and ash, so that false colours are made of them: each channel is a band, or one band less another, scaled
from a range in kelvin to 0 .. 1. The ash scheme is the one that contrails were labelled in ("OpenContrails", Ng et al.,
2023, after EUMETSAT's recipe). All is done in float, and 8 bits come last: of a range of 60 K they keep .12 K.

A channel is a text, ``14`` or ``15-14``. Arrays in, arrays out; an array of T frames is (H, W, T).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

Range = Sequence[float]  # (low, high) in kelvin: what becomes 0 and 1
SCHEMES: Mapping[str, Mapping[str, Range]] = {  # red, green and blue; a range may fall, so that cold is bright
    "ash": {"15-14": (-4, 2), "14-11": (-4, 5), "14": (243, 303)},
    "dust": {"15-14": (-4, 2), "14-11": (0, 15), "14": (261, 289)},
    "airmass": {"8-10": (-26.2, 0.6), "12-13": (-43.2, 6.7), "8": (243.9, 208.5)},
}
_BAND, _DIFFERENCE = (183.0, 323.0), (-10.0, 10.0)  # of a channel that no scheme has
_HALF = np.array([-3, 19, 19, -3], np.float32) / 32  # a cubic halfway between the second and the third (Keys, a = -3/4)


def channels_of(bands: str | Sequence[str], ranges: Mapping[str, Range] | None = None) -> list[tuple[str, Range]]:
    """(channel, range) of schemes and channels by name, in their order.

    bands: one of SCHEMES, a band such as ``13``, a difference such as ``14-16``, or several of them, stacked
    ranges: channel -> (low, high) in kelvin in place of the scheme's, such as the training data's own
    Raises ValueError for what is none of them, and for a range that is asked for a channel which is not there.

    >>> channels_of(["ash", "13"], {"13": (200, 300)})[2:]
    [('14', (243, 303)), ('13', (200, 300))]
    """
    found: list[tuple[str, Range]] = []
    for name in [bands] if isinstance(bands, str) else bands:
        if name not in SCHEMES and not all(part.isdecimal() for part in name.split("-", 1)):
            raise ValueError(f"bands has {name!r}, expected {', '.join(SCHEMES)}, a band as '14' or a difference as '15-14'")
        found += SCHEMES.get(name, {name: _DIFFERENCE if "-" in name else _BAND}).items()
    if odd := sorted(set(ranges or ()) - {channel for channel, _ in found}):
        raise ValueError(f"ranges has {odd[0]!r}, expected some of {', '.join(channel for channel, _ in found)}")
    return [(channel, (ranges or {}).get(channel, given)) for channel, given in found]


def bands_of(channels: Sequence[tuple[str, Range]]) -> list[int]:
    """Numbers of the bands that channels are made of, ascending.

    >>> bands_of(channels_of("ash"))
    [11, 14, 15]
    """
    return sorted({int(band) for channel, _ in channels for band in channel.split("-")})


def false_colour(kelvin: Mapping[int, np.ndarray], channels: Sequence[tuple[str, Range]]) -> np.ndarray:
    """(H, W, T, C) float32 from 0 to 1; kelvin: band -> (H, W, T); channels: of :func:`channels_of`.

    >>> kelvin = {band: np.full((1, 1, 1), value, np.float32) for band, value in {11: 280, 14: 283, 15: 282}.items()}
    >>> false_colour(kelvin, channels_of("ash"))[0, 0].round(3)  # (-1 + 4) / 6, (3 + 4) / 9, (283 - 243) / 60
    array([[0.5  , 0.778, 0.667]], dtype=float32)
    """
    scaled = []
    for channel, (low, high) in channels:
        one, *other = (kelvin[int(band)] for band in channel.split("-"))
        scaled.append(((one - other[0] if other else one) - low) / (high - low))
    return np.clip(np.stack(scaled, axis=-1), 0, 1).astype(np.float32)


def with_changes(before: np.ndarray, now: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(..., 3C): colours as they are, and how they came and go: .5 is no change, 0 and 1 are half a range and more.

    before, now, after: (..., C) from 0 to 1, of successive frames

    >>> with_changes(np.array([0.25]), np.array([0.5]), np.array([0.5])).tolist()
    [0.5, 0.75, 0.5]
    """
    return np.concatenate([now, *(np.clip(0.5 + step, 0, 1) for step in (now - before, after - now))], axis=-1)


def half_pixel(pixels: np.ndarray, times: int = 1) -> np.ndarray:
    """What is seen, moved down and right by half a pixel; times: -1 moves it up and left, 0 not at all.

    pixels: (H, W, ...) float, returned alike. What comes in over the border is the border's.

    >>> half_pixel(np.tile(np.arange(5, dtype=np.float32), (3, 1)))[1].tolist()  # away from the border one half less
    [-0.09375, 0.40625, 1.5, 2.5, 3.59375]
    """
    if not times:
        return pixels
    flat = np.ascontiguousarray(pixels).reshape(*pixels.shape[:2], -1)
    anchor = (2, 2) if times > 0 else (1, 1)
    return cv2.sepFilter2D(flat, -1, _HALF, _HALF, anchor=anchor, borderType=cv2.BORDER_REPLICATE).reshape(pixels.shape)


def in_bytes(colour: np.ndarray) -> np.ndarray:
    """0 .. 1 -> uint8, 0 .. 255.

    >>> in_bytes(np.array([0, 0.5, 1]))
    array([  0, 128, 255], dtype=uint8)
    """
    return np.rint(255 * colour).astype(np.uint8)


def contrast(kelvin: np.ndarray, pixels: float = 3) -> np.ndarray:
    """(H, W) of a band or a difference less its surroundings, which is what thin lines stand out by.

    pixels: deviation of the Gaussian that the surroundings are weighed by
    """
    return kelvin - cv2.GaussianBlur(kelvin, (0, 0), pixels)
