"""A page in headless Chromium."""

import contextlib
import os
import shutil

import pytest

__all__ = ["opened_browser"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextlib.contextmanager
def opened_browser():
    """Chromium: what CHROMIUM names, one on the path, or Playwright's own; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    with playwright.sync_playwright() as driver:
        try:
            # Without a sandbox of its own, which a container does not allow; the page is one that we wrote.
            browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"Chromium cannot be started: {str(error).splitlines()[0]}. Try: apt-get install chromium")
        yield browser
        browser.close()
