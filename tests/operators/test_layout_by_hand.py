"""Groups of a layout, counted by hand; a layout of which nothing is said is one device that does nothing special."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner.operators import ALL, CAUSAL, Launch, Layout, Mask, MaskKind, Rows, Stream, Workload, window
from mfu_planner.operators.contract import KernelKind
from mfu_planner.operators.layout import RECOMPUTE_CODES


def test_one_device_by_default() -> None:
    """Every degree and count 1, every switch off, expert TP and shards as the rest says."""
    said = Layout()
    ones = ("tp", "pp", "dp", "micro_batch", "micro_batches", "vpp", "cp", "ep", "imbalance")
    zeros = ("etp", "zero", "zero_group", "sequence_parallel", "recompute", "compiled", "offload", "schedule",
             "embedding_layers", "loss_layers", "layers_first", "layers_last")  # fmt: skip
    assert {getattr(said, name) for name in ones} == {1.0}
    assert {getattr(said, name) for name in zeros} == {0.0}
    assert (said.devices, said.group, said.shards, said.expert_tp, said.expert_group, said.spread) == (1,) * 6
    assert RECOMPUTE_CODES == {"none": 0, "selective": 1, "full": 2}


@pytest.mark.parametrize(
    ("said", "name", "expected"),
    [
        ({"tp": 2.0, "pp": 3.0, "cp": 5.0, "dp": 7.0}, "devices", 210),
        ({"tp": 2.0, "pp": 3.0, "cp": 5.0, "dp": 7.0}, "group", 35),
        # shards: all replicas, or the named group, of one device too
        ({"dp": 6.0, "cp": 2.0}, "shards", 12),
        ({"dp": 6.0, "cp": 2.0, "zero_group": 4.0}, "shards", 4),
        ({"dp": 6.0, "zero_group": 1.0}, "shards", 1),
        # an expert's matrix: over the TP group without expert parallelism, whole with it, or as is said
        ({"tp": 4.0}, "expert_tp", 4),
        ({"tp": 4.0, "ep": 2.0}, "expert_tp", 1),
        ({"tp": 4.0, "ep": 2.0, "etp": 2.0}, "expert_tp", 2),
        ({"tp": 4.0, "etp": 1.0}, "expert_tp", 1),
        # tp · dp · cp devices of a stage, each expert on ep · etp of them; never less than one holds it
        ({"tp": 4.0, "dp": 6.0, "cp": 2.0, "ep": 8.0}, "expert_group", 6),
        ({"tp": 4.0, "dp": 6.0, "cp": 2.0, "ep": 8.0, "etp": 2.0}, "expert_group", 3),
        ({"dp": 2.0, "ep": 8.0}, "expert_group", 1),
        ({"tp": 4.0}, "spread", 1),
        ({"tp": 4.0, "sequence_parallel": 1.0}, "spread", 4),
        # share of the layers computed again in full
        ({"recompute": 1.0}, "again", 0),
        ({"recompute": 1.25}, "again", 0.25),
        ({"recompute": 2.0}, "again", 1),
        ({"recompute": 0.0}, "selective", False),
        ({"recompute": 1.0}, "selective", True),
        ({"recompute": 1.25}, "selective", False),
    ],
)  # fmt: skip
def test_groups(said: dict[str, float], name: str, expected: float) -> None:
    """By hand."""
    assert getattr(Layout(**said), name) == expected


def test_rows_along_every_stream() -> None:
    """Three sequences of 8 positions, 5 on the decoder's side, 2 images and 4 clips each."""
    work = Workload(3, 8, 5, 2, clips=4)
    assert work.tokens == 24
    counted = {
        Stream.TOKEN: 24,
        Stream.TARGET: 15,
        Stream.IMAGE: 6,
        Stream.CLIP: 12,
        Stream.SEQUENCE: 3,
        Stream.ONCE: 1,
    }
    assert {stream: Rows(stream).count(work) for stream in counted} == counted
    assert [Rows(Stream.ONCE, 2, most).count(work) for most in (0, 7, 8, 9)] == [2, 14, 16, 16]
    assert Rows(Stream.IMAGE, 7).per_sequence(work) == 14
    assert (work.beside, Workload(3, whole_batch=12).beside, Workload(3, whole_batch=0).beside) == (3, 12, 0)
    empty = Workload()
    assert (empty.batch, empty.seq_len, empty.target_seq_len, empty.images, empty.clips) == (1, 0, 0, 0, 0)
    assert not empty.allowed_pairs_only
    assert empty.allowed().allowed_pairs_only


@pytest.mark.parametrize(
    ("rows", "each"),
    [
        (Rows(factor=2), 40),
        # a kernel of 3 leaves 18, then one of 4 by 2 (18 − 4) / 2 + 1; 19 of 20 by 3: 6 and a rest
        (Rows(thinned=((3, 1), (4, 2))), 8), (Rows(factor=2, thinned=((2, 3),)), 14),
        # an image more for each sequence; five tokens less for each of two images
        (Rows(plus=3), 23), (Rows(factor=2, plus=3), 43), (Rows(without=5), 10), (Rows(plus=3, without=5), 13),
        (Rows(Stream.SEEING), 20),
    ],
)  # fmt: skip
def test_rows_of_a_sequence(rows: Rows, each: int) -> None:
    """Of 20 positions with two images."""
    work = Workload(3, 20, images=2)
    assert (rows.per_sequence(work), rows.count(work)) == (each, 3 * each)
    assert rows.divided(2).count(work) == 3 * each / 2
    assert Rows(Stream.SEEING).count(Workload(3, 20, images=1)) == 60
    assert Rows(Stream.SEEING).count(Workload(3, 20)) == 0


@pytest.mark.parametrize(("by", "factor"), [(1, 8), (1.0, 8), (2, 4), (4.0, 2)])
def test_rows_of_devices_that_share_them(by: float, factor: float) -> None:
    """As many rows over as many devices; one device keeps the very rows, ints too."""
    rows = Rows(Stream.IMAGE, 8)
    assert rows.divided(by) == Rows(Stream.IMAGE, factor)  # type: ignore[arg-type]
    assert (rows.divided(by) is rows) == (by == 1)
    assert Rows(Stream.ONCE, 8, 6).divided(by) == Rows(Stream.ONCE, factor, 6)  # type: ignore[arg-type]


def test_a_launch_says_what_it_has() -> None:
    """Nothing but its kind: no sizes, one of it."""
    assert Launch(KernelKind.SCAN) == (KernelKind.SCAN, 0, 0, 0, 1, 0, 0, 0, None)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        # rows of 10 queries over 10 keys: all; 1 + … + 10; at most 4 each: 1 + 2 + 3 + 7 · 4; chunks of 4, 4 and 2
        (ALL, 100), (CAUSAL, 55), (window(4), 34), (window(None), 55), (window(0), 55), (window(10), 55),
        (window(99), 55), ((MaskKind.TOP, 4), 34), ((MaskKind.CHUNK, 4), 10 + 10 + 3), ((MaskKind.CHUNK, 99), 55),
        # blocks of 3, 3, 3 and 1: 6 + 6 + 6 + 1 inside, 9 + 9 + 3 in one block before, 9 + 9 + 6 in two, 9 at most
        ((MaskKind.BLOCKS, 3, 1), 19), ((MaskKind.BLOCKS, 3, 2), 19 + 9 + 9 + 3),
        ((MaskKind.BLOCKS, 3, 3), 19 + 9 + 18 + 6), ((MaskKind.BLOCKS, 3, 9), 55), ((MaskKind.BLOCKS, 10, 2), 55),
        # two on each side: 3 + 4 at both ends, 5 for the six between
        ((MaskKind.BAND, 2), 2 * (3 + 4) + 6 * 5), ((MaskKind.BAND, 9), 100), ((MaskKind.BAND, 99), 100),
    ],
)  # fmt: skip
def test_pairs_that_masks_allow(mask: Any, expected: int) -> None:
    """Counted row by row."""
    mask = Mask(*mask) if isinstance(mask, tuple) else mask
    assert mask.pairs(10, 10) == expected
    assert mask.pairs(10.0, 10.0) == expected
