"""Tables of what several processes do together."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, measured, page, table

ENCODING = (
    Column("encoded by", "by"),
    Column("time", "seconds", ",.0f", "s"),
    Column("until the first part", "seconds_to_first", ",.0f", "s"),
    Column("rate", "images_per_second", ",.0f", "/s"),
    Column("from the first part on", "steady_per_second", ",.0f", "/s"),
    Column("driver's peak", "driver_peak_mib", ",.0f", "MiB"),
    Column("workers killed", "kills", ",d"),
)
PROCESSOR = (
    Column("encoded by", "by"),
    Column("the driver", "driver", ",.0f", "µs"),
    Column("the workers and Ray", "others", ",.0f", "µs"),
    Column("all", "all", ",.0f", "µs"),
)
ENCODERS = (
    Column("network", "preset"),
    Column("Keras on TensorFlow", "tensorflow", ",.0f", "/s"),
    Column("Keras on JAX", "jax", ",.0f", "/s"),
    Column("onnxruntime", "onnx", ",.0f", "/s"),
    Column("largest difference", "difference", ".1e"),
)


def render(results: Run) -> str:
    """Return the results as Markdown."""
    parts = []
    if encoding := results.get("encoding"):
        n, found = encoding["n_pictures"], encoding["found"]
        rows = [
            {**encoding[key], "by": by}
            for key, by in (("two_workers", "2 workers of 1 core"), ("one_process", "1 process"))
        ]
        parts += [
            f"Made by `python -m benchmarks.cluster_encode`: {n:,} generated PNG files of 28x28 "
            f"pixels in tar files, encoded by `zscape encode RUN FOLDER -o codes/`. Of the "
            f"{found['rows']:,} rows {found['distinct_paths']:,} are of different pictures, and "
            f"{found['equal_codes']:,} have the same code with and without workers. The rate of 2 "
            f"workers is {encoding['efficiency']:.2f} of that of 1 process with 2 cores, from the "
            f"first part on {encoding['steady_efficiency']:.2f}. {encoding['remark']}",
            table(ENCODING, rows),
            "How long a core works for a picture, of 100,000 without kills, by the network "
            "`classic`. Without workers about a tenth of it is the network, the rest is reading "
            "PNG files.",
            table(PROCESSOR, encoding["processor_time"]),
        ]
    if encoders := results.get("encoders"):
        parts += [
            "Encoders of 28x28 pixels on one core, images a second, and by how much codes of "
            "onnxruntime differ from those of TensorFlow. It is clearly faster for `classic` only, "
            "where reading the pictures takes nearly ten times as long as the network, so workers "
            f"use Keras. {results.get('encoders_remark', '')}",
            table(ENCODERS, encoders),
        ]
    return page("Several processes", parts[0], measured(results), *parts[1:])
