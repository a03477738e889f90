"""Malformed files of every kind that zscape reads: valid ones, edits, and what reads them."""
