"""The Python examples of the documentation and of the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zscape
from tests.docs.conftest import PAGES, ROOT
from zscape.data.corruptions import CORRUPTIONS, corrupt
from zscape.data.images import as_float
from zscape.latent.densities import DENSITIES, fit_density
from zscape.nn.bottlenecks import BOTTLENECKS
from zscape.nn.presets import PRESETS
from zscape.registry import Registry

pytestmark = pytest.mark.slow

BLOCK = re.compile(r'^```python(?: title="(?P<file>[^"]+)")?\n(?P<code>.*?)^```$', re.M | re.S)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if BLOCK.search(page.read_text())], ids=lambda page: page.name
)
def test_examples_of_a_page_run_in_their_order(page: Path, names: dict[str, Any]) -> None:
    """A block with a title is the file of that name, which later blocks load."""
    text = page.read_text()
    for block in BLOCK.finditer(text):
        lines_above = "\n" * text.count("\n", 0, block.start("code"))  # errors name the right line
        if block["file"]:
            Path(block["file"]).write_text(block["code"])
        else:
            code = compile(lines_above + block["code"], page, "exec", dont_inherit=True)
            exec(code, names)
    _use_what_was_registered(names["images"])


def _use_what_was_registered(images: np.ndarray) -> None:
    """Use each class that an example registered, which the example itself may not do."""
    for name in _new(PRESETS):
        network = zscape.NetworkConfig(preset=name, latent_dim=2)
        assert zscape.build_autoencoder((28, 28, 1), network).reconstruct(images).max() <= 1
    for name in _new(BOTTLENECKS):
        model = zscape.build_autoencoder((28, 28, 1), bottleneck=name)
        assert model.reconstruct(images).shape == images.shape
    for name in _new(DENSITIES):
        codes = np.random.default_rng(0).normal(size=(200, 2))
        density = fit_density(name, codes)
        assert np.isfinite(density.log_prob(codes)).all()
        assert density.sample(5).shape == (5, 2)
    for name in _new(CORRUPTIONS):
        corrupted = corrupt(images, zscape.CorruptionConfig.parse(name), seed=0)
        assert (corrupted != as_float(images)).any()


def _new(registry: Registry[Any]) -> set[str]:
    return {
        name for name in registry.names() if not registry[name].__module__.startswith("zscape.")
    }


MODULES = [
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "src").rglob("*.py"))
    if "node_modules" not in path.parts and ">>> " in path.read_text()
]


class Shown(doctest.OutputChecker):
    """Compares the output that an example shows; many show none, and only have to run."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return not want or super().check_output(want, got, optionflags)


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_docstrings_run(module: str, names: dict[str, Any]) -> None:
    tests = doctest.DocTestFinder().find(importlib.import_module(module), module)
    failures: list[str] = []
    for test in tests:
        test.globs.update(names)
        runner = doctest.DocTestRunner(Shown(), verbose=False)  # whatever -v asks of pytest
        runner.run(test, out=failures.append, clear_globs=False)
    assert any(test.examples for test in tests)
    assert not failures, "".join(failures)
