"""The Python examples of the documentation and of the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.conftest import PAGES, ROOT

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
            exec(compile(lines_above + block["code"], page, "exec"), names)


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
        doctest.DocTestRunner(Shown()).run(test, out=failures.append, clear_globs=False)
    assert any(test.examples for test in tests)
    assert not failures, "".join(failures)
