"""Batches of images for Keras: seeded, and the same again after a resume."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple

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


class Share(NamedTuple):
    """Which part of every batch a process works on.

    Attributes:
        process: the number of the process, from 0.
        n_processes: how many processes share a batch.
        n_devices: how many devices they have together, each with an equal part of a batch.
    """

    process: int = 0
    n_processes: int = 1
    n_devices: int = 1


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

    Where devices share the batches, each is padded with black images to a multiple of their number,
    and `n_images_by_length` tells how many are no padding (`zscape.training.processes`). Batches
    and noise are those of one process.

    Args:
        images: (N, H, W, C), any type that `as_float` takes; each batch becomes float32.
        batch_size: images per batch; the last batch of an epoch may be smaller.
        shuffle_seed: of the order of the images, see `epoch_order`; None keeps that of `images`.
        first_epoch: the number of the first epoch that will be asked for.
        corruption: drawn fresh for batch b of epoch e from (shuffle_seed, e, b); without a
            `shuffle_seed` the same in every epoch.
        targets: (N, H, W, C), what the network shall make of each image; excludes a corruption.
        share: the part of every batch to give.
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
        share: Share = Share(),  # noqa: B008  # it is a tuple
    ) -> None:
        if corruption and targets is not None:
            raise ConfigError("`corruption` and `targets` exclude each other; give one of the two.")
        # On TensorFlow Keras reads ahead by itself from two workers on. With one it leaves that to
        # tf.data, whose autotuner can hold up the end of an epoch until its next turn, which comes
        # after 10 ms, 20 ms, 40 ms and so on up to a minute: some epochs then take twice as long.
        # On JAX those workers hand out batches of the epoch before, so we read ahead ourselves.
        self._reads_ahead = keras.backend.backend() != "tensorflow"
        super().__init__(workers=1 if self._reads_ahead else 2)
        self._reader = ThreadPoolExecutor(1)
        self._ahead: dict[tuple[int, int], Future[tuple[np.ndarray, np.ndarray]]] = {}
        self._images = images
        self._batch_size = batch_size
        self._shuffle_seed = shuffle_seed
        self._epoch = first_epoch
        self._corruption = corruption
        self._targets = targets
        self._share = share
        self._first_step = 0
        self._are_same = not corruption and targets is None
        self._fit_has_begun = False

    @cached_property
    def _order(self) -> np.ndarray:
        if self._shuffle_seed is None:
            return readable_rows(self._images)
        return epoch_order(len(self._images), self._shuffle_seed, self._epoch)

    @property
    def num_batches(self) -> int:
        """Batches in one epoch, or in the rest of it."""
        return -(-len(self._order) // self._batch_size) - self._first_step

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs of batch `index` of this epoch, and the targets."""
        index += self._first_step
        if not self._reads_ahead:
            return self._batch(index)
        found = self._ahead.pop((self._epoch, index), None)
        batch = self._batch(index) if found is None else found.result()
        following = index + 1
        self._ahead.clear()
        if following < self._first_step + self.num_batches:
            self._ahead[self._epoch, following] = self._reader.submit(self._batch, following)
        return batch

    def _batch(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        return self._pair(number, 1) if self._share.n_devices == 1 else self._part(number)

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

    def start_epoch(self, epoch: int, step: int = 0) -> None:
        """Go to the beginning of an epoch, or to a step within; both count from 0."""
        self._epoch, self._first_step = epoch, step
        self.__dict__.pop("_order", None)

    def _blocks(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield several batches at a time: inputs and targets, once where they are the same."""
        end = self._first_step + self.num_batches
        for first in range(self._first_step, end, self.steps_per_call):
            pair = self._pair(first, self.steps_per_call)
            yield pair[:1] if self._are_same else pair

    def _part(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the part of a batch that this process works on."""
        process, n_processes, _ = self._share
        length = self._padded(min(self._batch_size, self._n_left(number))) // n_processes
        rows = slice(process * length, (process + 1) * length)
        if self._corruption:  # its noise is drawn for the whole batch
            pair = [images[rows] for images in self._pair(number, 1)]
        else:
            pair = [*self._pair(number, 1, rows)]
        black = [(0, length - len(pair[0])), *[(0, 0)] * (pair[0].ndim - 1)]
        inputs = np.pad(pair[0], black)
        return inputs, inputs if self._are_same else np.pad(pair[1], black)

    @property
    def n_images_by_length(self) -> dict[int, int]:
        """How many images a padded batch has, by its length: of a whole batch and of the last."""
        n_last = self._n_left(-(-len(self._order) // self._batch_size) - 1)
        return {self._padded(n): n for n in {min(self._batch_size, len(self._order)), n_last}}

    def _n_left(self, number: int) -> int:
        return len(self._order) - number * self._batch_size

    def _padded(self, n_images: int) -> int:
        """Return the length of a padded batch, another one for the last batch than for others."""
        n_devices = self._share.n_devices
        whole, own = (-(-n // n_devices) * n_devices for n in (self._batch_size, n_images))
        return own + n_devices if own == whole and n_images < self._batch_size else own

    def _pair(
        self, first: int, n_batches: int, rows: slice = slice(None)
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs and the targets of some batches, each a batch after the other."""
        chosen = self._chosen(first, n_batches)[rows]
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
