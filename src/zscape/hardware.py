"""What this processor can do, and what is set before TensorFlow starts.

TensorFlow as it comes is slow for small convolutional networks on most processors. Three settings
mend that, and all have to be made before it is imported, which `import zscape` does:

- oneDNN. TensorFlow turns its fast convolutions on by itself only where the processor has AVX-512
  VNNI or AMX. On other x86 processors, most laptops among them, they make training 2 to 3 times
  faster.
- One thread per operation. The operations of a small network are too short to be spread over
  cores, which then wait for each other. Instead each core works on a shard, a part of the batch.
- The allocator (glibc only). The large buffers of a convolution go back to the system after every
  call and are fetched again, page by page: up to 900 page faults per image. Kept, they cost none.

Whatever of this the environment already sets stays as it is.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import math
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from zscape.errors import ConfigError

_THREADS = "TF_NUM_INTRAOP_THREADS"
_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_ONEDNN_ISA = "ONEDNN_MAX_CPU_ISA"
_CORES = "ZSCAPE_CORES"  # at most so many are used; set where several processes share a machine
_X86 = ("x86_64", "AMD64")

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MEMORY = Path("/proc/meminfo")

MAX_SHARDS = 8  # each is another copy of the graph; more were never tried

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_KEPT_BYTES = 2**30  # at most this much free memory is kept for the next step

_PEAK_SIZE = 2048
_PEAK_SECONDS = 1.0


def prepare_tensorflow() -> None:
    """Set what has to be set before TensorFlow is imported; too late, warn and change nothing."""
    wanted = {_THREADS: str(_threads_per_operation())}
    if platform.machine() in _X86:
        wanted[_ONEDNN] = "1"
    missing = {name: value for name, value in wanted.items() if name not in os.environ}
    if "tensorflow" in sys.modules:
        if missing and os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
            logging.getLogger("zscape").warning(
                "zscape was imported after TensorFlow and cannot set it up any more, so training "
                "is slower than it could be; import zscape first."
            )
        return
    os.environ.update(missing)
    _keep_memory()


def _keep_memory() -> None:
    """Have glibc keep freed memory for the next step, unless the user has set its allocator."""
    tuned = any(name.startswith("MALLOC_") for name in os.environ)
    if tuned or "malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_M_MMAP_MAX, 0)  # no block of its own from the system, however large
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _threads_per_operation() -> int:
    return max(1, n_cores() // MAX_SHARDS)  # more than 1 where there are more cores than shards


def n_cores() -> int:
    """Return the number of cores this process may use, in a container and a cluster too."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        cores = len(os.sched_getaffinity(0))
    if _CONTAINER_LIMIT.exists():
        # Processor time and the period it is for, both in microseconds; "max" is no limit.
        limit, period = _CONTAINER_LIMIT.read_text().split()
        if limit != "max":
            cores = min(cores, math.ceil(int(limit) / int(period)))
    return min(cores, int(os.environ.get(_CORES) or cores))


def free_memory() -> int:
    """Return how many bytes of memory a process may still take, in a container too."""
    free = sys.maxsize
    if _MEMORY.exists():
        lines = dict(line.split(":") for line in _MEMORY.read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    elif hasattr(os, "sysconf"):  # macOS tells only how much there is
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if _MEMORY_LIMIT.exists() and (limit := _MEMORY_LIMIT.read_text().strip()) != "max":
        free = min(free, int(limit))
    return free


@functools.cache
def default_shards() -> int:
    """Return how many shards a batch is cut into by default: one per core, 8 at most.

    1 where operations use all cores by themselves: on a GPU, on JAX, and where TensorFlow was
    imported before zscape.
    """
    import keras

    prepared = os.environ.get(_THREADS) == str(_threads_per_operation())
    if keras.backend.backend() != "tensorflow" or not prepared or has_gpu():
        return 1
    return min(n_cores(), MAX_SHARDS)


def has_gpu() -> bool:
    """Return whether Keras' backend works on something else than the processor."""
    import keras

    return any(not name.startswith("cpu") for name in keras.distribution.list_devices())


@functools.cache
def _features() -> frozenset[str]:
    from archspec.cpu.detect import detected_info

    return frozenset(detected_info().features)


def features_key() -> str:
    """Return a short text that differs between processors of different instructions."""
    return hashlib.sha256(" ".join(sorted(_features())).encode()).hexdigest()[:12]


@functools.cache
def processor_name() -> str:
    """Return the name the processor gives itself, such as `AMD EPYC`."""
    from archspec.cpu import brand_string

    return brand_string() or platform.processor() or platform.machine()


def vector_units() -> str:
    """Return the widest vector instructions, as oneDNN uses them: `AVX2`, `AVX-512`, ..."""
    names = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sve": "SVE", "asimd": "NEON"}
    if os.environ.get(_ONEDNN_ISA, "").upper().startswith("AVX2"):
        names.pop("avx512f")
    return next((name for feature, name in names.items() if feature in _features()), "unknown")


def has_bfloat16() -> bool:
    """Return whether bfloat16 is worth using: the hardware multiplies it, a GPU's included.

    Elsewhere bfloat16 convolutions are slower than float32, and up to 10 % wrong because they
    also sum in bfloat16.
    """
    if has_gpu():
        return True
    limit = os.environ.get(_ONEDNN_ISA, "").upper()
    allowed = not limit or any(word in limit for word in ("BF16", "AMX", "ALL", "DEFAULT"))
    return allowed and bool(_features() & {"avx512_bf16", "amx_bf16", "bf16"})


def check_precision(precision: str) -> None:
    """Refuse `mixed_bfloat16` where it would be slow and wrong."""
    if precision == "mixed_bfloat16" and not has_bfloat16():
        raise ConfigError(
            f"precision is 'mixed_bfloat16', but this processor ({processor_name()}) has no "
            "bfloat16 arithmetic: it would be slower than float32 and up to 10 % wrong; "
            "use float32."
        )


def describe(*, measured: bool = False) -> dict[str, Any]:
    """Return the machine and what zscape does with it, for JSON; measuring it takes seconds."""
    import keras

    backend = keras.backend.backend()
    facts: dict[str, Any] = {
        "processor": processor_name(),
        "cores": n_cores(),
        "vector_units": vector_units(),
        "bfloat16": has_bfloat16(),
        "gpu": has_gpu(),
        "backend": backend,
    }
    if backend == "tensorflow":
        facts |= {
            "onednn": uses_onednn(),
            "threads_per_operation": int(os.environ.get(_THREADS, 0)) or "all cores",
            "shards": default_shards(),
        }
    if measured:
        dtypes = ("float32", "bfloat16") if has_bfloat16() else ("float32",)
        facts["peak_gflops"] = {dtype: round(measure_peak(dtype), 1) for dtype in dtypes}
    return facts


def uses_onednn() -> bool:
    """Return whether TensorFlow uses oneDNN: as it was told, else as it decides by itself."""
    told = os.environ.get(_ONEDNN)
    if told is not None:
        return told.lower() in ("1", "true")
    decides = {"avx512_vnni", "amx_tile", "amx_bf16", "amx_int8"}
    return platform.machine() in _X86 and bool(_features() & decides)


def measure_peak(dtype: str = "float32") -> float:
    """Return the speed of a large matrix product on all cores, in 1e9 operations per second."""
    import keras
    from keras import ops

    shards = default_shards()
    size = (_PEAK_SIZE, _PEAK_SIZE)
    matrices = [keras.random.normal(size, dtype=dtype, seed=i) for i in range(shards)]
    if keras.backend.backend() == "tensorflow":
        from tensorflow import function as compiled
    else:
        from jax import jit as compiled
    # The products are independent, so that every core has one of its own.
    step = compiled(lambda *ms: [ops.cast(ops.sum(ops.matmul(m, m)), "float32") for m in ms])

    def run() -> None:
        for total in step(*matrices):
            ops.convert_to_numpy(total)  # there only when the product is done

    run()
    n_runs, started = 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < _PEAK_SECONDS:
        run()
        n_runs += 1
    return 2e-9 * _PEAK_SIZE**3 * shards * n_runs / seconds
