"""Commands about runs: parse, call, print. Messages go to stderr, results to stdout."""

from __future__ import annotations

import os
import shlex
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from zscape.cli.options import (
    AsJson,
    Cluster,
    Data,
    Density,
    Flag,
    FolderOutput,
    FollowLinks,
    Force,
    OtherData,
    Output,
    RunFolder,
    Workers,
    load_data,
    open_run,
    say_left_aside,
    train_flags,
)
from zscape.cli.show import (
    anomalies_text,
    print_evaluation,
    print_generation,
    print_machine,
    print_run,
    say_remarks,
)
from zscape.cli.terminal import load_frameworks, print_json, say, terminal_reporter
from zscape.errors import ConfigError
from zscape.registry import check_number
from zscape.settings import PlaceConfig
from zscape.training.place import Place, place_of

TrainFlags = train_flags()


def train(
    data: Data,
    /,
    *,
    flags: TrainFlags = TrainFlags(),  # type: ignore[valid-type]  # noqa: B008  # it is frozen
    config: Path | None = None,
    as_json: AsJson = False,
) -> None:
    """Train an autoencoder; leave a run folder with model, figures and report.

    Parameters
    ----------
    config
        A file of settings (.toml, .json), such as the config.json of a run; flags come first.
    """
    from zscape.settings import read_settings

    given = vars(flags)
    asked = {name: value for name, value in given.items() if value is not None}
    options: dict[str, Any] = {**(read_settings(config) if config else {}), **asked}
    if options.get("resume") and options.get("force"):
        raise ConfigError("`resume` and `force` exclude each other; give one of the two.")
    place = _place(options)
    load_frameworks()
    from zscape.jobs.train import Interrupted
    from zscape.jobs.train import train as train_run

    try:
        run = train_run(data, **options, reporter=terminal_reporter())
    except Interrupted as stop:
        say(f"interrupted; go on with: {_resume_command(sys.argv[1:], stop.path)}")
        raise
    except KeyboardInterrupt:
        say("interrupted before training began; nothing was written.")
        raise
    if place is not None and not place.is_first:
        return  # the first process has the results
    if as_json:
        print_json({"run": str(run.path), **run.metrics})
    else:
        from zscape.evaluation.results import read_evaluation

        print_evaluation(read_evaluation(run))
        print(f"report: {run.path / 'report.html'}")


def evaluate(
    run: RunFolder,
    data: OtherData = None,
    /,
    *,
    generation: Flag = False,
    density: Density = None,
    features: Path | None = None,
    n: Annotated[int | None, Parameter(name="-n")] = None,
    seed: int | None = None,
    as_json: AsJson = False,
) -> None:
    """Measure a run beside PCA; without DATA, on its test split, with new figures and report.

    Parameters
    ----------
    generation
        Measure what the run generates instead.
    features
        A network (.keras, .onnx) to compare images by. [default: a classifier of digits]
    n
        How many images to generate. [default: 10000]
    seed
        Seed of the draws. [default: 0]
    """
    asked = {"density": density, "features": features, "n": n, "seed": seed}
    settings = {name: value for name, value in asked.items() if value is not None}
    if generation:
        if data is not None:
            raise ConfigError(
                f"`generation` compares with the run's own test split; leave {data} out."
            )
        opened = open_run(run)
        from zscape.jobs.evaluate_generation import refresh_generation

        print_generation(refresh_generation(opened, **settings), as_json=as_json)
        return
    if settings:
        raise ConfigError(f"`{next(iter(settings))}` is for `generation`; give both, or neither.")
    opened = open_run(run)
    from zscape.jobs.evaluate import evaluate as evaluate_run
    from zscape.jobs.evaluate import refresh

    evaluation = refresh(opened) if data is None else evaluate_run(opened, load_data(opened, data))
    print_evaluation(evaluation, as_json=as_json)


def info(
    run: Annotated[Path | None, Parameter(name="RUN", help="A run folder.")] = None,
    /,
    *,
    machine: Flag = False,
    as_json: AsJson = False,
) -> None:
    """Describe a run (data, settings, training, results), or this machine.

    Parameters
    ----------
    machine
        Describe this machine instead.
    """
    if (run is None) != machine:
        raise ConfigError("give either RUN, a run folder such as runs/two, or `machine`.")
    if run is None:
        load_frameworks()
        from zscape.hardware import describe

        facts = describe(measured=True)
        (print_json if as_json else print_machine)(facts)
        return
    from zscape.evaluation.results import read_evaluation

    opened = open_run(run, for_model=False)
    history = opened.history if (run / "history.csv").exists() else []
    found = read_evaluation(opened) if (run / "metrics.json").exists() else None
    if as_json:
        metrics = None if found is None else found.to_dict()
        print_json(
            {"run": str(run), **opened.config.to_dict(), "history": history, "metrics": metrics}
        )
        return
    print_run(opened, history, found)


def report(run: RunFolder, /, *more: RunFolder, to: Output) -> None:
    """Write one self-contained page (.html) about one or more runs."""
    from zscape.jobs.report import write_report
    from zscape.runs import load_run

    out = to.file(".html", ".htm")
    opened = [load_run(path) for path in (run, *more)]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_report(opened, out)
    to.written({"n_runs": len(opened)})


def explore(
    run: RunFolder,
    /,
    *,
    port: int | None = None,
    no_browser: Flag = False,
    html: Path | None = None,
    n: Annotated[int, Parameter(name="-n", help="How many test images are on the map.")] = 2000,
    force: Force = False,
) -> None:
    """Walk through the latent space in a browser: drag, compare, draw your own image.

    Parameters
    ----------
    port
        Port of the page. [default: a free one]
    no_browser
        Print the address and open no browser.
    html
        Write one page (.html) that opens from disk, and serve nothing.
    """
    check_number("n", n, low=1, whole=True)
    if html is not None:
        if port is not None or no_browser:
            raise ConfigError("`html` writes a file; leave out `port` and `no_browser`.")
        Output(out=html, force=force).file(".html", ".htm")
        _write_page(run, html, n)
        return
    from zscape.explorer import server

    server.check_ready()
    with server.open_socket(port) as listener:
        opened = open_run(run)
        from zscape.explorer.engine import build_payload

        token = server.new_token()
        app_of_run = server.build_app(build_payload(opened, n=n), token)
        say_left_aside()
        url = server.address(listener, token)
        print(url, flush=True)
        say("Ctrl-C ends it.")
        if not no_browser:
            webbrowser.open(url)
        server.serve(app_of_run, [listener])


def _write_page(run: Path, html: Path, n: int) -> None:
    from zscape.explorer.page import front_end, one_file_page

    front_end("page.js")  # fails before the work
    opened = open_run(run)
    from zscape.explorer.engine import build_payload
    from zscape.files import write_text

    page = one_file_page(build_payload(opened, n=n))
    html.parent.mkdir(parents=True, exist_ok=True)
    write_text(html, page)
    print(f"{html}: {html.stat().st_size / 1e6:.1f} MB, opens in a browser without a network")


def denoise(
    run: RunFolder,
    /,
    *images: Annotated[
        Path, Parameter(name="IMAGES", help="Picture files, or folders of them, of any size.")
    ],
    follow_links: FollowLinks = False,
    workers: Workers = None,
    cluster: Cluster = None,
    to: FolderOutput,
) -> None:
    """Denoise picture files into files of the same name and format."""
    if not images:
        raise ConfigError("there are no IMAGES; name picture files, or folders of them.")
    out = to.folder()
    opened = open_run(run)
    from zscape.data.pictures import report_skipped
    from zscape.files import plain_json
    from zscape.jobs.denoise import write_denoised

    if not opened.config.training.corruption and not opened.config.reading.target:
        say(
            f"note: {run} was trained without --corruption and without --target, so it has not "
            "learned to denoise."
        )
    reporter = terminal_reporter()
    done = write_denoised(
        opened,
        images,
        out,
        follow_links=follow_links,
        workers=workers,
        cluster=cluster,
        reporter=reporter,
    )
    report_skipped(done.skipped, reporter)
    for kind, texts in (("note", done.notes), ("warning", done.warnings)):
        for text in texts:
            say(f"{kind}: {text}")
    pages = f" of {done.n_pages:,} pages" if done.n_pages > done.n_pictures else ""
    to.written(
        plain_json(vars(done)),
        f"{done.n_pictures:,} picture{'s' if done.n_pictures != 1 else ''}{pages}: {out}",
    )


def anomalies(
    run: RunFolder,
    data: Data,
    /,
    *,
    threshold: float | None = None,
    workers: Workers = None,
    cluster: Cluster = None,
    to: Output,
) -> None:
    """Score how odd images are (.csv), with a gallery (.html) and heat maps beside it.

    Parameters
    ----------
    threshold
        The share of normal images that shall pass, as far as it can be promised. [default: 0.99]
    """
    out = to.file(".csv")
    to.file(".html", beside=".html")
    to.folder(out.with_name(f"{out.stem}-heatmaps"))
    opened = open_run(run)
    from zscape.jobs.anomalies import write_anomalies

    done = write_anomalies(
        opened,
        load_data(opened, data, drawn=True),
        out,
        threshold=threshold,
        workers=workers,
        cluster=cluster,
        reporter=terminal_reporter(),
    )
    to.written(done, anomalies_text(done, out))
    say_remarks(done["warnings"], done["notes"])


VERBS = (train, evaluate, info, report, explore, denoise, anomalies)


def _place(options: dict[str, Any]) -> Place | None:
    """Return the place of this process among several, which need Keras on JAX."""
    place = place_of(PlaceConfig.picked(options))
    if place is not None:
        os.environ.setdefault("KERAS_BACKEND", "jax")
    return place


def _resume_command(arguments: list[str], folder: Path) -> str:
    """Return the command that goes on with `zscape train ARGUMENTS...`, interrupted in `folder`."""
    words = [word for word in arguments if word not in ("--force", "--resume")]
    more = ["--resume"]
    if not any(word == "--out" or word.startswith("--out=") for word in words):
        more += ["--out", str(folder)]
    # After a bare -- everything is taken for an argument.
    end = words.index("--") if "--" in words else len(words)
    return shlex.join(["zscape", *words[:end], *more, *words[end:]])
