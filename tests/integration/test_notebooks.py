"""The notebooks run from top to bottom, and show what they promise."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.harness import PATIENCE

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.slow
def test_the_notebook_of_the_explorer_runs(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MPLBACKEND")  # the kernel chooses its own
    shutil.copytree(trained.two, tmp_path / "runs" / "demo-2d")
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.read(NOTEBOOKS / "explorer.ipynb", as_version=4)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]  # committed without
    client = NotebookClient(
        notebook, timeout=PATIENCE, resources={"metadata": {"path": str(tmp_path / "notebooks")}}
    )
    client.execute()
    shown, printed, sliders = (
        [output for cell in notebook.cells if word in cell.source for output in cell.outputs]
        for word in ("zscape.Explorer(run)", "explorer.image.shape", "FloatSlider")
    )
    assert "application/vnd.jupyter.widget-view+json" in shown[-1]["data"]
    assert "(8, 8, 1) float32" in "".join(output.get("text", "") for output in printed)
    assert "application/vnd.jupyter.widget-view+json" in sliders[-1]["data"]
    drawn = [
        output
        for widget in client.widget_state.values()
        for output in widget.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(drawn) == 1
    assert len(str(client.widget_state)) < 500_000  # no networks in a saved notebook
