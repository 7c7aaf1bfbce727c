"""The page "Try it here": the planner in the browser answers as the command line does, from local files alone."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.cli.main import main

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / ".venv" / ".runtime"
LONG_MS = 240_000
"""A bound, not a measure: Python is compiled by the browser first."""


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the test says what went wrong."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is served, with the planner of this checkout."""
    if not (RUNTIME / "pyodide.asm.wasm").exists():
        pytest.skip("no Python for browsers beside the site: `make try` fetches it")
    folder = tmp_path_factory.mktemp("try")
    shutil.copytree(RUNTIME, folder / "runtime")
    spec = importlib.util.spec_from_file_location("try_page", ROOT / "scripts" / "try_page.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.fill(folder / "runtime")
    shutil.copy(ROOT / "docs" / "try.mjs", folder)
    (folder / "index.html").write_text(
        "<!doctype html><meta charset=utf-8>\n" + (ROOT / "docs" / "try.md").read_text("utf-8")
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


def said(args: list[str], page: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the command line prints here, in as wide a terminal."""
    columns = page.locator(".answer").get_attribute("data-columns")
    for name, value in (("COLUMNS", columns), ("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        main(args)
    return out.getvalue()


def test_it_answers_as_the_command_line(
    browser: Any, address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A plan, a measure, a model by its config, a refusal: letter by letter; no request elsewhere."""
    monkeypatch.chdir(tmp_path)
    page, asked = browser.new_page(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)

    def answer(form: str, **fields: str) -> str:
        held = page.locator(f"form[data-command={form}]")
        for flag, value in fields.items():
            held.locator(f"[data-flag='--{flag}'], [data-file='--{flag}']").fill(value)
        held.locator("button").click()
        page.wait_for_function("!/^(…|Starting)/.test(document.querySelector('.answer').textContent)", timeout=LONG_MS)
        found: str = page.locator(".answer").text_content()
        return found

    plan = [
        "plan",
        "--model",
        "llama-3.1-70b",
        "--hardware",
        "h100-sxm",
        "--devices",
        "2048",
        "--tokens",
        "15T",
        "--mfu",
        "40%",
    ]
    assert answer("plan") == said(plan, page, monkeypatch)
    assert page.locator(".command code").text_content() == "mfu-planner " + " ".join(plan)

    flags = ["--hardware", "h100-sxm", "--devices", "8", "--tokens-per-second-per-device", "9400"]
    assert answer("mfu") == said(["mfu", "--model", "llama-3.1-8b", *flags], page, monkeypatch)
    assert "nearest: llama" in answer("mfu", model="<b>lama</b>-3.1-8b")
    assert page.locator(".answer b").count() == 0

    config = '{"model_type": "gpt2", "n_embd": 128, "n_head": 4, "n_layer": 2, "vocab_size": 100, "n_positions": 64}'
    (tmp_path / "config.json").write_text(config)
    here = said(["flops", "--config", "config.json", "--seq-len", "64"], page, monkeypatch)
    assert answer("flops", config=config, **{"seq-len": "64"}) == here
    assert page.locator("#try-models option").count() > 100
    assert all(url.startswith((address.rpartition("/")[0], "data:")) for url in asked)
    page.close()
