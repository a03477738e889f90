"""A detector of PyOD, run where it is installed.

`python -m benchmarks.workers.detector NAME SEED IN.npz OUT.npy` fits on `train` and writes the
scores of `test`, both (N, D) in [0, 1]; more is odder. Needs NumPy, PyOD and PyTorch only.
"""

from __future__ import annotations

import json
import sys

import numpy as np


def main() -> None:
    """Fit and score."""
    name, seed, source, out = sys.argv[1:]
    with np.load(source) as arrays:
        train, test = arrays["train"], arrays["test"]
    if name == "PyOD AutoEncoder":
        from pyod.models.auto_encoder import AutoEncoder

        detector = AutoEncoder(random_state=int(seed), verbose=0)
    else:
        from pyod.models.deep_svdd import DeepSVDD

        detector = DeepSVDD(n_features=train.shape[1], random_state=int(seed), verbose=0)
    detector.fit(train)
    np.save(out, detector.decision_function(test))
    print(json.dumps({"seed": int(seed)}))


if __name__ == "__main__":
    main()
