"""Which odd images are found? `python -m benchmarks.anomalies`.

MNIST, in three settings. `one normal`: the training images of one digit are normal, all others are
anomalies. `one odd`: all digits but one are normal. `outsiders`: all digits are normal, and the
anomalies are the 3,786 pictures of emoji that `scripts/emoji.py data/emoji` fetches, bright on
black and as small as digits. Every method sees normal training images only; AUROC and average
precision on the test split, for each digit in turn. The methods: zscape's `AnomalyDetector`; PCA
with 32 components (error of the reconstruction), Isolation Forest, one-class SVM and the distance
to the 5th nearest neighbour of scikit-learn, on pixels; PyOD's AutoEncoder and DeepSVDD as they
come, in the peers' environment. Runs that are in the results file already are not repeated.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import QUICK_IMAGES, ROOT, parser, run_missing
from benchmarks.tables.anomalies import OWN, TITLES
from benchmarks.tables.markdown import Run
from benchmarks.workers.process import peers_python, run_worker

OUTSIDERS = ROOT / "data" / "emoji"
PEERS = ("PyOD AutoEncoder", "PyOD DeepSVDD")
LATENT_DIM = 16
MAX_SVM_IMAGES = 5000  # its time grows with the square of their number


def scores(
    options: argparse.Namespace, method: str, train: np.ndarray, test: np.ndarray, seed: int
) -> np.ndarray:
    """Return how odd the test images (N, 28, 28, 1) are to a method that saw `train`."""
    if method == OWN:
        from zscape.jobs.detector import AnomalyDetector

        epochs = 1 if options.quick else None
        detector = AnomalyDetector(latent_dim=LATENT_DIM, seed=seed, epochs=epochs)
        return -detector.fit(train).score_samples(test)
    known, asked = (
        (part.reshape(len(part), -1) / 255).astype(np.float32) for part in (train, test)
    )
    if method in PEERS:
        return _peer(method, known, asked, seed, peers_python(options.peers_python))
    return _CLASSICAL[method](known, asked, seed)


def _peer(method: str, train: np.ndarray, test: np.ndarray, seed: int, python: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.npz", Path(folder) / "out.npy"
        np.savez(source, train=train, test=test)
        run_worker("benchmarks.workers.detector", method, seed, source, out, python=python)
        result: np.ndarray = np.load(out)
    return result


def _pca(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from zscape.latent.projection import PcaBaseline

    pca = PcaBaseline(32, seed=seed).fit(train[:, None, :, None])
    images = test[:, None, :, None]
    errors: np.ndarray = np.square(pca.reconstruct(images) - images).mean(axis=(1, 2, 3))
    return errors


def _forest(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import IsolationForest

    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def _svm(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.svm import OneClassSVM

    some = np.random.default_rng(seed).permutation(train)[:MAX_SVM_IMAGES]
    return -OneClassSVM(gamma="scale", nu=0.1).fit(some).score_samples(test)


def _neighbours(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    distances: np.ndarray = NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[0][:, -1]
    return distances


_CLASSICAL: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "PCA error": _pca,
    "Isolation Forest": _forest,
    "one-class SVM": _svm,
    "k-NN": _neighbours,
}
METHODS = (OWN, *_CLASSICAL, *PEERS)


def outsiders() -> np.ndarray:
    """Return emoji that look like digits from afar: uint8 (N, 28, 28, 1), bright on black."""
    from PIL import Image, ImageOps

    pictures = []
    for path in sorted(OUTSIDERS.glob("*/*.png")):
        with Image.open(path) as picture:
            rgba = picture.convert("RGBA")
        on_white = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        small = on_white.convert("L").resize((20, 20), Image.Resampling.LANCZOS)
        pictures.append(np.pad(np.asarray(ImageOps.invert(small)), 4))
    if not pictures:
        raise SystemExit("The pictures are missing; run scripts/emoji.py data/emoji.")
    return np.stack(pictures)[..., None]


def measure(
    options: argparse.Namespace, method: str, setting: str, digit: int | None, seed: int
) -> Run:
    """Return figures of one method with one digit as the normal or the odd one."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    from zscape.data.load import load_images

    train, test = load_images("mnist", "train"), load_images("mnist", "test")
    if train.labels is None or test.labels is None:
        raise RuntimeError("MNIST has labels")
    asked = test.images
    if digit is None:
        normal, odd = np.ones(len(train), bool), np.zeros(len(test), bool)
        strangers = outsiders()
        asked = np.concatenate([asked, strangers])
        odd = np.concatenate([odd, np.ones(len(strangers), bool)])
    else:
        normal = (train.labels == digit) == (setting == "one normal")
        odd = (test.labels == digit) != (setting == "one normal")
    started = time.perf_counter()
    known = train.images[normal][: QUICK_IMAGES if options.quick else None]
    found = scores(options, method, known, np.asarray(asked), seed)
    return {
        "auroc": float(roc_auc_score(odd, found)),
        "average_precision": float(average_precision_score(odd, found)),
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    wanted = (
        {"method": method, "setting": setting, "digit": digit, "seed": 0}
        for setting in TITLES
        for digit in ([None] if setting == "outsiders" else range(10))
        for method in METHODS
    )
    run_missing("anomalies", parser(__doc__), wanted, measure, vary="method")


if __name__ == "__main__":
    main()
