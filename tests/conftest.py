"""Settings of the whole test run; they must be in place before Keras or Matplotlib is imported."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples in every run, and no time limit on one: the machine may be busy.
settings.register_profile("zscape", deadline=None, derandomize=True)
settings.load_profile("zscape")
