"""Which pages there are: the site's, and the ones at the root that people read first."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FRONT = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md")


def pages() -> list[Path]:
    """Every Markdown page, the root's first."""
    site = sorted(p for p in DOCS.rglob("*.md") if not p.relative_to(DOCS).parts[0].startswith("_"))
    return [ROOT / name for name in FRONT if (ROOT / name).exists()] + site


def sketches(path: Path) -> bool:
    """Whether a page's Python is of the reader's own training loop (it is parsed, not run)."""
    return path.parent == DOCS / "findings"
