"""Names and options of bottlenecks, presets, densities and corruptions; and plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness import run_python
from zscape.data.corruptions import CORRUPTIONS
from zscape.errors import ConfigError
from zscape.latent.densities import DENSITIES
from zscape.nn.bottlenecks import BOTTLENECKS, Bottleneck
from zscape.nn.presets import PRESETS
from zscape.registry import Choice, Registry, load_plugin, names_in

words = st.from_regex(r"[a-z][a-z_0-9]{0,8}", fullmatch=True)
values = st.booleans() | st.integers(-(10**12), 10**12) | st.floats(-1e30, 1e30) | words
plain = values.filter(lambda value: value not in ("true", "false", "inf", "nan", "infinity"))
choices = st.builds(Choice, words, st.dictionaries(words, plain))


@given(choices)
def test_a_choice_comes_back_from_its_text(choice: Choice) -> None:
    again = Choice.parse(str(choice))
    assert again.name == choice.name
    assert dict(again.options) == dict(choice.options)
    assert Choice.from_dict(choice.to_dict()) == choice


def test_the_packages_know_their_names_without_being_imported() -> None:
    printed = run_python(
        "import sys\n"
        "from zscape.registry import names_in\n"
        "print(*names_in('zscape.nn.bottlenecks'))\n"
        "print(*names_in('zscape.nn.presets'))\n"
        "print(*names_in('zscape.latent.densities'))\n"
        "print('keras' in sys.modules)\n"
    ).splitlines()
    assert set(printed[0].split()) <= set(BOTTLENECKS.names())
    assert "gaussian" in printed[0].split()
    assert {"classic", "fast", "quality"} <= set(printed[1].split())
    assert {"gmm", "kde", "normal", "flow"} <= set(printed[2].split())
    assert printed[3] == "False"
    assert set(names_in("zscape.data.corruptions")) == set(CORRUPTIONS.names())


@pytest.mark.parametrize("registry", [BOTTLENECKS, PRESETS, DENSITIES, CORRUPTIONS])
def test_every_name_has_a_class(registry: Registry[Any]) -> None:
    for name in registry.names():
        assert registry.complete(name).options == registry.options(name)
    with pytest.raises(ConfigError, match=f"{registry.kind} is 'nope'; expected one of"):
        registry["nope"]


def test_options_that_are_left_out_have_their_defaults() -> None:
    choice = BOTTLENECKS.complete(" gaussian: beta = 0.5 ")
    assert choice.options == {"beta": 0.5, "warmup": 0, "free_bits": 0.0}
    assert str(CORRUPTIONS.complete("gaussian")) == "gaussian:sigma=0.3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "bottleneck is ''; expected one of "),
        ("vae", "bottleneck is 'vae'; expected one of "),
        ("gausian", "did you mean gaussian?"),
        ("gaussian:", "'' is not key=value"),
        ("gaussian:beta", "'beta' is not key=value"),
        ("gaussian:beta=much", "beta is 'much'; expected a number"),
        ("gaussian:beta=nan", "beta is nan; expected a number"),
        ("gaussian:beta=1,beta=2", "gives beta twice"),
        ("gaussian:gamma=1", "no option 'gamma'; it has beta, warmup, free_bits"),
        ("plain:beta=1", "the bottleneck plain has no option 'beta'; it has none"),
        ("gaussian:beta=-1", "beta is -1.0; expected a number, 0 or more"),
        ("gaussian:beta=inf", "beta is inf; expected a number"),
        ("gaussian:beta=true", "beta is True; expected a number"),
        ("gaussian:warmup=0.5", "warmup is 0.5; expected a whole number"),
        ("fsq:levels=1", "levels is 1; expected a whole number, 2 or more"),
        ("vq:codebook=1", "codebook is 1; expected a whole number, 2 or more"),
        ("vq:decay=1", "decay is 1.0; expected a number, 0 or more, below 1"),
        ("tc:beta=0", "beta is 0.0; expected a number, above 0"),
    ],
)
def test_a_bottleneck_that_cannot_be_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BOTTLENECKS.make(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fog", "expected one of blur, "),
        ("gaussian:sigma", "'sigma' is not key=value"),
        ("gaussian:peak=1", "it has sigma"),
        ("gaussian:sigma=0", "above 0"),
        ("gaussian:sigma=nan", "expected a number"),
        ("salt_pepper:amount=1.5", "at most 1"),
        ("mask:count=1.5", "whole number"),
        ("mask:count=100000", "at most 1000"),
    ],
)
def test_corruptions_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CORRUPTIONS.make(text)


@pytest.mark.parametrize("options", [{"beta": True}, {"beta": "1"}, {"levels": 3}])
def test_options_of_another_type_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        BOTTLENECKS.make(Choice("gaussian", options))


def test_a_name_is_taken_once() -> None:
    registry: Registry[object] = Registry("thing", "tests.test_registry")

    @registry.register("one")
    class One:
        pass

    assert registry["one"] is One
    with pytest.raises(ConfigError, match="there is a thing 'one' already"):
        registry.register("one")(type("Other", (), {}))
    with pytest.raises(ConfigError, match="letters, digits and _"):
        registry.register("one:a=1")
    with pytest.raises(ConfigError, match="there is a bottleneck 'gaussian' already"):
        BOTTLENECKS.register("gaussian")(type("Mine", (Bottleneck,), {}))
    with pytest.raises(ConfigError, match=r"no subclass of zscape\.Bottleneck"):
        BOTTLENECKS.register("mine")(type("Mine", (), {}))


def test_a_plugin_is_run_once_and_names_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import dataclasses, pathlib, zscape\n"
        "from zscape.data.corruptions import option\n"
        f"log = pathlib.Path({str(tmp_path / 'log')!r})\n"
        "log.write_text((log.read_text() if log.exists() else '') + 'x')\n"
        "@zscape.register_corruption('fade_of_a_plugin')\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class Fade(zscape.Corruption):\n"
        "    share: float = option(0.5, most=1)\n"
        "    def __call__(self, images, rng):\n"
        "        return images * self.share\n"
    )
    assert CORRUPTIONS.plugin("gaussian") is None
    load_plugin(file)
    load_plugin(str(file))
    assert (tmp_path / "log").read_text() == "x"
    assert CORRUPTIONS.options("fade_of_a_plugin") == {"share": 0.5}
    assert CORRUPTIONS.plugin("fade_of_a_plugin") == str(file.resolve())


def test_an_installed_package_is_found_by_the_name_of_its_entry_point(tmp_path: Path) -> None:
    (tmp_path / "fog_package.py").write_text(
        "import zscape\n"
        "@zscape.register_corruption('fog_of_a_package')\n"
        "class Fog(zscape.Corruption):\n"
        "    def __call__(self, images, rng):\n"
        "        return images\n"
    )
    info = tmp_path / "fog_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fog-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[zscape.plugins]\nfog_of_a_package = fog_package\n")
    printed = run_python(
        "import sys\n"
        "from zscape.data.corruptions import CORRUPTIONS\n"
        "print('fog_package' in sys.modules)\n"
        "print(CORRUPTIONS.complete('fog_of_a_package'))\n"
        "print(CORRUPTIONS.plugin('fog_of_a_package'))\n",
        PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[1] / 'src'}",
    )
    assert printed.split() == ["False", "fog_of_a_package", "fog_of_a_package"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("gone.py", None, "does not exist"),
        ("bad.py", "1 / 0", "ZeroDivisionError: division by zero"),
        ("syntax.py", "def", "SyntaxError"),
        ("no_such_module_of_anybody", None, "No module named"),
    ],
)
def test_plugins_that_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str | None, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_text(content)
    with pytest.raises(ConfigError, match=expected) as caught:
        load_plugin(name)
    assert "\n" not in str(caught.value)
