"""What a report costs: seconds and bytes of one of 60 000 x 784 with labels, and frames a second while 50 000 points are moved.

python benchmarks/report.py [--data DIR] [--quick] [--output report.json]

Without --data, random images of ten kinds stand for MNIST. Frames need Playwright and Chromium.
"""

import argparse
import importlib.util
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from _harness import Document, console, table

GOALS = {"seconds": 60.0, "bytes": 15e6, "frames_a_second": 30.0}
PAN_SECONDS = 3.0
# Moves the map at each frame that the browser offers, and counts the frames that the map has drawn.
PAN = """(seconds) => new Promise((done) => {
    const map = window.isthmusMap, started = performance.now(), frames = map.frames, spent = map.milliseconds;
    map.zoom(2);
    const step = (now) => {
        const passed = (performance.now() - started) / 1000;
        if (passed > seconds) { done([(map.frames - frames) / passed, (map.milliseconds - spent) / (map.frames - frames)]); return; }
        map.pan(6 * Math.cos(3 * passed), 6 * Math.sin(2 * passed));
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""


def main() -> int:
    """Make the page, open it, and say what both took."""
    options = parsed()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    document = Document(options.output, protocol(options))
    X, y = rows(options)
    with tempfile.TemporaryDirectory() as folder:
        page, measured = made(X, y, Path(folder), options)
        measured |= frames(page, options.chromium)
    lines = [(name.replace("_", " "), value, GOALS.get(name)) for name, value in measured.items()]
    table(f"A report of {len(X)} rows of {X.shape[1]} values", ("", "measured", "goal"), lines)
    document.add("report", measured)
    return 0


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder that holds mnist.npz; random images without")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser; Playwright's own when there is none")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the rows and one epoch: shows that it runs")
    parser.add_argument("--output", type=Path, help="JSON file of everything measured")
    return parser.parse_args()


def protocol(options: argparse.Namespace) -> dict[str, Any]:
    """How it is measured, for the document."""
    return {
        "seconds": "`isthmus.report` with labels, its evaluation and all compilation of it included; the fit apart",
        "model": "784-128-64-8 and back, two epochs, images of (28, 28, 1)",
        "frames": f"drawn by the page in {PAN_SECONDS:g} s of moving the map at each animation frame, 1200 x 900, headless",
        "frame_milliseconds": "the page's own work on a frame",
        "data": "MNIST" if options.data else "random images of ten kinds",
        "quick": options.quick,
    }


def rows(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """60 000 images as a float32 table, and their labels."""
    n = 3000 if options.quick else 60_000
    if options.data is not None:
        with np.load(options.data / "mnist.npz") as archive:
            return archive["x_train"][:n].reshape(n, -1).astype(np.float32), archive["y_train"][:n].astype(int)
    rng = np.random.default_rng(0)
    y = rng.integers(10, size=n)
    centers = rng.random((10, 784), dtype=np.float32)
    return np.round(255 * np.clip(centers[y] + 0.2 * rng.standard_normal((n, 784), dtype=np.float32), 0, 1)), y


def made(X: np.ndarray, y: np.ndarray, folder: Path, options: argparse.Namespace) -> tuple[Path, dict[str, float]]:
    """The page of a short fit, and what it took."""
    from isthmus import Autoencoder, report

    epochs = 1 if options.quick else 2
    model = Autoencoder(8, hidden_dims=(128, 64), sample_shape=(28, 28, 1), max_epochs=epochs, random_state=0).fit(X)
    console.log(f"fitted in {model.fit_seconds_:.1f} s")
    started = time.perf_counter()
    page = report(model, X, y, folder / "report.html")
    seconds = time.perf_counter() - started
    console.log(f"report in {seconds:.1f} s")
    return page, {"seconds": seconds, "bytes": float(page.stat().st_size)}


def frames(page: Path, chromium: str | None) -> dict[str, float]:
    """Frames a second while the map moves; nothing where there is no browser."""
    if importlib.util.find_spec("playwright") is None:
        console.log("no frames: playwright is not installed")
        return {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(page.as_uri())
        tab.locator("#map-canvas").scroll_into_view_if_needed()
        points = tab.evaluate("window.isthmusMap.points")
        rate, milliseconds = tab.evaluate(PAN, PAN_SECONDS)
        browser.close()
    return {"points": float(points), "frames_a_second": rate, "frame_milliseconds": milliseconds}


if __name__ == "__main__":
    sys.exit(main())
