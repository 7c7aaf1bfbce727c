"""The fitted constants that a prediction uses: of the device, the software stack and the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ProductRate:
    """What limits the matrix products of one device in one number format (from ``calibration/products.yaml``)."""

    peak_flops_per_s: float
    efficiency: float
    """Share of the peak that a deep product with full waves reaches."""
    depth_overhead: float
    """Filling and draining one tile, expressed as extra inner length [elements]."""
    fixed_s: float
    """Start and end of one kernel [s]."""
    wave_loss: float
    """Share of an incomplete last wave that is lost, 0 (perfectly balanced) to 1 (whole waves only)."""
    tile_rows: int
    tile_columns: int
    units: int
    """Processors that work on one tile each at a time."""
    bandwidth_bytes_per_s: float
    input_bytes: float
    output_bytes: float = 2.0


@dataclass(frozen=True)
class LinkRate:
    """One collective inside a scale-up domain (from ``calibration/collectives.yaml``)."""

    start_s: float
    """Time of an empty message between two devices [s]."""
    hop_s: float
    """Extra start per further device of the group [s]."""
    bandwidth_bytes_per_s: float
    """Bytes per second and device that a very large message reaches, in the ring's own count [byte/s]."""
    ramp_bytes: float
    """Bytes that go at half the speed before the pipe is full."""


@dataclass(frozen=True)
class Fabric:
    """The network between nodes (from ``calibration/fabrics.yaml``)."""

    nic_bytes_per_s: float
    """One device's share of its node's network interfaces, one direction [byte/s]."""
    efficiency: float
    """Share of that rate which large messages reach."""
    start_s: float
    """Start of a collective that leaves the node [s]."""
    hop_s: float
    """Extra start per further node and bucket [s]."""
    bucket_bytes: float = 268435456.0
    """Messages above this go in pieces of it, each with its own start [byte]."""


@dataclass(frozen=True)
class Machine:
    """A device, its node and its network."""

    products: ProductRate
    """Products of the layers, in the run's number format."""
    wide_products: ProductRate
    """Products that stay in 16 bits: the head, the router."""
    peak_flops_per_s: float
    """Peak of the run's number format."""
    wide_peak_flops_per_s: float
    """16-bit peak."""
    bandwidth_bytes_per_s: float
    memory_bytes: float
    node_devices: float
    """Devices in one scale-up domain as the job uses it."""
    links: Mapping[str, LinkRate]
    """By collective: all_reduce, all_gather, reduce_scatter, alltoall."""
    fabric: Fabric
    low_precision: bool
    """Whether the layers' products run in 8 bits or fewer (with casts)."""
    host_bytes_per_s: float = 25e9
    grouped_products: ProductRate | None = None
    """Rate of grouped (expert) products where their format is another; None: as all products."""
    assumptions: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Stack:
    """A software stack of a time: what it fuses, overlaps and how fast it issues (``calibration/stacks.yaml``)."""

    name: str
    product_factor: float = 1.0
    """Time of a product in training over the kernel table (sustained clocks, library)."""
    misaligned_factor: float = 1.0
    """Slowdown of products whose weights' sizes on one device are no multiples of 64."""
    grouped_factor: float = 1.2
    """Slowdown of grouped (expert) products beyond their shapes."""
    fused_attention: float = 1.0
    attention_fraction: float = 0.4
    """Share of the 16-bit peak of fused attention on causal pairs at long sequences."""
    attention_ramp_tokens: float = 500.0
    score_passes: float = 13.0
    """Unfused attention: bytes moved per score, forward."""
    score_backward: float = 2.0
    """Unfused attention: backward passes over the scores, relative to forward."""
    odd_head_factor: float = 3.0
    """Unfused attention slows by this when the head size is no multiple of 8."""
    expert_exposed: float = 1.0
    """Time of dispatch and combine that is not hidden, over the all-to-all table."""
    pointwise_factor: float = 2.0
    """Time of elementwise operators over bytes ÷ bandwidth."""
    loss_bytes: float = 24.0
    """Bytes per logit for the cast, the cross-entropy and its gradient."""
    forward_host_s: float = 0.0012
    """Host time to issue one layer's forward [s]."""
    backward_host_s: float = 0.0014
    tensor_host_s: float = 0.0
    """Extra host time per layer and pass at TP 8, growing with the square of TP [s]."""
    scatter_sends: float = 1.0
    """1 when TP ranks send each its part of the activations between stages, 0 when each sends all of them."""
    step_fixed_s: float = 0.05
    """Per step: optimizer launch, gradient norm, logging [s]."""
    tensor_exposed: float = 1.0
    """Time of TP collectives that is not hidden, over the collective table."""
    data_hidden: float = 0.0
    """Share of the backward that gradient exchange hides behind."""
    shard_hidden: float = 0.9
    """Share of the compute that ZeRO-3 gathers hide behind."""
    drag: float = 0.0
    """Slowdown of compute per second of hidden communication."""
    gradient_bytes: float = 4.0
    shard_gradient_bytes: float = 2.0
    """Bytes per gradient in a ZeRO-3 reduce-scatter."""
    gradient_passes_bytes: float = 8.0
    """Bytes moved per local gradient (zeroing, norm, scaling)."""
    offload_bytes: float = 40.0
    """Bytes per parameter over the host link and host memory when the optimizer is offloaded."""
    send_fixed_s: float = 30e-6
    send_exposed: float = 1.0
    optimizer_bytes: float = 36.0
    """Bytes moved per parameter of the shard by clipping and the update."""
    selective_share: float = 0.0
    """Share of the layer's products that `selective` recomputes."""
    balanced_stages: float = 0.0
    """1 when stages are filled by cost with the head counted as layers."""
    pipeline_tensor_s: float = 0.0
    """Extra host time per layer and micro-batch when PP and TP are both used across nodes [s · TP^exponent]."""
    pipeline_tensor_exponent: float = 1.0
    wide_tensor_s: float = 0.0
    """Extra host time per layer and micro-batch for each further node that a TP group spans [s]."""
    accumulate_bytes: float = 8.0
    """Bytes moved per local parameter and micro-batch to add the gradients up."""
    tensor_across: float = 1.0
    """The same as ``tensor_exposed`` for TP groups that span nodes."""
    other_fraction: float = 0.1
    """Share of the 16-bit peak that scans and convolutions reach."""
    zero_stage: float = 1.0
    """Sharding that the stack uses when nothing is said."""
    sequence_parallel: float = 1.0
    """Whether the stack splits norms over TP when nothing is said."""
    recompute: float = 0.0
    dropout: float = 0.0
    """1 when the stack's recipes train with dropout (its masks are kept and moved)."""
    always_compiled: float = 0.0
    micro_gradient: float = 0.0
    """1 when ZeRO-3 scatters gradients every micro-batch."""
    pointwise_compiled: float = 0.6
    host_compiled: float = 0.4
    cast_factor: float = 1.0
    expert_host_s: float = 0.001
