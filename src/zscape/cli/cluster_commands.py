"""The command about clusters; see `zscape.cli.commands`."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from zscape.cli.options import AsJson
from zscape.cli.show import print_findings
from zscape.cli.terminal import BAD_INPUT, print_json, say, terminal_reporter


def cluster(
    action: Annotated[
        Literal["check"], Parameter(name="ACTION", help="What to do: look at all machines.")
    ],
    address: Annotated[
        str | None,
        Parameter(
            name="ADDRESS", help="HOST:PORT of a Ray cluster; without it a Ray of this machine."
        ),
    ] = None,
    /,
    *,
    as_json: AsJson = False,
) -> None:
    """Check whether the machines of a Ray cluster can train together; status 2 if they cannot."""
    from zscape.jobs import cluster_check

    findings = cluster_check.check_cluster(address, reporter=terminal_reporter())
    if as_json:
        print_json(cluster_check.as_json(findings))
    else:
        print_findings(findings)
    if not cluster_check.can_train(findings):
        say("zscape: these machines cannot train together; see what is bad above.")
        sys.exit(BAD_INPUT)


VERBS = (cluster,)
