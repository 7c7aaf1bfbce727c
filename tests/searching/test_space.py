"""Which layouts a search looks at, by listing all of them in another way."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from mfu_planner.searching.space import AXES, USUAL, WHOLE, Inner, Outer, divisors, inner_grid, outer_layouts


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
                expected.add((tp, pp, cp, ep, dp))
    found = list(outer_layouts(model, devices, batch, seq_len, node))
    assert {(o.tp, o.pp, o.cp, o.ep, o.dp) for o in found} == expected
    assert len(found) == len(expected)


def test_inner_choices_of_the_usual_space() -> None:
    """No sharding groups, no offload, recomputation of all layers or none."""
    grid = inner_grid(Outer(tp=2, pp=4, cp=1, ep=1, dp=8), division(), 128, USUAL)
    assert grid == Inner(
        micro_batch=(1, 2, 4, 8, 16),
        vpp=(1, 2, 3, 6),
        zero=(0, 1, 2, 3),
        zero_group=(0,),
        recompute=(0.0, 1.0, 2.0),
        sequence_parallel=(0, 1),
        offload=(0,),
    )
    assert grid.shape == (5, 4, 4, 1, 3, 2, 1)
    assert grid.size == 480
    assert len(AXES) == len(grid.shape)


def test_inner_choices_of_the_whole_space() -> None:
    """Groups of some devices, each twenty-fourth of the layers, offload; selective only where it differs."""
    grid = inner_grid(Outer(tp=1, pp=1, cp=2, ep=1, dp=4), division(), 4096, WHOLE[0], selective=False)
    assert grid.zero_group == (0, 2, 4)
    assert grid.recompute == (0.0, *(1 + n / 24 for n in range(1, 25)))
    assert grid.offload == (0, 1)
    assert grid.vpp == (1,)
    assert grid.sequence_parallel == (0,)
    assert max(grid.micro_batch) == 512


def test_one_device_has_nothing_to_shard() -> None:
    """Neither ZeRO nor tensor-parallel norms."""
    grid = inner_grid(Outer(tp=1, pp=1, cp=1, ep=1, dp=1), division(), 4, WHOLE[0])
    assert (grid.zero, grid.zero_group, grid.sequence_parallel) == ((0,), (0,), (0,))
    assert inner_grid(Outer(1, 1, 2, 1, 1), division(), 4, USUAL).zero == (0, 1, 2, 3)
