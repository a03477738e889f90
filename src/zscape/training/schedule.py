"""Optimizers and their learning-rate schedules."""

from __future__ import annotations

from typing import Any

import keras

from zscape.settings import TrainConfig
from zscape.training.muon import ConvMuon

WARMUP_SHARE = 0.05
FINAL_SHARE = 0.01
# A guard for unusual images: on MNIST the gradient never reaches this norm, and clipping changes
# nothing (benchmarks/results/recipe.md). What prevents a collapse there is `start_at_mean`.
CLIP_NORM = 1.0


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
