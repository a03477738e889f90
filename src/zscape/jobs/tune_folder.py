"""The folder of a search: made or opened again, locked, with the database of its study."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zscape.errors import RunError
from zscape.files import TEMPORARY_PREFIX, remove_leftovers, write_json
from zscape.jobs.tune_results import FILES
from zscape.jobs.tune_study import Search, Study
from zscape.run_folder import locked

DATABASE, DESCRIPTION = "study.db", "study.json"
_OWN_FILES = (DATABASE, f"{DATABASE}-journal", DESCRIPTION, *FILES)


@contextmanager
def open_study(search: Search, *, force: bool) -> Iterator[Study]:
    """Make the study of a search, or open the one that its folder holds, and hold its lock.

    Raises:
        RunError: the folder is in use, is another search's, is no study, or is damaged.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    path = search.path
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; choose a folder as `out`.")
    names = [entry.name for entry in path.iterdir()] if path.exists() else []
    present = [name for name in names if not name.startswith((".lock", TEMPORARY_PREFIX))]
    if present and DESCRIPTION not in present:
        raise RunError(f"{path} exists and is no search; choose another folder as `out`.")
    path.mkdir(parents=True, exist_ok=True)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with locked(path):
        remove_leftovers(path)
        if present and force:
            _remove(path)
        _check_same(path, search)
        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{(path / DATABASE).absolute()}")
            study = optuna.create_study(
                storage=storage,
                study_name="zscape",
                directions=["minimize" if search.metric.better == "lower" else "maximize",
                            "minimize"],
                load_if_exists=True,
            )  # fmt: skip
        except (SQLAlchemyError, RuntimeError) as error:
            raise RunError(
                f"{path / DATABASE} is damaged; start the search anew with `force=True`."
            ) from error
        try:
            yield Study(search, study)
        finally:
            storage.remove_session()
            storage.engine.dispose()
            optuna.logging.set_verbosity(verbosity)


def _check_same(path: Path, search: Search) -> None:
    """Refuse to go on with another search; describe one that is new."""
    file, now = path / DESCRIPTION, search.described()
    if not file.exists():
        write_json(file, now)
        return
    try:
        before = dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(
            f"{file} is damaged: {error}. Start the search anew with `force=True`."
        ) from error
    for name, value in now.items():
        if before.get(name) == value:
            continue
        if name == "fingerprint":
            what = f"the images in {now['data']} are not those of then"
        elif name == "data" and before.get("fingerprint") == now["fingerprint"]:
            continue  # the images count, not where they are
        else:
            what = f"its {name} {_difference(before.get(name), value)}"
        raise RunError(
            f"{path} holds another search: {what}; go on with that one, choose another `out`, or "
            "start anew with `force=True`."
        )


def _difference(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        name = next(n for n in [*before, *now] if before.get(n) != now.get(n))
        shown = [f"{name} {values[name]}" if name in values else f"no {name}"
                 for values in (before, now)]  # fmt: skip
    else:
        shown = [str(before), str(now)]
    return f"had {shown[0]}, and now {shown[1]}"


def _remove(path: Path) -> None:
    """Remove a study with all its runs, and nothing else."""
    for name in _OWN_FILES:
        (path / name).unlink(missing_ok=True)
    for folder in path.glob("trial-[0-9]*"):
        shutil.rmtree(folder)
