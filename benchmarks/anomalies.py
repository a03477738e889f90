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
import itertools
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.resumable import run_missing
from benchmarks.workers import peers_python

RESULTS = Path(__file__).parent / "results" / "anomalies.json"
SETTINGS = ("one normal", "one odd", "outsiders")
OUTSIDERS = Path(__file__).parents[1] / "data" / "emoji"
TITLES = {"one normal": "One normal digit", "one odd": "One odd digit", "outsiders": "Outsiders"}
OWN = "zscape"
PEERS = ("PyOD AutoEncoder", "PyOD DeepSVDD")
LATENT_DIM = 16
MAX_SVM_IMAGES = 5000  # its time grows with the square of their number
GOAL = 0.97  # mean AUROC with one normal digit


def scores(method: str, train: np.ndarray, test: np.ndarray, **options: Any) -> np.ndarray:
    """Return how odd the test images (N, 28, 28, 1) are to a method that saw `train`."""
    if method == OWN:
        from zscape.jobs.detector import AnomalyDetector

        detector = AnomalyDetector(latent_dim=LATENT_DIM, **options)
        return -detector.fit(train).score_samples(test)
    known, asked = (
        (part.reshape(len(part), -1) / 255).astype(np.float32) for part in (train, test)
    )
    if method in PEERS:
        return _peer(method, known, asked, seed=options["seed"])
    return _CLASSICAL[method](known, asked, options["seed"])


def _peer(method: str, train: np.ndarray, test: np.ndarray, *, seed: int) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.npz", Path(folder) / "out.npy"
        np.savez(source, train=train, test=test)
        worker = Path(__file__).with_name("pyod_worker.py")
        words = [_peers["python"], str(worker), method, str(seed), str(source), str(out)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
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
_peers: dict[str, str] = {}  # the interpreter, once it is known


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
    method: str,
    setting: str,
    digit: int | None,
    seed: int,
    *,
    limit: int | None,
    epochs: int | None,
) -> dict[str, Any]:
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
    options: dict[str, Any] = {"seed": seed}
    if method == OWN and epochs is not None:
        options["epochs"] = epochs
    found = scores(method, train.images[normal][:limit], np.asarray(asked), **options)
    return {
        "auroc": float(roc_auc_score(odd, found)),
        "average_precision": float(average_precision_score(odd, found)),
        "seconds": round(time.perf_counter() - started, 1),
    }


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Anomalies",
        "",
        "Made by `python -m benchmarks.anomalies`; MNIST test split, means over digits, in "
        "brackets the worst digit.",
        "",
        f"Machine: {results['machine']}. Date: {results['date']}.",
    ]
    for setting in SETTINGS:
        rows = []
        for method in METHODS:
            runs = [r for r in results["runs"] if (r["method"], r["setting"]) == (method, setting)]
            if runs:
                aurocs = [run["auroc"] for run in runs]
                precision = statistics.mean(run["average_precision"] for run in runs)
                rows.append(
                    (
                        statistics.mean(aurocs),
                        f"| {method} | {statistics.mean(aurocs):.4f} ({min(aurocs):.4f}) "
                        f"| {precision:.4f} | {len(runs)} |",
                    )
                )
        if rows:
            head = "| method | AUROC | average precision | runs |"
            lines += ["", f"## {TITLES[setting]}", "", head, "|---|---:|---:|---:|"]
            lines += [text for _, text in sorted(rows, reverse=True)]
            if setting == SETTINGS[0]:
                lines += ["", f"The goal is the first place, with {GOAL} or better."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    parser = argparse.ArgumentParser(description="Which odd images are found?")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--digits", nargs="+", type=int, default=list(range(10)))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--limit", type=int, help="use fewer training images, to try it out")
    parser.add_argument("--epochs", type=int, help="of zscape's network, to try it out")
    parser.add_argument("--peers-python", help="interpreter of an environment that has the peers")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if set(arguments.methods) & set(PEERS):
        _peers["python"] = arguments.peers_python or peers_python()
    wanted = (
        {"method": method, "setting": setting, "digit": digit, "seed": seed}
        for seed, setting in itertools.product(arguments.seeds, arguments.settings)
        for digit in ([None] if setting == "outsiders" else arguments.digits)
        for method in arguments.methods
    )

    def measure_one(method: str, setting: str, digit: int | None, seed: int) -> dict[str, Any]:
        return measure(method, setting, digit, seed, limit=arguments.limit, epochs=arguments.epochs)

    run_missing(arguments.results, wanted, measure_one, render)


if __name__ == "__main__":
    main()
