"""The fields of a layout: how a run is spread over its devices, and over which network."""

from typing import Annotated, Any, Literal

from mfu_planner.questions.ask import Ask
from mfu_planner.questions.parts import NodePart

_AT_LEAST_ONE = (1.0, float("inf"))
_NETWORKS = (1e6, 1e13)
"""No network between nodes is slower, or faster [byte/s]."""


class AgainPart:
    """What a run computes a second time."""

    recompute: Annotated[
        Literal["none", "selective", "full"] | None,
        Ask(
            "choice",
            "Recomputation",
            "selective",
            "Layout",
            aliases=("activation_checkpointing", "recompute_granularity"),
            searched=True,
        ),
    ] = None
    """Activations computed again in the backward pass. Empty: the least that fits."""
    attention_kernel: Annotated[
        Literal["fused", "unfused"] | None,
        Ask(
            "choice",
            "Attention kernel",
            "fused",
            "Layout",
            aliases=("attn_implementation", "attention_implementation"),
            spellings=(
                ("flash", "fused"),
                ("flash-attention", "fused"),
                ("flash-attention-2", "fused"),
                ("flash-attention-3", "fused"),
                ("flex-attention", "fused"),
                ("sdpa", "fused"),
                ("eager", "unfused"),
            ),
        ),
    ] = None
    """A fused kernel keeps no scores and computes them again. Empty: what the software usually has."""


class LayoutPart(AgainPart):
    """How a run is laid out over its devices."""

    tp: Annotated[
        int | None,
        Ask(
            "count",
            "TP",
            "8",
            "Layout",
            aliases=("tensor_parallel", "tensor_model_parallel_size", "tensor_parallel_size"),
            searched=True,
        ),
    ] = None
    """Tensor parallel: devices that share each matrix product."""
    pp: Annotated[
        int | None,
        Ask(
            "count",
            "PP",
            "4",
            "Layout",
            aliases=("pipeline_parallel", "pipeline_model_parallel_size", "pipeline_parallel_size"),
            searched=True,
        ),
    ] = None
    """Pipeline parallel: stages that the layers are dealt to."""
    vpp: Annotated[
        int | None, Ask("count", "VPP", "2", "Layout", aliases=("virtual_pipeline_parallel",), searched=True)
    ] = None
    """Chunks per stage: the interleaved schedule."""
    pipeline_embedding: Annotated[
        bool | None,
        Ask("flag", "Embedding as a layer", "", "Layout", aliases=("account_for_embedding_in_pipeline_split",)),
    ] = None
    """The embedding counts as a layer where layers are dealt to stages."""
    pipeline_loss: Annotated[
        bool | None, Ask("flag", "Loss as a layer", "", "Layout", aliases=("account_for_loss_in_pipeline_split",))
    ] = None
    """Head and loss count as a layer where layers are dealt to stages."""
    layers_first: Annotated[
        int | None,
        Ask(
            "count",
            "Layers of the first stage",
            "11",
            "Layout",
            aliases=("num_layers_in_first_pipeline_stage", "decoder_first_pipeline_num_layers"),
        ),
    ] = None
    """Empty: as many as the others have."""
    layers_last: Annotated[
        int | None,
        Ask(
            "count",
            "Layers of the last stage",
            "10",
            "Layout",
            aliases=("num_layers_in_last_pipeline_stage", "decoder_last_pipeline_num_layers"),
        ),
    ] = None
    """Beside head and loss. Empty: as many as the others have."""
    cp: Annotated[
        int | None,
        Ask("count", "CP", "2", "Layout", aliases=("context_parallel", "context_parallel_size"), searched=True),
    ] = None
    """Context parallel: devices that share each sequence."""
    ep: Annotated[
        int | None,
        Ask(
            "count",
            "EP",
            "8",
            "Layout",
            aliases=("expert_parallel", "expert_model_parallel_size", "expert_parallel_size"),
            searched=True,
        ),
    ] = None
    """Expert parallel, of a mixture: devices that share the experts; with expert TP, divides TP · DP · CP."""
    etp: Annotated[
        int | None,
        Ask("count", "Expert TP", "2", "Layout", aliases=("expert_tensor_parallel", "expert_tensor_parallel_size")),
    ] = None
    """Devices that share each expert's matrices. Empty: as TP while EP is 1, else 1."""
    dp: Annotated[int | None, Ask("count", "DP", "16", "Layout", aliases=("data_parallel",), searched=True)] = None
    """Data parallel. Empty: devices ÷ (TP · PP · CP)."""
    zero: Annotated[
        Literal[0, 1, 2, 3] | None,
        Ask(
            "choice", "ZeRO", "3", "Layout", aliases=("zero_stage",), spellings=(("fsdp", 3), ("ddp", 0)), searched=True
        ),
    ] = None
    """What data parallelism shards: 1 optimizer, 2 gradients too, 3 weights too (FSDP). Empty: as the software does."""
    zero_group: Annotated[int | None, Ask("count", "ZeRO group", "8", "Layout", searched=True)] = None
    """Devices that share the shards (hybrid sharding). Empty: all."""
    sequence_parallel: Annotated[
        bool | None, Ask("flag", "Sequence parallel", "", "Layout", off="no-sequence-parallel", searched=True)
    ] = None
    """Norms split over TP. Empty: as the software does."""
    micro_batch: Annotated[
        int | None,
        Ask(
            "count",
            "Micro-batch",
            "1",
            "Layout",
            aliases=("micro_batch_size", "mbs", "per_device_train_batch_size", "per_device_batch_size"),
            searched=True,
        ),
    ] = None
    """Sequences per device in one forward pass. Empty: the fastest that fits."""
    recompute_share: Annotated[float | None, Ask("fraction", "Recomputed share", "50%", "Layout")] = None
    """Share of the layers under full recomputation. Empty: all."""
    schedule: Annotated[
        str | None,
        Ask("choice", "Schedule", "1f1b", "Layout", among="mfu_planner.step.schedules:SCHEDULES", searched=True),
    ] = None
    """Of the pipeline. Empty: interleaved where a stage has several chunks, else 1f1b."""
    optimizer: Annotated[
        str | None,
        Ask(
            "choice",
            "Optimizer",
            "adam",
            "Layout",
            among="mfu_planner.machine.optimizers:OPTIMIZERS",
            spellings=(
                ("adamw", "adam"),
                ("adamw-8bit", "adam-8bit"),
                ("adamw-bf16", "adam-bf16"),
                ("paged-adamw-8bit", "adam-8bit-paged"),
            ),
        ),
    ] = None
    """Its states take memory; its update takes time. Empty: adam."""
    optimizer_in_backward: Annotated[bool | None, Ask("flag", "Optimizer in the backward pass", "", "Layout")] = None
    """Each gradient is used and freed as soon as it is there."""
    gradient_dtype: Annotated[Literal["fp32", "bf16"] | None, Ask("choice", "Gradients", "bf16", "Layout")] = None
    """Format in which gradients are kept and exchanged. Empty: as the optimizer and the software do."""
    compile: Annotated[bool | None, Ask("flag", "Compiled", "", "Layout", off="eager")] = None
    """Compiled blocks (torch.compile, jit): fewer, fused kernels; or neither."""
    offload: Annotated[bool | None, Ask("flag", "Offload", "", "Layout", searched=True)] = None
    """Optimizer states in the host's memory."""
    expert_imbalance: Annotated[
        float | None, Ask("number", "Expert imbalance", "1.2", "Layout", limits=_AT_LEAST_ONE)
    ] = None
    """Tokens of the busiest expert over the mean. Empty: 1."""


class PlacePart:
    """The machine that holds the devices."""

    cluster: Annotated[str | None, Ask("name", "Machine", "aws-p5", "Network", aliases=("instance",))] = None
    """Node or instance on file, with its network, such as aws-p5 or dgx-h100. Empty: the accelerator's usual one."""


class NetworkPart(NodePart):
    """The machine's network, where it is not the one on file."""

    fabric: Annotated[str | None, Ask("name", "Network", "infiniband-ndr", "Network")] = None
    """The network between nodes whose constants apply, such as infiniband-ndr. Empty: the machine's."""
    nic: Annotated[
        float | None, Ask("byte_per_s", "Network per device", "'50 GB/s'", "Network", limits=_NETWORKS, bare=False)
    ] = None
    """One device's share of its node's network, one direction, such as '50 GB/s'. Empty: the machine's."""


class StackPart:
    """The software that runs on them."""

    stack: Annotated[Any, Ask("name or path", "Software stack", "megatron-2026", "Network")] = None
    """Software stack whose constants apply, or your own: the stack.yaml of mfu-planner calibrate. Empty: by device."""
