"""`python -m zscape` is `zscape`."""

from zscape.cli import main

main()
