"""Every verb works on every bottleneck and both backends, or refuses in one line.

And what a test adds, without touching the package, is usable at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zscape
from tests.conftest import Trained, Zscape, blobs
from tests.harness import PATIENCE, run_python
from zscape.nn.bottlenecks import BOTTLENECKS
from zscape.registry import names_in

# What is refused, and a word of the reason.
REFUSED = {
    ("plain", "generate prior"): "no prior",
    ("regularized", "generate prior"): "no prior",
    ("vq", "explore"): "laid out in space",
    ("vq", "generate gmm"): "codebook",
    ("vq", "grid"): "2 latent variables",
}
NOT_ON_JAX = {"explore": "TensorFlow"}


def compiled_once(folder: Path) -> dict[str, str]:
    """Return settings under which JAX compiles for all commands what it compiles for one."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


@pytest.mark.slow
@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_every_verb_works_on_every_bottleneck_or_refuses(
    tmp_path: Path, backend: str, part: int
) -> None:
    results, names = tmp_path / "results.json", names_in("zscape.nn.bottlenecks")[part::2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.matrix_run", tmp_path, results, *names],
        env={**os.environ, "KERAS_BACKEND": backend, **compiled_once(tmp_path)},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(results.read_text())
    assert tuple(found) == names
    for bottleneck, verbs in found.items():
        for verb, result in verbs.items():
            reason = REFUSED.get((bottleneck, verb))
            if backend == "jax" and verb in NOT_ON_JAX and reason is None:
                reason = NOT_ON_JAX[verb]
            where = (backend, bottleneck, verb, result)
            assert "Traceback" not in result["err"], where
            assert result["status"] == (0 if reason is None else 2), where
            if reason is not None:
                assert result["err"].startswith("zscape: "), where
                assert result["err"].count("\n") == 1, where
                assert reason in result["err"], where


PLUGIN = """
from dataclasses import dataclass

import keras
import numpy as np
import zscape
from zscape.data.corruptions import option


@zscape.register_preset("wide_of_a_plugin")
class Wide(zscape.Preset):
    def __init__(self, width: int = 8, **given):
        super().__init__(**given)
        self.width = width

    def encoder_body(self, x):
        for i in range(self.n_halvings):
            x = self.conv(f"conv{i}", self.width, strides=2, activation="relu")(x)
        return x

    def decoder_body(self, x):
        for i in range(self.n_halvings):
            x = keras.layers.UpSampling2D(2)(x)
            x = self.conv(f"conv{i}", self.width, activation="relu")(x)
        return x


@zscape.register_bottleneck("clipped_of_a_plugin")
@keras.saving.register_keras_serializable("plugin")
class Clipped(zscape.Bottleneck):
    def __init__(self, limit: float = 3.0, **kwargs):
        super().__init__(**kwargs)
        self.limit = limit

    def encode(self, features):
        return keras.ops.clip(features, -self.limit, self.limit)


@zscape.register_density("box_of_a_plugin")
class Box(zscape.Density):
    learned = ("low", "high")

    def fit(self, codes, seed=0):
        self.low, self.high = codes.min(axis=0), codes.max(axis=0)
        return self

    def sample(self, n, seed=0):
        return np.random.default_rng(seed).uniform(self.low, self.high, (n, len(self.low)))

    def log_prob(self, codes):
        return np.zeros(len(codes))


@zscape.register_corruption("dark_of_a_plugin")
@dataclass(frozen=True)
class Dark(zscape.Corruption):
    share: float = option(0.5, most=1)

    def __call__(self, images, rng):
        return images * self.share
"""


@pytest.mark.slow
def test_what_a_plugin_adds_is_usable_at_once_and_opens_again(
    trained: Trained, tmp_path: Path
) -> None:
    plugin, run = tmp_path / "mine.py", tmp_path / "run"
    plugin.write_text(PLUGIN)

    def command(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "zscape", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    training = (
        "train", trained.data, "--preset", "wide_of_a_plugin:width=4", "--bottleneck",
        "clipped_of_a_plugin:limit=2", "--corruption", "dark_of_a_plugin:share=0.8",
        "--latent-dim", 2, "--epochs", 1, "--batch-size", 16, "--out", run,
    )  # fmt: skip
    refused = command(*training)
    assert refused.returncode == 2
    assert "wide_of_a_plugin" in refused.stderr
    done = command("--plugin", plugin, *training)
    assert done.returncode == 0, done.stderr
    settings = json.loads((run / "config.json").read_text())
    assert settings["plugins"] == [str(plugin)]
    assert settings["bottleneck"] == {"name": "clipped_of_a_plugin", "options": {"limit": 2.0}}
    # What only describes the run needs no plugin; the model does, and says which one.
    assert command("info", run).returncode == 0
    out = tmp_path / "new.npz"
    generate = ("generate", run, "--density", "box_of_a_plugin", "-n", 3, "-o", out)
    refused = command(*generate)
    assert refused.returncode == 2
    assert str(plugin) in refused.stderr
    assert refused.stderr.count("\n") == 1
    done = command(*generate, "--plugin", plugin)
    assert done.returncode == 0, done.stderr
    with np.load(out) as arrays:
        assert np.abs(arrays["codes"]).max() <= 2
    done = command(*training, "--resume", f"--plugin={plugin}")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_what_a_test_adds_is_usable_at_once(trained: Trained, tmp_path: Path) -> None:
    @zscape.register_bottleneck("halved_of_a_test")
    @keras.saving.register_keras_serializable("test")
    class Halved(zscape.Bottleneck):
        def encode(self, features: Any) -> Any:
            return features / 2

    @zscape.register_corruption("inverted_of_a_test")
    class Inverted(zscape.Corruption):
        def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            return 1 - images

    assert "halved_of_a_test" in BOTTLENECKS.names()
    run = zscape.train(
        trained.data,
        preset="classic",
        bottleneck="halved_of_a_test",
        corruption=["inverted_of_a_test", "gaussian:sigma=0.1"],
        latent_dim=2,
        epochs=1,
        out=tmp_path / "run",
    )
    assert isinstance(run.model.bottleneck, Halved)
    assert run.config.training.corruption.steps[0].name == "inverted_of_a_test"
    images, codes = zscape.generate(zscape.load_run(run.path), 3)
    assert images.shape == (3, 8, 8, 1)
    assert codes.shape == (3, 2)


@pytest.mark.slow
def test_two_networks_of_ones_own_are_trained_and_open_elsewhere(tmp_path: Path) -> None:
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    decoder = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(64, activation="sigmoid"),
            keras.layers.Reshape((8, 8, 1)),
        ]
    )
    images, labels = blobs(60)
    np.savez(tmp_path / "spots.npz", images=images, labels=labels)
    data = tmp_path / "spots.npz"
    run = zscape.train(data, encoder=encoder, decoder=decoder, epochs=3, out=tmp_path / "run")
    assert run.config.network.latent_dim == 3
    assert run.metrics["training"]["n_parameters"] == encoder.count_params() + (
        decoder.count_params()
    )
    codes = run.model.encode(images)
    elsewhere = run_python(
        "import sys, numpy as np, zscape\n"
        "images = zscape.load_images(sys.argv[2]).images\n"
        "print(zscape.load_run(sys.argv[1]).model.encode(images)[5].tolist())\n",
        run.path,
        data,
    )
    np.testing.assert_allclose(json.loads(elsewhere.splitlines()[-1]), codes[5], atol=1e-5)
    with pytest.raises(zscape.ConfigError, match="give both"):
        zscape.train(data, encoder=encoder, out=tmp_path / "other")
    with pytest.raises(zscape.ConfigError, match="preset"):
        zscape.train(data, encoder=encoder, decoder=decoder, preset="fast")
    with pytest.raises(zscape.ConfigError, match="expected a built Keras model"):
        zscape.train(data, encoder=encoder, decoder=3, out=tmp_path / "other")


def test_a_setting_that_there_is_not_is_named(trained: Trained) -> None:
    wrong: dict[str, Any] = {"latnt_dim": 3}
    with pytest.raises(zscape.ConfigError, match=r"'latnt_dim'; did you mean latent_dim\?"):
        zscape.train(trained.data, **wrong)


@pytest.mark.slow
def test_settings_of_a_file_and_flags_before_them(
    zscape: Zscape, trained: Trained, tmp_path: Path
) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    (tmp_path / "small.toml").write_text(
        'preset = "classic"\nlatent_dim = 3\nepochs = 1\nbottleneck = "gaussian:beta=0.5"\n'
        "batch_size = 16\n"
    )
    done = zscape(
        "train", trained.data, "--config", tmp_path / "small.toml", "--latent-dim", 2,
        "--out", run,
    )  # fmt: skip
    assert done.status == 0, done.err
    settings = json.loads((run / "config.json").read_text())
    assert settings["network"]["latent_dim"] == 2
    assert settings["bottleneck"]["options"]["beta"] == 0.5
    done = zscape("train", trained.data, "--config", run / "config.json", "--out", again)
    assert done.status == 0, done.err
    repeated = json.loads((again / "config.json").read_text())
    for part in ("network", "bottleneck", "training", "data"):
        assert repeated[part] == settings[part]
    assert (again / "model.keras").stat().st_size == (run / "model.keras").stat().st_size
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("latnt_dim = 3\n")
    assert "did you mean latent_dim" in zscape("train", trained.data, "--config", wrong).error
