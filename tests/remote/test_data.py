"""Data at S3 and elsewhere equal the same data on this machine, to the last bit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Zscape
from tests.data.archives import write_zip
from tests.remote import sets
from tests.remote.conftest import Bucket
from tests.remote.servers import Fault
from zscape.data.decode import Rendering
from zscape.data.images import Dataset, Images
from zscape.data.load import load_dataset, load_images
from zscape.data.picture_cache import decode_rows
from zscape.data.sources import parquet, resolve
from zscape.data.white import White
from zscape.errors import ConfigError, DataError
from zscape.remote import RemoteError, as_path
from zscape.settings import PictureConfig

SMALL = PictureConfig(size=8)


def dataset(data: str | Path) -> Dataset:
    return load_dataset(data, seed=0, pictures=SMALL if resolve(data).has_pictures else None)


def everything(images: Images) -> tuple[object, ...]:
    """Return all that is known of images but where they are."""
    skipped = [(item.path, item.reason) for item in images.skipped]
    lists = (images.images, images.labels, images.names, images.splits)
    return (*(None if x is None else np.asarray(x).tolist() for x in lists),
            images.class_names, skipped, images.white)  # fmt: skip


@pytest.mark.parametrize("form", sets.FORMS, ids=lambda form: form.__name__)
def test_from_s3_as_from_here(form: Callable[[Path], Path], tmp_path: Path, s3: Bucket) -> None:
    here = form(tmp_path)
    there = s3.put(here, f"data/{here.name}")
    ours, theirs = dataset(here), dataset(there)
    assert theirs.name == there
    assert theirs.fingerprint == ours.fingerprint
    for part in ("train", "validation", "test"):
        assert everything(getattr(theirs, part)) == everything(getattr(ours, part))


@pytest.mark.parametrize("form", [sets.class_folders, sets.npz_file, sets.web_dataset])
def test_from_memory(form: Callable[[Path], Path], tmp_path: Path) -> None:
    import fsspec

    here = form(tmp_path)
    there = f"/{tmp_path.name}/{here.name}"
    fsspec.filesystem("memory").put(str(here), there, recursive=here.is_dir())
    assert dataset(f"memory:/{there}").fingerprint == dataset(here).fingerprint


def test_read_once_and_then_from_the_cache(tmp_path: Path, s3: Bucket) -> None:
    there = s3.put(sets.class_folders(tmp_path), "pictures")
    first = dataset(there)
    s3.server.requests.clear()
    again = dataset(there)
    pictures = [asked for asked in s3.server.requests if ".png" in asked]
    assert len(pictures) == sets.N  # looked at, not decoded again
    np.testing.assert_array_equal(again.train.images[:], first.train.images[:])
    arrays = s3.put(sets.npz_file(tmp_path), "arrays.npz")
    dataset(arrays)
    s3.server.requests.clear()
    dataset(arrays)
    assert not [
        asked for asked in s3.server.requests if asked.startswith("GET") and ".npz" in asked
    ]


def test_a_replaced_object_is_read_again(tmp_path: Path, s3: Bucket) -> None:
    there = s3.put(sets.class_folders(tmp_path), "pictures")
    before = load_images(there, "all", pictures=SMALL)
    changed = sets.picture(1000)
    s3.client.put_object(Bucket=s3.name, Key="pictures/a/00.png", Body=changed)
    after = load_images(there, "all", pictures=SMALL)
    assert not np.array_equal(before.images[0], after.images[0])
    np.testing.assert_array_equal(before.images[1:], after.images[1:])


def test_only_what_is_needed_is_read_of_a_shard(tmp_path: Path, s3: Bucket) -> None:
    """The list of a zip file and one picture, not the others; of a Parquet file one group."""
    pictures = {f"{i}.png": sets.picture(i) + bytes(300_000) for i in range(10)}
    archive = write_zip(tmp_path / "large.zip", pictures, compression=0)
    listed = resolve(s3.put(archive, "large.zip")).list_pictures()  # type: ignore[attr-defined]
    s3.server.requests.clear()
    assert listed.open(3).getvalue() == pictures["3.png"]
    assert _n_bytes(s3.server.requests) < 310_000
    table = s3.put(sets.parquet_file(tmp_path), "pictures.parquet")
    listed = resolve(table).list_pictures()  # type: ignore[attr-defined]
    s3.server.requests.clear()
    assert [listed.open(row).read() for row in range(4)] == [sets.picture(i) for i in range(4)]
    assert len(s3.server.requests) == 1


def _n_bytes(requests: list[str]) -> int:
    ranges = [asked.rpartition("=")[2].split("-") for asked in requests if "bytes=" in asked]
    return sum(int(last) - int(first) + 1 for first, last in ranges)


def test_parquet_files_that_memory_does_not_hold(
    tmp_path: Path, s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are decoded in their own order, with the same result."""
    here = sets.parquet_file(tmp_path)
    expected = dataset(here)
    monkeypatch.setattr(parquet, "_KEPT_BYTES", 1)
    there = s3.put(here, "pictures.parquet")
    assert resolve(there).list_pictures().in_order  # type: ignore[attr-defined]
    found = dataset(there)
    for part in ("train", "validation", "test"):
        assert everything(getattr(found, part)) == everything(getattr(expected, part))


def test_pictures_are_read_at_the_same_time(tmp_path: Path, s3: Bucket) -> None:
    """No picture is answered before four are asked for."""
    listed = resolve(s3.put(sets.class_folders(tmp_path), "p")).list_pictures()  # type: ignore[attr-defined]
    from zscape.remote import in_threads

    met = threading.Barrier(4, timeout=60)

    def read(row: int) -> bytes:
        met.wait()
        return listed.open(row).contents()

    assert in_threads(read, range(sets.N), listed.files) == [
        sets.picture(int(Path(name).stem)) for name in listed.names
    ]


# --- faults ---

PASSING = ["slow", 500, 503, 429, "cut", "short"]


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        *((sets.class_folders, kind) for kind in PASSING),
        *((form, kind) for form in (sets.tar_folder, sets.parquet_file) for kind in (503, "short")),
    ],
)
def test_passing_faults_lose_nothing(
    kind: str | int, form: Callable[[Path], Path], tmp_path: Path, s3: Bucket
) -> None:
    here = form(tmp_path)
    there = s3.put(here, here.name)
    s3.server.faults += [Fault(kind, where="GET /", times=3)]
    assert everything(load_images(there, "all", pictures=SMALL)) == everything(
        load_images(here, "all", pictures=SMALL)
    )
    assert not s3.server.faults[0].times


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (500, "9 attempts failed (500: Internal Server Error)"),
        (503, "9 attempts failed (503: Service Unavailable)"),
        ("cut", "9 attempts failed"),
        ("short", "bytes came instead of"),
        (403, "access is denied"),
        (404, "pictures/a/04.png does not exist"),
    ],
)
def test_a_fault_that_stays_is_no_broken_picture(
    kind: str | int, said: str, tmp_path: Path, s3: Bucket
) -> None:
    there = s3.put(sets.class_folders(tmp_path), "pictures")
    s3.server.faults += [Fault(kind, where="GET /" + s3.name + "/pictures/a/04.png")]
    with pytest.raises(RemoteError, match=r"a/04\.png") as caught:
        load_images(there, "all", pictures=SMALL)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", [sets.zip_file, sets.tar_folder, sets.parquet_file, sets.npz_file])
def test_shards_that_cannot_be_read(
    form: Callable[[Path], Path], tmp_path: Path, s3: Bucket
) -> None:
    here = form(tmp_path)
    there = s3.put(here, here.name)
    s3.server.faults += [Fault(500, where="bytes=")]
    s3.server.faults += [Fault(500, where=f"GET /{s3.name}/arrays")]
    with pytest.raises(RemoteError, match="9 attempts failed"):
        load_images(there, "all", pictures=SMALL)


@pytest.mark.parametrize("form", [sets.zip_file, sets.tar_folder, sets.parquet_file])
def test_a_shard_that_is_lost_later_is_no_broken_picture(
    form: Callable[[Path], Path], tmp_path: Path, s3: Bucket
) -> None:
    here = form(tmp_path)
    listed = resolve(s3.put(here, here.name)).list_pictures()  # type: ignore[attr-defined]
    s3.server.faults += [Fault(503)]
    how = Rendering()
    with pytest.raises(RemoteError, match="9 attempts failed"):
        decode_rows(listed, [0, 1], (8, 8, 3), how, White(255))


def test_names_that_no_path_can_have(tmp_path: Path, s3: Bucket) -> None:
    there = s3.put(sets.class_folders(tmp_path), "pictures")
    s3.client.put_object(Bucket=s3.name, Key="pictures/a//b.png", Body=sets.picture(1))
    images = load_images(there, "all", pictures=SMALL)
    assert len(images) == sets.N
    reasons = {item.path: item.reason for item in images.skipped}
    assert reasons["a//b.png"] == "its name is not that of a path"


def test_a_whole_bucket_of_many_objects(tmp_path: Path, s3: Bucket) -> None:
    from moto.s3.models import s3_backends

    backend = s3_backends["123456789012"]["aws"]
    for i in range(1100):  # a list has at most a thousand
        backend.put_object(s3.name, f"{i:04d} ä.png", b"x" * i)
    listed = resolve(s3.url()).list_pictures()  # type: ignore[attr-defined]
    assert listed.names == [f"{i:04d} ä.png" for i in range(1100)]
    assert listed.sizes == [*range(1100)]


@pytest.mark.slow
def test_a_fault_in_training_ends_in_a_line(tmp_path: Path, s3: Bucket, zscape: Zscape) -> None:
    there = s3.put(sets.class_folders(tmp_path), "pictures")
    s3.server.faults += [Fault(503, where="02.png")]
    done = zscape("train", there, "--size", 8, "--epochs", 1, "--out", tmp_path / "run")
    assert done.error.startswith(f"{there}/a/02.png: 9 attempts failed")
    assert not (tmp_path / "run").exists()


def test_no_credentials(s3: Bucket, zscape: Zscape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert zscape("train", s3.url("pictures")).error == (
        f"{s3.url('pictures')}: no credentials are found (Unable to locate credentials); set "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
    )


def test_no_such_bucket_folder_or_server(
    s3: Bucket, zscape: Zscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert zscape("train", "s3://no-such-bucket/pictures").error == (
        "s3://no-such-bucket/pictures: its bucket does not exist; check the spelling."
    )
    assert zscape("train", s3.url("nothing")).error == (
        f"{s3.url('nothing')} does not exist; check the spelling."
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    error = zscape("train", s3.url("pictures")).error
    assert error.startswith(f"{s3.url('pictures')}: 4 attempts failed")
    assert error.endswith("check the network and AWS_ENDPOINT_URL, then try again.")


def test_locations_that_mean_nothing() -> None:
    with pytest.raises(ConfigError, match=r"nothing://, which is not known; expected s3://"):
        resolve("nothing://bucket/pictures")
    with pytest.raises(ConfigError, match="a file within a file"):
        resolve("zip://a.png::s3://bucket/b.zip")


def test_a_path_elsewhere_is_none_of_this_machine(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lies elsewhere"):
        (tmp_path / "x").rename(as_path("memory://x"))
