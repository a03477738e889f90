"""A real browser in which every request beyond this computer fails the test."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.harness import PATIENCE

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium."""
    path = shutil.which("chromium")  # without it, tests marked `browser` are skipped
    expect.set_options(timeout=1000 * PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser,
    url: str,
    *,
    ready: bool = True,
    allowed_errors: bool = False,
    blocked: str = "",
    **options: Any,
) -> Iterator[Page]:
    """Open a page; afterwards check that it asked for nothing elsewhere and made no errors.

    Requests whose address ends with `blocked` fail, as if the server had gone.
    """
    outside: list[str] = []
    errors: list[str] = []

    def guard(route: Route) -> None:
        address = route.request.url
        if blocked and address.endswith(blocked):
            route.abort()
        elif address.startswith(("file:", "http://127.0.0.1:", "blob:", "data:")):
            route.fallback()
        else:
            outside.append(address)
            route.abort()

    context = browser.new_context(accept_downloads=True, **options)
    context.set_default_timeout(1000 * PATIENCE)
    context.route("**/*", guard)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(message.text) if message.type == "error" else None,
    )
    page.goto(url)
    if ready:
        page.wait_for_selector(".ready")
    try:
        yield page
    finally:
        context.close()
    assert not outside, outside
    assert allowed_errors or not errors, errors


def wait_until(page: Page, expression: str) -> None:
    """Wait until JavaScript gives true; Playwright's own way needs eval, which the page forbids."""
    deadline = time.monotonic() + PATIENCE
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"never true: {expression}"
        page.wait_for_timeout(20)


def place_of(page: Page, index: int) -> tuple[float, float]:
    """Return where test image `index` is on the screen."""
    page.locator(".surface").scroll_into_view_if_needed()
    box = page.locator(".surface").bounding_box()
    assert box is not None
    x, y = page.evaluate(
        """index => {
            const { map } = window.zscape;
            const [x, y] = map.places.subarray(2 * index, 2 * index + 2);
            const { left, right, top, bottom } = map.view;
            return [(x - left) / (right - left), (top - y) / (top - bottom)];
        }""",
        index,
    )
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def code_of(page: Page) -> list[float]:
    """Return the code that the page shows."""
    return list(page.evaluate("Array.from(window.zscape.state.code)"))


def shown_pixels(page: Page) -> list[int]:
    """Return the gray values of the big image, once nothing is left to be decoded."""
    wait_until(page, "!window.zscape.decoded.busy")
    return list(
        page.evaluate(
            """() => {
                const canvas = window.zscape.root.querySelector(".picture");
                const { data } = canvas.getContext("2d")
                    .getImageData(0, 0, canvas.width, canvas.height);
                return Array.from(data.filter((_, i) => i % 4 === 0));
            }"""
        )
    )
