"""How well noise is removed, beside what scikit-image offers for it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np

from zscape.data.corruptions import corrupt, scaled
from zscape.data.images import Images, ImageStore, as_float, drawn
from zscape.evaluation.reconstruction import peak_signal_to_noise_ratio, structural_similarity
from zscape.settings import CorruptionConfig

if TYPE_CHECKING:
    from zscape.model import Autoencoder

LEVELS = (0.5, 1.0, 1.5)  # times the corruption of the training
NOISY, OWN = "noisy", "zscape"
OWN_PAIRS = "own pairs"  # the noise that these have, in place of a corruption
# Larger images are fewer, so that they take no longer.
_TEST_PIXELS, _VALIDATION_PIXELS = 100 * 28 * 28, 16 * 28 * 28
_MIN_IMAGES = 4
_N_SAMPLES = 10  # kept for a figure
_TEST_SEED, _VALIDATION_SEED = 101, 102

Denoiser = Callable[..., np.ndarray]  # of one image (H, W, C), with parameters


class Outcome(TypedDict):
    """Metrics of one method: means over images; `parameters` are those of a classical method."""

    psnr: float
    ssim: float | None
    parameters: NotRequired[dict[str, Any]]


@dataclass(frozen=True)
class Level:
    """What became of one strength of noise, by method: `noisy` and `zscape` are among them."""

    corruption: str
    methods: dict[str, Outcome]

    @property
    def best_classical(self) -> str | None:
        """The classical method with the highest PSNR."""
        names = [name for name in self.methods if name not in (NOISY, OWN)]
        return max(names, key=lambda name: self.methods[name]["psnr"], default=None)

    def is_below(self, method: str | None) -> bool:
        """Tell whether the model has a lower PSNR than a method."""
        own = self.methods[OWN]["psnr"]
        return method is not None and own < self.methods[method]["psnr"]


@dataclass(frozen=True)
class DenoisingEvaluation:
    """Metrics at several levels of noise, from little to much, and images at the middle one.

    Attributes:
        samples: rows of images (n, H, W, C): clean, noisy, the best classical method's if there is
            one, the model's; files hold none of them.
    """

    n_images: int
    levels: tuple[Level, ...]
    samples: dict[str, np.ndarray] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"n_images": self.n_images, "levels": [vars(level) for level in self.levels]}

    def warnings(self) -> list[str]:
        """Return a sentence for each way in which the model does not help; [] where it does."""
        harmful = [level for level in self.levels if level.is_below(NOISY)]
        beaten = [
            level
            for level in self.levels
            if level not in harmful and level.is_below(level.best_classical)
        ]
        found = []
        if harmful:
            found.append(
                "Denoising makes images worse, by PSNR: "
                f"{_compared(harmful, [NOISY] * len(harmful))}. Train for more epochs, on more "
                "images, or with a longer code."
            )
        if beaten:
            names = [level.best_classical or "" for level in beaten]
            found.append(
                "A classical method, which needs no training, denoises better, by PSNR: "
                f"{_compared(beaten, names)}."
            )
        return found


def evaluate_denoising(
    model: Autoencoder,
    images: ImageStore,
    corruption: CorruptionConfig,
    *,
    validation: ImageStore | None,
) -> DenoisingEvaluation:
    """Put noise on images and remove it again, by the model and by classical methods.

    Some images are used, drawn at random, and more of them when they are small. Each classical
    method has the parameters that gave the highest PSNR on corrupted `validation` images, for each
    level anew; without such images there are no classical methods. The strengths are `LEVELS` times
    that of `corruption`.
    """
    clean = _affordable(images, _TEST_PIXELS)
    known = None if validation is None else _affordable(validation, _VALIDATION_PIXELS)
    levels, samples = [], {}
    for factor in LEVELS:
        noise = scaled(corruption, factor)
        noisy = corrupt(clean, noise, _TEST_SEED)
        learned = None if known is None else (corrupt(known, noise, _VALIDATION_SEED), known)
        level, outputs = _measured(model, noisy, clean, learned, str(noise))
        levels.append(level)
        if factor == 1.0:
            rows = {"clean": clean, **outputs}
            shown = ["clean", NOISY, *filter(None, [level.best_classical]), OWN]
            some = drawn(len(clean), _N_SAMPLES)
            samples = {name: rows[name][some] for name in shown}
    return DenoisingEvaluation(len(clean), tuple(levels), samples)


def evaluate_pairs(
    model: Autoencoder, images: Images, *, validation: Images | None
) -> DenoisingEvaluation:
    """Compare noisy images with their targets, as they are and denoised; see `evaluate_denoising`.

    The only level is the noise that the pairs have.
    """
    noisy, clean = (_affordable(each, _TEST_PIXELS) for each in (images.images, images.clean))
    known = None
    if validation is not None:
        known_noisy, known_clean = (
            _affordable(each, _VALIDATION_PIXELS) for each in (validation.images, validation.clean)
        )
        known = known_noisy, known_clean
    level, outputs = _measured(model, noisy, clean, known, OWN_PAIRS)
    rows = {"clean": clean, **outputs}
    shown = ["clean", NOISY, *filter(None, [level.best_classical]), OWN]
    some = drawn(len(clean), _N_SAMPLES)
    return DenoisingEvaluation(len(clean), (level,), {name: rows[name][some] for name in shown})


def _measured(
    model: Autoencoder,
    noisy: np.ndarray,
    clean: np.ndarray,
    known: tuple[np.ndarray, np.ndarray] | None,
    noise: str,
) -> tuple[Level, dict[str, np.ndarray]]:
    """Return the metrics of all methods for one kind of noise, and their outputs.

    Parameters are chosen on `known`, which are noisy and clean.
    """
    chosen = {} if known is None else choose_parameters(known[1], known[0])
    classical = {name: run_classical(name, noisy, chosen[name]) for name in chosen}
    outputs = {NOISY: noisy, **classical, OWN: model.reconstruct(noisy)}
    methods: dict[str, Outcome] = {
        name: {
            "psnr": peak_signal_to_noise_ratio(clean, output),
            "ssim": structural_similarity(clean, output),
        }
        for name, output in outputs.items()
    }
    for name, parameters in chosen.items():
        methods[name]["parameters"] = parameters
    return Level(noise, methods), outputs


def choose_parameters(
    clean: np.ndarray, noisy: np.ndarray, *, only: str | None = None
) -> dict[str, dict[str, Any]]:
    """Return the parameters with the highest PSNR on images, by classical method or of `only` one.

    The images (N, H, W, C) are in [0, 1], and the same with noise.
    """
    best = {}
    for name in [only] if only else _METHODS:
        _, grid = _METHODS[name]
        trials = [dict(zip(grid, x, strict=True)) for x in itertools.product(*grid.values())]
        outputs = (run_classical(name, noisy, trial) for trial in trials)
        psnrs = [peak_signal_to_noise_ratio(clean, output) for output in outputs]
        best[name] = trials[int(np.argmax(psnrs))]
    return best


def run_classical(name: str, noisy: np.ndarray, parameters: Mapping[str, Any]) -> np.ndarray:
    """Denoise images (N, H, W, C) in [0, 1] by a classical method, each for itself."""
    method, _ = _METHODS[name]
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        # Wavelets, of images below 16 pixels.
        warnings.filterwarnings("ignore", "Level value", UserWarning)
        return np.stack([_bounded(method(image, **parameters), image.shape) for image in noisy])


def classical_methods() -> tuple[str, ...]:
    """Return the names of the classical methods."""
    return tuple(_METHODS)


def _affordable(images: ImageStore, n_pixels: int) -> np.ndarray:
    """Return some of the images, about `n_pixels`."""
    height, width = images.shape[1:3]
    n = max(_MIN_IMAGES, n_pixels // int(height * width))
    return as_float(images[drawn(len(images), n)])


def _compared(levels: Sequence[Level], methods: Sequence[str]) -> str:
    """Return the PSNR of the model and of another method at each level, in words."""
    return "; ".join(
        f"{level.methods[OWN]['psnr']:.2f} dB against {level.methods[method]['psnr']:.2f} dB "
        f"({method}) at {level.corruption}"
        for level, method in zip(levels, methods, strict=True)
    )


def _bounded(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    # Where nothing varies some methods divide 0 by 0; some leave out a single channel.
    return np.asarray(np.clip(np.nan_to_num(image), 0, 1), np.float32).reshape(shape)


def _median(image: np.ndarray, size: int) -> np.ndarray:
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(image, (size, size, 1), mode="nearest"))


def _bilateral(image: np.ndarray, sigma_color: float, sigma_spatial: float) -> np.ndarray:
    from skimage.restoration import denoise_bilateral

    options = {"sigma_color": sigma_color, "sigma_spatial": sigma_spatial, "mode": "edge"}
    result = image.copy()
    for k in range(image.shape[2]):
        if np.ptp(image[..., k]) > 0:  # it cannot do with a single value
            result[..., k] = denoise_bilateral(image[..., k], **options)
    return result


def _restoration(name: str, **fixed: Any) -> Denoiser:
    """Return a function of `skimage.restoration` by its name, with some arguments fixed."""

    def denoise(image: np.ndarray, **parameters: Any) -> np.ndarray:
        from skimage import restoration

        method = getattr(restoration, name)
        return np.asarray(method(image, channel_axis=-1, **fixed, **parameters))

    return denoise


# The classical methods, each with the parameters to choose from.
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
