"""Denoising: arrays of any size, files of any kind, and figures beside classical methods."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Trained, Zscape, blobs
from zscape.data.images import as_float
from zscape.errors import DataError, RunError
from zscape.evaluation.denoising import evaluate_denoising
from zscape.evaluation.results import read_evaluation
from zscape.jobs.denoise import denoise, write_denoised
from zscape.runs import load_run
from zscape.settings import CorruptionConfig, ReadingConfig

# One process, so that its runs are trained once.
pytestmark = pytest.mark.xdist_group("denoising")


def run_of(shape: tuple[int, int, int], reconstruct: Callable[[Any], Any] = lambda x: x) -> Any:
    """Stand in for a run whose model does what it is told."""
    model = SimpleNamespace(image_shape=shape, reconstruct=reconstruct, white=None)
    config = SimpleNamespace(image_shape=shape, white=None, border=None, reading=ReadingConfig())
    return SimpleNamespace(model=model, config=config)


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 50), (9, 8), (61, 47)])
@pytest.mark.parametrize("tile", [(8, 8), (7, 10), (1, 2)])
def test_tiles_cover_every_pixel_and_add_up_to_one(
    size: tuple[int, int], tile: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).random((*size, 1), dtype=np.float32)
    np.testing.assert_allclose(denoise(run_of((*tile, 1)), image), image, atol=1e-5)


def test_no_seam_shows_where_tiles_disagree() -> None:
    rng = np.random.default_rng(0)

    def disagree(tiles: np.ndarray) -> np.ndarray:  # each tile has a gray of its own
        return np.zeros_like(tiles) + rng.random((len(tiles), 1, 1, 1), dtype=np.float32)

    result = denoise(run_of((32, 32, 1), disagree), np.zeros((200, 200, 1)))[..., 0]
    assert result.std() > 0.1
    for axis in (0, 1):
        assert np.abs(np.diff(result, axis=axis)).max() < 0.12  # a hard seam would be up to 1


@pytest.mark.parametrize("model", [1, 3, 4])
@pytest.mark.parametrize("image", [1, 3, 4])
def test_channels_of_model_and_image_may_differ(model: int, image: int) -> None:
    pixels = np.random.default_rng(0).random((20, 11, image), dtype=np.float32)
    np.testing.assert_allclose(denoise(run_of((8, 8, model)), pixels), pixels, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 5), (5, 5, 2), (0, 5, 1)])
def test_images_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError):
        denoise(run_of((8, 8, 3)), np.zeros(shape, np.float32))


def drawn_on(paper: int, ink: int) -> np.ndarray:
    image = np.full((12, 12, 1), paper, np.uint8)
    image[4:8, 4:8] = ink
    return image


@pytest.mark.parametrize(
    ("trained", "polarity", "is_inverted"),
    [("dark", "auto", True), ("light", "auto", False), ("dark", "keep", False),
     (None, "auto", False)],
)  # fmt: skip
def test_dark_on_light_is_shown_to_the_model_as_it_was_in_training(
    tmp_path: Path, trained: str | None, polarity: Any, is_inverted: bool
) -> None:
    seen: list[np.ndarray] = []

    def reconstruct(tiles: np.ndarray) -> np.ndarray:
        seen.append(tiles)
        return tiles

    run = run_of((12, 12, 1), reconstruct)
    run.config.border, run.config.reading = trained, ReadingConfig(polarity=polarity)
    run.config.scale = None
    image = drawn_on(paper=250, ink=10)
    np.testing.assert_allclose(denoise(run, image), image / 255, atol=1e-6)
    assert (seen[-1][0, 0, 0, 0] < 0.5) == is_inverted
    Image.fromarray(image[..., 0]).save(tmp_path / "x.png")
    Image.fromarray(257 * np.uint16(image[..., 0])).save(tmp_path / "y.png")
    done = write_denoised(run, [tmp_path / "x.png", tmp_path / "y.png"], tmp_path / "out")
    assert len(done.notes) == is_inverted
    if is_inverted:
        assert f"had dark borders: {tmp_path / 'x.png'} and 1 more went" in done.notes[0]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out/x.png")), image[..., 0])


# --- what is claimed of a model ---


def identity() -> Any:
    return SimpleNamespace(reconstruct=lambda images: images)


def gray() -> Any:
    return SimpleNamespace(reconstruct=lambda images: np.full_like(images, 0.5))


NOISE = CorruptionConfig.parse("gaussian:sigma=0.1")


def test_a_denoiser_that_does_harm_is_named_with_its_levels() -> None:
    images, _ = blobs(40, (16, 16, 1))
    found = evaluate_denoising(gray(), images, NOISE, validation=images[:8])
    (warning,) = found.warnings()
    assert warning.startswith("Denoising makes images worse, by PSNR: ")
    for level in found.levels:
        own, noisy = level.methods["zscape"]["psnr"], level.methods["noisy"]["psnr"]
        assert f"{own:.2f} dB against {noisy:.2f} dB (noisy) at {level.corruption}" in warning


def test_a_denoiser_that_a_classical_method_beats_is_told_so() -> None:
    images, _ = blobs(40, (16, 16, 1))
    found = evaluate_denoising(identity(), images, NOISE, validation=images[:8])
    (warning,) = found.warnings()
    assert warning.startswith("A classical method, which needs no training, denoises better")
    best = found.levels[0].best_classical
    assert f"({best}) at gaussian:sigma=0.05" in warning


def test_a_denoiser_that_helps_has_no_warning() -> None:
    images, _ = blobs(40, (16, 16, 1))
    clean: Any = SimpleNamespace(reconstruct=lambda noisy: as_float(images[: len(noisy)]))
    found = evaluate_denoising(clean, images, NOISE, validation=images[:8])
    assert found.warnings() == []
    assert evaluate_denoising(clean, images, NOISE, validation=None).warnings() == []


def test_denoising_is_measured_on_images_from_all_over_the_set() -> None:
    n = 500
    images = (
        np.zeros((n, 28, 28, 1), np.uint16) + np.arange(n, dtype=np.uint16)[:, None, None, None]
    )
    found = evaluate_denoising(identity(), images, NOISE, validation=None)
    shown = np.rint(found.samples["clean"][:, 0, 0, 0] * 65535)
    assert found.n_images == 100
    assert len(shown) == 10
    assert shown.min() < n / 3
    assert shown.max() > 2 * n / 3


# --- a trained run, on the command line ---


@pytest.fixture(scope="module")
def noisy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from zscape.jobs.train import train

    folder = tmp_path_factory.mktemp("noisy")
    images, labels = blobs(60)
    np.savez(folder / "spots.npz", images=images, labels=labels)
    noise = ["gaussian:sigma=0.2", "mask:size=2,count=1"]
    return train(
        folder / "spots.npz", out=folder / "run", preset="classic", latent_dim=3, epochs=2,
        batch_size=16, corruption=noise,
    ).path  # fmt: skip


@pytest.mark.slow
def test_a_denoising_run_reports_noise_before_and_after(zscape: Zscape, noisy_run: Path) -> None:
    run = load_run(noisy_run)
    assert str(run.config.training.corruption) == "gaussian:sigma=0.2+mask:size=2,count=1"
    denoising = read_evaluation(run).denoising
    assert denoising is not None
    levels = denoising.levels
    assert [level.corruption for level in levels] == [
        "gaussian:sigma=0.1+mask:size=2,count=1",
        "gaussian:sigma=0.2+mask:size=2,count=1",
        "gaussian:sigma=0.3+mask:size=2,count=2",
    ]
    for level in levels:
        methods = level.methods
        assert list(methods) == [
            "noisy", "median", "bilateral", "total variation", "non-local means", "wavelet",
            "zscape",
        ]  # fmt: skip
        assert max(outcome["psnr"] for outcome in methods.values()) > methods["noisy"]["psnr"]
        similarities = [outcome["ssim"] for outcome in methods.values()]
        assert all(ssim is not None and -1 <= ssim <= 1 for ssim in similarities)
        assert set(methods["non-local means"]["parameters"]) == {"h", "sigma", "patch_size"}
    kept = json.loads((noisy_run / "metrics.json").read_text())
    warnings = [text for text in kept["warnings"] if text.startswith("Denoising makes")]
    worse = [x for x in levels if x.methods["zscape"]["psnr"] < x.methods["noisy"]["psnr"]]
    assert len(warnings) == bool(worse)
    assert list(denoising.warnings()) == kept["warnings"][-len(denoising.warnings()) :]
    page = (noisy_run / "report.html").read_text()
    printed = zscape("info", noisy_run)
    for warning in denoising.warnings():
        assert warning in page
        assert printed.err.count(warning) == 1
    psnrs = [level.methods["noisy"]["psnr"] for level in levels]
    assert psnrs[0] > psnrs[1] > psnrs[2]
    assert (noisy_run / "figures" / "denoising.png").stat().st_size > 1000
    page = (noisy_run / "report.html").read_text()
    assert "total variation" in page
    assert "gaussian:sigma=0.3+mask:size=2,count=2" in page
    shown = zscape("info", noisy_run).out
    assert "non-local means" in shown
    assert "mask:size=2,count=1" in shown


@pytest.mark.slow
def test_a_run_of_other_noise_is_not_resumed(zscape: Zscape, noisy_run: Path) -> None:
    words = ("--preset", "classic", "--latent-dim", 3, "--epochs", 2, "--batch-size", 16,
             "--resume")  # fmt: skip
    data = noisy_run.parent / "spots.npz"
    noise = ("--corruption", "gaussian:sigma=0.2+mask:size=2,count=1")
    assert "corruption was" in zscape("train", data, "--out", noisy_run, *words).error
    assert zscape("train", data, "--out", noisy_run, *noise, *words).status == 0


@pytest.mark.slow
def test_damaged_figures_of_denoising_are_named(noisy_run: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(noisy_run, tmp_path / "run"))
    values = json.loads((copy / "metrics.json").read_text())
    values["denoising"]["levels"][1]["methods"]["median"]["psnr"] = "high"
    (copy / "metrics.json").write_text(json.dumps(values))
    with pytest.raises(RunError, match=r"denoising\.levels\[1\]\.methods\[\.\.\.\]\.psnr"):
        read_evaluation(load_run(copy))


KINDS = {
    "gray.png": "L", "two.bmp": "1", "colour.jpg": "RGB", "print.jpg": "CMYK", "few.png": "P",
    "few.gif": "P", "clear.webp": "RGBA", "faint.png": "LA", "deep.png": "I;16", "float.tif": "F",
}  # fmt: skip
BECOME = {"1": "L", "CMYK": "RGB", "P": "RGB"}


@pytest.mark.slow
def test_files_keep_their_names_formats_and_places(
    zscape: Zscape, noisy_run: Path, tmp_path: Path
) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name, mode in KINDS.items():
        picture = Image.fromarray(gray)
        if mode == "I;16":
            picture = Image.fromarray(np.uint16(257) * gray)
        elif mode in ("CMYK", "P"):
            picture = picture.convert("RGB").convert(mode)
        else:
            picture = picture.convert(mode)
        if mode in ("LA", "RGBA"):
            picture.putalpha(100)
        picture.save(tmp_path / "in" / "sub" / name)
    (tmp_path / "in" / "cut.png").write_bytes(
        (tmp_path / "in" / "sub" / "gray.png").read_bytes()[:300]
    )
    (tmp_path / "in" / "notes.txt").write_text("mine")
    out = tmp_path / "out"
    done = zscape("denoise", noisy_run, tmp_path / "in", "-o", out, "--json")
    assert done.status == 0, done.err
    answer = json.loads(done.out)
    assert answer["n_pictures"] == len(KINDS)
    assert {Path(item["path"]).name for item in answer["skipped"]} == {"cut.png", "notes.txt"}
    assert "cut.png" in done.err
    assert sorted(path.name for path in (out / "sub").iterdir()) == sorted(KINDS)
    for name, mode in KINDS.items():
        with Image.open(tmp_path / "in" / "sub" / name) as before:
            with Image.open(out / "sub" / name) as after:
                assert (after.format, after.size) == (before.format, before.size)
                expected = "P" if name.endswith(".gif") else BECOME.get(mode, mode)
                assert after.mode == expected, name
                if mode in ("LA", "RGBA"):
                    np.testing.assert_array_equal(
                        np.asarray(after.getchannel("A")), np.asarray(before.getchannel("A"))
                    )


@pytest.mark.slow
def test_a_tiff_file_keeps_all_its_pages(zscape: Zscape, noisy_run: Path, tmp_path: Path) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    pages = [Image.fromarray(gray[: 20 - i] // (i + 1)) for i in range(4)]
    pages.append(Image.fromarray(np.stack([gray] * 3, -1)))
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:], dpi=(300, 300))
    done = zscape("denoise", noisy_run, tmp_path / "pages.tif", "-o", tmp_path / "out")
    assert done.status == 0, done.err
    assert done.out == f"1 picture of 5 pages: {tmp_path / 'out'}\n"
    run = load_run(noisy_run)
    with Image.open(tmp_path / "out" / "pages.tif") as after:
        assert getattr(after, "n_frames", 1) == 5
        for number, page in enumerate(pages):
            after.seek(number)
            assert (after.size, after.mode) == (page.size, page.mode)
            assert after.info["dpi"] == (300, 300)
            pixels = np.asarray(page).reshape(page.height, page.width, -1)
            expected = np.round(255 * denoise(run, pixels)).astype(np.uint8)
            np.testing.assert_array_equal(np.asarray(after).reshape(pixels.shape), expected)


@pytest.mark.slow
def test_deep_pages_of_a_file_have_one_white(noisy_run: Path, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 900, (8, 8), dtype=np.uint16)
    values[0, 0] = 900  # alone its white would be 1023
    pages = [Image.fromarray(values), Image.fromarray(np.full((8, 8), 4000, np.uint16))]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    run = load_run(noisy_run)
    done = write_denoised(run, [tmp_path / "x.tif"], tmp_path / "out")
    assert (done.n_pictures, done.n_pages) == (1, 2)
    with Image.open(tmp_path / "out" / "x.tif") as after:
        expected = 4095 * denoise(run, (values / np.float32(4095))[..., None])[..., 0]
        np.testing.assert_allclose(np.asarray(after), expected, atol=0.6)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_of_an_animation_the_first_frame_is_kept_and_this_is_said(
    zscape: Zscape, noisy_run: Path, tmp_path: Path, ending: str
) -> None:
    frames = [Image.fromarray(np.full((9, 9), 90 * i, np.uint8)) for i in range(3)]
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        frames[0].save(
            tmp_path / "in" / f"{name}.{ending}", save_all=True, append_images=frames[1:]
        )
    done = zscape("denoise", noisy_run, tmp_path / "in", "-o", tmp_path / "out", "--json")
    assert done.status == 0, done.err
    (note,) = json.loads(done.out)["notes"]
    expected = "is an animation, of which the first frame is kept (2 animations)"
    assert note == f"{tmp_path / 'in' / f'a.{ending}'} {expected}"
    assert done.err.count("animation, of which") == 1


@pytest.mark.parametrize(
    ("scale", "is_told"), [(None, False), (1.0, False), (0.8, False), (0.25, True), (3.0, True)]
)
def test_a_model_of_another_scale_is_warned_of(
    tmp_path: Path, scale: float | None, is_told: bool
) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "x.png")
    run = run_of((8, 8, 1))
    run.config.scale = scale
    done = write_denoised(run, [tmp_path / "x.png"], tmp_path / "out")
    assert len(done.warnings) == is_told
    for warning in done.warnings:
        assert f"to {scale:.2g} of their width and height" in warning
        assert "zscape train DATA --patches" in warning


def pages(n: int, seed: int) -> list[np.ndarray]:
    """Return light pages of 256 x 256 with bars of 3 to 12 pixels."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(n):
        page = np.full((256, 256), 240, np.uint8)
        for top in range(4, 250, 20):
            for left in range(4, 250, 40):
                length, width = rng.integers(12, 36), rng.integers(3, 12)
                page[top : top + width, left : left + length] = rng.integers(0, 60)
        made.append(page)
    return made


@pytest.mark.slow
def test_patches_denoise_pages_that_a_model_of_shrunken_ones_makes_worse(
    zscape: Zscape, tmp_path: Path
) -> None:
    (tmp_path / "pages").mkdir()
    for i, page in enumerate(pages(24, seed=0)):
        Image.fromarray(page).save(tmp_path / "pages" / f"{i:02d}.png")
    (clean,) = pages(1, seed=1)
    noise = np.random.default_rng(0).normal(0, 60, clean.shape)
    noisy = np.clip(clean + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.png")

    def psnr(image: np.ndarray) -> float:
        return float(-10 * np.log10(np.square((image - clean.astype(float)) / 255).mean()))

    found = {}
    for name, words in (("patches", ("--patches", "--epochs", 8)), ("whole", ("--epochs", 40))):
        run = tmp_path / name
        done = zscape(
            "train", tmp_path / "pages", *words, "--corruption", "gaussian:sigma=0.24", "--size",
            16, "--latent-dim", 48, "--preset", "classic", "--out", run,
        )  # fmt: skip
        assert done.status == 0, done.err
        done = zscape("denoise", run, tmp_path / "noisy.png", "-o", tmp_path / f"by-{name}")
        assert done.status == 0, done.err
        assert ("zscape train DATA --patches" in done.err) == (name == "whole")
        found[name] = psnr(np.asarray(Image.open(tmp_path / f"by-{name}" / "noisy.png"), float))
    print(found, psnr(noisy))
    assert found["patches"] > psnr(noisy) + 2
    assert found["whole"] < psnr(noisy)
    assert load_run(tmp_path / "patches").config.scale == 1.0


@pytest.mark.slow
def test_a_run_without_noise_says_so(zscape: Zscape, trained: Trained, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "x.png")
    done = zscape("denoise", trained.two, tmp_path / "x.png", "-o", tmp_path / "out")
    assert done.status == 0
    assert "has not learned to denoise" in done.err
    assert done.out == f"1 picture: {tmp_path / 'out'}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("cut.png", "-o", "out"), "cannot be read as a picture"),
        (("gone.png", "-o", "out"), "does not exist"),
        (("empty", "-o", "out"), "no picture that can be read"),
        (("x.png", "sub/x.png", "-o", "out"), "would both become"),
        (("x.png", "-o", "."), "is not empty"),
        (("x.png", "-o", ".", "--force"), "would be replaced"),
        (("x.png", "-o", "x.png"), "is a file"),
        (("x.png",), "--out"),
    ],
)
def test_what_cannot_be_denoised(
    zscape: Zscape, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], expected: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("empty").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    for name in ("x.png", "sub/x.png"):
        Image.fromarray(pixels).save(name)
    Path("cut.png").write_bytes(Path("x.png").read_bytes()[:200])
    before = Path("x.png").read_bytes()
    done = zscape("denoise", trained.two, *words)
    assert done.status == 2
    assert expected in done.err
    assert Path("x.png").read_bytes() == before
