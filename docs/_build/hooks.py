"""Hooks of the site's build: pages that come and go in the navigation, formulas as MathML.

MathML is written when the site is built, so that pages show formulas without any script or network.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<latex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL)


def on_config(config: Any) -> Any:
    """Folders in the navigation (``findings/``) become their pages; pages that do not exist are left out."""
    docs = Path(config.docs_dir)
    config.nav = _existing(config.nav, docs)
    return config


def _existing(entries: list[Any], docs: Path) -> list[Any]:
    kept: list[Any] = []
    for entry in entries:
        if isinstance(entry, str):
            if entry.endswith("/"):
                kept += [p.relative_to(docs).as_posix() for p in sorted((docs / entry).glob("*.md"))]
            elif (docs / entry).exists():
                kept.append(entry)
        else:
            for title, below in entry.items():
                inside = _existing(below if isinstance(below, list) else [below], docs)
                if inside:
                    kept.append({title: inside if isinstance(below, list) else inside[0]})
    return kept


def on_page_content(html: str, **_: Any) -> str:
    """Formulas become MathML."""
    return _FORMULA.sub(_mathml, html)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found["tag"] == "div" else "inline"
    return str(convert(html.unescape(found["latex"].strip()), display=display))
