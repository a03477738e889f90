"""Tables of generated images beside Pythae's."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, every, grouped, mean, measured, page, table

PEER, OWN = "Pythae", "zscape"
# name of the pair: Pythae's model and sampler, zscape's bottleneck and density
PAIRS = {
    "autoencoder, mixture": (("AE", "gmm"), ("plain", "gmm")),
    "VAE, normal prior": (("VAE", "normal"), ("gaussian:beta=0.3", "prior")),
    "VAE, mixture": (("VAE", "gmm"), ("gaussian:beta=0.3", "gmm")),
    "WAE, normal prior": (("WAE", "normal"), ("mmd", "prior")),
    "RAE, mixture": (("RAE-L2", "gmm"), ("regularized", "gmm")),
    "VQ-VAE, autoregressive": (("VQ-VAE", "prior"), ("vq", "prior")),
}
SCORES = ("precision", "recall", "density", "coverage")
FLOOR = (
    Column("floor: FD of 10,000 training images", "floor", ".2f"),
    Column("the best sample FD of zscape", "best", ".1f"),
    Column("that in floors", lambda row: row["best"] / row["floor"], ".1f", goal=2, best="less"),
)


def _pair(figure: str, name: str, form: str) -> tuple[Column, Column]:
    """Return a figure of both libraries; the goal of zscape's is that of its counterpart."""
    return (
        Column(f"{name}, {PEER}", lambda pair: every(pair[PEER], figure), form, spread=True),
        Column(
            f"{name}, {OWN}",
            lambda pair: every(pair[OWN], figure),
            form,
            spread=True,
            goal=lambda pair: mean(pair[PEER], figure),
            best="less",
        ),
    )


PAIRED = (
    Column("pair", "name"),
    Column("seeds", lambda pair: min(len(pair[PEER]), len(pair[OWN])), "d"),
    *_pair("sample_fd", "sample FD", ".1f"),
    *_pair("reconstruction_mse", "MSE", ".5f"),
)


def _missing(runs: list[Run]) -> str:
    return "; ".join(", ".join(map(str, run["missing"])) or "none" for run in runs)


def _drawn(run: Run) -> list[Run]:
    """Return the figures of a run for each of the densities that images were drawn from."""
    return [
        {**run, **figures, "drawn_from": density, "sampling": run["sampler_seconds"][density]}
        for density, figures in run["samples"].items()
    ]


def render(results: Run) -> str:
    """Return the results as Markdown."""
    floor = mean(results["runs"], "floor_fd")
    drawn = [row for run in results["runs"] for row in _drawn(run)]
    groups = {
        (runs[0]["library"], runs[0]["model"], runs[0]["drawn_from"]): runs
        for runs in grouped(drawn, "library", "model", "drawn_from")
    }
    ours = [mean(runs, "sample_fd") for (library, *_), runs in groups.items() if library == OWN]
    pairs = [
        {"name": name, PEER: groups[PEER, *theirs], OWN: groups[OWN, *own]}
        for name, (theirs, own) in PAIRS.items()
        if (PEER, *theirs) in groups and (OWN, *own) in groups
    ]
    columns = (
        Column("library", "library"),
        Column("model", "model"),
        Column("drawn from", "drawn_from"),
        Column("seeds", len, "d"),
        Column("sample FD", "sample_fd", ".1f", spread=True),
        Column("in floors", lambda runs: mean(runs, "sample_fd") / floor, ".1f"),
        Column("reconstruction FD", "reconstruction_fd", ".1f", spread=True),
        *(Column(score, score, ".3f") for score in SCORES),
        Column("classes missing", _missing),
        Column("epochs", "epochs", ".1f"),
        Column("training", "seconds", ".0f", "s"),
        Column("sampler", "sampling", ".0f", "s"),
    )
    return page(
        "Generated images beside Pythae's",
        "Made by `python -m benchmarks.generation`: MNIST, 16 latent dimensions (for VQ-VAE "
        "vectors of that length), every model trained for the same processor time. FD is the "
        "classifier FD, a Fréchet distance on features of a small MNIST classifier, of 10,000 "
        "images to the 10,000 test images; it is not the published FID. Means over seeds.",
        measured(results),
        table(FLOOR, [{"floor": floor, "best": min(ours)}] if ours else []),
        table(PAIRED, pairs),
        "![Rows of digits: for each pair those of Pythae, those of zscape, and the training images "
        "nearest to the latter.](images/generation.png)",
        "All models and samplers; the seconds are of processor time:",
        table(columns, groups.values()),
    )
