"""zscape: train autoencoders, look at their latent space and walk through it.

Importing this package loads neither Keras nor TensorFlow; the first use of a name does.
"""

from __future__ import annotations

__version__ = "0.1.0"
