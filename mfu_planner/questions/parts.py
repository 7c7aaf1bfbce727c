"""The fields that several questions share: each part stands for one thing that a user knows something of.

The text under a field is its help: in the command line, the form, the schema and the reference.
"""

from typing import Annotated, Any, Literal

from mfu_planner.questions.ask import Ask

LONGEST = 100_000_000
"""Tokens: the longest context that anybody has published (magic.dev/blog/100m-token-context-windows, 2024)."""
DEADLINE = Ask(
    "time",
    "Deadline",
    "30d",
    "Money",
    aliases=("max_time", "time_limit"),
    worded=(("hours", "hours"), ("days", "days"), ("weeks", "weeks"), ("months", "months")),
    bare=False,
)
"""How long the run may take: a number alone says no unit, a name such as ``--days`` does."""


STEP_TIME = Ask(
    "step time",
    "Step time",
    "5.2s",
    "Observed",
    aliases=("iter_time", "iteration_time", "time_per_step", "time_per_iteration"),
    worded=(("step_time_ms", "ms"), ("ms_per_step", "ms"), ("seconds_per_step", "s")),
    bare=False,
)
"""Of an optimizer step, as logs write it: 5.2s, 250 ms, '2.5 s/it', '0.4 it/s'."""


class ModelPart:
    """Which model, on what length."""

    model: Annotated[str | None, Ask("name", "Model", "llama-3.1-8b", "Model", aliases=("preset",))] = None
    """A published model, by its id or any of its names."""
    config: Annotated[Any, Ask("config", "config.json", "config.json", "Model", aliases=("operators",))] = None
    """Your own model: a Hugging Face config.json, a folder with one, or an operators file (mfu-planner record)."""
    as_type: Annotated[str | None, Ask("name", "Counted as", "llama", "Model", aliases=("as",))] = None
    """With a config of an unknown model_type: the known one that it is counted as."""
    image_size: Annotated[int | None, Ask("pixel", "Image size", "224", "Model", stage=True)] = None
    """Pixels along each side, of a vision model."""
    seq_len: Annotated[
        int | None,
        Ask(
            "length",
            "Sequence length",
            "8192",
            "Model",
            limits=(1, LONGEST),
            aliases=("seq_length", "sequence_length", "max_seq_len", "context_length"),
            stage=True,
        ),
    ] = None
    """Tokens per sequence. Empty: the length that the model was trained at."""


class SizePart:
    """A bare number of parameters in place of a model."""

    params: Annotated[int | None, Ask("count", "Parameters", "8B", "Model")] = None
    """How many, such as 8B. Counted as 6N: no attention."""
    active_params: Annotated[int | None, Ask("count", "Active parameters", "1B", "Model")] = None
    """Of a mixture of experts: those that one token uses."""


class TargetPart:
    """The second length of an encoder–decoder."""

    target_seq_len: Annotated[
        int | None, Ask("length", "Decoder length", "512", "Model", limits=(1, LONGEST), stage=True)
    ] = None
    """Tokens per sequence of an encoder–decoder's decoder."""


class TrainingPart:
    """What of the model is trained, and on what."""

    images: Annotated[int | None, Ask("count", "Images", "1", "Training", stage=True)] = None
    """Images per sequence of a multimodal model. Empty: none."""
    clips: Annotated[int | None, Ask("count", "Audio clips", "1", "Training", stage=True)] = None
    """Audio clips per sequence of a multimodal model, each as long as its tower's window. Empty: none."""
    packed: Annotated[Any, Ask("documents", "Packed documents", "512:1000,1024:20", "Training", stage=True)] = None
    """Documents packed into sequences, as length:count, such as 512:1000,1024:20."""
    mtp: Annotated[bool, Ask("flag", "Multi-token prediction", "", "Training", stage=True)] = False
    """Count the modules that predict further tokens, where the config has them."""
    lora_rank: Annotated[
        int | None, Ask("count", "LoRA rank", "16", "Training", aliases=("lora", "lora_r"), stage=True)
    ] = None
    """Train low-rank adapters of this rank; the model itself is frozen."""
    lora_targets: Annotated[
        str | None, Ask("names", "LoRA targets", "q_proj,v_proj", "Training", aliases=("target_modules",), stage=True)
    ] = None
    """Linear layers with an adapter, such as q_proj,v_proj, or in a part: text:q_proj,vision:qkv_proj. Empty: all."""
    dora: Annotated[bool, Ask("flag", "DoRA", "", "Training", stage=True)] = False
    """Adapters with a trained magnitude for each output."""
    rslora: Annotated[bool, Ask("flag", "rsLoRA", "", "Training", stage=True)] = False
    """Adapters scaled by the root of their rank: no other work."""
    base_dtype: Annotated[
        Literal["bf16", "fp8", "int8", "nf4"] | None, Ask("choice", "Frozen weights in", "nf4", "Training", stage=True)
    ] = None
    """Format of frozen linear layers, beside --lora-rank or --freeze: QLoRA is nf4. Empty: the run's."""
    freeze: Annotated[str | None, Ask("names", "Frozen parts", "embedding", "Training", stage=True)] = None
    """What is not trained: parts (vision, projector, text), embeddings, norms, layers.0-39, blocks, operators."""


class FormatPart:
    """In which number format the run computes."""

    dtype: Annotated[str, Ask("format", "Number format", "bf16", "Hardware", aliases=("precision",), stage=True)] = (
        "bf16"
    )
    """Number format of the matrix products; MFU divides by the dense peak of this format. Default: bf16."""


class HardwarePart:
    """Which accelerators, and how many."""

    hardware: Annotated[
        str | None, Ask("name", "Hardware", "h100-sxm", "Hardware", aliases=("gpu", "gpu_type", "accelerator"))
    ] = None
    """The accelerator: catalogue id, marketing name, or what the driver prints."""
    devices: Annotated[
        int | None,
        Ask(
            "device",
            "Devices",
            "64",
            "Hardware",
            aliases=("gpus", "num_gpus", "n_gpus", "ngpus", "num_devices", "world_size"),
            worded=(("nodes", "nodes"), ("num_nodes", "nodes"), ("nnodes", "nodes"), ("chips", "chips")),
            stage=True,
        ),
    ] = None
    """How many; '64 chips' where a chip is not a device."""
    device_unit: str | None = None
    """The word behind the number of devices (chips, packages), where one was given."""
    machine: Annotated[Any, Ask("path", "Measured machine", "machine.yaml", "Hardware")] = None
    """Your own machine as it was measured, in place of a name: the machine.yaml of mfu-planner probe."""


class NodePart:
    """How devices are packed into nodes."""

    devices_per_node: Annotated[
        int | None,
        Ask("device", "Devices per node", "8", "Hardware", aliases=("gpus_per_node", "nproc_per_node"), stage=True),
    ] = None
    """Devices of a node. Empty: the usual machine's."""


class PeakPart:
    """The peak that a utilization is divided by."""

    peak: Annotated[float | None, Ask("flop_per_s_per_device", "Own peak", "'989 TFLOP/s'", "Hardware", bare=False)] = (
        None
    )
    """Peak rate of one device in place of the catalogue's, such as '989 TFLOP/s', without sparsity."""
    peak_dtype: Annotated[str | None, Ask("format", "Format of the peak", "bf16", "Hardware", stage=True)] = None
    """Number format whose peak is divided by. Empty: that of the products."""
    sparse: Annotated[bool, Ask("flag", "Sparse peak", "", "Hardware")] = False
    """Divide by the peak with 2:4 sparsity. Right only for sparse training."""


class BatchPart:
    """Sequences of an optimizer step."""

    global_batch: Annotated[
        int | None,
        Ask(
            "batch",
            "Global batch",
            "2048",
            "Run",
            aliases=("global_batch_size", "gbs", "train_batch_size", "total_batch_size"),
            stage=True,
        ),
    ] = None
    """Sequences per optimizer step over all devices, or '16M tokens'."""
    global_batch_tokens: float | None = None
    """The same, where tokens were given."""


class RatePart:
    """How fast a run was seen to go."""

    tokens_per_second: Annotated[
        float | None,
        Ask(
            "token_per_s",
            "Tokens/s of the whole job",
            "600K",
            "Observed",
            aliases=("tokens_per_sec", "tok_per_sec", "throughput"),
            worded=(("images_per_second", "images/s"), ("samples_per_second", "samples/s")),
            stage=True,
        ),
    ] = None
    """Observed rate of all devices together."""
    tokens_per_second_per_device: Annotated[
        float | None,
        Ask(
            "token_per_s_per_device",
            "Tokens/s per device",
            "9400",
            "Observed",
            aliases=("tokens_per_second_per_gpu", "tps", "tgs", "tokens_per_sec_per_gpu", "tok_per_sec_per_gpu"),
            worded=(
                ("images_per_second_per_device", "images/s"),
                ("images_per_second_per_gpu", "images/s"),
                ("samples_per_second_per_device", "samples/s"),
                ("samples_per_second_per_gpu", "samples/s"),
            ),
            stage=True,
        ),
    ] = None
    """What many logs call tokens per GPU per second, or tps."""
    flops_per_second_per_device: Annotated[
        float | None,
        Ask(
            "flop_per_s_per_device",
            "FLOP/s per device",
            "'400 TFLOP/s'",
            "Observed",
            worded=(("tflops", "TFLOP/s"), ("tflops_per_device", "TFLOP/s"), ("tflops_per_gpu", "TFLOP/s")),
            bare=False,
        ),
    ] = None
    """What a paper or a log reports, such as '400 TFLOP/s'."""
    in_samples: tuple[str, ...] = ()
    """The fields that were given in images, sequences or samples rather than tokens."""


class ObservedPart(RatePart):
    """Everything that a run can be measured by."""

    step_time: Annotated[float | None, STEP_TIME] = None
    """Of one optimizer step, with its unit; beside the global batch."""
    tokens: Annotated[float | None, Ask("token", "Tokens", "15.6T", "Observed")] = None
    """Tokens of the whole run; beside the device-hours."""
    device_hours: Annotated[
        float | None, Ask("device_hours", "Device-hours", "30.84M", "Observed", aliases=("gpu_hours",))
    ] = None
    """Wall clock of the whole run: gives the MFU of the programme."""
    reported_mfu: Annotated[float | None, Ask("claim", "MFU that the log reports", "41%", "Observed")] = None
    """If given, its implied peak is checked against the catalogue."""
    goodput: Annotated[float | None, Ask("fraction", "Goodput", "95%", "Observed")] = None
    """Productive share of the wall clock: failures, restarts and checkpoints take the rest."""


class ConventionPart:
    """What counts as model FLOPs."""

    convention: Annotated[str | None, Ask("name", "Convention", "causal", "Answer")] = None
    """What counts as model FLOPs; published figures use several. 'full' counts what runs."""


class WayPart:
    """How much of its way an answer shows."""

    explain: Annotated[bool, Ask("flag", "Explain", "", "Answer")] = False
    """Show each formula with the numbers put in, and sources."""


class ExplainPart(ConventionPart, WayPart):
    """How work is counted, and how much of its way an answer shows."""


class PricePart:
    """What device time costs."""

    price: Annotated[float | None, Ask("usd_per_device_hour", "Price", "'2.5 $/h'", "Money", stage=True)] = None
    """Of one device for one hour, such as '2.5 $/h'. Empty: the middle one of the providers' newest prices."""


class MoneyPart(PricePart):
    """What device time costs, and who says so."""

    provider: Annotated[Any, Ask("names", "Provider", "aws,gcp", "Money", many=True)] = None
    """Whose price; several, with commas, are compared. Empty: the middle of all."""
    term: Annotated[str | None, Ask("name", "Term", "spot", "Money")] = None
    """What the price is for: on-demand, spot, reserved-1y or reserved-3y. Empty: on-demand."""
    region: Annotated[str | None, Ask("name", "Region", "us-east-1", "Money")] = None
    """A provider's own name of a region, for the price."""
    as_of: Annotated[str | None, Ask("date", "Prices of", "2026-01-01", "Money")] = None
    """Use the prices of this date, such as 2026-01-01."""
