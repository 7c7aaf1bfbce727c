"""Time of one collective: a start, and bytes over the slowest link that they cross."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, maximum, minimum, where
from mfu_planner.numeric.letters import named
from mfu_planner.step import names

if TYPE_CHECKING:
    from mfu_planner.machine.constants import Fabric, LinkRate


def in_node_time(message_bytes: Number, group: Number, factor: Number, rate: LinkRate) -> Number:
    """Seconds of a collective inside one scale-up domain.

    Parameters
    ----------
    message_bytes : float or array
        Full (gathered) size of the message [byte].
    group : float or array
        Devices in the group; 1 costs nothing.
    factor : float
        Passes over the ring: 1 for all-gather, reduce-scatter, all-to-all; 2 for all-reduce.

    Notes
    -----
    .. math:: t = t_0 + t_h*(g - 1) + f*(g - 1)/g*(S + Min(S, S_r))/B

    References
    ----------
    .. [1] Thakur, Rabenseifner, Gropp 2005, *Optimization of collective communication operations in MPICH*, section 4.
    """
    ring = factor * (group - 1.0) / group
    sent = message_bytes + minimum(message_bytes, rate.ramp_bytes)
    start = rate.start_s + rate.hop_s * (group - 1.0)
    return where(group > 1, start + ring * sent / rate.bandwidth_bytes_per_s, 0.0)


def across_nodes_time(
    message_bytes: Number, group: Number, local: Number, factor: Number, rate: LinkRate, fabric: Fabric
) -> Number:
    """Seconds of a collective whose group spans nodes with ``local`` members in each.

    The ring enters and leaves each node once per local member, so the group commands ``local`` interfaces; its
    rate is the
    smaller of that and the scale-up rate.  Groups that share a node each have their own interfaces: no further
    contention.

    Notes
    -----
    .. math:: t = Max(1, S/S_b)*(t_0 + t_h*Min(g/l - 1, h)) + f*(g - 1)/g*S/Min(B, l*e*B_nic)

    A ring starts once for each further node; over many nodes trees, whose depth hardly grows, start sooner [1]_: h of
    a ring's starts are the most.

    References
    ----------
    .. [1] Jeaugey 2019, *Massively Scale Your Deep Learning Training with NCCL 2.4*: double binary trees.
    """
    ring = factor * (group - 1.0) / group
    speed = minimum(rate.bandwidth_bytes_per_s, local * fabric.efficiency * fabric.nic_bytes_per_s)
    nodes = group / local
    pieces = maximum(1.0, message_bytes / fabric.bucket_bytes)
    return (
        pieces * (fabric.start_s + fabric.hop_s * minimum(nodes - 1.0, fabric.most_hops)) + ring * message_bytes / speed
    )


def collective_time(
    message_bytes: Number, group: Number, local: Number, factor: Number, rate: LinkRate, fabric: Fabric
) -> Number:
    """Seconds of a collective: in-node when the group fits one domain (``local ≥ group``), else across nodes."""
    local = minimum(maximum(local, 1.0), group)
    inside = in_node_time(message_bytes, group, factor, rate)
    outside = across_nodes_time(message_bytes, group, local, factor, rate, fabric)
    time = where(local >= group, inside, outside)
    return named(names.COLLECTIVE, time, message_bytes, group, factor, rate.bandwidth_bytes_per_s)
