"""Commands that train many times; see `zscape.cli.commands`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from zscape.cli.options import AsJson, Data, Force, train_flags
from zscape.cli.show import print_search
from zscape.cli.terminal import load_frameworks, print_json, say, terminal_reporter
from zscape.settings import PlaceConfig, read_settings

_NOT_FIXED = {*PlaceConfig.names(), "out", "force", "resume"} - {"checkpoint_minutes"}
FixedFlags = train_flags("FixedFlags", without=_NOT_FIXED)


def tune(
    data: Data,
    /,
    *,
    trials: int = 40,
    search: list[str] | None = None,
    metric: str = "mse",
    workers: int = 1,
    cluster: str | None = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    flags: FixedFlags = FixedFlags(),  # type: ignore[valid-type]  # noqa: B008  # it is frozen
    config: Path | None = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Search for good settings by many trainings; other settings of train are the same in all.

    The same command goes on with a search that was interrupted.

    Parameters
    ----------
    trials
        Trainings in the end, those included that are stopped early.
    search
        NAME=RANGE: learning_rate=1e-4..1e-1:log, batch_size=32,64. [default: preset, latent_dim,
        learning_rate and batch_size]
    metric
        What is best on the validation split, by its name in metrics.json.
    workers
        Trials at a time, each in a process of its own.
    cluster
        Address of a Ray cluster whose machines train the trials.
    out
        Folder of the search. [default: runs/tune-DATA]
    config
        A file of settings (.toml, .json), such as the config.json of a run; flags come first.
    """
    given = {name: value for name, value in vars(flags).items() if value is not None}
    options: dict[str, Any] = {**(read_settings(config) if config else {}), **given}
    load_frameworks()
    from zscape.jobs.train import Interrupted
    from zscape.jobs.tune import tune as tune_settings

    try:
        found = tune_settings(
            data,
            trials,
            metric=metric,
            search=search or (),
            workers=workers,
            cluster=cluster,
            **{**options, "out": out, "force": force, "reporter": terminal_reporter()},
        )
    except Interrupted:
        words = [word for word in sys.argv[1:] if word != "--force"]
        say(f"interrupted; go on with: {shlex.join(['zscape', *words])}")
        raise
    except KeyboardInterrupt:
        say("interrupted before the search began; nothing was written.")
        raise
    if as_json:
        print_json(found.to_dict())
    else:
        print_search(found)


VERBS = (tune,)
