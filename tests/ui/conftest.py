"""What the tests of the form share: a page in AppTest, the form served, a browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",  # a test answers for the server
)

Open = Callable[..., Any]
sys.path.insert(0, str(Path(__file__).parent))  # ``tabs``: what waits for a page


@pytest.fixture
def page() -> Open:
    """``page("plan", tokens="1T")``: a page run with these fields in its address."""
    from fuzz.apptest import app_of

    def draw(name: str, **query: Any) -> Any:
        script = (
            f"from mfu_planner.ui.own_hardware import own_hardware\nfrom mfu_planner.ui.pages import {name}\n"
            f"with own_hardware():\n    {name}.page()\n"
        )
        app = app_of(script, 600)
        app.session_state["unfolded"] = True
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception, app.exception
        return app

    return draw


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """The form, served on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = "from mfu_planner.cli.main import main; main()"
    command = [sys.executable, "-c", start, "app", "--port", str(port), "--address", "127.0.0.1"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        _await(f"{address}/_stcore/health", server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=120)


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 600
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended at once"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium; without one the test is skipped, and fails where CI=true."""
    reason = None
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        reason = "playwright is not installed: pip install 'mfu-planner[dev]'"
    if reason is None and not shutil.which(CHROMIUM):
        reason = f"{CHROMIUM} is not installed: apt-get install chromium"
    if reason is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def context(browser: Any) -> Iterator[Any]:
    """The profile that the tests of a worker share: what Chromium has read and compiled of the form, it has once."""
    from tabs import profile

    made = profile(browser, accept_downloads=True)
    yield made
    made.close()


@pytest.fixture
def tab(context: Any) -> Iterator[Any]:
    """A new tab; what others kept in the profile is gone."""
    context.clear_cookies()
    opened = context.new_page()
    yield opened
    opened.close()
