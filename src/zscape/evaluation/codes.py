"""How useful codes are: pure functions of codes (N, d), with labels (N,) where they need them.

Arrays of other shapes, and those without any code, raise `DataError`. Codes whose label is
`NO_LABEL` are left out wherever labels are needed.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from zscape.data.images import NO_LABEL
from zscape.errors import ConfigError, DataError

ACTIVE_VARIANCE = 0.01
MAX_PROBE_CODES = 10_000
MAX_CLUSTERED_CODES = 10_000
_CLUSTER_STARTS = 10
_CONSTANT = 1e-6

_Labelled = tuple[np.ndarray, np.ndarray]


def active_units(codes: np.ndarray, *, unit_scale: bool) -> int:
    """Return how many latent variables say something about the image.

    A variable is active when its code varies over images by more than 0.01, as a variance. The
    codes are those of `encode`, which for a bottleneck with a spread are the means, as in
    Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016. That threshold
    is for codes held near a prior of unit variance. Codes of other bottlenecks have any scale,
    so theirs is 0.01 of the largest variance; what never varies is not active either way.

    Args:
        codes: shape (N, d). Codes that are not finite are left out.
        unit_scale: the prior has unit variance in every dimension: standard normal, or uniform
            on the sphere of radius sqrt(d).
    """
    finite = finite_codes(codes)
    if not len(finite):
        return 0
    variance = finite.var(axis=0)
    threshold = ACTIVE_VARIANCE * (1.0 if unit_scale else float(variance.max()))
    return int(np.sum((variance > threshold) & varies(finite)))


def total_correlation(codes: np.ndarray) -> float | None:
    """Return how much the latent variables tell of each other, in nats, were they normal.

    The total correlation is the divergence of the joint distribution from the product of its
    marginals (Watanabe, Information theoretical analysis of multivariate correlation, IBM
    Journal 4, 1960). Of a normal distribution with the correlation matrix R it is
    -log det(R) / 2. For codes that are not normal this is an estimate which sees linear
    dependence only; 0 means uncorrelated, not independent. From N codes of d independent
    variables it comes out near d (d - 1) / (4 N), not 0.

    Dimensions that do not vary are left out; it is 0 with fewer than two others, and None where it
    is infinite, as one variable is a linear function of others, or the codes are too few to tell.
    """
    finite = finite_codes(codes)
    if not len(finite):
        return None
    finite = finite[:, varies(finite)]
    n_codes, n_dims = finite.shape
    if n_dims < 2:
        return 0.0
    if n_codes <= n_dims:
        return None
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(finite, rowvar=False))
    # float32 codes carry seven digits; smaller eigenvalues are rounding.
    if eigenvalues[0] < n_dims * np.finfo(np.float32).eps:
        return None
    return max(0.0, float(-0.5 * np.log(eigenvalues).sum()))


def knn_accuracy(
    train_codes: np.ndarray,
    train_labels: np.ndarray,
    test_codes: np.ndarray,
    test_labels: np.ndarray,
    *,
    n_neighbors: int = 5,
) -> float | None:
    """Return how often the labels of the nearest training codes give that of a test code.

    The distance is Euclidean on the codes as they are, not standardised: the question is
    whether the space itself keeps classes apart. With fewer training codes than `n_neighbors`
    all of them vote. A code that is not finite is near nothing: it has no vote among the
    training codes, and counts as wrong among the test codes.

    Args:
        train_codes: shape (N, d).
        train_labels: shape (N,).
        test_codes: shape (M, d).
        test_labels: shape (M,).
        n_neighbors: the number of votes, 1 or more.

    Returns:
        The accuracy, a share in [0, 1]; None when no training code or no test code has a label.
    """
    from sklearn.neighbors import KNeighborsClassifier

    if n_neighbors < 1:
        raise ConfigError(f"n_neighbors is {n_neighbors}; expected 1 or more.")
    known = _checked(train_codes, train_labels, test_codes, test_labels)
    if known is None:
        return None
    train, labels, test, test_labels = known
    if not len(train):
        return 0.0
    classifier = KNeighborsClassifier(n_neighbors=min(n_neighbors, len(train)))
    return _accuracy(classifier.fit(train, labels), test, test_labels)


def linear_probe_accuracy(
    train_codes: np.ndarray,
    train_labels: np.ndarray,
    test_codes: np.ndarray,
    test_labels: np.ndarray,
    *,
    seed: int = 0,
) -> float | None:
    """Return the accuracy of a linear classifier on the codes, given as for `knn_accuracy`.

    Multinomial logistic regression on codes that are standardised by the training codes; of
    more than 10,000 training codes a random 10,000 are used, by `seed`. See Alain and Bengio,
    Understanding intermediate layers using linear classifier probes, 2016. A code that is not
    finite is left out of the training codes and counts as wrong among the test codes.

    Returns:
        The accuracy, a share in [0, 1]; None when the training codes are all of one class, or
        no test code has a label.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = _checked(train_codes, train_labels, test_codes, test_labels)
    if known is None:
        return None
    train, labels, test, test_labels = known
    train, labels = _some(MAX_PROBE_CODES, seed, train, labels)
    if len(np.unique(labels)) < 2:
        return None
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    with warnings.catch_warnings():
        # Short of the optimum it is a linear probe all the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(train, labels)
    return _accuracy(probe, test, test_labels)


def cluster_agreement(codes: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> float | None:
    """Return how well clusters of codes, found without labels, agree with the classes.

    The adjusted Rand index (Hubert and Arabie, Comparing partitions, Journal of Classification
    2, 1985) of the classes and of k-means with as many clusters as there are classes, the best
    of 10 starts by its own criterion: 1 for the same partition, about 0 for a random one. Of
    more than 10,000 codes a random 10,000 are used, as they are; those not finite are left out.

    Returns:
        The index in [-0.5, 1]; None with fewer than two classes, or fewer different codes than
        classes.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    known = _finite(*_labelled("the", codes, labels))
    codes, labels = _some(MAX_CLUSTERED_CODES, seed, *known)
    n_classes = len(np.unique(labels))
    if n_classes < 2 or len(np.unique(codes, axis=0)) < n_classes:
        return None
    clusters = KMeans(n_classes, n_init=_CLUSTER_STARTS, random_state=seed).fit_predict(codes)
    return float(adjusted_rand_score(labels, clusters))


def finite_codes(codes: np.ndarray) -> np.ndarray:
    """Return those of the codes (N, d) that are finite, as float64."""
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.size == 0:
        raise DataError(f"codes have shape {codes.shape}; expected (N, d) with at least one code.")
    return np.asarray(codes[np.isfinite(codes).all(axis=1)], np.float64)


def varies(codes: np.ndarray) -> np.ndarray:
    """Tell which dimensions of codes (N, d) vary by more than the rounding of float32, (d,)."""
    return np.asarray(codes.std(axis=0) > _CONSTANT * np.abs(codes).max(axis=0))


def _labelled(which: str, codes: np.ndarray, labels: np.ndarray) -> _Labelled:
    """Return the codes (N, d) that have a label, as float64, and the labels (N,), checked."""
    codes, labels = np.asarray(codes), np.asarray(labels)
    if codes.ndim != 2 or codes.size == 0 or labels.shape != (len(codes),):
        raise DataError(
            f"{which} codes have shape {codes.shape} and labels {labels.shape}; expected (N, d) "
            "and (N,) with at least one code."
        )
    known = labels != NO_LABEL
    return codes[known].astype(np.float64), labels[known]


def _finite(codes: np.ndarray, labels: np.ndarray) -> _Labelled:
    finite = np.isfinite(codes).all(axis=1)
    return codes[finite], labels[finite]


def _checked(*known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Return codes and labels that fit together, without training codes that are not finite.

    None when those of training or of test are all without a label.
    """
    train, test = _labelled("training", *known[:2]), _labelled("test", *known[2:])
    n_dims, n_test_dims = train[0].shape[1], test[0].shape[1]
    if n_dims != n_test_dims:
        raise DataError(
            f"training codes have {n_dims} dimensions and test codes have {n_test_dims}; "
            "expected codes of the same model."
        )
    return (*_finite(*train), *test) if len(train[0]) and len(test[0]) else None


def _accuracy(classifier: Any, codes: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of labels that a fitted classifier gets right; none of codes not finite."""
    codes, finite_labels = _finite(codes, labels)
    if not len(codes):
        return 0.0
    return float(np.sum(classifier.predict(codes) == finite_labels) / len(labels))


def _some(n: int, seed: int, codes: np.ndarray, labels: np.ndarray) -> _Labelled:
    """Return `n` of the codes and their labels, drawn at random, or all if there are no more."""
    if len(codes) <= n:
        return codes, labels
    chosen = np.random.default_rng(seed).choice(len(codes), n, replace=False)
    return codes[chosen], labels[chosen]
