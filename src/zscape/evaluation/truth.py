"""How well anomalies were found where it is known which images are some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zscape.data.images import NO_LABEL, Images
from zscape.evaluation.anomaly import Promise, Scores
from zscape.evaluation.labels import names_of

NORMAL_NAMES = ("good", "normal", "ok")  # in any case


def truth_of(images: Images, training: Images) -> np.ndarray | None:
    """Return 1 for anomalies and 0 for normal images by their classes, -1 where unknown, (N,).

    Normal are the classes whose names the training images have; if these have none, or none of
    them is here, a class called good, normal or ok. None where no class is known to be normal.
    """
    names, known = names_of(images), {*names_of(training).values()}
    normal = [label for label, name in names.items() if name in known] or [
        label for label, name in names.items() if name.lower() in NORMAL_NAMES
    ]
    if images.labels is None or not normal:
        return None
    is_normal = np.isin(images.labels, normal)
    return np.where(images.labels == NO_LABEL, -1, np.where(is_normal, 0, 1))


def mixed_warning(training: Images) -> list[str]:
    """Return a warning if the training images have a class called normal and others, or none."""
    names = names_of(training).values()
    others = [name for name in names if name.lower() not in NORMAL_NAMES]
    if not others or len(others) == len(names):
        return []
    listed = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
    return [
        f"The run was trained on the class{'es' if len(others) > 1 else ''} {listed}, too, and "
        "takes all its classes for normal. Train on a folder of normal images only."
    ]


@dataclass(frozen=True)
class Found:
    """How many anomalies were found, and how many normal images were taken for some.

    Attributes:
        auroc: the area under the ROC curve of each score: how often an anomaly has a higher one
            than a normal image; empty without anomalies.
        n_anomalous: images that are anomalies in truth; `n_found` of them were found.
        n_normal: images that are normal in truth; `n_false` of them were called anomalies.
    """

    auroc: dict[str, float]
    n_anomalous: int
    n_found: int
    n_normal: int
    n_false: int

    @property
    def hit_rate(self) -> float:
        """The share of the anomalies that were found."""
        return self.n_found / self.n_anomalous

    @property
    def false_alarm_rate(self) -> float:
        """The share of the normal images that were called anomalies."""
        return self.n_false / self.n_normal

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "auroc": self.auroc,
            "hit_rate": self.hit_rate,
            "false_alarm_rate_seen": self.false_alarm_rate,
            "n_anomalous": self.n_anomalous,
            "n_normal": self.n_normal,
        }

    def warnings(self, promise: Promise) -> list[str]:
        """Return a warning if there are far more false alarms than promised."""
        if not promise.is_broken_by(self.n_false, self.n_normal):
            return []
        return [
            f"{100 * self.false_alarm_rate:.0f} % of the {self.n_normal:,} normal images are "
            f"called anomalies, where {100 * promise.false_alarm_rate:.2f} % were expected: they "
            "are not like the images of the training. Train on images like these."
        ]


def compare(scores: Scores, limit: float, truth: np.ndarray) -> Found:
    """Compare scores with the truth as `truth_of` gives it; images of unknown truth are left out.

    `limit` is what a combined score of an anomaly is above.
    """
    from sklearn.metrics import roc_auc_score

    odd, normal = truth == 1, truth == 0
    known, called = odd | normal, scores.combined > limit
    auroc = {}
    if odd.any() and normal.any():
        for name, values in vars(scores).items():
            finite = np.nan_to_num(values, nan=np.finfo(float).max)  # as infinite ones become
            auroc[name] = float(roc_auc_score(odd[known], finite[known]))
    return Found(
        auroc,
        n_anomalous=int(odd.sum()),
        n_found=int((odd & called).sum()),
        n_normal=int(normal.sum()),
        n_false=int((normal & called).sum()),
    )
