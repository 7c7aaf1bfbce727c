"""The fitted constants that a prediction uses: of the device, the software stack and the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
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
    output_bytes: float
    least_tile: int = 0
    """Smallest side of a tile: a product narrower than the usual tile takes as few such steps as it fills; 0: whole
    tiles only."""


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
    bucket_bytes: float
    """Messages above this go in pieces of it, each with its own start [byte]."""
    most_hops: float = float("inf")
    """Starts of a ring beyond which trees are quicker."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A device, its node and its network."""

    products: ProductRate
    """Products of the layers, in the run's number format."""
    wide_products: ProductRate
    """Products that stay in 16 bits where the others are narrower: the head."""
    peak_flops_per_s: float
    """Peak of the run's number format."""
    wide_peak_flops_per_s: float
    """Peak of what stays wide: 16 bits, or the run's own format where that is wider."""
    bandwidth_bytes_per_s: float
    memory_bytes: float
    """The total that the driver reports; 0 when not known [byte]."""
    usable_bytes: float
    """What a framework can allocate; 0 when not known [byte]."""
    node_devices: float
    """Devices in one scale-up domain as the job uses it."""
    links: Mapping[str, LinkRate]
    """By collective: all_reduce, all_gather, reduce_scatter, alltoall."""
    fabric: Fabric
    element_bytes: float
    """Of an activation outside narrow products: 16 bits, or 32 where the run's format has them [byte]."""
    low_precision: bool
    """Whether the layers' products run in 8 bits or fewer (with casts)."""
    host_bytes_per_s: float
    """To and from host memory, one direction [byte/s]."""
    grouped_products: ProductRate | None
    """Rate of grouped (expert) products where their format is another; None: as all products."""
    assumptions: tuple[str, ...]
    issues_itself: bool = False
    """Whether the device issues its own kernels, so that issuing adds to its work: a CPU."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A software stack of a time: what it fuses, overlaps and how fast it issues (``calibration/stacks.yaml``).

    ``calibration/meanings.yaml`` gives the unit of every constant.
    """

    name: str
    product_factor: float
    """Time of a product in training over the kernel table (sustained clocks, library)."""
    misaligned_factor: float
    """Slowdown of products whose weights' sizes on one device are no multiples of ``alignment_elements``."""
    grouped_factor: float
    """Slowdown of grouped (expert) products beyond their shapes."""
    fused_attention: float
    attention_fraction: float
    """Share of the 16-bit peak of fused attention on causal pairs at long sequences."""
    attention_ramp_tokens: float
    score_passes: float
    """Unfused attention: bytes moved per score, forward."""
    score_backward: float
    """Unfused attention: backward passes over the scores, relative to forward."""
    odd_head_factor: float
    """Unfused attention slows by this when the head size is no multiple of ``head_alignment``."""
    expert_exposed: float
    """Time of dispatch and combine that is not hidden, over the all-to-all table."""
    pointwise_factor: float
    """Time of elementwise operators over bytes ÷ bandwidth."""
    convolution_pointwise: float
    """The same in blocks of convolutions, whose passes are large and all named."""
    loss_bytes: float
    """Bytes per logit for the cast, the cross-entropy and its gradient."""
    forward_host_s: float
    """Host time to issue one layer's forward [s]."""
    backward_host_s: float
    tensor_host_s: float
    """Extra host time per layer and pass at TP 8, growing with the square of TP [s]."""
    scatter_sends: float
    """1 when TP ranks send each its part of the activations between stages, 0 when each sends all of them."""
    step_fixed_s: float
    """Per step: optimizer launch, gradient norm, logging [s]."""
    tensor_exposed: float
    """Time of TP collectives that is not hidden, over the collective table."""
    data_hidden: float
    """Share of the backward that gradient exchange hides behind."""
    shard_hidden: float
    """Share of the compute that ZeRO-3 gathers hide behind."""
    drag: float
    """Slowdown of compute per second of hidden communication."""
    gradient_bytes: float
    shard_gradient_bytes: float
    """Bytes per gradient in a ZeRO-3 reduce-scatter."""
    gradient_passes_bytes: float
    """Bytes moved per local gradient (zeroing, norm, scaling)."""
    offload_bytes: float
    """Bytes per parameter over the host link and host memory when the optimizer is offloaded."""
    send_fixed_s: float
    send_exposed: float
    optimizer_bytes: float
    """Bytes moved per parameter of the shard by clipping and the update."""
    selective_share: float
    """Share of the layer's products that `selective` recomputes."""
    balanced_stages: float
    """1 when stages are filled by cost with the head counted as layers."""
    pipeline_tensor_s: float
    """Extra host time per layer and micro-batch when PP and TP are both used across nodes [s · TP^exponent]."""
    pipeline_tensor_exponent: float
    wide_tensor_s: float
    """Extra host time per layer and micro-batch for each further node that a TP group spans [s]."""
    accumulate_bytes: float
    """Bytes moved per local parameter and micro-batch to add the gradients up."""
    tensor_across: float
    """The same as ``tensor_exposed`` for TP groups that span nodes."""
    other_fraction: float
    """Share of the 16-bit peak that scans and convolutions reach."""
    zero_stage: float
    """Sharding that the stack uses when nothing is said."""
    sequence_parallel: float
    """Whether the stack splits norms over TP when nothing is said."""
    dropout: float
    """1 when the stack's recipes train with dropout (its masks are kept and moved)."""
    pointwise_compiled: float
    """Elementwise time left when compiled."""
    host_compiled: float
    """Host time left when compiled."""
    cast_factor: float
    """Time of casts over bytes ÷ bandwidth."""
    expert_host_s: float
    """Extra host time per mixture layer and pass [s]."""
    alignment_elements: float
    """Sizes that are multiples of it use the matrix units in full."""
    head_alignment: float
    """The same for head sizes of unfused attention."""
    head_multiple: float
    """A fused kernel computes with the next multiple of this head size."""
    attention_backward: float
    """FLOPs of a fused backward pass over the forward's."""
    pointwise_backward: float
    """Bytes of the elementwise backward over the forward."""
    dropout_elements: float
    """Elements moved per token and hidden size by a layer's dropouts, forward."""
    context_hidden: float
    """Share of attention's time that the exchange of keys and values hides behind."""
    cast_bytes: float
    """Bytes moved per element that is cast."""
