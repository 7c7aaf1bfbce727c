"""Every field of the form, once: a flag of the command line, an argument in Python and a key of the URL."""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.ui.text import N_


@dataclass(frozen=True, slots=True)
class Field:
    """A field: what it is called, what it takes."""

    label: str
    help: str
    default: str = ""
    placeholder: str = ""


FIELDS: dict[str, Field] = {
    "model": Field(
        N_("Model"), N_("A published model, or your own: the first two entries. Type to search."), "llama-3.1-405b"
    ),
    "config": Field("config.json", N_("Paste a Hugging Face config.json, or drop the file below.")),
    "params": Field(N_("Parameters"), N_("How many, such as 8B. Counted as 6N: no attention."), "8B"),
    "active_params": Field(
        N_("Active parameters"), N_("Of a mixture of experts: those that one token uses."), "", "1B"
    ),
    "seq_len": Field(
        N_("Sequence length"), N_("Tokens per sequence. Empty: the length that the model was trained at."), "", "8192"
    ),
    "target_seq_len": Field(N_("Decoder length"), N_("Tokens per sequence of an encoder–decoder's decoder.")),
    "image_size": Field(N_("Image size"), N_("Pixels along each side, of a vision model."), "", "224"),
    "hardware": Field(N_("Hardware"), N_("The accelerator in its exact variant. Type to search."), "h100-sxm"),
    "dtype": Field(
        N_("Number format"), N_("Of the matrix products. MFU divides by the dense peak of this format."), "bf16"
    ),
    "peak": Field(
        N_("Own peak"), N_("In place of the catalogue's, for one device, without sparsity."), "", "989 TFLOP/s"
    ),
    "sparse": Field(N_("Sparse peak"), N_("Divide by the peak with 2:4 sparsity. Right only for sparse training.")),
    "convention": Field(
        N_("Convention"),
        N_("What counts as model FLOPs; published figures use several. 'full' counts what runs."),
        "full",
    ),
    "tokens": Field(N_("Tokens"), N_("Training tokens, such as 15.6T. Empty: solved for."), "15.6T", "15.6T"),
    "devices": Field(
        N_("Devices"), N_("How many; '64 chips' where a chip is not a device. Empty: solved for."), "16384", "16384"
    ),
    "mfu_from": Field(
        N_("Where the MFU comes from"),
        N_("Your own figure, what similar published runs reached, or what the step-time model predicts."),
    ),
    "mfu": Field(N_("MFU"), N_("Of productive step time, such as 40%. Empty: solved for."), "41%", "40%"),
    "goodput": Field(
        N_("Goodput"),
        N_("Productive share of the wall clock: failures, restarts and checkpoints take the rest."),
        "",
        "95%",
    ),
    "deadline": Field(N_("Deadline"), N_("Latest end of the run, such as 30d or 8 weeks."), "", "60d"),
    "budget": Field(N_("Budget"), N_("The most that the device time may cost."), "", "$2M"),
    "price": Field(
        N_("Price"),
        N_("Of one device for one hour. Empty: the middle one of the providers' newest prices."),
        "",
        "2.5 $/h",
    ),
    "provider": Field(
        N_("Provider"), N_("Whose price; several, with commas, are compared. Empty: the middle of all."), "", "aws,gcp"
    ),
    "term": Field(N_("Term"), N_("What the price is for; spot instances are taken away now and then."), "on-demand"),
    "pue": Field(
        N_("PUE"), N_("Power usage effectiveness of the site: energy at the meter ÷ energy of the devices."), "", "1.1"
    ),
    "grid": Field(N_("Electricity of"), N_("For CO₂: the country whose average electricity is used."), "world"),
    "observed": Field(N_("What did you observe?"), N_("The same MFU follows from any of these.")),
    "tokens_per_second_per_device": Field(
        N_("Tokens/s per device"), N_("What many logs call tokens per GPU per second, or tps."), "150", "9400"
    ),
    "tokens_per_second": Field(N_("Tokens/s of the whole job"), N_("All devices together."), "2.46M", "600K"),
    "step_time": Field(N_("Step time"), N_("Of one optimizer step, with its unit."), "6.8s", "5.6s"),
    "global_batch": Field(
        N_("Global batch"), N_("Sequences per optimizer step over all devices, or '16M tokens'."), "2048", "2048"
    ),
    "flops_per_second_per_device": Field(
        N_("FLOP/s per device"), N_("What a paper or a log reports, such as 400 TFLOP/s."), "400 TFLOP/s", "400 TFLOP/s"
    ),
    "device_hours": Field(
        N_("Device-hours"), N_("Wall clock of the whole run: gives the MFU of the programme."), "30.84M", "30.84M"
    ),
    "recompute": Field(
        N_("Recomputation"), N_("Activation recomputation in the backward pass: known, it gives the HFU."), "unknown"
    ),
    "reported_mfu": Field(
        N_("MFU that the log reports"), N_("If given, its implied peak is checked against the catalogue."), "", "41%"
    ),
    "log_text": Field(N_("Training log"), N_("Paste lines of a log of any framework, or drop the file below.")),
    "tp": Field("TP", N_("Tensor parallel: devices that share each matrix product."), "8", "1"),
    "pp": Field("PP", N_("Pipeline parallel: stages that the layers are dealt to."), "16", "1"),
    "vpp": Field("VPP", N_("Chunks per stage: the interleaved schedule."), "7", "1"),
    "cp": Field("CP", N_("Context parallel: devices that share each sequence."), "", "1"),
    "ep": Field("EP", N_("Expert parallel, of a mixture: devices that share the experts."), "", "1"),
    "dp": Field("DP", N_("Data parallel. Empty: devices ÷ (TP · PP · CP)."), "", "auto"),
    "zero": Field(
        "ZeRO", N_("What data parallelism shards: 1 optimizer, 2 gradients too, 3 weights too (FSDP)."), "automatic"
    ),
    "micro_batch": Field(N_("Micro-batch"), N_("Sequences per device in one forward pass."), "1", "1"),
    "layout_recompute": Field(N_("Recomputation"), N_("Activations computed again in the backward pass."), "none"),
    "optimizer": Field(N_("Optimizer"), N_("Its states take memory; its update takes time."), "adam"),
    "offload": Field(N_("Offload"), N_("Optimizer states in the host's memory.")),
    "other_devices": Field(
        N_("Also half and twice the devices"), N_("Shows what more or fewer devices cost and gain.")
    ),
    "seen": Field(N_("What did you observe?"), N_("Anything helps; a trace tells most.")),
    "gpu_utilisation": Field(N_("GPU utilisation"), N_("What the driver shows (nvidia-smi), such as 60%."), "", "95%"),
    "loader_wait": Field(
        N_("Wait for data"), N_("Per step: a share (20%) or seconds (0.3s), where the log says it."), "", "5%"
    ),
    "loader_workers": Field(
        N_("Loader workers"), N_("Processes per rank that load data; 0: the training process itself."), "", "8"
    ),
    "slowest_rank": Field(N_("Slowest rank"), N_("Its compute time ÷ the median's, such as 1.15."), "", "1.05"),
    "compile": Field(N_("Compiled"), N_("torch.compile or jit."), "unknown"),
    "framework": Field(N_("Framework"), N_("Whose kernels and overlap are assumed."), "unknown"),
    "cluster": Field(
        N_("Machine"), N_("Node or instance, with its network. usual: the common one of the accelerator."), "usual"
    ),
    "compare": Field(N_("Compare"), N_("Up to six accelerators side by side.")),
    "vendor": Field(N_("Vendor"), N_("Show one vendor's accelerators in the list."), "all"),
    "kind": Field(N_("Back-test of"), N_("Which prediction is held against published runs.")),
}
"""By name."""
