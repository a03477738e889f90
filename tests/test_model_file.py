from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import zscape
from tests.harness import random_images
from zscape.files import TEMPORARY_PREFIX

# One process, so that its model is trained once.
pytestmark = pytest.mark.xdist_group("model_file")

SHAPE = (6, 5, 1)
Config = dict[str, Any]


@pytest.fixture(scope="module")
def model() -> zscape.Autoencoder:
    model = zscape.build_autoencoder(SHAPE, zscape.NetworkConfig(latent_dim=2), seed=1)
    model.compile(optimizer="adam", loss="mse")
    model.optimizer.build(model.trainable_variables)  # otherwise the step is traced twice
    images = random_images((8, *SHAPE))
    model.fit(images, images, epochs=1, verbose=0)
    return model


@pytest.fixture(scope="module")
def good(model: zscape.Autoencoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "model.keras"
    zscape.save_model(model, path)
    return path


@pytest.fixture(scope="module")
def members(good: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(good) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that hostile code would make; it must not be there at the end."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "something in the file was run"


def _write(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _refusal(path: Path, message: str) -> None:
    with pytest.raises(zscape.ModelError, match=message) as caught:
        zscape.load_model(path)
    text = str(caught.value)
    assert "\n" not in text
    assert "\x1b" not in text
    assert len(text) < 500 + len(str(path))


# --- saving ---


def test_a_saved_model_loads_with_the_same_results(model: zscape.Autoencoder, good: Path) -> None:
    images = random_images((8, *SHAPE))
    loaded = zscape.load_model(str(good))

    assert type(loaded) is zscape.Autoencoder
    assert loaded.name == model.name
    np.testing.assert_array_equal(loaded.encode(images), model.encode(images))
    np.testing.assert_array_equal(loaded.reconstruct(images), model.reconstruct(images))


def test_the_optimizer_is_left_out_and_goes_on_in_the_model_at_hand(
    model: zscape.Autoencoder, members: dict[str, bytes]
) -> None:
    n_bytes = 4 * model.count_params()

    assert len(members["model.weights.h5"]) < 2 * n_bytes
    with h5py.File(io.BytesIO(members["model.weights.h5"])) as weights:
        assert "optimizer" not in weights
    assert not json.loads(members["config.json"])["compile_config"]
    assert int(model.optimizer.iterations) > 0


@pytest.mark.slow
def test_a_model_that_keras_saved_with_its_optimizer_loads_too(
    model: zscape.Autoencoder, tmp_path: Path
) -> None:
    model.save(tmp_path / "model.keras")
    images = random_images((2, *SHAPE))

    loaded = zscape.load_model(tmp_path / "model.keras")
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.encode(images), model.encode(images))


def test_a_part_that_was_compiled_by_itself_does_not_spoil_the_file(tmp_path: Path) -> None:
    model = zscape.build_autoencoder(SHAPE, zscape.NetworkConfig(latent_dim=2))
    model.encoder.compile(optimizer="adam", loss="mse")
    zscape.save_model(model, tmp_path / "model.keras")

    assert zscape.load_model(tmp_path / "model.keras").latent_dim == 2


def test_saving_replaces_a_file_whole_or_not_at_all(
    model: zscape.Autoencoder, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.keras"
    zscape.save_model(model, path)
    before = path.read_bytes()

    def full_disk(self: zipfile.ZipFile, *args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        for name in ("write", "writestr"):
            patch.setattr(zipfile.ZipFile, name, full_disk)
        with pytest.raises(OSError, match="No space left"):
            zscape.save_model(model, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.keras"]
    assert not list(tmp_path.glob(f"{TEMPORARY_PREFIX}*"))


# --- damaged files ---


def test_a_missing_file_a_folder_and_another_ending_are_refused(good: Path, tmp_path: Path) -> None:
    _refusal(tmp_path / "none.keras", "is missing; expected a model file")
    (tmp_path / "folder.keras").mkdir()
    _refusal(tmp_path / "folder.keras", "is missing")
    for ending in ("h5", "zip", "hdf5"):
        other = tmp_path / f"model.{ending}"
        other.write_bytes(good.read_bytes())
        _refusal(other, "does not end in .keras")


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    _refusal(path, "is damaged")


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    path = tmp_path / "model.keras"
    path.write_bytes(content[: int(share * len(content))])
    _refusal(path, "is damaged")


@pytest.mark.slow
def test_flipped_bytes_are_refused_or_harmless(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    path = tmp_path / "model.keras"
    refusals = []
    for place in np.random.default_rng(0).integers(0, len(content), 12):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        path.write_bytes(flipped)
        try:
            zscape.load_model(path)
        except zscape.ModelError as error:
            refusals.append(str(error))
    assert len(refusals) >= 8  # the check sums of the archive see to that
    assert not any("\n" in refusal for refusal in refusals)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"[" * 100_000 + b"]" * 100_000, "is damaged"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is damaged"),
        (b"[]", "holds 'list'; expected an Autoencoder"),
        (b"null", "holds 'NoneType'; expected an Autoencoder"),
        (b"{}", "holds None; expected an Autoencoder"),
        (b'{"registered_name": ["zscape>Autoencoder"]}', "expected an Autoencoder"),
        (b'{"registered_name": "zscape>Autoencoder"}', "cannot be loaded|not an autoencoder"),
        (b'{"class_name": "evil\\n\\u001b[31m"}', "expected an Autoencoder"),
        (b" " * 10_000_001, "over 10 MB"),
    ],
)
def test_a_broken_configuration_is_refused(
    config: bytes, message: str, members: dict[str, bytes], tmp_path: Path
) -> None:
    _refusal(_write(tmp_path / "model.keras", {**members, "config.json": config}), message)


def test_nesting_that_json_can_read_but_keras_cannot_is_refused(
    members: dict[str, bytes], tmp_path: Path
) -> None:
    config = json.loads(members["config.json"])
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    config["config"]["name"] = deep
    changed = {**members, "config.json": json.dumps(config).encode()}
    _refusal(_write(tmp_path / "model.keras", changed), "nested too deep")


def test_other_members_and_compressed_ones_are_refused(
    members: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    _refusal(_write(path, {**members, "assets/x\x1b.bin": b""}), "unexpected or double: .*assets")
    _refusal(_write(path, {**members, "../escape": b""}), "escape")
    for name in members:
        rest = {key: value for key, value in members.items() if key != name}
        _refusal(_write(path, rest), name)
    _refusal(_write(path, members, zipfile.ZIP_DEFLATED), "is compressed")
    _write(path, members)
    with zipfile.ZipFile(path, "a") as archive:
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("config.json", b"{}")
    _refusal(path, "double: .*config.json")


# --- weights that do not fit ---


def _weights(change: Callable[[h5py.File], None], members: dict[str, bytes]) -> dict[str, bytes]:
    buffer = io.BytesIO(members["model.weights.h5"])
    with h5py.File(buffer, "r+") as weights:
        change(weights)
    return {**members, "model.weights.h5": buffer.getvalue()}


def _first_dataset(weights: h5py.File) -> str:
    names: list[str] = []
    weights.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return names[0]


@pytest.mark.slow
def test_weights_that_do_not_fit_the_network_are_refused(
    members: dict[str, bytes], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(1_000_000))

    def reshape(weights: h5py.File) -> None:
        name = _first_dataset(weights)
        del weights[name]
        weights[name] = np.zeros((7, 7))

    def remove(weights: h5py.File) -> None:
        del weights[_first_dataset(weights)]

    def point_outside(weights: h5py.File) -> None:
        name = _first_dataset(weights)
        shape = weights[name].shape
        del weights[name]
        weights.create_dataset(name, shape, "f4", external=[(str(secret), 0, 1_000_000)])

    for change in (reshape, remove, point_outside):
        _refusal(_write(tmp_path / "model.keras", _weights(change, members)), "cannot be loaded")
    for content in (b"", b"no HDF5", members["model.weights.h5"][:-5000]):
        changed = {**members, "model.weights.h5": content}
        _refusal(_write(tmp_path / "model.keras", changed), "cannot be loaded|larger network")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("units", "message"),
    [
        (3, "cannot be loaded"),
        *((units, "larger network") for units in (10**6, 10**11)),
        *((units, "cannot be loaded") for units in (0, -1, 1.5, "2", None, [2])),
        (10**30, "larger network|cannot be loaded"),
    ],
)
def test_layer_sizes_that_do_not_match_the_weights_are_refused(
    units: object, message: str, members: dict[str, bytes], tmp_path: Path
) -> None:
    config = json.loads(members["config.json"])
    code = config["config"]["encoder"]["config"]["layers"][-2]
    assert code["config"]["units"] == 2
    code["config"]["units"] = units
    changed = {**members, "config.json": json.dumps(config).encode()}
    _refusal(_write(tmp_path / "model.keras", changed), message)


def test_a_refused_giant_leaves_nothing_behind(members: dict[str, bytes], tmp_path: Path) -> None:
    config = json.loads(members["config.json"])
    config["config"]["encoder"]["config"]["layers"][-2]["config"]["units"] = 10**11
    changed = {**members, "config.json": json.dumps(config).encode()}
    _refusal(_write(tmp_path / "model.keras", changed), "larger network")

    # Keras would make weights it has put off as soon as it builds anything else.
    small = zscape.build_autoencoder(SHAPE, zscape.NetworkConfig(latent_dim=2))
    assert small.encode(random_images((2, *SHAPE))).shape == (2, 2)


# --- hostile configurations ---


def _call(module: str | None, name: Any, config: Any, registered: Any = None) -> Config:
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


HOSTILE = {
    "builtins": _call("builtins", "exec", "CODE"),
    "builtin function": _call("builtins", "function", "eval", "function"),
    "os": _call("os", "function", "system", "system"),
    "module of its own": _call("subprocess", "Popen", {"args": "touch CANARY", "shell": True}),
    "lambda": _call(None, "__lambda__", {"value": ["CODE", None, None]}),
    "lambda layer": _call("keras.layers", "Lambda", {"function": "CODE"}),
    "lambda, legacy form": {"class_name": "Lambda", "config": {"function": "CODE"}},
    "lambda, registered": _call("keras.layers", "Lambda", {}, "zscape>PlainBottleneck"),
    "lambda, legacy and registered": {
        "class_name": "Lambda",
        "registered_name": "zscape>PlainBottleneck",
        "config": {"function": "CODE"},
    },
    "TFSMLayer": _call("keras.layers", "TFSMLayer", {"filepath": "CANARY"}),
    "TorchModuleWrapper": _call("keras.layers", "TorchModuleWrapper", {"module": "CODE"}),
    "JaxLayer": _call("keras.layers", "JaxLayer", {"call_fn": "CODE"}),
    "another layer": _call("keras.layers", "Wrapper", {"layer": "CODE"}),
    "source path": _call("keras.src.layers.core.lambda_layer", "Lambda", {"function": "CODE"}),
    "loader": _call("keras.saving", "load_model", {"filepath": "CANARY"}),
    "downloader": _call("keras.utils", "function", "get_file", "get_file"),
    "switch": _call("keras.config", "function", "enable_unsafe_deserialization", None),
    "function, registered": _call(
        "keras.config", "function", "enable_unsafe_deserialization", "zscape>Autoencoder"
    ),
    "initializer that is a function": _call("keras.initializers", "deserialize", {}),
    "type": _call("builtins", "__typespec__", ["CODE"], "zscape>Autoencoder"),
    "numpy": _call("numpy", "fromfile", {"file": "CANARY"}),
    "file of zscape": _call("zscape.files", "write_bytes", {"path": "CANARY", "content": ""}),
    "wrong module": _call("os", "PlainBottleneck", {}, "zscape>PlainBottleneck"),
    "registered elsewhere": _call("tests", "Danger", {"path": "CANARY"}, "evil>Danger"),
    "registered, as text": "evil>danger",
    "name is a list": _call("keras.layers", ["Dense"], {}),
    "name is an object": _call("keras.layers", {"class_name": "Lambda"}, {}),
    "registered name is a list": _call("keras.layers", "Dense", {}, ["Dense"]),
    "control characters": _call("os\n\x1b[31m", "system", {}),
    "module is a number": {"module": 1, "class_name": "Dense", "config": {}},
}


@pytest.fixture
def _registered_by_others(canary: Path) -> Iterator[None]:
    class Danger(keras.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__()
            canary.touch()

    def danger(x: Any) -> Any:
        canary.touch()
        return x

    registered = keras.saving.get_custom_objects()
    registered.update({"evil>Danger": Danger, "evil>danger": danger})
    yield
    del registered["evil>Danger"], registered["evil>danger"]


def _places(config: Config) -> dict[str, Callable[[Any], None]]:
    """Return the places in a configuration where Keras builds objects."""
    parts = config["config"]
    layers = parts["decoder"]["config"]["layers"]
    dense = layers[2]["config"]
    return {
        "part": lambda value: parts.update(bottleneck=value),
        "network": lambda value: parts.update(encoder=value),
        "layer": lambda value: layers.__setitem__(2, value),
        "activation": lambda value: dense.update(activation=value),
        "initializer": lambda value: dense.update(kernel_initializer=value),
        "dtype": lambda value: dense.update(dtype=value),
        "node": lambda value: layers[2]["inbound_nodes"][0]["kwargs"].update(x=value),
        "own training": lambda value: parts["encoder"].update(compile_config={"loss": value}),
        "unknown key": lambda value: parts.update(other=[{"deep": value}]),
    }


@pytest.mark.slow
@pytest.mark.usefixtures("_registered_by_others")
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_configurations_are_refused_and_never_run(
    hostile: str, members: dict[str, bytes], tmp_path: Path, canary: Path
) -> None:
    code = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    text = json.dumps(HOSTILE[hostile]).replace('"CODE"', json.dumps(code))
    payload = json.loads(text.replace("CANARY", str(canary)))
    original = json.loads(members["config.json"])
    for place in _places(original):
        config = copy.deepcopy(original)
        _places(config)[place](payload)
        changed = {**members, "config.json": json.dumps(config).encode()}
        _refusal(_write(tmp_path / "model.keras", changed), "may run code; it was not loaded")


@pytest.mark.slow
def test_other_keras_models_and_lambda_layers_are_refused(tmp_path: Path, canary: Path) -> None:
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(path)
    _refusal(path, "holds 'Sequential'; expected an Autoencoder")

    def touch(x: Any) -> Any:
        canary.touch()
        return x

    model = zscape.build_autoencoder(SHAPE, zscape.NetworkConfig(latent_dim=2))
    outputs = keras.layers.Lambda(lambda x: touch(x))(model.decoder.output)
    canary.unlink()  # building it here ran it, loading must not
    hostile = zscape.Autoencoder(
        model.encoder, model.bottleneck, keras.Model(model.decoder.input, outputs)
    )
    hostile.save(path)
    _refusal(path, "Lambda.*may run code")


def test_parts_that_do_not_fit_together_are_refused(
    members: dict[str, bytes], tmp_path: Path
) -> None:
    config = json.loads(members["config.json"])
    parts = config["config"]
    parts["encoder"], parts["decoder"] = parts["decoder"], parts["encoder"]
    changed = {**members, "config.json": json.dumps(config).encode()}
    _refusal(_write(tmp_path / "model.keras", changed), "not an autoencoder|cannot be loaded")


@pytest.mark.slow
def test_random_changes_give_a_model_or_one_line(members: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever value stands anywhere in the configuration, no other exception comes out."""
    rng = np.random.default_rng(1)
    values: list[Any] = [
        None,
        -1,
        0,
        10**12,
        1.5,
        "x",
        "",
        True,
        [],
        {},
        [None],
        ["x", 3],
        {"a": 1},
    ]

    def places(node: Any) -> Iterator[tuple[Any, Any]]:
        for key in node if isinstance(node, dict) else range(len(node)):
            yield node, key
            if isinstance(node[key], dict | list):
                yield from places(node[key])

    refusals = []
    for _ in range(60):
        config = json.loads(members["config.json"])
        found = list(places(config))
        node, key = found[rng.integers(len(found))]
        node[key] = values[rng.integers(len(values))]
        changed = {**members, "config.json": json.dumps(config).encode()}
        path = _write(tmp_path / "model.keras", changed)
        try:
            assert isinstance(zscape.load_model(path), zscape.Autoencoder)
        except zscape.ModelError as error:
            refusals.append(str(error))
    assert refusals
    assert not any("\n" in refusal for refusal in refusals)
