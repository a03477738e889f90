"""Layers, encoder, bottleneck and decoder: the parts an autoencoder is made of."""

# First of all: Keras' import brings in `zscape.model` (see `zscape`), which needs every module
# of this package whole, and would find one half done if that module imported Keras itself.
import keras  # noqa: F401
