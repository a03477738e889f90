"""Part of the build of the wheel: the front end of the explorer, which is not committed."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEndHook(BuildHookInterface):
    """Builds `src/zscape/explorer/static/`, for a wheel and for an editable installation."""

    def dependencies(self) -> list[str]:
        """Return Node.js as a package where the machine has none."""
        front_end = _front_end(self.root)
        return [] if front_end.has_node() else [front_end.NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and take into the wheel what git ignores."""
        _front_end(self.root).run("build")
        build_data["artifacts"].append("src/zscape/explorer/static/*")


def _front_end(root: str) -> Any:
    sys.path.insert(0, str(Path(root) / "scripts"))
    import front_end

    return front_end
