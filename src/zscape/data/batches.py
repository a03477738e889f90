"""Batches of images for Keras: seeded, and the same again after a resume."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import keras
import numpy as np

from zscape.data.corruptions import corrupt
from zscape.data.images import ImageStore, as_float, epoch_order, is_broken, readable_rows
from zscape.errors import ConfigError
from zscape.settings import CorruptionConfig

# The last word of the seeds of corruption, so that they are not also those of an order: NumPy
# takes [1, 2] and [1, 2, 0] for the same seed.
_TRAINING, _FIXED = 1, 2

# TensorFlow runs several steps in one call where steps are short: the time between two calls is
# that of a tenth of a step at 28 pixels. Large images have long steps, between which Ctrl-C works.
_MAX_STEPS_PER_CALL = 10
_MAX_VALUES_PER_CALL = 2**19


class ReconstructionBatches(keras.utils.PyDataset):
    """Pairs (images, images) in batches: an autoencoder's input is its own target.

    With a corruption the pairs are (corrupted images, images), with targets (images, targets).

    Pictures of a folder may still be on their way into the cache, and some may turn out broken. In
    a shuffled epoch the next in order that can be read takes the place of a broken one: the number
    of batches is known from the start, and nothing depends on when a picture is decoded. Without
    shuffling, broken ones are left out, and the number is known when all are decoded.

    An object serves one `fit`, with the argument `shuffle=False`: otherwise Keras also shuffles
    the batches, from a global random state that no seed of ours reaches. `fit` takes the object
    itself, or `for_fit()`, which gives the same batches sooner.

    Args:
        images: (N, H, W, C), any type that `as_float` takes; each batch becomes float32.
        batch_size: images per batch; the last batch of an epoch may be smaller.
        shuffle_seed: of the order of the images, see `epoch_order`; None keeps that of `images`.
        first_epoch: the number of the first epoch that will be asked for.
        corruption: drawn fresh for batch b of epoch e from (shuffle_seed, e, b); without a
            `shuffle_seed` the same in every epoch.
        targets: (N, H, W, C), what the network shall make of each image; excludes a corruption.
    """

    def __init__(
        self,
        images: ImageStore,
        *,
        batch_size: int,
        shuffle_seed: int | None = None,
        first_epoch: int = 0,
        corruption: CorruptionConfig | None = None,
        targets: ImageStore | None = None,
    ) -> None:
        if corruption and targets is not None:
            raise ConfigError("`corruption` and `targets` exclude each other; give one of the two.")
        # From two workers on, Keras reads ahead by itself. With one it leaves that to tf.data,
        # whose autotuner can hold up the end of an epoch until its next turn, which comes after
        # 10 ms, 20 ms, 40 ms and so on up to a minute: some epochs then take twice as long.
        super().__init__(workers=2)
        self._images = images
        self._batch_size = batch_size
        self._shuffle_seed = shuffle_seed
        self._epoch = first_epoch
        self._corruption = corruption
        self._targets = targets
        self._are_same = not corruption and targets is None
        self._fit_has_begun = False

    @cached_property
    def _order(self) -> np.ndarray:
        if self._shuffle_seed is None:
            return readable_rows(self._images)
        return epoch_order(len(self._images), self._shuffle_seed, self._epoch)

    @property
    def num_batches(self) -> int:
        """Batches in one epoch."""
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs of batch `index` of this epoch, and the targets."""
        return self._pair(index, 1)

    @property
    def steps_per_call(self) -> int:
        """How many steps TensorFlow should run in one call; see `Model.compile`."""
        if keras.backend.backend() != "tensorflow":
            return 1
        batch_values = self._batch_size * int(np.prod(self._images.shape[1:]))
        return min(max(1, _MAX_VALUES_PER_CALL // batch_values), _MAX_STEPS_PER_CALL)

    def for_fit(self) -> Any:
        """Return what Keras reads shuffled batches from fastest: on TensorFlow a `tf.data.Dataset`.

        `start_epoch` must then be called before each epoch.
        """
        if keras.backend.backend() != "tensorflow":
            return self
        import tensorflow as tf

        spec = tf.TensorSpec((None, *self._images.shape[1:]), tf.float32)
        signature = (spec,) if self._are_same else (spec, spec)
        batches = tf.data.Dataset.from_generator(self._blocks, output_signature=signature)
        # The next block is made while TensorFlow works on this one.
        batches = batches.prefetch(1).rebatch(self._batch_size)
        batches = batches.map(lambda *images: (images[0], images[-1])).prefetch(2)
        batches = batches.apply(tf.data.experimental.assert_cardinality(self.num_batches))
        options = tf.data.Options()
        # The autotuner can hold up the end of an epoch; see `__init__`.
        options.autotune.enabled = False
        options.threading.private_threadpool_size = 1
        return batches.with_options(options)

    def start_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch; they count from 0."""
        self._epoch = epoch
        self.__dict__.pop("_order", None)

    def _blocks(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield several batches at a time: inputs and targets, once where they are the same."""
        for first in range(0, self.num_batches, self.steps_per_call):
            pair = self._pair(first, self.steps_per_call)
            yield pair[:1] if self._are_same else pair

    def _pair(self, first: int, n_batches: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs and the targets of some batches, each a batch after the other."""
        chosen = self._chosen(first, n_batches)
        images = as_float(self._images[chosen])
        if self._targets is not None:
            return images, as_float(self._targets[chosen])
        if not self._corruption:
            return images, images
        corrupted = np.empty_like(images)
        for start in range(0, len(images), self._batch_size):
            rows = slice(start, start + self._batch_size)
            number = first + start // self._batch_size
            seed = [0, 0, number, _FIXED]
            if self._shuffle_seed is not None:
                seed = [self._shuffle_seed, self._epoch, number, _TRAINING]
            corrupted[rows] = corrupt(images[rows], self._corruption, seed)
        return corrupted, images

    def _chosen(self, first: int, n_batches: int) -> np.ndarray:
        """Return which images some batches have, those in the places of broken ones included."""
        order, images = self._order, self._images
        start = first * self._batch_size
        chosen = order[start : start + n_batches * self._batch_size].copy()
        for place in np.flatnonzero(is_broken(images, chosen)):
            after = np.roll(order, -(start + place))
            chosen[place] = next(row for row in after if not is_broken(images, np.array([row])))
        return chosen

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch; Keras calls this."""
        # The first call is no end of an epoch: `fit` resets its iterator before it begins.
        if self._fit_has_begun:
            self.start_epoch(self._epoch + 1)
        self._fit_has_begun = True
