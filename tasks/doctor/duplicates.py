"""The same image in two splits: found by a difference hash, confirmed on small grey pictures.

The hash says of 8 x 8 places whether the picture becomes brighter to the right: it stays when a picture is resized,
compressed again or made brighter. Pictures with plain grounds may share it by chance, so that thumbnails decide.
"""

from typing import NamedTuple

import cv2
import numpy as np

HASH_SIDE = 8  # rows and columns of the hash: 64 bits
THUMBNAIL = 16  # pixels, both sides
MOST_BITS = 8  # that the hashes of the same picture differ by
MOST_DIFFERENCE = 0.25  # of their thumbnails, each less its mean and over its deviation: a correlation of .97
LEAST_DEVIATION = 4.0  # grey levels: below it a thumbnail is nearly one colour
CHUNK = 64  # pictures compared with all others at once


class Match(NamedTuple):
    """Two pictures that are nearly the same."""

    first: int  # position in the first set
    second: int  # position in the second set
    bits: int  # that their hashes differ by
    difference: float  # of their thumbnails, see `compare_thumbnails`


def hash_differences(grey: np.ndarray) -> np.ndarray:
    """Return the difference hash of a grey picture (H, W) uint8: (64,) bool, row by row."""
    small = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return (small[:, 1:] > small[:, :-1]).reshape(-1)  # (64,)


def compare_thumbnails(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how much pictures differ, whatever their brightness and contrast.

    Args:
        one: (S, S) uint8.
        others: (M, S, S) uint8.

    Returns:
        (M,) root mean squared difference of grey levels less their mean and over their standard deviation: 0 for the
        same picture, 1.4 for unrelated ones.
    """
    differences: np.ndarray = np.sqrt(np.square(_standardize(others) - _standardize(one)).mean(axis=(1, 2)))
    return differences


def _standardize(thumbnails: np.ndarray) -> np.ndarray:
    """Return (..., S, S) float32 of mean 0 and deviation 1; nearly plain ones keep a deviation below 1."""
    values = thumbnails.astype(np.float32)
    values -= values.mean(axis=(-2, -1), keepdims=True)
    result: np.ndarray = values / np.maximum(values.std(axis=(-2, -1), keepdims=True), LEAST_DEVIATION)
    return result


def find_matches(
    bits: tuple[np.ndarray, np.ndarray], thumbnails: tuple[np.ndarray, np.ndarray], *, most_bits: int = MOST_BITS
) -> list[Match]:
    """Find for each picture of the second set the one of the first that is nearly the same, if there is one.

    All pairs are compared: as a product of matrices of +1 and -1, 100000 pictures with 5000 take seconds.

    Args:
        bits: (N, 64) and (M, 64) bool, the hashes of both sets.
        thumbnails: (N, S, S) and (M, S, S) uint8.
        most_bits: that hashes may differ by.

    Returns:
        At most one match for each picture of the second set.
    """
    first, second = (values.astype(np.float32) * 2 - 1 for values in bits)
    length, matches = first.shape[1], []
    for start in range(0, len(second), CHUNK):
        agreement = second[start : start + CHUNK] @ first.T  # (CHUNK, N): 64 - 2 * differing bits
        near = agreement >= length - 2 * most_bits
        for row in np.flatnonzero(near.any(axis=1)):
            candidates = np.flatnonzero(near[row])
            differences = compare_thumbnails(thumbnails[1][start + row], thumbnails[0][candidates])
            best = int(differences.argmin())
            if differences[best] <= MOST_DIFFERENCE:
                apart = int(length - agreement[row, candidates[best]]) // 2
                matches.append(Match(int(candidates[best]), int(start + row), apart, float(differences[best])))
    return matches
