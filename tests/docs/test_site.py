"""The site builds without a warning and needs nothing from the network to be read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sources import ROOT

OUTSIDE = re.compile(
    r"<(?:script|img|iframe|source)[^>]+src=\"(https?:)?//[^\"]+\"|<link[^>]+rel=\"(?:stylesheet|preconnect|icon)\"[^>]+href=\"(https?:)?//"
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly (a warning is a failure)."""
    if not os.environ.get("CI"):
        pytest.importorskip("mkdocs", reason="the site needs the extra `docs`")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_nothing_is_loaded_from_outside(site: Path) -> None:
    """No script, style, image or font of another host."""
    loads = {p.name: OUTSIDE.findall(p.read_text("utf-8")) for p in site.rglob("*.html")}

    assert loads
    assert [name for name, found in loads.items() if found] == []


def test_formulas_are_mathml(site: Path) -> None:
    """No formula is left as LaTeX between delimiters."""
    page = (site / "how" / "equations.html").read_text("utf-8")

    assert page.count("<math") > 20
    assert [p.name for p in site.rglob("*.html") if 'class="arithmatex"' in p.read_text("utf-8")] == []


def test_the_scripts_of_the_build_are_not_published(site: Path) -> None:
    """Pages, pictures and the notebook only."""
    assert not (site / "_build").exists()
    assert (site / "notebooks" / "plan_and_measure.ipynb").exists()
