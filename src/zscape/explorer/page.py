"""The page of the explorer, with its built front end: served in parts, or one file with all."""

from __future__ import annotations

import base64
import gzip
from importlib.resources import files

from zscape.errors import ConfigError

MAX_PAGE_BYTES = 25_000_000
_SAFETY = 0.95  # other images may be harder to compress


def front_end(name: str) -> bytes:
    """Return one of the built files of the front end."""
    try:
        return (files("zscape.explorer") / "static" / name).read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            "the front end of the explorer has not been built; install zscape again with "
            "pip, or in a copy of its sources run: python scripts/front_end.py build."
        ) from error


def style() -> str:
    """Return the style sheet of the page, which the front end adds its own to."""
    return _own("page.css")


def served_page() -> str:
    """Return the page whose parts lie beside it on a server."""
    return _own("page.html").format(
        style='<link rel="stylesheet" href="page.css">',
        parts='<script type="module" src="page.js"></script>',
    )


def one_file_page(payload: bytes) -> str:
    """Return a page of a payload that opens from disk, with no server and no network."""

    def inlined(name: str, gzipped: bytes) -> str:
        text = base64.b64encode(gzipped).decode()
        return f'<script type="text/plain" id="zscape-{name}">{text}</script>'

    # A script ends at the first </script, even inside of a string.
    script = front_end("page.js").decode().replace("</script", "<\\/script")
    page = _own("page.html").format(
        style=f"<style>{style()}</style>",
        parts="\n".join(
            (
                inlined("payload", gzip.compress(payload, compresslevel=9, mtime=0)),
                inlined("ort.wasm", front_end("ort.wasm.gz")),
                f'<script type="module">{script}</script>',
            )
        ),
    )
    n_bytes = len(page.encode())
    if n_bytes > MAX_PAGE_BYTES:
        raise ConfigError(
            f"the page would have {n_bytes / 1e6:.0f} MB, more than {MAX_PAGE_BYTES / 1e6:.0f}; "
            f"{_remedy(payload, n_bytes)}."
        )
    return page


def _remedy(payload: bytes, n_bytes: int) -> str:
    """Return what to do where the page of a payload has too many bytes."""
    from safetensors.numpy import load

    arrays = load(payload)
    n_images = len(arrays["images"])
    zipped = sum(len(gzip.compress(arrays[name].tobytes())) for name in ("images", "codes"))
    of_images = zipped * 4 / 3  # in base64
    fit = n_images * (MAX_PAGE_BYTES - n_bytes + of_images) / of_images * _SAFETY
    if fit < 1:
        return "the networks alone are too large for one file: leave out `html`, and it is served"
    digits = 10 ** max(0, len(str(int(fit))) - 2)
    return f"choose fewer images than {n_images:,}: `n={int(fit) // digits * digits}` fits"


def _own(name: str) -> str:
    return files("zscape.explorer").joinpath(name).read_text(encoding="utf-8")
