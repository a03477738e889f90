"""Encode images on one core: `python -m benchmarks.workers.encoder_speed PRESET WAY FOLDER`.

WAY is keras (on the backend of KERAS_BACKEND), or onnx (onnxruntime, of the same weights). Prints
images per second, the best of several passes; the codes go into FOLDER, to be compared.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

N_IMAGES, BATCH, N_PASSES = 4096, 128, 7


def main() -> None:
    """Measure one network in one way."""
    preset, way, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    from zscape.data.images import as_float
    from zscape.data.load import load_images
    from zscape.model import build_autoencoder
    from zscape.model_file import load_model, save_model
    from zscape.settings import NetworkConfig

    images = as_float(load_images("mnist", "train").images[:N_IMAGES])
    path = folder / f"{preset}.keras"
    if not path.exists():
        network = NetworkConfig(preset=preset, latent_dim=16)
        save_model(build_autoencoder((28, 28, 1), network, seed=0), path)
    model = load_model(path)
    codes = np.empty((N_IMAGES, 16), np.float32)
    if way == "onnx":
        import onnxruntime

        from zscape.export import export_onnx

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            export_onnx(model).encoder, options, providers=["CPUExecutionProvider"]
        )

        def encode() -> None:
            for start in range(0, N_IMAGES, BATCH):
                batch = {"images": images[start : start + BATCH]}
                codes[start : start + BATCH] = session.run(None, batch)[0]
    else:

        def encode() -> None:
            codes[:] = model.encode(images)

    encode()
    seconds = []
    for _ in range(N_PASSES):
        started = time.perf_counter()
        encode()
        seconds.append(time.perf_counter() - started)
    np.save(folder / f"{preset}-{way}.npy", codes)
    print(json.dumps({"images_per_second": round(N_IMAGES / min(seconds))}))


if __name__ == "__main__":
    main()
