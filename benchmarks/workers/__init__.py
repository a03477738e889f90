"""Processes that programs start, one per contender; they answer in JSON."""
