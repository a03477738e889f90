"""The explorer in a real browser: what a person does with it, and that it needs no network."""

from __future__ import annotations

import base64
import io
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.explorer.payloads import unpack
from tests.harness import PATIENCE, heed_ctrl_c
from tests.integration.browser import chromium, code_of, opened, place_of, shown_pixels, wait_until
from zscape.data.load import load_images
from zscape.explorer.engine import build_payload, pack
from zscape.explorer.page import one_file_page
from zscape.explorer.server import address, build_app, open_socket
from zscape.runs import load_run

# One process, so that there is one browser and one server.
pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def payload(trained: Any) -> bytes:
    return build_payload(load_run(trained.two))


@pytest.fixture(scope="module")
def url(payload: bytes) -> Iterator[str]:
    """Serve a run of two latent variables in this process."""
    with open_socket(None) as listener:
        config = uvicorn.Config(build_app(payload, "secret"), log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield address(listener, "secret")
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with opened(browser, url) as there:
        yield there


def png(pixels: np.ndarray, kind: str = "png") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def bring(page: Page, name: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )


def own_code(page: Page) -> list[float]:
    page.wait_for_selector(".results:visible")
    wait_until(page, "!window.zscape.own.busy && window.zscape.state.own")
    return list(page.evaluate("Array.from(window.zscape.state.own)"))


def test_the_browser_encodes_and_decodes_as_keras_does(page: Page, trained: Any) -> None:
    run = load_run(trained.two)
    codes = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    decoded = page.evaluate(
        "async codes => Array.from(await window.zscape.models.decode(Float32Array.from(codes)))",
        codes.ravel().tolist(),
    )
    expected = run.model.decode(codes)
    np.testing.assert_allclose(np.reshape(decoded, expected.shape), expected, atol=1e-5)
    images = run.dataset.test.images[:3].astype(np.float32) / 255
    encoded = page.evaluate(
        "async images => Array.from(await window.zscape.models.encode(Float32Array.from(images)))",
        images.ravel().tolist(),
    )
    np.testing.assert_allclose(np.reshape(encoded, (3, 2)), run.model.encode(images), atol=1e-5)


def test_dragging_moves_the_code_and_the_image_follows(page: Page, trained: Any) -> None:
    before = shown_pixels(page)
    start, end = place_of(page, 0), place_of(page, 1)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()
    run = load_run(trained.two)
    np.testing.assert_allclose(
        code_of(page), run.model.encode(run.dataset.test.images[1:2])[0], atol=0.05
    )
    after = shown_pixels(page)
    expected = run.model.decode(np.array([code_of(page)]))[0, ..., 0] * 255
    assert after != before
    np.testing.assert_allclose(np.reshape(after, (8, 8)), expected, atol=0.51)


def test_a_point_shows_its_image_and_two_points_a_way(page: Page, trained: Any) -> None:
    run = load_run(trained.two)
    page.mouse.move(*place_of(page, 2))
    card = page.locator(".hover")
    expect(card).to_contain_text(re.compile(r"Label \d #\d+ +MSE 0\.\d+"))
    assert card.locator("canvas").count() == 2
    page.mouse.click(*place_of(page, 0))
    expect(page.locator(".panel-strip")).to_contain_text("That is A")
    page.mouse.click(*place_of(page, 3))
    strip = page.locator("canvas.strip")
    expect(strip).to_be_visible()
    ends = page.evaluate("window.zscape.state.ends.map(code => Array.from(code))")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + 5)
    page.mouse.down()
    np.testing.assert_allclose(code_of(page), ends[0], atol=1e-6)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5, steps=3)
    page.mouse.up()
    np.testing.assert_allclose(code_of(page), np.mean(ends, axis=0), atol=0.02)
    held = code_of(page)
    page.get_by_role("button", name="Play").click()
    wait_until(page, f"Math.abs(window.zscape.state.code[0] - {held[0]}) > 1e-4")
    page.get_by_role("button", name="Pause").click()
    middle = run.model.decode(np.array([code_of(page)]))[0, ..., 0] * 255
    np.testing.assert_allclose(np.reshape(shown_pixels(page), (8, 8)), middle, atol=0.51)
    page.keyboard.press("Escape")
    expect(strip).to_be_hidden()


def test_sliders_move_lock_reset_and_draw(page: Page) -> None:
    first = page.get_by_role("slider", name=re.compile("^z1, .* of the variance"))
    start = code_of(page)
    first.press("ArrowRight")
    assert code_of(page)[0] > start[0]
    assert code_of(page)[1] == start[1]
    page.get_by_role("button", name="Lock z2").click()
    locked = code_of(page)
    page.get_by_role("button", name="Randomise").click()
    drawn = code_of(page)
    assert drawn[0] != locked[0]
    assert drawn[1] == locked[1]
    page.get_by_role("button", name="Lock z2").click()
    page.get_by_role("button", name="Reset").click()
    mean = page.evaluate("Array.from(window.zscape.payload.mean)")
    assert code_of(page) == mean
    page.get_by_role("button", name="\N{MINUS SIGN}5 to 5").click()
    assert (first.get_attribute("min"), first.get_attribute("max")) == ("-5", "5")
    assert page.evaluate("window.zscape.map.view.right") == 5
    page.get_by_role("button", name="Principal directions").click()
    page.get_by_role("slider", name=re.compile("^PC 1, ")).press("PageUp")
    direction = page.evaluate("Array.from(window.zscape.payload.directions.slice(0, 2))")
    moved = np.subtract(code_of(page), mean)
    np.testing.assert_allclose(moved / np.linalg.norm(moved), direction, atol=1e-4)


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    surface = page.get_by_role("application")
    surface.focus()
    start = code_of(page)
    for key in ("ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    moved = np.subtract(code_of(page), start)
    assert moved[0] > 0
    assert moved[1] > moved[0] / 10
    width = "window.zscape.map.view.right - window.zscape.map.view.left"
    before = page.evaluate(width)
    page.keyboard.press("+")
    assert page.evaluate(width) < before
    page.keyboard.press("0")
    assert page.evaluate(width) == pytest.approx(before)
    page.keyboard.press("r")
    assert code_of(page) != start
    unnamed = page.evaluate(
        """() => [...window.zscape.root.querySelectorAll("button, input")]
            .filter(one => !one.textContent && !one.ariaLabel && !one.closest("label"))
            .map(one => one.outerHTML)"""
    )
    assert unnamed == []


def test_a_picture_is_encoded_and_becomes_the_code(page: Page, trained: Any) -> None:
    run = load_run(trained.two)
    image = run.dataset.test.images[4]
    bring(page, "spot.png", png(image[..., 0]))
    code = own_code(page)
    np.testing.assert_allclose(code, run.model.encode(image[None])[0], atol=1e-5)
    assert code_of(page) == code
    error = np.square(run.model.reconstruct(image[None]) - image / 255.0).mean()
    expect(page.locator(".error-figure")).to_have_text(f"MSE {float(f'{error:.3g}')}")
    page.get_by_role("slider", name="Noise").fill("0.5")
    expect(page.locator(".error-figure")).to_contain_text("to the clean image")
    assert own_code(page) != code
    page.locator(".panel-own").get_by_role("button", name="Clear").click()
    expect(page.locator(".results")).to_be_hidden()


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(page: Page, how: str) -> None:
    pixels = np.full((8, 8), 255, np.uint8)
    pixels[2:6, 2:6] = 0  # ink on paper: the other way round than the data
    page.evaluate(
        """([how, text]) => {
            const bytes = Uint8Array.from(atob(text), one => one.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "ink.png", { type: "image/png" }));
            const target = window.zscape.root.querySelector(".layout");
            if (how === "drop") {
                target.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
            } else {
                document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
            }
        }""",
        [how, base64.b64encode(png(pixels)).decode()],
    )
    own_code(page)
    expect(page.locator(".toast")).to_contain_text("and inverted")
    assert page.get_by_label("Invert").is_checked()


def test_a_drawing_is_encoded_while_it_is_drawn(page: Page) -> None:
    pad = page.locator(".pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 60, steps=4)
    first = own_code(page)
    page.mouse.move(box["x"] + 20, box["y"] + 110, steps=4)
    page.mouse.up()
    assert own_code(page) != first
    assert code_of(page) == own_code(page)


def test_a_broken_picture_is_named_and_a_huge_one_shrunk(page: Page) -> None:
    bring(page, "broken.png", b"\x89PNG\r\n\x1a\n and nothing more")
    expect(page.get_by_role("alert")).to_contain_text("broken.png cannot be read as a picture")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".alert")).to_have_count(0)
    photo = np.zeros((3648, 5472, 3), np.uint8)
    photo[:, 2000:3000] = 255
    bring(page, "photo.jpg", png(photo, "jpeg"))
    own_code(page)
    expect(page.locator(".toast")).to_contain_text("photo.jpg, 5472 \N{MULTIPLICATION SIGN} 3648")


def test_image_code_and_link_can_be_kept(page: Page, browser: Browser) -> None:
    page.get_by_role("button", name="Randomise").click()
    shown = np.reshape(shown_pixels(page), (8, 8))
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save image").click()
    assert saved.value.suggested_filename == "two.png"
    picture = np.asarray(Image.open(saved.value.path()).convert("L"))
    assert picture.shape == (512, 512)
    np.testing.assert_array_equal(picture[32::64, 32::64], shown)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save code").click()
    content = json.loads(Path(saved.value.path()).read_text())
    assert content == {"run": "two", "latent_dim": 2, "code": code_of(page)}
    page.get_by_role("button", name="Copy link").click()
    wait_until(page, "location.hash.startsWith('#code=')")
    with opened(browser, page.url) as again:
        np.testing.assert_allclose(code_of(again), code_of(page), rtol=1e-5)


@pytest.mark.parametrize("width", [360, 900, 1600])
def test_it_fits_a_phone_and_a_wide_screen_in_both_themes(
    browser: Browser, url: str, width: int
) -> None:
    size = {"width": width, "height": 800}
    touch = width < 500
    with opened(browser, url, viewport=size, color_scheme="dark", has_touch=touch) as page:
        root = page.locator(".explorer")
        assert root.get_attribute("data-theme") == "dark"
        page.get_by_label("Latent grid").check()
        wait_until(page, "window.zscape.map.lattice.done")
        page.get_by_role("button", name="Dark or light").click()
        assert root.get_attribute("data-theme") == "light"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        before = code_of(page)
        (page.touchscreen.tap if touch else page.mouse.click)(*place_of(page, 1))
        wait_until(page, f"window.zscape.state.code[0] !== {before[0]}")


def test_one_file_opens_from_disk_without_a_network(
    browser: Browser, trained: Any, tmp_path: Path
) -> None:
    three = build_payload(load_run(trained.three))
    (tmp_path / "page.html").write_text(one_file_page(three))
    with opened(browser, (tmp_path / "page.html").as_uri(), offline=True) as page:
        before = shown_pixels(page)
        page.mouse.move(*place_of(page, 0))
        page.mouse.down()
        page.mouse.move(*place_of(page, 5), steps=4)
        page.mouse.up()
        assert shown_pixels(page) != before
        assert page.get_by_role("slider", name=re.compile("^z3")).is_visible()
        decoded = page.evaluate(
            "async code => Array.from(await window.zscape.models.decode(Float32Array.from(code)))",
            [0.5, -1.0, 0.2],
        )
    expected = load_run(trained.three).model.decode(np.array([[0.5, -1.0, 0.2]], np.float32))
    np.testing.assert_allclose(np.reshape(decoded, expected.shape), expected, atol=1e-5)


def test_a_model_that_fails_to_load_is_said_and_the_map_stays(
    browser: Browser, payload: bytes, tmp_path: Path
) -> None:
    meta, arrays = unpack(payload)
    broken = pack(meta, {**arrays, "decoder": np.zeros(100, np.uint8)})
    (tmp_path / "page.html").write_text(one_file_page(broken))
    address = (tmp_path / "page.html").as_uri()
    with opened(browser, address, ready=False, allowed_errors=True) as page:
        expect(page.get_by_role("alert")).to_contain_text("The model could not be loaded")
        page.mouse.move(*place_of(page, 0))
        expect(page.locator(".hover")).to_contain_text("Label")
        assert page.get_by_role("button", name="Save image").is_hidden()


def test_data_that_do_not_fit_are_said_and_nothing_is_drawn(
    browser: Browser, payload: bytes, tmp_path: Path
) -> None:
    meta, arrays = unpack(payload)
    broken = pack(meta, {**arrays, "codes": arrays["codes"][:-1]})
    (tmp_path / "page.html").write_text(one_file_page(broken))
    address = (tmp_path / "page.html").as_uri()
    with opened(browser, address, ready=False, allowed_errors=True) as page:
        expect(page.get_by_role("alert")).to_contain_text("do not fit this page: codes has shape")
        assert page.locator("canvas").count() == 0


def test_classes_that_have_names_are_named(browser: Browser, trained: Any, tmp_path: Path) -> None:
    images = load_images(trained.data)
    names = ("a cat", "dogs and their very long relatives", "bird")
    assert images.labels is not None
    named = replace(images, labels=images.labels % 3, class_names=names)
    content = build_payload(load_run(trained.two), images=named)
    (tmp_path / "page.html").write_text(one_file_page(content))
    with opened(browser, (tmp_path / "page.html").as_uri()) as page:
        legend = page.get_by_role("list", name="Classes")
        expect(legend.get_by_role("listitem")).to_have_text(list(names))
        colors = legend.locator(".swatch").evaluate_all(
            "all => all.map(one => getComputedStyle(one).backgroundColor)"
        )
        assert len(set(colors)) == 3
        page.mouse.move(*place_of(page, 2))
        label = named.shown_labels[2]  # type: ignore[index]
        expect(page.locator(".hover")).to_contain_text(re.compile(rf"{label} #2 +MSE 0\.\d+"))
        page.mouse.click(*place_of(page, 2))
        expect(page.locator(".caption")).to_contain_text(f"{label}: z = (")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".caption")).to_have_text(re.compile(r"^z = \("))


def test_names_with_markup_are_words_and_no_label_is_said(
    browser: Browser, trained: Any, tmp_path: Path
) -> None:
    images = load_images(trained.data)
    assert images.labels is not None
    labels = images.labels.copy()
    labels[4] = -1
    names = ("</script><img src=x>", "caf\udce9", "\u732b")
    named = replace(images, labels=labels, class_names=names)
    content = build_payload(load_run(trained.two), images=named, n=50)
    (tmp_path / "page.html").write_text(one_file_page(content))
    with opened(browser, (tmp_path / "page.html").as_uri()) as page:
        entries = page.get_by_role("list", name="Classes").get_by_role("listitem")
        expect(entries).to_have_text([names[0], names[1], names[2], "no label"])
        expect(page.locator(".facts")).to_contain_text("50 of 60 images")
        index = page.evaluate("window.zscape.payload.meta.labels.indexOf(null)")
        page.mouse.move(*place_of(page, index))
        expect(page.locator(".hover")).to_contain_text("no label #")


def test_damaged_data_are_said(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(one_file_page(b"not a payload"))
    address = (tmp_path / "page.html").as_uri()
    with opened(browser, address, ready=False, allowed_errors=True) as page:
        expect(page.get_by_role("alert")).to_contain_text("the data of the run are damaged")


@pytest.mark.parametrize("part", ["payload", "ort.wasm"])
def test_a_server_that_has_gone_is_said(browser: Browser, url: str, part: str) -> None:
    with opened(browser, url, ready=False, allowed_errors=True, blocked=part) as page:
        expect(page.get_by_role("alert")).to_contain_text("zscape explore no longer runs")


def test_the_command_serves_and_ends_with_ctrl_c(trained: Any, browser: Browser) -> None:
    words = [sys.executable, "-m", "zscape", "explore", str(trained.two)]
    with subprocess.Popen(
        [*words, "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", line)
        with opened(browser, line) as page:
            assert len(shown_pixels(page)) == 64
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert messages == "Ctrl-C ends it.\n"
