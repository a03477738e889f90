"""The explorer: walk through a latent space in a browser, a notebook or one file.

The front end in `web/` decodes in the browser. It is the same in all three places, and takes one
file of bytes, the payload, that `zscape.explorer.engine` makes of a run.
"""
