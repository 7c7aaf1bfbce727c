"""A script of the form in Streamlit's own test runner, which reads what is installed once, not for every script."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest


def app_of(script: str, seconds: float) -> AppTest:
    """The script, not run yet; it may take ``seconds``."""
    from streamlit.testing.v1 import AppTest

    _scan_once()
    return AppTest.from_string(script, default_timeout=seconds)


@cache
def _scan_once() -> None:
    """Streamlit looks for components in the metadata of every installed package: a third of a second a script."""
    from streamlit.components.v2 import manifest_scanner

    vars(manifest_scanner)["scan_component_manifests"] = cache(manifest_scanner.scan_component_manifests)
