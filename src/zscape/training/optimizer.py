"""Optimizers and their learning-rate schedules; Muon for networks with convolutions."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from zscape.settings import TrainConfig

WARMUP_SHARE = 0.05
FINAL_SHARE = 0.01
# A guard for unusual images: on MNIST the gradient never reaches this norm, and clipping changes
# nothing (benchmarks/results/recipe.md). What prevents a collapse there is `start_at_mean`.
CLIP_NORM = 1.0


@keras.saving.register_keras_serializable("zscape")
class ConvMuon(keras.optimizers.Muon):
    """Muon, also for the kernels of convolutions; biases and scales go by Adam.

    Muon replaces the gradient of a matrix by the nearest matrix whose singular values are all
    one, so that rare directions move as fast as common ones. Keras' own does so for matrices
    only, and leaves convolutions to Adam. A kernel (kh, kw, in, out) is a matrix (kh kw in, out)
    just as well: the convolution multiplies every patch of the image with it.

    References:
        Jordan et al., Muon: An Optimizer for Hidden Layers in Neural Networks, 2024;
        Liu et al., Muon is Scalable for LLM Training, arXiv:2502.16982 (the step size, which
        makes learning rates those of Adam).
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) < 2 or min(_matrix_shape(variable)) < 2

    def _muon_update_step(
        self, gradient: Any, variable: keras.Variable, lr: Any, m: keras.Variable
    ) -> None:
        self.assign_add(m, ops.multiply(ops.subtract(gradient, m), 1 - self.momentum))
        ahead = ops.add(ops.multiply(gradient, 1 - self.momentum), ops.multiply(m, self.momentum))
        matrix = ops.reshape(ahead, _matrix_shape(variable))
        step = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        step = ops.reshape(ops.multiply(step, ops.cast(lr, step.dtype)), variable.shape)
        self.assign_sub(variable, step)


def _matrix_shape(variable: keras.Variable) -> tuple[int, int]:
    return math.prod(variable.shape[:-1]), variable.shape[-1]


def build_optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Build the optimizer that `config` names, with its schedule and gradient clipping.

    Args:
        config: optimizer, learning rate, schedule and number of epochs.
        steps_per_epoch: optimizer steps in an epoch.

    References:
        Goyal et al., Accurate, Large Minibatch SGD, 2017 (warm-up);
        Loshchilov and Hutter, SGDR, ICLR 2017 (cosine decay);
        Pascanu et al., On the Difficulty of Training Recurrent Neural Networks, ICML 2013
        (clipping by the global norm).
    """
    classes = {
        "muon": ConvMuon,
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "nadam": keras.optimizers.Nadam,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
    }
    rate: float | keras.optimizers.schedules.LearningRateSchedule = config.learning_rate
    if config.schedule == "cosine":
        n_steps = steps_per_epoch * config.epochs
        n_warmup = int(n_steps * WARMUP_SHARE)
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if n_warmup else config.learning_rate,
            decay_steps=n_steps - n_warmup,
            alpha=FINAL_SHARE,
            warmup_target=config.learning_rate if n_warmup else None,
            warmup_steps=n_warmup,
        )
    options: dict[str, Any] = {}
    if config.optimizer == "sgd":
        options = {"momentum": 0.9}
    elif config.optimizer == "muon":
        options = {"weight_decay": None, "adam_weight_decay": None, "adam_beta_2": 0.99}
    return classes[config.optimizer](rate, global_clipnorm=CLIP_NORM, **options)
