"""What is set before TensorFlow starts, and what a processor without bfloat16 is spared."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import zscape
import zscape.hardware as hardware
from tests.conftest import Trained, Zscape
from tests.harness import autoencoder_from_elsewhere, random_images

SETTINGS = ("TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "ONEDNN_MAX_CPU_ISA")
NO_BFLOAT16 = {"ONEDNN_MAX_CPU_ISA": "AVX2"}  # oneDNN then works as on a processor without it
ADVICE = "zscape was imported after TensorFlow"


def run_plain(code: str, *arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter in which none of our settings is made yet."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**environment, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


_SHOW = """
import json, os, sys
import zscape
assert "tensorflow" not in sys.modules
print(json.dumps({name: os.environ.get(name) for name in sys.argv[1:]}))
"""


def test_importing_zscape_prepares_tensorflow_and_leaves_the_users_settings() -> None:
    found = json.loads(run_plain(_SHOW, *SETTINGS).stdout)
    on_x86 = platform.machine() in ("x86_64", "AMD64")
    assert found["TF_ENABLE_ONEDNN_OPTS"] == ("1" if on_x86 else None)
    assert int(found["TF_NUM_INTRAOP_THREADS"]) >= 1

    own = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_NUM_INTRAOP_THREADS": "7"}
    found = json.loads(run_plain(_SHOW, *SETTINGS, **own).stdout)
    assert found == {**own, "ONEDNN_MAX_CPU_ISA": None}


_LATE = """
import os, sys
import tensorflow
before = dict(os.environ)
import zscape
import zscape.hardware
assert dict(os.environ) == before
import numpy as np
images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8)
run = zscape.train(images, latent_dim=2, epochs=1, out=sys.argv[1])
print(run.config.training.shards)
"""


@pytest.mark.slow
def test_importing_tensorflow_first_gives_one_line_of_advice_and_works(tmp_path: Path) -> None:
    done = run_plain(_LATE, tmp_path / "run", TF_CPP_MIN_LOG_LEVEL="3")
    assert done.stderr.count(ADVICE) == 1
    assert done.stdout == "1\n"  # TensorFlow spreads every operation over the cores by itself


@pytest.mark.slow
def test_zscape_first_gives_no_advice() -> None:
    done = run_plain("import zscape, tensorflow; zscape.build_autoencoder")
    assert ADVICE not in done.stderr


_ALLOCATE = """
import sys
import zscape
import numpy as np, resource
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones(3_000_000, np.uint8)  # NumPy asks for huge pages from 4 MiB on
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
def test_freed_memory_is_kept_unless_the_user_has_set_the_allocator() -> None:
    kept = int(run_plain(_ALLOCATE).stdout)
    own = int(run_plain(_ALLOCATE, MALLOC_MMAP_THRESHOLD_="131072").stdout)
    assert 10 * kept < own


@pytest.mark.parametrize(("limit", "cores"), [("150000 100000", 2), ("max 100000", 64)])
def test_the_limit_of_a_container_counts(
    limit: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    monkeypatch.setattr(hardware, "_CONTAINER_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    assert hardware.n_cores() == cores


def test_a_worker_can_be_given_fewer_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CORES", "1")
    assert hardware.n_cores() == 1
    monkeypatch.setenv("ZSCAPE_CORES", "100000")
    more = hardware.n_cores()
    monkeypatch.delenv("ZSCAPE_CORES")
    assert more == hardware.n_cores()


@pytest.mark.slow
def test_training_in_bfloat16_without_the_arithmetic_is_refused(tmp_path: Path) -> None:
    words = ["train", "mnist", "--precision", "mixed_bfloat16", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "zscape", *words],
        env={**os.environ, **NO_BFLOAT16},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("zscape: --precision is 'mixed_bfloat16', but this processor (")
    assert done.stderr.endswith("use float32.\n")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


_OPEN = """
import sys
import numpy as np, zscape
model = zscape.load_model(sys.argv[1])
np.save(sys.argv[3], model.reconstruct(np.load(sys.argv[2])))
"""


@pytest.mark.slow
def test_a_model_trained_in_bfloat16_opens_in_float32_without_the_arithmetic(
    tmp_path: Path,
) -> None:
    shape, network = (8, 8, 1), zscape.NetworkConfig(latent_dim=3)
    half = autoencoder_from_elsewhere(shape, network, "mixed_bfloat16")
    single = autoencoder_from_elsewhere(shape, network, "float32")
    single.set_weights(half.get_weights())
    images = random_images((5, *shape))
    zscape.save_model(half, tmp_path / "half.keras")
    np.save(tmp_path / "images.npy", images)

    paths = (tmp_path / name for name in ("half.keras", "images.npy", "there.npy"))
    done = run_plain(_OPEN, *paths, **NO_BFLOAT16)

    assert done.stderr.count("was trained in bfloat16") == 1
    there = np.load(tmp_path / "there.npy")
    np.testing.assert_allclose(there, single.reconstruct(images), atol=1e-5)


def test_the_run_keeps_its_shards_and_its_processor(trained: Trained) -> None:
    config = json.loads((trained.two / "config.json").read_text())
    assert config["training"]["shards"] >= 1
    hardware = config["made"]["hardware"]
    assert hardware["processor"]
    assert hardware["shards"] == config["training"]["shards"]
    assert hardware["backend"] == keras.backend.backend()


@pytest.mark.slow
def test_a_run_is_resumed_with_its_own_shards(
    zscape: Zscape, trained: Trained, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["train", trained.data, "--epochs", 1, "--out", out]
    assert zscape(*words, "--shards", 3).status == 0
    assert zscape(*words, "--resume").status == 0
    assert json.loads((out / "config.json").read_text())["training"]["shards"] == 3
    assert "shards was 3" in zscape(*words, "--resume", "--shards", 2).error
    assert "shards is 0" in zscape("train", trained.data, "--shards", 0).error


@pytest.mark.slow
def test_info_describes_the_machine_or_a_run(zscape: Zscape, trained: Trained) -> None:
    text = zscape("info", "--machine")
    assert text.status == 0
    for word in ("processor", "vector units", "oneDNN", "shards per batch", "GFLOP/s"):
        assert word in text.out
    facts = json.loads(zscape("info", "--machine", "--json").out)
    assert facts["cores"] >= 1
    assert facts["peak_gflops"]["float32"] > 0
    assert ("bfloat16" in facts["peak_gflops"]) == facts["bfloat16"]
    assert "either RUN" in zscape("info").error
    assert "either RUN" in zscape("info", trained.two, "--machine").error
