"""Layers, encoder, bottleneck and decoder: the parts an autoencoder is made of."""
