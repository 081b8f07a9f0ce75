"""Write the pictures of docs/report.md: a report of handwritten digits, in headless Chromium.

python docs/make_screenshots.py [--chromium PATH]

Needs the extras `report` and `test`, and Chromium.
"""

import argparse
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from isthmus import Autoencoder, report

FOLDER = Path(__file__).parent / "pictures"


def main() -> None:
    """Fit, report, open, and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser; Playwright's own when there is none")
    options = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    split: Any = train_test_split(X.reshape(-1, 8, 8, 1), y, test_size=0.25, random_state=0, stratify=y)
    training, test, _, test_digits = split
    model = Autoencoder(8, random_state=0).fit(training).fit_density(training, random_state=0)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        page = report(model, test, test_digits, Path(folder, "report.html"), training=training)
        browser = driver.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        desktop = browser.new_page(viewport={"width": 1120, "height": 900}, color_scheme="light")
        desktop.goto(page.as_uri())
        save(desktop, "report_desktop")
        shown_sample(desktop)
        save(desktop, "report_map")
        narrow = {"width": 380, "height": 780}
        context = browser.new_context(viewport=narrow, color_scheme="dark", has_touch=True, is_mobile=True, device_scale_factor=2)
        phone = context.new_page()
        phone.goto(page.as_uri())
        shown_sample(phone)
        save(phone, "report_phone")
        browser.close()


def shown_sample(tab: Page) -> None:
    """Scroll to the map and go to a sample of it by keys."""
    tab.locator("#map-title").evaluate("title => title.scrollIntoView()")
    tab.locator("#map-canvas").focus()
    tab.keyboard.press("n")
    # A step is to the next sample on the right; a third of the way there is something on all sides.
    for _ in range(150):
        tab.keyboard.press("n")
    tab.wait_for_timeout(300)


def save(tab: Page, name: str) -> None:
    """Write what is in sight, in 256 colors."""
    tab.wait_for_timeout(300)
    picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
