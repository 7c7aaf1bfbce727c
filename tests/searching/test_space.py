"""Which layouts a search looks at, by listing all of them in another way."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest

from mfu_planner.searching.space import (
    AXES,
    USUAL,
    WHOLE,
    Inner,
    Outer,
    divisors,
    ends_dealt,
    inner_grid,
    outer_layouts,
    usual_context,
)


def division(**sizes: Any) -> Any:
    """What the space asks of a model."""
    return SimpleNamespace(**{"heads": 32, "experts": 0, "layers": 24, "two_stacks": False, **sizes})


@pytest.mark.parametrize("number", [1, 2, 12, 36, 97, 360, 1024])
def test_divisors_are_all_that_divide(number: int) -> None:
    """By trying every number."""
    assert divisors(number) == tuple(n for n in range(1, number + 1) if number % n == 0)


@pytest.mark.parametrize(
    ("sizes", "devices", "batch", "seq_len", "node"),
    [
        ({}, 64, 128, 4096, 8),
        ({"heads": 12, "layers": 6}, 48, 96, 1024, 4),
        ({"experts": 8}, 32, 64, 2048, 8),
        ({"two_stacks": True}, 16, 16, 2048, 8),
        ({"heads": 128, "layers": 120}, 128, 64, 65536, 72),
        ({}, 64, 24, 1536, 2),
        ({"heads": 34}, 34, 34, 1024, 72),  # 34 is more than two domains of 16
        ({}, 16, 16, 197, 8),  # an odd sequence is divided by nobody, and kept whole by everybody
        ({}, 16, 16, 128, 8),  # as is one that is shorter than a rank's least
    ],
)
def test_outer_degrees_by_trying_every_one(
    sizes: dict[str, Any], devices: int, batch: int, seq_len: int, node: int
) -> None:
    """tp divides heads up to two domains (of 16 at most), pp up to the layers, cp keeps 256 tokens in two halves a rank
    and is at most 64, dp divides the batch, ep divides experts and dp · cp."""
    model = division(**sizes)
    expected = set()
    numbers = [n for n in range(1, devices + 1) if devices % n == 0]
    for tp, pp, cp in itertools.product(numbers, repeat=3):
        if devices % (tp * pp * cp) or model.heads % tp or tp > 2 * min(node, 16):
            continue
        if pp > model.layers or (model.two_stacks and pp > 1):
            continue
        if cp > 1 and (cp > 64 or seq_len % (2 * cp) or seq_len // cp < 256):
            continue
        dp = devices // (tp * pp * cp)
        if batch % dp:
            continue
        for ep in range(1, dp * cp + 1):
            if (dp * cp) % ep == 0 and (model.experts % ep == 0 if model.experts else ep == 1):
                expected.add((tp, pp, cp, dp, ep))
    found = [
        (outer.tp, outer.pp, outer.cp, outer.dp, ep)
        for outer in outer_layouts(model, devices, batch, seq_len, node)
        for ep in inner_grid(outer, model, batch, USUAL).ep
    ]
    assert set(found) == expected
    assert len(found) == len(expected)


def test_inner_choices_of_the_usual_space() -> None:
    """No sharding groups, no offload, recomputation of all layers or none."""
    grid = inner_grid(Outer(tp=2, pp=4, cp=1, dp=8), division(), 128, USUAL)
    assert grid == Inner(
        ep=(1,),
        micro_batch=(1, 2, 4, 8, 16),
        vpp=(1, 2, 3, 6),
        zero=(0, 1, 2, 3),
        zero_group=(0,),
        recompute=(0.0, 1.0, 2.0),
        sequence_parallel=(0, 1),
        offload=(0,),
    )
    expected = {"ep": 1, "micro_batch": 5, "vpp": 4, "zero": 4, "zero_group": 1, "recompute": 3, "sequence_parallel": 2}
    assert dict(zip(AXES, grid.shape, strict=True)) == {**expected, "offload": 1}
    assert grid.size == 480
    assert len(AXES) == len(grid.shape)


def test_inner_choices_of_the_whole_space() -> None:
    """Groups of some devices, each twenty-fourth of the layers, offload; selective only where it differs."""
    grid = inner_grid(Outer(tp=1, pp=1, cp=2, dp=4), division(), 4096, WHOLE[0], selective=False)
    assert grid.zero_group == (0, 2, 4)
    assert grid.recompute == (0.0, *(1 + n / 24 for n in range(1, 25)))
    assert grid.offload == (0, 1)
    assert grid.vpp == (1,)
    assert grid.sequence_parallel == (0,)
    assert max(grid.micro_batch) == 512


def test_coarser_spaces_are_what_they_say() -> None:
    """Sixths and thirds of the layers, six, three and two sizes of sharding groups: the words and the values."""
    numbers = {"two": 2, "three": 3, "six": 6, "sixths": 6, "thirds": 3, "all layers or none": 1}
    for fineness in WHOLE[1:]:
        grid = inner_grid(Outer(tp=1, pp=1, cp=1, dp=4096), division(), 4096, fineness)
        shares, _, groups = fineness.said.partition(", ")
        (parts,) = (n for words, n in numbers.items() if shares.removesuffix(" are recomputed in full").endswith(words))
        assert grid.recompute == (0.0, 1.0, *(1 + n / parts for n in range(1, parts + 1)))
        most = next((n for words, n in numbers.items() if f"of {words} sizes" in groups), math.inf)
        assert len(grid.zero_group) - 1 == min(most, 11)  # 2, 4, … 2048, beside all 4096
        assert grid.offload == (0, 1)


@pytest.mark.parametrize(
    ("layers", "stages", "ends", "chunks"),
    [
        (24, 4, False, (1, 2, 3, 6)),
        (126, 16, True, (1, 2, 4, 8)),  # Llama 3.1 405B: 128 with both ends, of one layer a chunk at most
        (70, 8, True, (1, 3, 9)),  # GLM-130B: nine layers a stage, one less at either end
        (126, 6, False, (1, 3, 7, 21)),
        (4, 3, True, (1, 2)),  # one over; six with both ends
        (61, 16, False, (1,)),  # neither 61 nor 63: unequal stages of one chunk
    ],
)
def test_chunks_are_equal(layers: int, stages: int, ends: bool, chunks: tuple[int, ...]) -> None:
    """Of the layers, or of the layers with embedding and head where only that makes stages equal."""
    assert ends_dealt(layers, stages) == ends
    grid = inner_grid(Outer(1, stages, 1, 1), division(layers=layers), 16, USUAL, ends=ends)
    assert grid.vpp == chunks


@pytest.mark.parametrize(
    ("cp", "dp", "batch", "seq_len", "usual"),
    [(1, 64, 64, 512, True), (2, 32, 64, 8192, True), (4, 16, 64, 8192, False), (8, 8, 8, 8192, True),
     (16, 8, 8, 8192, False), (16, 8, 128, 131_072, True)],
)  # fmt: skip
def test_usual_context_parallelism(cp: int, dp: int, batch: int, seq_len: int, usual: bool) -> None:
    """4,096 tokens a rank (NeMo, Llama 3); 1,024 where 64 devices share 8 sequences (MLPerf Training's LoRA)."""
    assert usual_context(Outer(1, 1, cp, dp), batch, seq_len) == usual


def test_one_device_has_nothing_to_shard() -> None:
    """Neither ZeRO nor tensor-parallel norms."""
    grid = inner_grid(Outer(tp=1, pp=1, cp=1, dp=1), division(), 4, WHOLE[0])
    assert (grid.zero, grid.zero_group, grid.sequence_parallel) == ((0,), (0,), (0,))
    assert inner_grid(Outer(1, 1, 2, 1), division(), 4, USUAL).zero == (0, 1, 2, 3)
