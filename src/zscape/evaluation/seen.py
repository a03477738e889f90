"""Whether images were seen in training: found by their content, not by where they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from zscape.data.images import ImageStore, as_float, chunks

WORTH_A_WARNING = 0.01  # share of the images; a few twins there are in many sets


def count_seen(images: ImageStore, training: ImageStore) -> int:
    """Return how many images (N, H, W, C) are among the training images, value by value.

    They are compared as a model gets them, so that a copy as floats or in another file counts too.
    """
    digests = list(_digests(images))
    wanted = set(digests)
    seen = {digest for digest in _digests(training) if digest in wanted}
    return sum(digest in seen for digest in digests)


def seen_warning(n_seen: int, n_images: int, *, consequence: str) -> tuple[str, ...]:
    """Return a warning with the share of images that were seen in training; none if it is small.

    The `consequence` says what that does to the results, as the end of the sentence.
    """
    if n_seen < WORTH_A_WARNING * n_images or not n_seen:
        return ()
    share = f"{n_seen:,} of {n_images:,} images ({100 * n_seen / n_images:.0f} %)"
    return (f"{share} were seen in training: {consequence}.",)


def _digests(images: ImageStore) -> Iterator[bytes]:
    """Yield what tells images apart, whatever type they are stored in."""
    for _, part in chunks(images):
        for image in _as_uint16(part):
            yield hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def _as_uint16(images: np.ndarray) -> np.ndarray:
    """Return images of any accepted type in 16 bits, where rounded floats equal their origin."""
    if images.dtype.kind == "u" and images.dtype.itemsize == 1:
        return np.asarray(images * np.uint16(257))
    if images.dtype.kind == "u":
        return np.asarray(images, np.uint16)
    return np.asarray(np.rint(as_float(images) * 65535), np.uint16)
