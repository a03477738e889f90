"""The final figures of a run as its folder holds them, checked."""

from __future__ import annotations

from typing import Any

from zscape.errors import RunError
from zscape.runs import Run

_NUMBER = (int, float)
_FIGURES = dict.fromkeys(("mse", "psnr", "ssim", "knn_accuracy"), (*_NUMBER, type(None)))
# Figures that came later: files without them are whole too.
_LATER_FIGURES = (
    "linear_probe_accuracy",
    "cluster_agreement",
    "active_units",
    "total_correlation_nats",
)
_EXPECTED: dict[str, Any] = {
    "data": str,
    "n_images": int,
    "model": _FIGURES,
    "compression_ratio": _NUMBER,
    "latent": {
        "n_codes": int,
        "n_not_finite": int,
        "low": list,
        "high": list,
        "dead": list,
        "collapsed": list,
        "n_effective": _NUMBER,
    },
    "warnings": list,
    "notes": list,
    "training": {
        "epochs": int,
        "best_epoch": int,
        "seconds": _NUMBER,
        "n_train": int,
        "n_validation": int,
        "n_test": int,
        "n_parameters": int,
    },
}


def stored_metrics(run: Run) -> dict[str, Any]:
    """Return what `metrics.json` of a run holds, with every figure that a page or table shows.

    Raises:
        RunError: the file is missing or damaged.
    """
    values = run.metrics
    expected = dict(_EXPECTED)
    for who in ("model", "pca"):
        figures = values.get(who) if isinstance(values, dict) else None
        if isinstance(figures, dict):
            later = [name for name in _LATER_FIGURES if name in figures]
            expected[who] = _FIGURES | dict.fromkeys(later, _FIGURES["mse"])
        elif figures is not None:
            expected[who] = _FIGURES
    if isinstance(values, dict) and values.get("denoising") is not None:
        expected["denoising"] = {"n_images": int, "levels": list}
    wrong = _first_wrong(values, expected) or _first_wrong_level(values.get("denoising"))
    if wrong is not None:
        raise RunError(
            f"{run.path / 'metrics.json'} is damaged: {wrong} is missing or of another type. "
            f"Write it with: zscape evaluate {run.path}"
        )
    return {"pca": None, "denoising": None, **values}


def _first_wrong_level(denoising: dict[str, Any] | None) -> str | None:
    """Return the first name at which a level of noise is not as expected."""
    figures = {"psnr": _NUMBER, "ssim": (*_NUMBER, type(None))}
    for number, level in enumerate((denoising or {"levels": ()})["levels"]):
        place = f"denoising.levels.{number}"
        wrong = _first_wrong(level, {"corruption": str, "methods": dict}, place)
        for name, values in level["methods"].items() if not wrong else ():
            wrong = wrong or _first_wrong(values, figures, f"{place}.{name}")
        if wrong:
            return wrong
    return None


def _first_wrong(values: Any, expected: dict[str, Any], path: str = "") -> str | None:
    """Return the first name at which `values` is not as expected."""
    if not isinstance(values, dict):
        return path or "everything"
    for name, kind in expected.items():
        place = f"{path}.{name}" if path else name
        if isinstance(kind, dict):
            wrong = _first_wrong(values.get(name), kind, place)
            if wrong is not None:
                return wrong
        elif name not in values or not isinstance(values[name], kind):
            return place
    return None
