"""Where a group of devices stands: how many of its members share a node."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mfu_planner.numeric import anywhere, ceil, floor, maximum, where

if TYPE_CHECKING:
    from mfu_planner.numeric import Number

IDLE = 1.0 / 8.0
"""A job leaves less than this share of every domain idle rather than let its groups straddle two: 64 of the 72 devices
of an NVL72 rack, but not 6 of a node of 8."""


def members(size: Number, stride: Number, node: Number, devices: Number) -> Number:
    """Members of a group that share a node, of the group that fares worst, at least 1.

    Parameters
    ----------
    size : float or array
        Devices in the group.
    stride : float or array
        Its members are so many ranks apart: the degrees inside it multiplied.
    node : float
        Devices of one scale-up domain.
    devices : float or array
        Of the job; one that fits a domain has no group that leaves it.

    Notes
    -----
    Ranks fill node after node, so a group of b = size · stride ranks starts at every multiple of b.  Where b divides
    the node, or the node b, every node holds n ÷ stride of them; else some group leaves gcd(b, n) ranks on one node
    [1]_: of TP 6 on nodes of 8 every second group has 2 devices on one node and 4 on the other.

    References
    ----------
    .. [1] Narayanan et al. 2021, arXiv:2104.04473, section 3 and takeaway 1: TP up to the devices of a node, and
       groups that leave it pay for the slower network.
    """
    if type(size) is type(stride) is type(node) is type(devices) is float:
        return _plain_members(size, stride, node, devices)
    return _members(size, stride, node, devices)


def _members(size: Number, stride: Number, node: Number, devices: Number) -> Number:
    usual = maximum(node / stride, 1.0)
    block = size * stride
    nodes = ceil(block / node)
    each = where(nodes > 1, block / nodes, floor(node / block) * block)
    straddles = (devices > node) & ((each % 1 != 0) | (node - each >= IDLE * node))
    if not anywhere(straddles):
        return usual
    return where(straddles, maximum(_common_divisor(block, node) / stride, 1.0), usual)


_plain_members = lru_cache(maxsize=4096)(_members)


def _common_divisor(a: Number, b: Number) -> Number:
    """Greatest common divisor, by Euclid's steps."""
    while anywhere(b > 0):
        a, b = where(b > 0, b, a), where(b > 0, a % maximum(b, 1.0), 0.0 * b)
    return a
