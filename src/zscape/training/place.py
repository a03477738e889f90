"""The place of this process among those that train one model."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from zscape.errors import ConfigError
from zscape.settings import PlaceConfig

# Of each process that another one starts: they train by Keras on JAX.
ENVIRONMENT = {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class Place:
    """The place of this process among those of one training.

    Attributes:
        process: its number, from 0.
        n_processes: how many there are.
        coordinator: `HOST:PORT` where process 0 can be reached; "" where SLURM tells it.
    """

    process: int = 0
    n_processes: int = 1
    coordinator: str = ""

    @property
    def is_first(self) -> bool:
        """Whether this process reports and writes files."""
        return self.process == 0


def place_of(where: PlaceConfig) -> Place | None:
    """Return the place that is asked for, or the one SLURM gives; None for a process by itself.

    Raises:
        ConfigError: only one of `process` and `coordinator` is given, or one has another form.
    """
    process, coordinator = where.process, where.coordinator
    if process is None and coordinator is None:
        n_tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1))
        return Place(int(os.environ["SLURM_PROCID"]), n_tasks) if n_tasks > 1 else None
    if process is None or coordinator is None:
        raise ConfigError("`process` and `coordinator` belong together; give both, or neither.")
    found = re.fullmatch(r"(\d+)/(\d+)", process)
    if not found or not int(found[1]) < int(found[2]):
        raise ConfigError(f"process is {process!r}; expected I/N such as 0/2, with I below N.")
    if not re.fullmatch(r".+:\d+", coordinator):
        raise ConfigError(f"coordinator is {coordinator!r}; expected HOST:PORT of process 0.")
    return Place(int(found[1]), int(found[2]), coordinator)
