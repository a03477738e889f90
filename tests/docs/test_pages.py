"""What the documentation says beside its examples agrees with the package."""

from __future__ import annotations

import re
from typing import Any

import pytest

import zscape
from scripts.docs_tables import on_page_markdown
from tests.docs.conftest import ROOT
from zscape.data.corruptions import CORRUPTIONS
from zscape.nn.bottlenecks import BOTTLENECKS
from zscape.registry import Registry, names_in


@pytest.mark.parametrize(
    ("registry", "home"),
    [(BOTTLENECKS, "zscape.nn.bottlenecks"), (CORRUPTIONS, "zscape.data.corruptions")],
)
def test_the_guide_has_every_option_with_its_default(registry: Registry[Any], home: str) -> None:
    guide = (ROOT / "docs" / "guide.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|(?: `(.*?)`)? \|", guide, re.M)
    for name in names_in(home):
        options = str(registry.complete(name)).partition(":")[2]
        assert (name, options) in rows


def test_every_module_is_in_the_reference() -> None:
    """Modules of packages that are listed with all their modules are there already."""
    pages = "".join(
        (ROOT / "docs" / f"{page}.md").read_text() for page in ("reference", "settings", "parts")
    )
    listed = set(re.findall(r"^::: (zscape\S*)", pages, re.M))
    packages = set(re.findall(r"^::: (\S+)\n    options:\n      show_submodules", pages, re.M))
    source = ROOT / "src"
    modules = {
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (source / "zscape").rglob("*.py")
        if "web" not in path.parts and not re.match(r"_[a-z]|__main__", path.name)
    }
    assert listed <= modules.keys()
    public = {
        name
        for name, path in modules.items()
        if name.rpartition(".")[0] not in packages
        and not name.startswith("zscape.cli")
        and re.search(r"^(class|def) [A-Za-z]", path.read_text(), re.M)
    }
    assert public <= listed


def test_the_guide_gets_its_tables_of_metrics() -> None:
    assert "\nhooks: [scripts/docs_tables.py]" in (ROOT / "mkdocs.yml").read_text()
    made = on_page_markdown((ROOT / "docs" / "guide.md").read_text())
    assert "<!-- table" not in made
    assert "| k-NN accuracy |" in made


def test_the_citation_is_of_this_version() -> None:
    lines = (ROOT / "CITATION.cff").read_text().splitlines()
    assert f"version: {zscape.__version__}" in lines
