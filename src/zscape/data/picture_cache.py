"""Pictures decoded in the background, in the order in which they are needed, into the cache.

The cache is an array in a file, of which only the parts that are used take memory, so that the
number of pictures is limited by the disk alone. It lies in a folder that gets its name when it is
whole; what an interruption leaves is thrown away, and decoding begins again.

Where it is not clear from the start which value is white, the cache has the values as they are
stored, and no image can be read before all are decoded.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.lib.format import open_memmap

from zscape.data.decode import Rendering, decode_picture, within
from zscape.data.pictures import PictureList, Skipped, UnreadablePictureError, quiet_pillow
from zscape.data.white import BYTE, White, find_white
from zscape.errors import DataError
from zscape.files import TEMPORARY_PREFIX, write_json
from zscape.remote import in_threads, n_threads

Progress = Callable[[int, int], object]
Check = Callable[[np.ndarray], None]

_PROGRESS_SECONDS = 0.5
_JOIN_SECONDS = 10.0  # a file that never ends must not keep the process
_UNKNOWN, _DECODED, _BROKEN = range(3)


class Decoding:
    """The pictures of a source as an array (N, H, W, C), of which a part may be to come.

    Reading waits for the pictures asked for, and raises `error` if there is one. A picture that
    cannot be read is black. The images are uint8, or float32 in [0, 1] if `how.exact` is set.

    Args:
        source: the pictures.
        image_shape: (H, W, C) of the images.
        how: how pictures become images.
        folder: where decoded pictures are kept.
        asked: the value that the user says is white.
        kept: the value that was white in the training of a model.
    """

    def __init__(
        self,
        source: PictureList,
        image_shape: tuple[int, int, int],
        how: Rendering,
        folder: Path,
        *,
        asked: float | None = None,
        kept: float | None = None,
    ) -> None:
        self.source = source
        self.shape: tuple[int, ...] = (len(source), *image_shape)
        self.dtype: np.dtype[Any] = np.dtype(np.float32 if how.exact else np.uint8)
        self.white = White(BYTE)
        self._whites = {"asked": asked, "kept": kept}
        self.how = how
        self._folder = folder
        self._state = np.full(len(source), _UNKNOWN, np.uint8)
        # Of each picture the greatest value, and what its values may be at most.
        self._tops = np.zeros((2, len(source) if how.exact else 0), np.float32)
        self.reasons: dict[int, str] = {}  # why those that are broken cannot be read
        self._changed = threading.Condition()
        self.error: BaseException | None = None  # what went wrong in the background
        self.is_whole = False  # nothing is to come
        self._n_rows = self._n_left = 0
        self._is_stopped = False
        self._cleanup = ExitStack()
        self._threads: list[threading.Thread] = []

    def start(self, rows: np.ndarray, check: Check) -> None:
        """Take the images from the cache, or begin to decode them in threads.

        There are as many as cores, and more where each waits for a server.

        Args:
            rows: the pictures that will be needed, in the order in which they will be.
            check: called when all are decoded with which of the N cannot be read, (N,) of bool;
                what it raises is an error of the decoding.
        """
        self._check = check
        key = self.source.key(self.how, self.shape[1:], rows)
        self._place = self._folder / key
        if (note := self._place / "index.json").is_file():
            index = json.loads(note.read_text(encoding="utf-8"))
            self.reasons = {int(row): reason for row, reason in index["broken"].items()}
            self._state[rows] = _DECODED
            self._state[list(self.reasons)] = _BROKEN
            self._array = open_memmap(self._place / "images.npy", "r")
            if self.how.exact:
                self._tops = np.load(self._place / "tops.npy", allow_pickle=False)
            self._settle()
            return
        self._n_rows = self._n_left = len(rows)
        self._to_do = iter(rows.tolist())
        self._folder.mkdir(parents=True, exist_ok=True)
        self._check_room()
        self._building = self._make_folder(key)
        self._cleanup.callback(shutil.rmtree, self._building, ignore_errors=True)
        path = self._building / "images.npy"
        open_memmap(path, "w+", self.dtype, self.shape)  # sparse
        self._array = open_memmap(path, "r")
        # Written through a descriptor: of a full disk a write tells, and a memory map dies.
        self._file = os.open(path, os.O_WRONLY)
        self._cleanup.callback(os.close, self._file)
        self._cleanup.enter_context(quiet_pillow())
        self._threads = [
            threading.Thread(target=self._work, daemon=True, name="decoding")
            for _ in range(n_threads(self.source.files))
        ]
        for thread in self._threads:
            thread.start()

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Wait for some pictures and return them."""
        self._wait(rows)
        images = np.asarray(self._array[rows])
        if not self.how.exact:
            return images
        return self.white.scale(images, self._tops[1][rows][..., None, None, None])

    def is_broken(self, rows: np.ndarray) -> np.ndarray:
        """Wait for some pictures and tell which of them cannot be read."""
        self._wait(rows, whole=False)
        return np.asarray(self._state[rows] == _BROKEN)

    def finish(self, progress: Progress | None = None) -> tuple[Skipped, ...]:
        """Wait until all is decoded; return the pictures that cannot be read, with the reasons.

        `progress` is called now and then, with how many are done and how many are to be done.
        """
        with self._changed:
            while not self.is_whole and self.error is None:
                self._changed.wait(_PROGRESS_SECONDS)
                if progress is not None:
                    progress(self._n_rows - self._n_left, self._n_rows)
        self._wait([])
        names = self.source.names
        return tuple(Skipped(names[row], reason) for row, reason in sorted(self.reasons.items()))

    def close(self) -> None:
        """Stop decoding; what is not whole is thrown away. Images that were read stay."""
        self._is_stopped = True
        end = time.monotonic() + _JOIN_SECONDS  # of all, which may wait for one server
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._cleanup.close()

    def _wait(self, rows: Any, *, whole: bool | None = None) -> None:
        """Wait for some pictures; for all of them where these decide what is white."""
        if self.is_whole:
            return
        whole = self.how.exact if whole is None else whole
        with self._changed:
            self._changed.wait_for(
                lambda: self.error is not None or self.is_whole
                or (not whole and self._state[rows].all())
            )  # fmt: skip
        if self.error is not None:
            raise self.error

    # --- in the background ---

    def _work(self) -> None:
        """Decode pictures until there are no more; the last one puts the cache in its place."""
        try:
            while not self._is_stopped:
                with self._changed:
                    row = next(self._to_do, None)
                if row is None:
                    return
                state = self._decode(row)
                with self._changed:
                    self._state[row] = state
                    self._n_left -= 1
                    is_last = self._n_left == 0
                    self._changed.notify_all()
                if is_last:
                    self._publish()
                    self._settle()
        except BaseException as error:  # it is raised again in whoever waits
            with self._changed:
                self.error = error
                self._is_stopped = True
                self._changed.notify_all()

    def _settle(self) -> None:
        """Decide what is white, now that all is decoded, and let readers go on."""
        self._check(self._state == _BROKEN)
        tops, limits = self._tops[:, self._state[: self._tops.shape[1]] == _DECODED]
        if tops.size:
            byte, deep = limits == BYTE, np.isinf(limits)
            found = (float(tops[of].max()) if of.any() else None for of in (byte, deep))
            self.white = find_white(*found, **self._whites)
        with self._changed:
            self.is_whole = True
            self._changed.notify_all()

    def _decode(self, row: int) -> int:
        """Decode a picture into the file and return its state."""
        _, height, width, channels = self.shape
        try:
            image, limit = decode_picture(
                self.source.open(row),
                (height, width, channels),
                self.how,
                self.source.part(row),
                White(self._whites["asked"] or BYTE, min(self._whites["asked"] or BYTE, BYTE)),
            )
        except UnreadablePictureError as error:
            self.reasons[row] = error.reason
            return _BROKEN
        if self.how.exact:
            self._tops[:, row] = image[np.isfinite(image)].max(initial=0), limit
        content, offset = image.tobytes(), self._array.offset + row * image.nbytes
        try:
            while content:
                n_written = os.pwrite(self._file, content, offset)
                content, offset = content[n_written:], offset + n_written
        except OSError as error:
            error.filename = str(self._folder)
            raise
        return _DECODED

    def _publish(self) -> None:
        os.fsync(self._file)
        broken = {str(row): reason for row, reason in sorted(self.reasons.items())}
        if self.how.exact:
            np.save(self._building / "tops.npy", self._tops)
        write_json(self._building / "index.json", {"broken": broken})
        try:
            self._building.rename(self._place)
        except OSError:
            if not (self._place / "index.json").is_file():  # else another process was faster
                raise

    # --- the folder ---

    def _check_room(self) -> None:
        needed = self._n_rows * int(np.prod(self.shape[1:])) * self.dtype.itemsize
        free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise DataError(
                f"the decoded pictures take {needed / 2**30:,.1f} GiB and {self._folder} has "
                f"{free / 2**30:,.1f} GiB free; free some, name a folder on another disk in "
                "ZSCAPE_CACHE, or choose smaller images or a limit."
            )

    def _make_folder(self, key: str) -> Path:
        """Make the folder to decode into, in place of what a killed process left of the same."""
        lock = FileLock(self._folder / f".lock-{key}", timeout=0)
        try:
            self._cleanup.enter_context(lock)
        except Timeout:  # another process decodes the same pictures; the first to end wins
            return Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=self._folder))
        self._cleanup.callback((self._folder / f".lock-{key}").unlink, missing_ok=True)
        building = self._folder / f"{TEMPORARY_PREFIX}{key}"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        return building


def decode_rows(
    source: PictureList,
    rows: Sequence[int] | np.ndarray,
    image_shape: tuple[int, int, int],
    how: Rendering,
    white: White,
) -> tuple[np.ndarray, dict[int, str]]:
    """Decode some pictures into memory, in several threads.

    Returns images (N, H, W, C), black where one cannot be read, and why, by row. They are uint8,
    or float32 in [0, 1] if `how.exact` is set.
    """
    images = np.zeros((len(rows), *image_shape), np.float32 if how.exact else np.uint8)
    broken: dict[int, str] = {}

    def decode(place: int) -> None:
        row = int(rows[place])
        try:
            path, part = source.open(row), source.part(row)
            image, limit = decode_picture(path, image_shape, how, part, white)
            images[place] = within(path, image, limit, white) if how.exact else image
        except UnreadablePictureError as error:
            broken[row] = error.reason

    with quiet_pillow():
        in_threads(decode, range(len(rows)), source.files)
    return images, dict(sorted(broken.items()))
