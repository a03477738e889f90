"""How well noise is removed, beside what scikit-image offers for it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from zscape.data.corruptions import corrupt, scaled
from zscape.data.images import ImageStore, as_float
from zscape.evaluation.reconstruction import peak_signal_to_noise_ratio, structural_similarity
from zscape.settings import CorruptionConfig

if TYPE_CHECKING:
    from zscape.model import Autoencoder

LEVELS = (0.5, 1.0, 1.5)  # times the corruption of the training
NOISY, OWN = "noisy", "zscape"
# Larger images are fewer, so that they take no longer.
_TEST_PIXELS, _VALIDATION_PIXELS = 100 * 28 * 28, 16 * 28 * 28
_MIN_IMAGES = 4
_TEST_SEED, _VALIDATION_SEED = 101, 102

Denoiser = Callable[..., NDArray[Any]]  # of one image (H, W, C), with parameters


class Outcome(TypedDict):
    """Metrics of one method: means over images; `parameters` are those of a classical method."""

    psnr: float
    ssim: float | None
    parameters: NotRequired[dict[str, Any]]


@dataclass(frozen=True)
class Level:
    """What became of one strength of noise.

    Attributes:
        corruption: what was done to the clean images, as the setting `corruption` takes it.
        methods: by name, `noisy` and `zscape` among them.
    """

    corruption: str
    methods: dict[str, Outcome]

    @property
    def best_classical(self) -> str | None:
        """The classical method with the highest PSNR."""
        names = [name for name in self.methods if name not in (NOISY, OWN)]
        return max(names, key=lambda name: self.methods[name]["psnr"], default=None)


@dataclass(frozen=True)
class DenoisingEvaluation:
    """Metrics at several levels of noise, and images at the middle one.

    Attributes:
        n_images: how many test images were looked at.
        levels: from little noise to much.
        samples: rows of images (n, H, W, C): clean, noisy, the best classical method's, the
            model's; the third is missing when no classical method was asked for, and files
            hold none of them.
    """

    n_images: int
    levels: tuple[Level, ...]
    samples: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "n_images": self.n_images,
            "levels": [{"corruption": x.corruption, "methods": x.methods} for x in self.levels],
        }


def evaluate_denoising(
    model: Autoencoder,
    images: ImageStore,
    corruption: CorruptionConfig,
    *,
    validation: ImageStore | None,
    n_samples: int = 10,
) -> DenoisingEvaluation:
    """Put noise on images and remove it again, by the model and by classical methods.

    The first few images are used, more of them when they are small. Each classical method has the
    parameters that gave the highest PSNR on corrupted validation images, for each level anew.

    Args:
        model: a model trained with `corruption`.
        images: clean images (N, H, W, C).
        corruption: taken at the strengths `LEVELS`.
        validation: clean images to choose parameters on; without them there are no classical
            methods.
        n_samples: how many images to keep for a figure.
    """
    clean = as_float(images[: _affordable(images, _TEST_PIXELS)])
    known = None
    if validation is not None:
        known = as_float(validation[: _affordable(validation, _VALIDATION_PIXELS)])
    levels, samples = [], {}
    for factor in LEVELS:
        level, outputs = _measured(model, clean, known, scaled(corruption, factor))
        levels.append(level)
        if factor == 1.0:
            shown = [NOISY, *filter(None, [level.best_classical]), OWN]
            rows = {"clean": clean, **{name: outputs[name] for name in shown}}
            samples = {name: row[:n_samples] for name, row in rows.items()}
    return DenoisingEvaluation(len(clean), tuple(levels), samples)


def _measured(
    model: Autoencoder,
    clean: NDArray[np.float32],
    known: NDArray[np.float32] | None,
    corruption: CorruptionConfig,
) -> tuple[Level, dict[str, NDArray[Any]]]:
    """Return the metrics of all methods at one strength of noise, and their outputs."""
    noisy = corrupt(clean, corruption, _TEST_SEED)
    chosen = {}
    if known is not None:
        chosen = choose_parameters(known, corrupt(known, corruption, _VALIDATION_SEED))
    outputs = {
        NOISY: noisy,
        **{name: run_classical(name, noisy, chosen[name]) for name in chosen},
        OWN: model.reconstruct(noisy),
    }
    methods = {name: _outcome(clean, output) for name, output in outputs.items()}
    for name, parameters in chosen.items():
        methods[name]["parameters"] = parameters
    return Level(str(corruption), methods), outputs


def choose_parameters(
    clean: NDArray[np.float32], noisy: NDArray[np.float32], *, only: str | None = None
) -> dict[str, dict[str, Any]]:
    """Return the parameters with the highest PSNR on these images, by classical method.

    Args:
        clean: (N, H, W, C) in [0, 1].
        noisy: the same with noise.
        only: the name of one method; all when None.
    """
    best = {}
    for name, (_, grid) in _METHODS.items():
        if only not in (None, name):
            continue
        trials = [
            dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
        ]
        psnrs = [
            peak_signal_to_noise_ratio(clean, run_classical(name, noisy, trial)) for trial in trials
        ]
        best[name] = trials[int(np.argmax(psnrs))]
    return best


def run_classical(
    name: str, noisy: NDArray[np.float32], parameters: Mapping[str, Any]
) -> NDArray[np.float32]:
    """Denoise images (N, H, W, C) in [0, 1] by a classical method, each for itself."""
    method, _ = _METHODS[name]
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        # Wavelets, of images below 16 pixels.
        warnings.filterwarnings("ignore", "Level value", UserWarning)
        return np.stack([_bounded(method(image, **parameters), image.shape) for image in noisy])


def classical_methods() -> Sequence[str]:
    """Return the names of the classical methods."""
    return tuple(_METHODS)


def _affordable(images: ImageStore, n_pixels: int) -> int:
    height, width = images.shape[1:3]
    return max(_MIN_IMAGES, n_pixels // int(height * width))


def _outcome(clean: NDArray[Any], output: NDArray[Any]) -> Outcome:
    return {
        "psnr": peak_signal_to_noise_ratio(clean, output),
        "ssim": structural_similarity(clean, output),
    }


def _bounded(image: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    # Where nothing varies some methods divide 0 by 0; some leave out a single channel.
    bounded: NDArray[Any] = np.clip(np.nan_to_num(image), 0, 1).reshape(shape)
    return bounded.astype(np.float32)


# --- classical methods ---


def _median(image: NDArray[Any], size: int) -> NDArray[Any]:
    from scipy.ndimage import median_filter

    filtered: NDArray[Any] = median_filter(image, (size, size, 1), mode="nearest")
    return filtered


def _bilateral(image: NDArray[Any], sigma_color: float, sigma_spatial: float) -> NDArray[Any]:
    from skimage.restoration import denoise_bilateral

    return np.dstack(
        [
            denoise_bilateral(
                image[..., k], sigma_color=sigma_color, sigma_spatial=sigma_spatial, mode="edge"
            )
            if np.ptp(image[..., k]) > 0  # it cannot do with a single value
            else image[..., k]
            for k in range(image.shape[2])
        ]
    )


def _restoration(name: str, **fixed: Any) -> Denoiser:
    """Return a function of `skimage.restoration` by its name, with some arguments fixed."""

    def denoise(image: NDArray[Any], **parameters: Any) -> NDArray[Any]:
        from skimage import restoration

        restored: NDArray[Any] = getattr(restoration, name)(
            image, channel_axis=-1, **fixed, **parameters
        )
        return restored

    return denoise


# Each with the parameters to choose from.
_METHODS: dict[str, tuple[Denoiser, dict[str, tuple[Any, ...]]]] = {
    "median": (_median, {"size": (3, 5, 7)}),
    "bilateral": (
        _bilateral,
        {"sigma_color": (0.1, 0.2, 0.4, 0.8, 1.6), "sigma_spatial": (0.7, 1.0, 1.5, 2.5)},
    ),
    "total variation": (
        _restoration("denoise_tv_chambolle"),
        {"weight": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9)},
    ),
    "non-local means": (
        _restoration("denoise_nl_means", patch_distance=9, fast_mode=True),
        {"h": (0.05, 0.1, 0.15, 0.2, 0.3, 0.5), "sigma": (0.0, 0.2, 0.4), "patch_size": (3, 5, 7)},
    ),
    "wavelet": (
        _restoration("denoise_wavelet", rescale_sigma=False),
        {
            "sigma": (0.02, 0.05, 0.1, 0.2, 0.3, 0.5),
            "wavelet": ("db1", "db2", "sym4"),
            "mode": ("soft", "hard"),
        },
    ),
}
