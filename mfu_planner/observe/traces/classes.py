"""What a device activity is for, from its name: the first row whose pattern is found decides, of ``kernel_classes.csv``
for kernels and of ``hlo_classes.csv`` for the operations of XLA programs.

Collectives go by many names; a kernel that carries the collective's description among its arguments counts as one
whatever it is called.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

CLASSES = (
    "matrix",
    "attention",
    "optimizer",
    "normalization",
    "elementwise",
    "other",
    "communication",
    "memcpy",
    "memset",
)
"""Every class, in the order in which overlapping time is charged (see :mod:`.breakdown`)."""

COMPUTE = CLASSES[:6]
"""Kernels that are not communication."""


class Rule(NamedTuple):
    """One row of the table: names that match ``pattern`` are of ``kind``; ``example`` is one of them."""

    kind: str
    pattern: re.Pattern[str]
    example: str
    origin: str


@lru_cache(maxsize=2)
def rules(table: str = "kernel_classes.csv") -> tuple[Rule, ...]:
    """A table of names, in the order in which it is tried."""
    text = resources.files(__package__).joinpath(table).read_text(encoding="utf-8")
    return tuple(
        Rule(row["class"], re.compile(row["pattern"]), row["example"], row["origin"])
        for row in csv.DictReader(text.splitlines())
    )


def classify(name: str) -> str:
    """The class of a kernel by its name; ``other`` when no rule knows it.

    Examples
    --------
    >>> classify("ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)")
    'communication'
    >>> classify("nvjet_hsh_128x256_64x4_1x2_h_bz_coopA_NTN")
    'matrix'
    """
    for rule in rules():
        if rule.pattern.search(name):
            return rule.kind
    return "other"


def classify_hlo(category: str, name: str) -> str:
    """The class of an XLA operation by its HLO category, else by its own name; ``other`` when no rule knows either.

    Examples
    --------
    >>> classify_hlo("convolution fusion", "fusion.12")
    'matrix'
    >>> classify_hlo("", "all-gather-done.3")
    'communication'
    """
    for text in (category, name):
        for rule in rules("hlo_classes.csv"):
            if rule.pattern.search(text):
                return rule.kind
    return "other"
