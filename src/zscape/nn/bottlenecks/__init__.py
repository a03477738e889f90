"""Bottlenecks: what happens to the code between encoder and decoder; one module for each.

    features (N,f) -> codes z (N,d), with f = d unless a spread is predicted too
    features (N,h,w,d) -> codes z (N,h,w,d) where codes are spatial

A bottleneck may add terms to the mean squared error, under names that end in their unit: `nats`
and `sq` are per image. In the published losses such terms are added to half the *sum* of squared
errors of an image, the likelihood of its D = H W C values under unit variance. zscape's loss is
the *mean* over those values, so here the terms are divided by D / 2.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from zscape.errors import ConfigError
from zscape.registry import Choice, Registry


class Bottleneck(keras.layers.Layer):
    """The base class of all bottlenecks.

    Most override `encode` or `call`. A subclass stores each option of its constructor in an
    attribute of the same name, and passes `**kwargs` on (`docs/extend.md`).

    Args:
        n_values: H W C of an image; see the top of this module.
        seed: seeds what is random in training.
        **kwargs: what every Keras layer takes, such as `name` and `dtype`.

    Attributes:
        latest: the terms of the last batch, a variable each.
        terms: names of the terms that are added to the loss.
        prior: name of the density (`zscape.latent.densities`) that the codes follow: the one
            assumed in training, or one fitted afterwards to discrete codes. None if there is none.
        default_density: name of the density that new codes are drawn from by default.
        unit_scale: whether the codes have unit variance in every dimension under the prior.
        spatial: whether codes keep height and width, as (N, h, w, d).
        discrete: whether codes are choices from a list, with code indices.
        n_features_per_code: how many features the encoder gives for each number of the code.
        linear_features: whether the features may have no activation.
    """

    terms: tuple[str, ...] = ()
    prior: ClassVar[str | None] = None
    default_density: ClassVar[str] = "gmm"
    unit_scale: ClassVar[bool] = False
    spatial: ClassVar[bool] = False
    discrete: ClassVar[bool] = False
    n_features_per_code: ClassVar[int] = 1
    linear_features: ClassVar[bool] = True

    def __init__(self, n_values: int = 1, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_values = n_values
        self.seed = seed
        self.latest: dict[str, keras.Variable] = {}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make a variable for each term."""
        # Variables and not metrics: on JAX only the state of layers comes out of a training step.
        self.latest = {name: self._state(name, ()) for name in self.terms}

    def _state(self, name: str, shape: tuple[int | None, ...], start: Any = "zeros") -> Any:
        return self.add_weight(name=name, shape=shape, initializer=start, trainable=False)

    def encode(self, features: Any) -> Any:
        """Return the codes (N, d) of features; always the same for the same features."""
        return features

    def sample(self, features: Any, seed: int) -> Any:
        """Return codes (N, d) drawn from the distribution of each image; here `encode`."""
        return self.encode(features)

    def project(self, codes: Any) -> Any:
        """Return the nearest valid codes (N, d); here every code is valid."""
        return codes

    def code_indices(self, codes: Any) -> Any:
        """Return the code indices of discrete codes, whole numbers from 0; the nearest ones."""
        raise self._not_discrete()

    def codes_from_indices(self, indices: Any) -> Any:
        """Return the discrete codes with these code indices; raises as `code_indices` does."""
        raise self._not_discrete()

    def _not_discrete(self) -> ConfigError:
        return ConfigError(
            f"{type(self).__name__} has no discrete codes, so there are no code indices; "
            "choose a bottleneck such as vq or fsq."
        )

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the codes (N, d) for the decoder, and report the terms of the loss."""
        return self.encode(features)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (N, d) for features, or (N, h, w, d)."""
        *others, n_features = input_shape
        return *others, n_features and n_features // self.n_features_per_code

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        own = (cls for cls in type(self).__mro__ if issubclass(cls, Bottleneck))
        names = [name for cls in own for name in inspect.signature(cls.__init__).parameters]
        options = {name: getattr(self, name) for name in names if name not in ("self", "kwargs")}
        return {**super().get_config(), **options}

    def decoder_penalty(self, weights: Sequence[Any]) -> Any:
        """Return what the weights of the decoder add to the loss."""
        return 0.0

    def report(self, name: str, value: Any, weight: Any) -> None:
        """Note a term of the loss, and add it with its weight, per image, to the loss."""
        self.latest[name].assign(value)
        self.charge(value, weight)

    def charge(self, value: Any, weight: Any) -> None:
        """Add a value per image to the loss, with its weight."""
        self.add_loss(ops.multiply(value, 2.0 * weight / self.n_values))


BOTTLENECKS: Registry[Bottleneck] = Registry(
    "bottleneck", "zscape.nn.bottlenecks", given=("n_values", "seed"), base=Bottleneck
)
register_bottleneck = BOTTLENECKS.register


def build_bottleneck(choice: Choice | str, *, n_values: int = 1, seed: int = 0) -> Bottleneck:
    """Build a bottleneck of a choice such as `gaussian:beta=2`; `n_values` is H W C of an image."""
    # Codes stay float32, whatever the global policy is: bfloat16 keeps three digits only.
    return BOTTLENECKS.make(
        choice, n_values=n_values, seed=seed, name="bottleneck", dtype="float32"
    )
