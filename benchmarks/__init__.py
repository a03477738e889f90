"""Speed and quality, measured; results are kept in `benchmarks/results`.

The modules here are the programs that a person starts, `python -m benchmarks.speed` and so on, and
what they share. `workers` has what a program starts in a process of its own, one per contender,
and `tables` what results look like as Markdown, goals included.
"""
