"""What strangers upload costs bounded time and memory, and is refused in words."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from mfu_planner.errors import InputError
from mfu_planner.questions.model import parse_config
from mfu_planner.ui.uploads import as_file, bounded, small_text


def test_gzip_is_unpacked() -> None:
    """A log as most clusters keep it."""
    assert bounded(io.BytesIO(gzip.compress(b"step: 1\n" * 50)), 1 << 20, "log").read() == b"step: 1\n" * 50


def test_gzip_bomb_is_refused_before_it_is_unpacked() -> None:
    """A few kilobytes that would become a gigabyte."""
    bomb = gzip.compress(bytes(8 << 20), 9)
    with pytest.raises(InputError, match="once unpacked"):
        bounded(io.BytesIO(bomb), 1 << 20, "log")


def test_archives_are_named() -> None:
    """A zip is not guessed at."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.log", "step: 1")
    with pytest.raises(InputError, match="zip archive"):
        bounded(packed, 1 << 20, "log")


def test_damaged_gzip_is_refused() -> None:
    """The magic number and noise."""
    with pytest.raises(InputError, match="damaged"):
        bounded(io.BytesIO(b"\x1f\x8b" + b"\xff" * 200), 1 << 20, "log")


def test_too_large_is_refused() -> None:
    """Plain bytes beyond the limit."""
    with pytest.raises(InputError, match="at most 1 MiB"):
        bounded(io.BytesIO(bytes(2 << 20)), 1 << 20, "log")


def test_binary_is_no_config() -> None:
    """Bytes that are no text."""
    with pytest.raises(InputError, match="binary"):
        small_text(io.BytesIO(b"\xff\xfe\x00\x81"), 1 << 20, "config")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 10_000, '{"model_type": "llama"', "nul\x00"])
def test_hostile_json_is_refused_in_words(text: str) -> None:
    """A hundred thousand levels deep, endless numbers, half an object."""
    with pytest.raises(InputError):
        parse_config(text, "config.json")


def test_file_of_an_upload_is_gone_afterwards() -> None:
    """And its name is the server's own."""
    with as_file(io.BytesIO(b"{}"), 1 << 20, "trace") as path:
        assert path.name == "trace.json"
        assert path.read_bytes() == b"{}"
    assert not path.exists()
