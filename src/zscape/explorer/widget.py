"""The explorer in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zscape.errors import DataError, require
from zscape.explorer.engine import N_MAP, build_payload
from zscape.explorer.page import front_end
from zscape.runs import Run, load_run

require("anywidget", "traitlets", extra="explore")
import anywidget  # noqa: E402
import traitlets  # noqa: E402


class Explorer(anywidget.AnyWidget):
    """Walk through the latent space of a run in a notebook.

    Images are decoded in the browser, so that they follow the pointer. Python reads which code
    is shown, and can set it.

    Args:
        run: a trained run, or the path of its folder.
        n: how many test images are on the map, drawn at random.

    Attributes:
        code: the code that is shown, d numbers.
        image: the image that it decodes to, (H, W, C), float32 in [0, 1].

    Raises:
        ConfigError: the front end has not been built, a package is missing, `n` is below 1, or
            the codes of the run are not vectors.
        DataError: a code that was set does not have d numbers.

    Example:
        >>> explorer = zscape.Explorer(run)
        >>> explorer  # in a cell of its own shows it
        >>> explorer.image.shape
        (28, 28, 1)
    """

    code = traitlets.List(traitlets.CFloat()).tag(sync=True)
    image = traitlets.Instance(np.ndarray)

    def __init__(self, run: Run | str | Path, *, n: int = N_MAP) -> None:
        self._run = run if isinstance(run, Run) else load_run(run)
        self._payload = build_payload(self._run, n=n)
        first = self._run.model.encode(self._run.dataset.test.images[:1])[0]
        super().__init__(_esm=front_end("widget.js").decode(), code=first.tolist())
        self.on_msg(self._begin)

    def _begin(self, _widget: Any, _content: Any, _buffers: Any) -> None:
        """Send what the front end asks for; as traits it would be saved into the notebook."""
        self.send({"kind": "begin"}, buffers=[self._payload, front_end("ort.wasm.gz")])

    @traitlets.validate("code")
    def _checked(self, proposal: Any) -> Any:
        code, dim = proposal["value"], self._run.model.latent_dim
        if len(code) != dim or not np.isfinite(code).all():
            raise DataError(f"the code is {code}; expected {dim} finite numbers.")
        return code

    @traitlets.observe("code")
    def _decode(self, _change: Any) -> None:
        model = self._run.model
        codes = np.asarray([self.code], np.float32)
        self.image = model.decode(model.project(codes))[0]
