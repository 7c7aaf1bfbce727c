"""The URL is the whole state: fields to a query string and back, without loss."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

LONGEST = 20_000
"""Characters of one value; a pasted config.json has about two thousand."""


def to_query(fields: Mapping[str, str]) -> str:
    """Fields as a query string, in their order."""
    return urlencode({name: value[:LONGEST] for name, value in fields.items()})


def from_query(text: str) -> dict[str, str]:
    """The fields of a query string; a name that stands twice keeps its last value."""
    return {name: value[:LONGEST] for name, value in parse_qsl(text, keep_blank_values=True)}


def flag_value(text: str) -> bool:
    """Whether a switch's value in a URL means on."""
    return text.strip().lower() in ("1", "true", "yes", "on")
