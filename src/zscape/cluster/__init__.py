"""Several processes and machines, by Ray: what they have in common, whatever their work is.

Nothing here knows of models or data; jobs hand in functions. Ray is imported when it is needed.
"""
