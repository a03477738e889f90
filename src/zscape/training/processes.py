"""One training in several processes, or on several devices: Keras on JAX, data-parallel.

Every device works on an equal part of each batch, and gradients are summed over all of them. The
program is the one for a single device: whatever looks at the whole batch, as a bottleneck may,
sees the whole batch.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from zscape.data.batches import ReconstructionBatches, Share
from zscape.errors import ClusterError, ConfigError, DataError, reason_of
from zscape.training.place import Place

_HEARTBEAT_SECONDS = 30


@contextmanager
def joined(place: Place | None) -> Iterator[None]:
    """Join the other processes of a training, until `part` or the end of the block.

    Raises:
        ConfigError: Keras does not run on JAX.
        ClusterError: the others do not come.
    """
    if place is None:
        yield
        return
    if keras.backend.backend() != "jax":
        raise ConfigError(
            f"several processes need Keras on JAX, and it runs on {keras.backend.backend()}; set "
            "the environment variable KERAS_BACKEND to jax."
        )
    import jax
    from jax.experimental import multihost_utils

    # Otherwise a value that is put on all devices can overtake a step that is still running, and
    # the processes wait for each other for ever.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    named: dict[str, Any] = {}
    if place.coordinator:  # SLURM's is found by JAX
        named = {"coordinator_address": place.coordinator, "process_id": place.process}
        named["num_processes"] = place.n_processes
    try:
        jax.distributed.initialize(**named, heartbeat_timeout_seconds=_HEARTBEAT_SECONDS)
        with _no_stdout():
            multihost_utils.sync_global_devices("joined")
    except (RuntimeError, ValueError) as error:
        raise ClusterError(
            f"process {place.process} of {place.n_processes} cannot join the others at "
            f"{place.coordinator} ({reason_of(error)}); start all of them, with the same address."
        ) from error
    try:
        yield
    finally:
        part(place)


@contextmanager
def _no_stdout() -> Iterator[None]:
    """Keep what the first exchange prints, below Python, out of the results."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def part(place: Place | None) -> None:
    """Leave the other processes, which do so too; the models that were trained stay."""
    if place is not None:
        import jax

        jax.distributed.shutdown()


def agree(place: Place | None, images: str, opened: BaseException | None = None) -> None:
    """Have all processes go on together, on the same images, or none.

    Args:
        place: that of this process.
        images: the fingerprint of its images.
        opened: what process 0 raised when it opened the run folder.

    Raises:
        ClusterError: process 0 could not open the folder.
        DataError: this process has other images than process 0.
    """
    if place is None:
        return
    from jax.experimental import multihost_utils

    mine = np.frombuffer(images.encode()[:64].ljust(64), np.uint8) * (opened is None)
    first = np.asarray(multihost_utils.broadcast_one_to_all(mine))
    if not first.any() and not place.is_first:
        raise ClusterError("process 0 could not open the run folder; its message has the reason.")
    if first.any() and not np.array_equal(first, mine):
        raise DataError(
            f"process {place.process} on {socket.gethostname()} finds other images than process 0; "
            "put the same files where each machine reads them, or name storage they share."
        )


@contextmanager
def spread() -> Iterator[Share]:
    """Build, load and train models on all devices of all processes; yield this one's share.

    Where there is only one device nothing changes.
    """
    if keras.backend.backend() != "jax" or len(keras.distribution.list_devices()) == 1:
        yield Share()
        return
    with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
        yield current_share()


def current_share() -> Share:
    """Return the part of a batch that this process works on; all of it, unless devices share."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return Share()
    import jax

    return Share(jax.process_index(), jax.process_count(), distribution.device_mesh.devices.size)


@contextmanager
def taking_shares(
    model: keras.Model, train: ReconstructionBatches, test: ReconstructionBatches
) -> Iterator[None]:
    """Have `model` train and evaluate on the images of padded batches only."""
    if current_share().n_devices == 1:
        yield
        return
    for name, batches in {"train_step": train, "test_step": test}.items():
        setattr(model, name, _without_padding(getattr(model, name), batches))
    try:
        yield
    finally:
        del model.train_step, model.test_step
        # What was compiled of them.
        model.train_function = model.test_function = None


def _without_padding(
    step: Callable[[Any, Any], Any], batches: ReconstructionBatches
) -> Callable[[Any, Any], Any]:
    distribution = keras.distribution.distribution()

    def unpadded(state: Any, data: tuple[Any, Any]) -> Any:
        # Lengths are known where a step is compiled. XLA divides the rest among the devices.
        n_images = batches.n_images_by_length[data[0].shape[0]]
        layout = distribution.get_data_layout(data[0].shape)
        pair = (keras.distribution.distribute_tensor(x[:n_images], layout) for x in data)
        return step(state, tuple(pair))

    return unpadded
