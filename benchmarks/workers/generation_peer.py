"""Pythae's models for the generation benchmark; runs where only Pythae and its needs are installed.

`python -m benchmarks.workers.generation_peer MODEL IMAGES.npz SECONDS SEED OUT.npz` trains one
model with Pythae's own trainer and its own residual MNIST network for so many seconds of processor
time, and writes reconstructions of the test images and draws of every sampler that goes with it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import (
    AE,
    RAE_L2,
    VAE,
    VQVAE,
    WAE_MMD,
    AEConfig,
    RAE_L2_Config,
    VAEConfig,
    VQVAEConfig,
    WAE_MMD_Config,
)
from pythae.models.nn.benchmarks.mnist import (
    Decoder_ResNet_AE_MNIST,
    Decoder_ResNet_VQVAE_MNIST,
    Encoder_ResNet_AE_MNIST,
    Encoder_ResNet_VAE_MNIST,
    Encoder_ResNet_VQVAE_MNIST,
)
from pythae.samplers import GaussianMixtureSampler, NormalSampler, PixelCNNSampler
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback

LATENT_DIM = 16
BATCH_SIZE = 100
# Ten times Pythae's default, which is for a hundred epochs; then that, if the model collapses.
LEARNING_RATES = (1e-3, 1e-4)

MODELS: dict[str, Any] = {
    "AE": (AE, AEConfig, Encoder_ResNet_AE_MNIST, Decoder_ResNet_AE_MNIST),
    "VAE": (VAE, VAEConfig, Encoder_ResNet_VAE_MNIST, Decoder_ResNet_AE_MNIST),
    "WAE": (WAE_MMD, WAE_MMD_Config, Encoder_ResNet_AE_MNIST, Decoder_ResNet_AE_MNIST),
    "RAE-L2": (RAE_L2, RAE_L2_Config, Encoder_ResNet_AE_MNIST, Decoder_ResNet_AE_MNIST),
    "VQ-VAE": (VQVAE, VQVAEConfig, Encoder_ResNet_VQVAE_MNIST, Decoder_ResNet_VQVAE_MNIST),
}
SAMPLERS: dict[str, dict[str, Any]] = {
    "AE": {"gmm": GaussianMixtureSampler},
    "VAE": {"normal": NormalSampler, "gmm": GaussianMixtureSampler},
    "WAE": {"normal": NormalSampler},
    "RAE-L2": {"gmm": GaussianMixtureSampler},
    "VQ-VAE": {"prior": PixelCNNSampler},
}


class _TimeUp(Exception):
    """The processor time is used up."""


class _StopInTime(TrainingCallback):
    def __init__(self, seconds: float) -> None:
        self._until = time.process_time() + seconds
        self.n_steps = 0

    def on_train_step_end(self, training_config: Any, **kwargs: Any) -> None:
        self.n_steps += 1
        if time.process_time() >= self._until:
            raise _TimeUp


def _train(model: Any, data: Any, rate: float, seconds: float, seed: int) -> int:
    """Train with Pythae's trainer until the time is up; return the number of steps."""
    clock = _StopInTime(seconds)
    trainer = BaseTrainer(
        model,
        data,
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=rate,
            num_epochs=1000,
            seed=seed,
            no_cuda=True,
        ),
        callbacks=[clock],
    )
    try:
        trainer.train()
    except _TimeUp:
        pass
    model.update()
    model.eval()
    return clock.n_steps


def _collapsed(model: Any, images: Any) -> bool:
    """Tell whether a model shows training images no better than their mean would."""
    some = images[:1000]
    with torch.no_grad():
        errors = (model.reconstruct(some) - some).square().mean()
    return bool(errors > 0.95 * (some - some.mean(dim=0)).square().mean())


def _draw(sampler: Any, model: Any, images: Any, seconds: float, seed: int, n: int) -> Any:
    if isinstance(sampler, PixelCNNSampler):
        # What its `fit` does, but for so many seconds only.
        with torch.no_grad():
            indices = torch.cat(
                [model({"data": batch}).quantized_indices for batch in images.split(500)]
            )
        shape = sampler.pixelcnn_model.model_config.input_dim
        codes = indices.reshape(len(images), *shape).float()
        labels = torch.zeros(len(codes))
        _train(sampler.pixelcnn_model, BaseDataset(codes, labels), LEARNING_RATES[0], seconds, seed)
        sampler.is_fitted = True
    else:
        sampler.fit(images)
    with torch.no_grad():
        return sampler.sample(num_samples=n, batch_size=500)


def main() -> None:
    """Train one model, and write what it makes."""
    name, path, seconds, seed, out = sys.argv[1:]
    with np.load(path) as stored:
        train, test = (
            torch.from_numpy(stored[part].astype(np.float32) / 255).permute(0, 3, 1, 2).contiguous()
            for part in ("train", "test")
        )
    kind, config, encoder, decoder = MODELS[name]
    settings = config(input_dim=(1, 28, 28), latent_dim=LATENT_DIM)
    data = BaseDataset(train, torch.zeros(len(train)))
    for rate in LEARNING_RATES:
        torch.manual_seed(int(seed))
        model = kind(settings, encoder=encoder(settings), decoder=decoder(settings))
        started = time.process_time()
        n_steps = _train(model, data, rate, float(seconds), int(seed))
        trained = time.process_time() - started
        if not _collapsed(model, train):
            break
    with torch.no_grad():
        made = {"reconstructions": torch.cat([model.reconstruct(b) for b in test.split(500)])}
    fits = {}
    for density, sampler in SAMPLERS[name].items():
        started = time.process_time()
        made[density] = _draw(sampler(model), model, train, float(seconds), int(seed), len(test))
        fits[density] = round(time.process_time() - started, 1)
    arrays = {key: value.permute(0, 2, 3, 1).numpy() for key, value in made.items()}
    np.savez(
        out, **{key: np.rint(255 * np.clip(a, 0, 1)).astype(np.uint8) for key, a in arrays.items()}
    )
    facts = {
        "learning_rate": rate,
        "epochs": round(n_steps * BATCH_SIZE / len(train), 2),
        "seconds": round(trained, 1),
    }
    print(json.dumps({**facts, "sampler_seconds": fits}))


if __name__ == "__main__":
    main()
