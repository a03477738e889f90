"""The contenders of the speed benchmark: one worker process each, told what to do line by line.

`python -m benchmarks.workers.contenders NAME IMAGES.npy BATCH_SIZE` builds the tutorial's network,
then answers `train` and `predict` on stdin with one line of JSON: the amount of work, seconds, and
minor page faults. It runs where only the contender's own packages are installed. A worker that
waits uses no processor time.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np

PRODUCT_SIZE = 4096
MATRIX_PRODUCT = "matrix product"

# Trains, and predicts, all images it was given once.
Contender = tuple[Callable[[], object], Callable[[], object]]


def tutorial_network() -> Any:
    """Build the tutorial's network of plain Keras layers, as published."""
    import keras
    from keras import layers

    def convolve(filters: int, strides: int = 1, activation: str = "relu") -> keras.Layer:
        return layers.Conv2D(filters, 3, strides, padding="same", activation=activation)

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(convolve(8, strides) for strides in (2, 1, 2, 1)),
            layers.Flatten(),
            layers.Dense(10),
            layers.Dense(7 * 7 * 64, activation="relu"),
            layers.Reshape((7, 7, 64)),
            convolve(64),
            layers.UpSampling2D(),
            convolve(32),
            layers.UpSampling2D(),
            convolve(32),
            convolve(1, activation="sigmoid"),
        ]
    )


def keras_as_in_the_tutorial(images: np.ndarray, batch_size: int) -> Contender:
    """Plain Keras on TensorFlow: the tutorial's network, `fit` and `predict`."""
    model = tutorial_network()
    model.compile("adam", "mse")
    return (
        lambda: model.fit(images, images, batch_size=batch_size, verbose=0),
        # 0 stands for what Keras does when no batch size is given.
        lambda: model.predict(images, batch_size=batch_size or None, verbose=0),
    )


def keras_default_predict(images: np.ndarray, batch_size: int) -> Contender:
    """Plain Keras, predicting with the batch size Keras takes by itself."""
    train, _ = keras_as_in_the_tutorial(images, batch_size)
    _, predict = keras_as_in_the_tutorial(images, 0)
    return train, predict


def zscape_training(
    images: np.ndarray, latent_dim: int, batch_size: int, precision: str = "float32"
) -> tuple[Any, Any]:
    """Build and compile the preset `classic`; return it with batches of the images."""
    # isort: split  # as users are told to: zscape first
    import keras

    from zscape.data.batches import ReconstructionBatches
    from zscape.model import build_autoencoder
    from zscape.settings import NetworkConfig

    network = NetworkConfig(preset="classic", latent_dim=latent_dim)
    model = build_autoencoder(images.shape[1:], network, precision=precision)
    batches = ReconstructionBatches(images, batch_size=batch_size, shuffle_seed=0)
    model.compile(
        keras.optimizers.Adam(),
        "mean_squared_error",
        jit_compile=model.jit_compile,
        steps_per_execution=batches.steps_per_call,
    )
    return model, batches


def zscape(images: np.ndarray, batch_size: int, precision: str = "float32") -> Contender:
    """The preset `classic`, trained and used as `zscape train` and `zscape reconstruct` do."""
    model, batches = zscape_training(images, 10, batch_size, precision)
    return (
        lambda: model.fit(batches.for_fit(), shuffle=False, verbose=0),
        lambda: model.reconstruct(images),
    )


def zscape_bfloat16(images: np.ndarray, batch_size: int) -> Contender:
    """The same in bfloat16."""
    return zscape(images, batch_size, "mixed_bfloat16")


def _torch_parts() -> tuple[Any, Any]:
    """Return encoder and decoder as PyTorch modules."""
    from torch import nn

    def convolve(n_in: int, n_out: int, stride: int = 1) -> list[Any]:
        return [nn.Conv2d(n_in, n_out, 3, stride, padding=1), nn.ReLU()]

    encoder = nn.Sequential(
        *convolve(1, 8, 2),
        *convolve(8, 8),
        *convolve(8, 8, 2),
        *convolve(8, 8),
        nn.Flatten(),
        nn.Linear(392, 10),
    )
    decoder = nn.Sequential(
        nn.Linear(10, 64 * 7 * 7),
        nn.ReLU(),
        nn.Unflatten(1, (64, 7, 7)),
        *convolve(64, 64),
        nn.Upsample(scale_factor=2),
        *convolve(64, 32),
        nn.Upsample(scale_factor=2),
        *convolve(32, 32),
        nn.Conv2d(32, 1, 3, padding=1),
        nn.Sigmoid(),
    )
    return encoder, decoder


def _torch_device() -> str:
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return "cuda" if torch.cuda.is_available() else "cpu"


def torch_eager(images: np.ndarray, batch_size: int, *, compiled: bool = False) -> Contender:
    """A careful PyTorch loop: channels last, fused Adam, no gradients when predicting."""
    import torch
    from torch import nn

    device = _torch_device()
    network = nn.Sequential(*_torch_parts()).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    run = torch.compile(network) if compiled else network
    data = torch.from_numpy(images).permute(0, 3, 1, 2)  # (N, 1, 28, 28)

    def train() -> None:
        network.train()
        for rows in torch.randperm(len(data)).split(batch_size):
            batch = data[rows].to(device)
            optimizer.zero_grad(set_to_none=True)
            nn.functional.mse_loss(run(batch), batch).backward()
            optimizer.step()
        _synchronize(device)

    def predict() -> None:
        network.eval()
        with torch.inference_mode():
            parts = [run(batch.to(device)).cpu() for batch in data.split(batch_size)]
            torch.cat(parts)

    return train, predict


def torch_compile(images: np.ndarray, batch_size: int) -> Contender:
    """The same through `torch.compile`."""
    return torch_eager(images, batch_size, compiled=True)


def _synchronize(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def pythae(images: np.ndarray, batch_size: int) -> Contender:
    """Pythae's own trainer and `reconstruct`, with the same network."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    device = _torch_device()
    import torch

    parts = _torch_parts()

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = parts[0]

        def forward(self, x: Any) -> Any:
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = parts[1]

        def forward(self, z: Any) -> Any:
            return ModelOutput(reconstruction=self.layers(z))

    config = AEConfig(input_dim=(1, 28, 28), latent_dim=10)
    model = AE(config, encoder=Encoder(), decoder=Decoder())
    data = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    trainer = BaseTrainer(
        model,
        BaseDataset(data, torch.zeros(len(data))),
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=batch_size,
            learning_rate=1e-3,
            num_epochs=1,
        ),
    )
    trainer.prepare_training()

    def predict() -> None:
        model.eval()
        with torch.inference_mode():
            torch.cat([model.reconstruct(b.to(device)).cpu() for b in data.split(batch_size)])

    return lambda: trainer.train_step(1), predict


def matrix_product() -> Callable[[], object]:
    """What the machine can do at best: a large float32 matrix product, on all cores."""
    import tensorflow as tf

    matrix = tf.random.normal((PRODUCT_SIZE, PRODUCT_SIZE))
    multiply = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
    return lambda: float(multiply())  # a number is only there when the product is done


CONTENDERS: dict[str, Callable[[np.ndarray, int], Contender]] = {
    "zscape": zscape,
    "zscape bfloat16": zscape_bfloat16,
    "Keras": keras_as_in_the_tutorial,
    "Keras, oneDNN on": keras_as_in_the_tutorial,
    "Keras, its own batch size": keras_default_predict,
    "PyTorch": torch_eager,
    "PyTorch compiled": torch_compile,
    "Pythae": pythae,
}
IN_OWN_ENVIRONMENT = ("PyTorch", "PyTorch compiled", "Pythae")


def page_faults() -> int:
    """Return how often this process was given a page of memory by the system so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main() -> None:
    """Build the contender, then obey the lines on stdin."""
    name, path, batch_size = sys.argv[1:]
    answers = sys.stdout
    with redirect_stdout(sys.stderr):
        work: dict[str, Callable[[], object]]
        if name == MATRIX_PRODUCT:
            work, amount = {"multiply": matrix_product()}, 2e-9 * PRODUCT_SIZE**3
        else:
            images = np.load(path).astype(np.float32) / 255
            train, predict = CONTENDERS[name](images, int(batch_size))
            work, amount = {"train": train, "predict": predict}, len(images)
        print(json.dumps({"ready": name}), file=answers, flush=True)
        for line in sys.stdin:
            faults, started = page_faults(), time.perf_counter()
            work[line.strip()]()
            done = {
                "amount": amount,
                "seconds": time.perf_counter() - started,
                "faults": page_faults() - faults,
            }
            print(json.dumps(done), file=answers, flush=True)


if __name__ == "__main__":
    main()
