"""The loss over the epochs: lines, marks, scale and words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zscape.errors import DataError
from zscape.viz import figure_png, plot_loss

NAN = float("nan")


def history(losses: list[float], validation: list[float]) -> dict[str, list[float]]:
    return {
        "epoch": [float(i) for i in range(1, len(losses) + 1)],
        "loss": losses,
        "val_loss": validation,
        "seconds": [1.0] * len(losses),
    }


def line(figure: Any, name: str) -> Any:
    (found,) = (x for x in figure.axes[0].lines if x.get_label() == name)
    return found


def words(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


HISTORY = history([0.05, 0.03, 0.02], [0.04, 0.025, 0.026])


def test_both_losses_are_drawn_in_different_line_styles_and_named() -> None:
    figure = plot_loss(HISTORY)
    train, validation = line(figure, "train"), line(figure, "validation")
    np.testing.assert_allclose(train.get_xydata(), [[1, 0.05], [2, 0.03], [3, 0.02]])
    np.testing.assert_allclose(validation.get_ydata(), HISTORY["val_loss"])
    assert train.get_linestyle() != validation.get_linestyle()
    assert sorted(words(figure)) == ["train", "validation"]
    assert figure.axes[0].get_xlabel() == "epoch"
    assert figure.axes[0].get_ylabel() == "MSE"


def test_the_best_epoch_is_marked_with_its_validation_loss() -> None:
    figure = plot_loss(HISTORY, best_epoch=2)
    np.testing.assert_allclose(line(figure, "best").get_xydata(), [[2, 0.025]])
    assert any("epoch 2" in text and "0.02500" in text for text in words(figure))


def test_the_baseline_is_a_named_level_line() -> None:
    figure = plot_loss(HISTORY, baseline=0.0341)
    assert set(line(figure, "PCA").get_ydata()) == {0.0341}
    assert "PCA 0.0341" in words(figure)


def test_names_at_the_line_ends_never_overlap_and_stay_inside() -> None:
    figure = plot_loss(history([0.1, 0.02], [0.1, 0.02]), baseline=0.0201, best_epoch=2)
    figure.draw_without_rendering()
    names = [t for t in figure.axes[0].texts if not t.get_text().startswith("best")]
    boxes = [text.get_window_extent() for text in names]
    assert len(boxes) == 3
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert box.x1 <= figure.bbox.width
        assert box.y1 <= figure.bbox.height


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ([0.05, 0.02], "linear"),
        ([0.5, 0.02], "log"),
        ([0.5, 0.0], "linear"),
        ([0.5, NAN], "linear"),
    ],
)
def test_the_axis_is_logarithmic_beyond_a_factor_of_ten(losses: list[float], scale: str) -> None:
    assert plot_loss(history(losses, losses)).axes[0].get_yscale() == scale


def test_the_baseline_counts_for_the_scale() -> None:
    assert plot_loss(HISTORY, baseline=0.9).axes[0].get_yscale() == "log"


@pytest.mark.parametrize("n_epochs", [1, 2, 7, 60, 500])
def test_epochs_are_whole_numbers(n_epochs: int) -> None:
    losses = np.linspace(0.05, 0.02, n_epochs).tolist()
    figure = plot_loss(history(losses, losses), best_epoch=n_epochs)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    shown = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert shown
    assert all(float(tick).is_integer() and 1 <= tick <= n_epochs for tick in shown)


@pytest.mark.parametrize("losses", [[NAN], [0.03, NAN, 0.02], [0.03, float("inf")]])
def test_losses_that_are_no_numbers_leave_gaps(losses: list[float]) -> None:
    figure = plot_loss(history(losses, losses), best_epoch=1)
    assert figure_png(figure, dpi=40).startswith(b"\x89PNG")


def test_a_history_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(DataError, match="no 'val_loss'"):
        plot_loss({"epoch": [1], "loss": [0.1]})
    with pytest.raises(DataError, match="empty"):
        plot_loss(history([], []))
    with pytest.raises(DataError, match="differ in length"):
        plot_loss({**HISTORY, "loss": [0.1]})
    with pytest.raises(
        DataError, match="best_epoch is 9; expected an epoch of the history, 1 to 3"
    ):
        plot_loss(HISTORY, best_epoch=9)
