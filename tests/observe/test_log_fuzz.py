"""No input crashes a reader: whatever comes is a report, or an expected refusal."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from mfu_planner.errors import PlannerError
from mfu_planner.observe.logs import read_log

SAMPLES = sorted(p for p in (Path(__file__).parent / "samples").iterdir() if p.is_file() and p.name != "expected.csv")
BLOBS = [p.read_bytes() for p in SAMPLES]
EXAMPLES = 120 if "MFU_PLANNER_WHOLE" in os.environ else 30
QUIET = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def attempt(path: Path, data: bytes) -> None:
    """Read bytes; only the planner's own refusals are allowed, and a report must be valid JSON."""
    path.write_bytes(data)
    try:
        report = read_log(path, devices=8, global_batch=16, seq_len=128, target_tokens=1e12, price=1.0)
    except PlannerError:
        return
    json.loads(report.model_dump_json())


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file that every example overwrites."""
    return tmp_path_factory.mktemp("fuzz") / "input"


@pytest.mark.sampled(1)
@seed(6)
@QUIET
@given(data=st.binary(max_size=2000))
def test_arbitrary_bytes(data, scratch):
    """Binary, empty, zero bytes."""
    attempt(scratch, data)


@pytest.mark.sampled(1)
@seed(6)
@QUIET
@given(text=st.text(max_size=600), keep=st.integers(0, len(BLOBS) - 1))
def test_text_between_real_lines(text, keep, scratch):
    """Any unicode in the middle of a sample."""
    half = len(BLOBS[keep]) // 2
    attempt(scratch, BLOBS[keep][:half] + text.encode("utf-8", "surrogatepass") + BLOBS[keep][half:])


@pytest.mark.sampled(1)
@seed(6)
@QUIET
@given(a=st.integers(0, len(BLOBS) - 1), b=st.integers(0, len(BLOBS) - 1), cut=st.floats(0, 1))
def test_truncated_and_mixed_samples(a, b, cut, scratch):
    """A sample cut anywhere with another behind it."""
    attempt(scratch, BLOBS[a][: int(cut * len(BLOBS[a]))] + BLOBS[b])


@pytest.mark.sampled(1)
@seed(6)
@QUIET
@given(which=st.integers(0, len(BLOBS) - 1), noise=st.integers(0, 2**32), changes=st.integers(1, 40))
def test_flipped_bytes(which, noise, changes, scratch):
    """Samples with bytes overwritten."""
    r, data = random.Random(noise), bytearray(BLOBS[which])
    for _ in range(changes):
        data[r.randrange(len(data))] = r.randrange(256)
    attempt(scratch, bytes(data))


@pytest.mark.sampled(1)
@seed(6)
@QUIET
@given(which=st.integers(0, len(BLOBS) - 1), noise=st.integers(0, 2**32))
def test_wild_numbers(which, noise, scratch):
    """Every number in a sample may become zero, huge, negative, nan or empty."""
    import re

    r = random.Random(noise)
    wild = ("0", "-1", "1e308", "9" * 40, "nan", "inf", "", "0.0", "1e-300", "1,2,3", "7")
    text = BLOBS[which].decode("latin-1")
    text = re.sub(r"\d+(?:\.\d+)?", lambda m: r.choice(wild) if r.random() < 0.2 else m[0], text)
    attempt(scratch, text.encode("latin-1"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100_000,
        b"x" * 1_000_000,
        b"step: 1 tps: " + b"9" * 1_000_000,
        b"a" * 500_000 + b" iteration 1/ 5 | elapsed time per iteration (ms): 5.0 |" + b"b" * 500_000,
        b"step " * 200_000,
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'{"a": 1}\n' + b'{"a":' * 100_000,
        b":::MLLOG " + b'{"key":[' * 100_000 + b"}",
        b"{" * 300_000 + b"\n" * 10,
        b"," * 1_000_000,
        b"a,b\n" + b'"' * 300_000,
        b"\x1f\x8b" + b"\x00" * 200,
        b"\xff\xfe" + b"\x00\xd8" * 1000,
        b"\x18\0\0\0\0\0\0\0abcd\x09aaaaaaaa\x1a\x0dbrain.Event:2" + b"\xff" * 5000,
    ],
    ids=range(16),
)
def test_hostile_inputs(data, scratch):
    """Long lines, deep JSON, empty archives, broken event files."""
    attempt(scratch, data)
