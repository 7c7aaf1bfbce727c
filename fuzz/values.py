"""Odd values: what people type by mistake, what garbles a number, what an attacker would try."""

from __future__ import annotations

import copy
import datetime as dt
import math
import random
import string
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

WORDS = tuple(
    r"""
    0 -1 1 2 3 7 40 40% 0.4 1.0 1e400 1e-300 1e300 nan inf -inf 1e999T 15.6T 15_000 1,000 1,0 8k 30d 5.2s 5e-5s
    2.5$/h $2M M '$' % ٣ ½ 80GiB 989TFLOP/s 9400tok/s/GPU 3images/s 512sequences H100 h100-sxm a100-sxm-80gb mi250x
    tpu-v3 v5p-256 v5p-0 v5p-3 p5.48xlarge trn2.48xlarge 4nodes 64chips '16 chips' 8cores gpt2 llama-3.1-8b t5-small
    vit-b16 resnet-50 zamba2-7b mixtral-8x7b whisper-base gemma-3-4b all full causal 6n megatron bf16 bfloat16 BF16
    fp16 half fp8 e4m3 fp4 nvfp4 tf32 fp32 none selective fused unfused 512:10 512:0 1:1,2:2 , : ; q_proj decoder
    layers.0-3 / . -- ../.. /dev/null /dev/zero /proc/self/mem /dev/stdin 2026-01 2026-02-30 true false null ~ {} []
    {"model_type":"llama"} \\ \x00 <script>alert(1)</script> [x](https://evil.example)
    ![x](https://evil.example/p.png) ${HOME} `id` $(id) %s {0} 10**1000 0x10 1e18 9223372036854775808 3.7e300
    aws,gcp lambda spot on-demand 3d 1h30m "1 year" adam sgd muon chinchilla 1f1b dualpipe
    """.split()  # noqa: SIM905 - a table reads better
)
"""Words that each broke something somewhere, or could."""
_ALPHABET = string.printable + "é中🙂\u202e\u0000٣½"


def odd(random_: random.Random) -> str:
    """One odd value."""
    kind = random_.random()
    if kind < 0.55:
        return random_.choice(WORDS)
    if kind < 0.75:
        number = random_.choice((0, 1, -1, 3, 8, 64, 1e3, 1e9, 1e15, 1e30, 1e-9)) * random_.choice((1, 1, 0.5, 3, 7))
        return f"{number:g}{random_.choice(('', '', 'T', 'B', 'k', '%', ' GB', 's', 'd', '$', ' tokens', ' devices'))}"
    if kind < 0.9:
        return mutated(random_.choice(WORDS), random_)
    return "".join(random_.choice(_ALPHABET) for _ in range(random_.choice((0, 1, 3, 12, 200))))


_THINGS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 8, 2**31, 2**63, 2**64, 10**30, -(10**30), 10**400, 0.5, -0.0, 1.5, 1e-320, 1e300,
    1e308, -1e308, math.nan, math.inf, -math.inf, b"x", (), (1, 2), [], [1, "x"], [None], {}, {"a": 1}, {1: 2},
    {"model_type": "llama"}, frozenset({1}), Path(), Path("no such file"), dt.date(2026, 11, 30), Decimal("NaN"),
    Decimal("1.5"), Fraction(1, 3), 1j, object, len,
)  # fmt: skip
"""Things of other types than a notebook should give."""


def odd_thing(random_: random.Random) -> Any:
    """One odd value as Python has it: mostly text, else a number or a thing of any type."""
    kind = random_.random()
    if kind < 0.6:
        return odd(random_)
    if kind < 0.8:
        return random_.choice(_THINGS)
    if kind < 0.9:
        return random_.choice((1, 8, 64, 1000)) * random_.choice((1, 3, 7, 10**6, 10**15))
    return random_.choice((1, -1)) * 10 ** random_.uniform(-20, 40)


def odd_json(random_: random.Random, whole: object) -> Any:
    """One odd value as a JSON file may hold it; ``whole`` once in a while, nested in itself."""
    nested: Any = whole
    for _ in range(random_.choice((0, 0, 1, 60))):
        nested = random_.choice(([nested], {"a": nested}))
    return random_.choice(
        (
            None,
            "x",
            [],
            {},
            [[]],
            True,
            -1,
            0,
            1.5,
            1e400,
            math.nan,
            "8",
            odd(random_),
            2**63,
            10**40,
            copy.deepcopy(nested),
        )
    )


def mutated(text: str, random_: random.Random, times: int = 1) -> str:
    """The text with pieces cut out, doubled, exchanged, or garbled."""
    for _ in range(times):
        if not text:
            return random_.choice(WORDS)
        at = random_.randrange(len(text))
        size = random_.choice((1, 1, 2, 8, 64, max(1, len(text) // 3)))
        piece = text[at : at + size]
        text = text[:at] + random_.choice((
            "", piece * 2, piece[::-1], random_.choice(WORDS), random_.choice(_ALPHABET), piece.upper(),
            piece.replace("1", "9"),
        )) + text[at + size :]  # fmt: skip
    return text


def number_changed(text: str, random_: random.Random) -> str:
    """The text with one of its numbers replaced."""
    spans = [i for i, c in enumerate(text) if c.isdigit() and (i == 0 or not text[i - 1].isdigit())]
    if not spans:
        return mutated(text, random_)
    start = random_.choice(spans)
    end = start
    while end < len(text) and text[end].isdigit():
        end += 1
    new = random_.choice(
        ("0", "-1", "1e999", "999999999999999999999", "0.5", "null", '"x"', "[]", "NaN", "1", "3", "7")
    )
    return text[:start] + new + text[end:]
