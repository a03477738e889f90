"""Make the embedded MNIST file from the four idx.gz files: embed_mnist.py FOLDER."""

import gzip
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
target = Path(__file__).parents[1] / "src" / "zscape" / "data" / "mnist.npz"


def read(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the bytes after the idx header, which is 4 bytes and 4 for each dimension."""
    content = gzip.decompress((folder / name).read_bytes())
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


np.savez_compressed(
    target,
    train_images=read("train-images-idx3-ubyte.gz", (60_000, 28, 28)),
    train_labels=read("train-labels-idx1-ubyte.gz", (60_000,)),
    test_images=read("t10k-images-idx3-ubyte.gz", (10_000, 28, 28)),
    test_labels=read("t10k-labels-idx1-ubyte.gz", (10_000,)),
)
