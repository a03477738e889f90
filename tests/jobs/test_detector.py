"""The detector of anomalies as an estimator of scikit-learn, by its own checks too."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import estimator_checks_generator

import zscape
from tests.conftest import blobs
from zscape.errors import ConfigError, DataError
from zscape.jobs.detector import AnomalyDetector

QUICK: dict[str, Any] = {"preset": "classic", "latent_dim": 2, "epochs": 1, "threshold": 0.5}
ROWS = "it takes images (N, H, W, C), and this check fits rows of numbers"
ERRORS = "it refuses such rows with a DataError; this check expects a ValueError with certain words"

# Of scikit-learn's checks, those that cannot pass, and why.
EXPECTED_FAILURES = {
    **dict.fromkeys(
        (
            "check_complex_data",
            "check_estimators_empty_data_messages",
            "check_estimators_nan_inf",
            "check_estimator_sparse_array",
            "check_estimator_sparse_matrix",
            "check_estimator_sparse_tag",
            "check_fit1d",
            "check_positive_only_tag_during_fit",
        ),
        ERRORS,
    ),
    **dict.fromkeys(
        (
            "check_classifier_data_not_an_array",
            "check_dict_unchanged",
            "check_dont_overwrite_parameters",
            "check_dtype_object",
            "check_estimators_dtypes",
            "check_estimators_fit_returns_self",
            "check_estimators_overwrite_params",
            "check_estimators_pickle",
            "check_f_contiguous_array_estimator",
            "check_fit2d_1feature",
            "check_fit2d_1sample",
            "check_fit2d_predict1d",
            "check_fit_check_is_fitted",
            "check_fit_idempotent",
            "check_fit_score_takes_y",
            "check_methods_sample_order_invariance",
            "check_methods_subset_invariance",
            "check_n_features_in",
            "check_n_features_in_after_fitting",
            "check_outliers_fit_predict",
            "check_outliers_train",
            "check_pipeline_consistency",
            "check_readonly_memmap_input",
        ),
        ROWS,
    ),
}
# Those of them that pass where the rows are made into images.
WITH_ROWS = (
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_n_features_in",
    "check_outliers_fit_predict",
)


class Rows(AnomalyDetector):
    """Takes rows of numbers (N, F), as images of 1 by F pixels."""

    def fit(self, X: Any, y: object = None) -> Self:
        return super().fit(_pixels(X))

    def score_samples(self, X: Any) -> np.ndarray:
        return super().score_samples(_pixels(X))


def _pixels(rows: Any) -> np.ndarray:
    pixels: np.ndarray = 1 / (1 + np.exp(-np.asarray(rows, float)))
    return pixels[:, None, :, None]


def _checks(estimator: AnomalyDetector) -> Iterator[tuple[str, Callable[[Any], None]]]:
    for _, check in estimator_checks_generator(estimator):
        name = getattr(check, "func", check).__name__
        if name != "check_array_api_input":  # needs a variable of the environment
            yield name, check


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(
            check,
            id=name,
            marks=[pytest.mark.xfail(reason=EXPECTED_FAILURES[name])]
            if name in EXPECTED_FAILURES
            else [],
        )
        for name, check in _checks(AnomalyDetector(**QUICK))
    ],
)
def test_scikit_learn_checks(check: Callable[[Any], None]) -> None:
    check(AnomalyDetector(**QUICK))


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_ROWS)
def test_scikit_learn_checks_that_fit(name: str) -> None:
    dict(_checks(Rows(**QUICK)))[name](Rows(**QUICK))


@pytest.mark.slow
def test_the_detector_works_like_those_of_scikit_learn() -> None:
    images, labels = blobs(300)
    detector = AnomalyDetector(preset="classic", latent_dim=4, epochs=3, threshold=0.9)
    detector.fit(images[labels == 0])
    odd = 255 - images[:20]
    assert (detector.predict(odd) == -1).all()
    known = detector.predict(images[labels == 0])
    assert set(known) <= {1, -1}
    assert (known == 1).mean() > 0.8
    scores = detector.score_samples(odd)
    assert scores.shape == (20,)
    np.testing.assert_allclose(detector.decision_function(odd), scores - detector.offset_)


@pytest.mark.slow
def test_a_fitted_detector_is_pickled_and_cloned_without_what_it_learned() -> None:
    images, _ = blobs(60)
    detector = zscape.AnomalyDetector(**QUICK, bottleneck="gaussian:beta=2", seed=3)
    signs = detector.fit_predict(images)
    assert detector.image_shape_ == (8, 8, 1)
    assert detector.n_features_in_ == 64
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_allclose(
        again.score_samples(images), detector.score_samples(images), rtol=1e-6
    )
    np.testing.assert_array_equal(again.predict(images), signs)
    fresh = clone(again)
    assert fresh.get_params() == detector.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(images)
    with pytest.raises(DataError, match="shape"):
        detector.predict(images[:, :4])


@pytest.mark.slow
def test_the_best_threshold_is_taken_and_said_before_the_training() -> None:
    images, _ = blobs(60)
    detector = AnomalyDetector(**{**QUICK, "threshold": 0.99})
    with pytest.warns(UserWarning, match="0.99 cannot be promised with 11 held-out images"):
        detector.fit(images)
    assert detector.threshold == 0.99
    assert detector.threshold_ == pytest.approx(11 / 12)
    assert detector.scorer_.false_alarm_rate == pytest.approx(1 / 12)
    assert AnomalyDetector(**QUICK).fit(images).threshold_ == 0.5


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"bottleneck": "vq:size=3"}, "size"), ({"latent_dim": 0}, "latent_dim"),
     ({"preset": "huge"}, "preset"), ({"epochs": 0}, "epochs"), ({"threshold": 2}, "threshold")],
)  # fmt: skip
def test_settings_are_checked_before_training(settings: dict[str, Any], expected: str) -> None:
    detector = AnomalyDetector(**{**QUICK, **settings})
    with pytest.raises(ConfigError, match=expected):
        detector.fit(blobs(30)[0])


def test_gray_images_may_come_without_channels() -> None:
    images = np.random.default_rng(0).random((25, 8, 8))
    detector = AnomalyDetector(preset="classic", latent_dim=2, epochs=1)
    with pytest.warns(UserWarning, match="cannot be promised"):
        detector.fit(images)
    alone = detector.score_samples(images[:5])
    np.testing.assert_array_equal(alone, detector.score_samples(images[:5, ..., None]))
