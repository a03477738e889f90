"""An autoregressive prior of code indices."""

from __future__ import annotations

import math
from typing import Any, Self

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy.special import log_softmax

from zscape.errors import DataError
from zscape.latent.densities import positive_count, register_density
from zscape.latent.densities._network import NetworkDensity
from zscape.nn.layers import seeded_initializers

N_UNITS = 128
N_STEPS = 2000
STEPS_A_ROUND = 200  # then it is looked whether unseen codes have become more likely
PATIENCE = 2  # rounds
BATCH_SIZE = 128
LEARNING_RATE = 3e-3
MAX_HELD_OUT = 1000
N_NEIGHBOURS = 4
CODES_AT_A_TIME = 500  # each has `n_symbols` numbers at every place


@register_density("autoregressive")
class Autoregressive(NetworkDensity):
    """Each index is predicted from all before it, row by row.

    A recurrent network remembers what came before; at each place it also sees the indices at
    the left, above, and above at both sides, so that it need not count to find them.

    Here codes are whole numbers: (N, d), or (N, h, w) where codes are spatial. Training stops
    when held out codes become no more likely, and the best state is kept.

    References:
        Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014 (GRU);
        van den Oord, Kalchbrenner and Kavukcuoglu, Pixel Recurrent Neural Networks, ICML 2016.
    """

    learned = ("shape", "n_symbols")  # of codes without N; how many indices there are
    of_indices = True

    def fit(self, codes: NDArray[Any], seed: int = 0) -> Self:
        """Learn from indices (N, d) or (N, h, w), whole numbers from 0, by maximum likelihood."""
        codes = _checked(codes)
        self.shape, self.n_symbols = np.array(codes.shape[1:]), int(codes.max()) + 1
        self.network = self.build_network(seed)
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, N_STEPS)
        self.network.compile(
            keras.optimizers.Adam(rate, global_clipnorm=1.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=keras.backend.backend() == "jax",
        )
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(codes))
        n_held_out = min(MAX_HELD_OUT, len(codes) // 10)
        held_out, rest = codes[order[:n_held_out]], codes[order[n_held_out:]]
        best, best_weights, waited = math.inf, self.network.get_weights(), 0
        for step in range(1, N_STEPS + 1):
            batch = rest[rng.integers(len(rest), size=BATCH_SIZE)]
            self.network.train_on_batch(self._contexts(batch), batch.reshape(BATCH_SIZE, -1))
            if step % STEPS_A_ROUND == 0 and n_held_out:
                loss = -float(self.log_prob(held_out).mean())
                waited = 0 if loss < best else waited + 1
                if loss < best:
                    best, best_weights = loss, self.network.get_weights()
                if waited == PATIENCE:
                    break
        if n_held_out:
            self.network.set_weights(best_weights)
        return self

    def sample(self, n: int, seed: int = 0) -> NDArray[np.int32]:
        """Draw indices (n, d) or (n, h, w)."""
        rng = np.random.default_rng(seed)
        n_parts = -(-positive_count(n) // CODES_AT_A_TIME)
        parts = [self._draw(len(part), rng) for part in np.array_split(np.arange(n), n_parts)]
        return np.concatenate(parts)

    def _draw(self, n: int, rng: np.random.Generator) -> NDArray[np.int32]:
        indices = np.zeros((n, *self.shape), np.int32)
        flat = indices.reshape(n, -1)  # the same memory
        state = ops.zeros((n, N_UNITS))  # of the network, before the first index
        for place in range(flat.shape[1]):
            context = self._contexts(indices)[:, place]
            logits, state = self.network.step(context, place, state)
            # The largest after Gumbel noise is a draw with the chances that the logits say.
            noise = rng.gumbel(size=(n, self.n_symbols))
            flat[:, place] = np.argmax(ops.convert_to_numpy(logits) + noise, axis=1)
        return indices

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Return the logarithm of the chance of indices (N, ...), in nats, shape (N,).

        An index that was never seen has no chance: minus infinity.
        """
        codes = _checked(codes)
        if codes.shape[1:] != tuple(self.shape):
            raise DataError(
                f"codes have shape {codes.shape}; this prior is of (N, "
                f"{', '.join(map(str, self.shape))})."
            )
        starts = range(0, len(codes), CODES_AT_A_TIME)
        return np.concatenate([self._log_prob(codes[i : i + CODES_AT_A_TIME]) for i in starts])

    def _log_prob(self, codes: NDArray[np.int32]) -> NDArray[np.float64]:
        flat = codes.reshape(len(codes), -1)
        known = np.minimum(flat, self.n_symbols - 1)
        contexts = self._contexts(known.reshape(codes.shape))
        logits = self.network.predict_on_batch(contexts).astype(np.float64)
        every = log_softmax(logits, axis=-1)  # (N, places, n_symbols)
        each = np.take_along_axis(every, known[..., None], axis=-1)[..., 0]  # (N, places)
        result: NDArray[np.float64] = np.where(flat == known, each, -np.inf).sum(axis=1)
        return result

    def _contexts(self, indices: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the indices (N, places, 4) at the left, above left, above and above right.

        `n_symbols` stands for those outside.
        """
        n, (height, width) = len(indices), (1, *self.shape)[-2:]  # one row if it has no height
        padded = np.pad(
            indices.reshape(n, height, width),
            ((0, 0), (1, 0), (1, 1)),
            constant_values=self.n_symbols,
        )
        left = padded[:, 1:, :-2]
        above = [padded[:, :-1, column : column + width] for column in range(3)]
        return np.stack([left, *above], axis=-1).reshape(n, height * width, N_NEIGHBOURS)

    def build_network(self, seed: int = 0) -> keras.Model:
        """Return the network, which has not learned yet."""
        return _NextIndex(self.n_symbols, int(np.prod(self.shape)), seed)


class _NextIndex(keras.Model):
    """From contexts (N, places, 4) to logits (N, places, n_symbols)."""

    def __init__(self, n_indices: int, n_places: int, seed: int) -> None:
        super().__init__(name="next_index")
        initializers = seeded_initializers(seed, part=3)

        def table(n_rows: int) -> keras.layers.Embedding:
            small = keras.initializers.RandomNormal(stddev=0.1, seed=next(initializers).seed)
            return keras.layers.Embedding(n_rows, N_UNITS, embeddings_initializer=small)

        self.neighbours = [table(n_indices + 1) for _ in range(N_NEIGHBOURS)]
        self.places = table(n_places)
        self.gru = keras.layers.GRU(
            N_UNITS,
            return_sequences=True,
            kernel_initializer=next(initializers),
            recurrent_initializer=keras.initializers.Orthogonal(seed=seed),
        )
        self.logits = keras.layers.Dense(n_indices, kernel_initializer=next(initializers))
        self.n_places = n_places
        self.build((None, n_places, N_NEIGHBOURS))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build all layers."""
        for table in (*self.neighbours, self.places):
            table.build((None,))
        self.gru.build((None, self.n_places, N_UNITS))
        self.logits.build((None, self.n_places, 2 * N_UNITS))
        self.built = True

    def call(self, contexts: Any) -> Any:
        """Return the logits of every place."""
        around = self._around(contexts, ops.arange(self.n_places))
        return self.logits(ops.concatenate([self.gru(around), around], axis=-1))

    def _around(self, contexts: Any, places: Any) -> Any:
        tables = enumerate(self.neighbours)
        return sum(table(contexts[..., i]) for i, table in tables) + self.places(places)

    def step(self, context: Any, place: int, state: Any) -> tuple[Any, Any]:
        """Return the logits (n, n_symbols) of one place, and the memory after it."""
        around = self._around(context, ops.full((1,), place, dtype="int32"))
        seen, (state,) = self.gru.cell(around, [state])
        return self.logits(ops.concatenate([seen, around], axis=-1)), state


def _checked(codes: NDArray[Any]) -> NDArray[np.int32]:
    codes = np.asarray(codes)
    if codes.ndim not in (2, 3) or codes.size == 0 or codes.dtype.kind not in "iu":
        raise DataError(
            f"codes are {codes.dtype} of shape {codes.shape}; expected whole numbers (N, d) or "
            "(N, h, w) with at least one code, as code_indices gives them."
        )
    if codes.min() < 0:
        raise DataError(f"codes go down to {codes.min()}; expected whole numbers from 0.")
    return codes.astype(np.int32)
