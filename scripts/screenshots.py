"""Pictures of every page for the documentation: light, dark and narrow, few colours so that they stay small.

    python scripts/screenshots.py [PAGE ...]

Serves the form on a free port; needs Chromium, Playwright and Pillow (a dependency of Streamlit).
"""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
PAGES = {
    "plan": "",
    "measure": "measure",
    "diagnose": "diagnose",
    "layout": "layout",
    "hardware": "hardware",
    "models": "models",
    "compare": "compare?s=&s=hardware%3Db200&s=model%3Dllama-3.1-70b%26devices%3D2048",
    "accuracy": "accuracy",
    "learn": "learn",
}
VIEWS = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (400, "light")}
TALLEST = {1280: 1700, 400: 2200}
COLOURS = 200


def serve() -> tuple[subprocess.Popen[bytes], str]:
    """The form on a free port, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = "from mfu_planner.cli.main import main; main()"
    command = [sys.executable, "-c", start, "app", "--port", str(port), "--address", "127.0.0.1"]
    server = subprocess.Popen(  # noqa: S603  this interpreter, a fixed command
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()  # noqa: S310  our own address
            break
        except OSError:
            time.sleep(0.1)
    return server, address


def picture(browser: Browser, url: str, width: int, scheme: str) -> Image.Image:
    """A page from its top down to its end, or to the tallest that a reader would scroll."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(url)
    page.wait_for_selector(".mfu-hero .big, .mfu-table, .mfu-cards")
    page.wait_for_timeout(4000)
    block = "document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight"
    height = min(int(page.evaluate(block)) + 20, TALLEST[width])
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(1500)
    data = page.screenshot()
    page.close()
    return Image.open(io.BytesIO(data))


def main(wanted: list[str]) -> None:
    """Take and save."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    server, address = serve()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            for name, path in PAGES.items():
                if wanted and name not in wanted:
                    continue
                for view, (width, scheme) in VIEWS.items():
                    taken = picture(browser, f"{address}/{path}", width, scheme)
                    save(taken, IMAGES / f"{name}-{view}.png")
            if not wanted or "plan" in wanted:
                save(picture(browser, f"{address}/?lang=zh", 1280, "light"), IMAGES / "plan-zh.png")
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


def save(taken: Image.Image, path: Path) -> None:
    """With few colours."""
    taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}  {taken.width} × {taken.height}, {path.stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
