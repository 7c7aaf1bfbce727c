"""Every text of the form is translated, and the compiled catalogue is that of the source."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mfu_planner.ui.text import LANGUAGES, translations

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "translations.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that extracts and compiles."""
    spec = importlib.util.spec_from_file_location("translations_script", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_everything_is_translated_and_fresh(script: Any) -> None:
    """No text in English left, none that is no longer shown, no lost placeholder, no stale file."""
    assert script.problems() == []


def test_catalogue_is_read_by_gettext(script: Any) -> None:
    """Python's own reader gives what the .po file says."""
    catalogue = translations("zh")
    entries = script.read_po(script.LOCALE / "zh" / "LC_MESSAGES" / "mfu_planner.po")
    assert len(entries) > 400
    assert all(catalogue.gettext(text) == said for text, said in entries.items() if text)


def test_unknown_language_falls_back_to_english() -> None:
    """A link may say anything."""
    assert translations("xx").gettext("Tokens") == "Tokens"
    assert list(LANGUAGES) == ["en", "zh"]
