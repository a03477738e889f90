"""Classes among labels, with their names and a colour for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zscape.data.images import NO_LABEL, Images

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

MAX_CLASSES = 20
"""Labels of up to this many values are classes; more are drawn as a quantity."""

# Found by a search in OKLab (Ottosson 2020) for colours that differ most from each other and from
# the grey ones, for normal sight and, with less weight, for three kinds of colour blindness as
# simulated by Machado et al. (2009). Those that come first differ more. On their page all have a
# contrast of 2 (white) or 3 (dark); the same place has about the same hue on both.
COLORS = (
    "#2d4bc3", "#a5c33c", "#78001e", "#009678", "#f096f0", "#f05a00", "#a52d87", "#9669f0",
    "#695a00", "#003c5a", "#a5874b", "#3cc3ff", "#d26996", "#c31e2d", "#ff9687", "#4b0f96",
    "#876996", "#3c96e1", "#2dc396", "#780069",
)  # fmt: skip
DARK_COLORS = (
    "#87a5d2", "#f0f00f", "#c37878", "#4bffe1", "#c378ff", "#ffb496", "#c32d78", "#874bd2",
    "#879600", "#0f78a5", "#e1a500", "#00d2ff", "#ff78b4", "#ff693c", "#a55a2d", "#6978ff",
    "#d2b4e1", "#b4e1ff", "#3cd269", "#965a96",
)  # fmt: skip
GREY = "#9aa3ad"  # of images without a label
DARK_GREY = "#6b7480"
NO_LABEL_NAME = "no label"


class Classes(NamedTuple):
    """The classes of some images.

    Attributes:
        values: the name of each class, or its number where it has none; last None, which stands
            for images without a label, if there are such.
        places: (N,), the place of each image's class in `values`.
        slots: the place of each class in the palettes, or -1 for grey.
    """

    values: list[Any]
    places: np.ndarray
    slots: list[int]

    @property
    def texts(self) -> list[str]:
        """The classes as people read them."""
        return [NO_LABEL_NAME if value is None else str(value) for value in self.values]

    @property
    def colors(self) -> list[str]:
        """The colour of each class on white."""
        return [GREY if slot < 0 else COLORS[slot] for slot in self.slots]

    @property
    def dark_colors(self) -> list[str]:
        """The colour of each class on a dark page."""
        return [DARK_GREY if slot < 0 else DARK_COLORS[slot] for slot in self.slots]


def find_classes(labels: np.ndarray, class_names: Sequence[str] | None = None) -> Classes | None:
    """Return the classes among labels (N,), or None where these are a quantity or too many.

    Args:
        labels: whole numbers, of which `NO_LABEL` is none, or names, of which "" is none.
        class_names: what the labels 0, 1, 2, ... stand for. A class keeps its colour when others
            have no image.
    """
    if labels.dtype.kind == "f":
        return None
    is_known = has_label(labels)
    found, places_of_known = np.unique(labels[is_known], return_inverse=True)
    if len(found) > MAX_CLASSES:
        return None
    places = np.full(len(labels), len(found))
    places[is_known] = places_of_known
    slots = list(range(len(found)))
    if labels.dtype.kind in "iu" and all(0 <= number < MAX_CLASSES for number in found):
        slots = found.tolist()
    values = [name_of(value, class_names) for value in found.tolist()]
    if is_known.all():
        return Classes(values, places, slots)
    return Classes([*values, None], places, [*slots, -1])


def has_label(labels: np.ndarray) -> np.ndarray:
    """Tell which images have a label, (N,): not `NO_LABEL`, "" or NaN."""
    if labels.dtype.kind == "f":
        return np.asarray(~np.isnan(labels))
    return np.asarray(labels != ("" if labels.dtype.kind == "U" else NO_LABEL))


def name_of(label: Any, class_names: Sequence[str] | None) -> Any:
    """Return the name of a class, or the label itself where it has none."""
    has_name = class_names is not None and isinstance(label, int) and 0 <= label < len(class_names)
    return class_names[label] if has_name and class_names is not None else label


def as_quantity(labels: np.ndarray) -> np.ndarray:
    """Return labels (N,) as numbers: names as their places in the alphabet."""
    if labels.dtype.kind != "U":
        return labels.astype(float)
    return np.unique(labels, return_inverse=True)[1].astype(float)


def ramp() -> Colormap:
    """Return the scale of a quantity: viridis without its end that is hard to see on white."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    return ListedColormap(mpl.colormaps["viridis"](np.linspace(0.0, 0.9, 256)))


def label_texts(images: Images) -> list[str] | None:
    """Return the label of each image as people read it, or None where images have no labels."""
    labels = images.labels
    if labels is None:
        return None
    named = zip(labels.tolist(), has_label(labels), strict=True)
    return [str(name_of(x, images.class_names)) if known else NO_LABEL_NAME for x, known in named]
