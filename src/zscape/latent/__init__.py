"""Codes once a model is trained: densities, paths through them, two-dimensional views."""
