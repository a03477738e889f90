"""Batches of images for Keras: seeded, and the same again after a resume."""

from __future__ import annotations

import keras
import numpy as np

from zscape.config import CorruptionConfig
from zscape.data.corruption import corrupt
from zscape.data.datasets import as_float

# The last word of the seeds of corruption, so that they are not also those of an order: NumPy
# takes [1, 2] and [1, 2, 0] for the same seed.
_TRAINING, _FIXED = 1, 2


class ReconstructionBatches(keras.utils.PyDataset):
    """Pairs (images, images) in batches: an autoencoder's input is its own target.

    With a corruption the pairs are (corrupted images, images).

    Pixels become float32 in [0, 1] one batch at a time, so the images are never copied whole.
    An object serves one `fit`, with the argument `shuffle=False`: otherwise Keras also shuffles
    the batches, from a global random state that no seed of ours reaches.

    Args:
        images: (N, H, W, C), any type that `as_float` takes.
        batch_size: images per batch; the last batch of an epoch may be smaller.
        shuffle_seed: when given, epoch e shows the images in the order of
            `numpy.random.default_rng([shuffle_seed, e]).permutation(N)`, whatever came before.
            None keeps the order of `images`.
        first_epoch: the number of the first epoch that will be asked for.
        corruption: drawn fresh for batch b of epoch e from (shuffle_seed, e, b); without a
            `shuffle_seed` the same in every epoch.
    """

    def __init__(
        self,
        images: np.ndarray,
        *,
        batch_size: int,
        shuffle_seed: int | None = None,
        first_epoch: int = 0,
        corruption: CorruptionConfig | None = None,
    ) -> None:
        # From two workers on, Keras reads ahead by itself. With one it leaves that to tf.data,
        # whose autotuner can hold up the end of an epoch until its next turn, which comes after
        # 10 ms, 20 ms, 40 ms and so on up to a minute: some epochs then take twice as long.
        super().__init__(workers=2)
        self._images = images
        self._batch_size = batch_size
        self._shuffle_seed = shuffle_seed
        self._epoch = first_epoch
        self._corruption = corruption
        self._fit_has_begun = False
        self._order = self._epoch_order()

    def _epoch_order(self) -> np.ndarray:
        n = len(self._images)
        if self._shuffle_seed is None:
            return np.arange(n)
        return np.random.default_rng([self._shuffle_seed, self._epoch]).permutation(n)

    @property
    def num_batches(self) -> int:
        """Batches in one epoch."""
        return -(-len(self._images) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch `index` of this epoch as input, corrupted if so asked, and as target."""
        start = index * self._batch_size
        batch = as_float(self._images[self._order[start : start + self._batch_size]])
        if not self._corruption:
            return batch, batch
        seed = [0, 0, index, _FIXED]
        if self._shuffle_seed is not None:
            seed = [self._shuffle_seed, self._epoch, index, _TRAINING]
        return corrupt(batch, self._corruption, seed), batch

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch; Keras calls this."""
        # The first call is no end of an epoch: `fit` resets its iterator before it begins.
        if self._fit_has_begun:
            self._epoch += 1
            self._order = self._epoch_order()
        self._fit_has_begun = True
