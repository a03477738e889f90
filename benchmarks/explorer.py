"""How quick the explorer's page is: `python -m benchmarks.explorer`.

In headless Chromium without a graphics card, with the tutorial's network at 2 latent variables:

- from a pointer movement reaching the page until the decoded image is on its canvas;
- redraws a second while dragging for ten seconds, one movement a frame, with 60,000 points;
- from opening an address until the model answers, served and as one file from disk, in a browser
  that has never seen it.

The training does not matter here and is short.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.harness import parser, run_missing
from benchmarks.tables.markdown import Run
from zscape.data.load import load_images
from zscape.explorer.engine import build_payload
from zscape.explorer.page import one_file_page
from zscape.explorer.server import address, build_app, new_token, open_socket
from zscape.jobs.train import train
from zscape.runs import Run as TrainedRun

N_POINTS = 60_000
N_MOVES = 600
SECONDS = 10
N_OPENED = 7

# Moves the pointer once a frame, and notes when the image of each movement is on the canvas.
DRAG = """async ([count, milliseconds]) => {
    const { root, map } = window.zscape;
    const surface = root.querySelector(".surface");
    const box = surface.getBoundingClientRect();
    const at = i => ({
        clientX: box.left + box.width * (0.5 + 0.4 * Math.sin(i / 37)),
        clientY: box.top + box.height * (0.5 + 0.4 * Math.cos(i / 23)),
    });
    const send = (kind, i) => surface.dispatchEvent(new PointerEvent(kind, {
        ...at(i), pointerId: 1, button: 0, buttons: 1, bubbles: true, composed: true,
    }));
    surface.setPointerCapture = () => undefined; // there is no real pointer to capture
    const waits = [];
    let sent = 0;
    root.host.addEventListener("zscape-painted", () => waits.push(performance.now() - sent));
    send("pointerdown", 0);
    const begin = performance.now();
    for (let i = 1; waits.length < count && performance.now() - begin < milliseconds; i++) {
        await new Promise(requestAnimationFrame);
        sent = performance.now();
        send("pointermove", i);
    }
    const seconds = (performance.now() - begin) / 1000;
    send("pointerup", 1);
    return { waits, seconds };
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@contextmanager
def served(payload: bytes) -> Iterator[str]:
    """Serve a payload and give its address."""
    token = new_token()
    with open_socket(None) as listener:
        server = uvicorn.Server(uvicorn.Config(build_app(payload, token), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield address(listener, token)
        server.should_exit = True
        thread.join()


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """Open a page in a browser window without a past."""
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    page = context.new_page()
    page.add_init_script(
        "addEventListener('zscape-ready', () => window.readyAt = performance.now())"
    )
    page.goto(url)
    page.wait_for_selector(".ready", timeout=60_000)
    yield page
    context.close()


def usable_after(browser: Browser, url: str, n_opened: int) -> float:
    """Return milliseconds from opening an address until the model answers, the median."""
    times = []
    for _ in range(n_opened):
        with opened(browser, url) as page:
            times.append(float(page.evaluate("window.readyAt")))
    return statistics.median(times)


def drag(
    browser: Browser, payload: bytes, n_moves: int, seconds: float
) -> tuple[np.ndarray, float]:
    """Return how long each image took in milliseconds, and how many there were a second."""
    with served(payload) as url, opened(browser, url) as page:
        page.evaluate(DRAG, [20, 60_000])  # warm up
        result = page.evaluate(DRAG, [n_moves, 1000 * seconds])
    waits = np.array(result["waits"])
    return waits, len(waits) / result["seconds"]


def measure_all(run: TrainedRun, *, quick: bool) -> dict[str, float]:
    """Return every figure by its name."""
    n_opened, seconds, n_points = (1, 1, 1000) if quick else (N_OPENED, SECONDS, N_POINTS)
    payload = build_payload(run)
    figures = {}
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        waits, _ = drag(browser, payload, N_MOVES, seconds)
        figures["pointer to pixels, median"] = float(np.median(waits))
        figures["pointer to pixels, 95th percentile"] = float(np.quantile(waits, 0.95))
        many = build_payload(run, images=load_images("mnist", "train"), n=n_points)
        _, rate = drag(browser, many, 10**9, seconds)
        figures["redraws while dragging among 60,000 points"] = rate
        with served(payload) as url:
            figures["served page, until usable"] = usable_after(browser, url, n_opened)
        file = Path(folder) / "page.html"
        file.write_text(one_file_page(payload))
        figures["one-file page, until usable"] = usable_after(browser, file.as_uri(), n_opened)
        figures["one-file page"] = file.stat().st_size / 1e6
    return figures


def measure(options: argparse.Namespace, network: str) -> Run:
    """Train for a moment, and measure the page."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run = train("mnist", out=out, preset=network, latent_dim=2, epochs=1, limit=2000)
        return {"figures": measure_all(run, quick=options.quick)}


def main() -> None:
    """Measure, and save."""
    run_missing("explorer", parser(__doc__), [{"network": "classic"}], measure, vary="network")


if __name__ == "__main__":
    main()
