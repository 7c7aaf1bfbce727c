"""Eighty questions in users' words, with the command that a reader of the docs types and the answer by hand."""

# ruff: noqa: E501  commands stand as they are typed

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mfu_planner.cli.main import main

DAY = 86400.0
H100, A100, TPU_V4 = 989.4e12, 312e12, 275e12
"""Dense bf16 FLOP/s of the data sheets."""
N_8B = 8_030_261_248 - 128_256 * 4096 - 65 * 4096
"""Llama 3.1 8B: parameters in matrix products (all but the embedding and 65 norms)."""
F_8B = 6 * N_8B + 12 * 32 * 4096 * 8192
"""Training FLOP per token at length 8,192, attention over all pairs."""
F_8B_4K = 6 * N_8B + 12 * 32 * 4096 * 4096
N_70B = 70_553_706_496 - 128_256 * 8192 - 161 * 8192
F_70B = 6 * N_70B + 12 * 80 * 8192 * 8192
N_405B = 405_853_388_800 - 128_256 * 16384 - 253 * 16384
F_405B = 6 * N_405B + 12 * 126 * 16384 * 8192


@dataclass(frozen=True)
class Ask:
    """One question: in words, as a command, and what must come out."""

    words: str
    line: tuple[str, ...]
    key: str
    """Path into the JSON, with dots."""
    right: float | str | bool | Callable[[Any], bool]
    within: float = 0.002

    @property
    def holds(self) -> Callable[[Any], bool]:
        if callable(self.right):
            return self.right
        if isinstance(self.right, bool | str):
            return lambda got: got == self.right
        return lambda got: got is not None and math.isclose(got, float(self.right), rel_tol=self.within)


def ask(words: str, line: str, key: str, right: Any, within: float = 0.002) -> Ask:
    """An ask whose command is split at blanks; an underscore stands for a blank inside a value."""
    return Ask(words, tuple(part.replace("~", " ") for part in line.split()), key, right, within)


def near(low: float, high: float) -> Callable[[Any], bool]:
    return lambda got: got is not None and low <= got <= high


ASKS = (
    # the planner
    ask(
        "how many days is a 70B on 15T tokens with 2,048 H100s at 40%?",
        "plan --model llama-3.1-70b --tokens 15T --hardware h100-sxm --devices 2048 --mfu 40%",
        "training_time_s",
        15e12 * F_70B / (2048 * 0.4 * H100),
    ),
    ask(
        "and in GPU-hours?",
        "plan --model Llama~3.1~70B --tokens 15T --gpu NVIDIA~H100~80GB~HBM3 --gpus 2048 --mfu 0.4",
        "device_hours",
        15e12 * F_70B / (0.4 * H100) / 3600,
    ),
    ask(
        "what does it cost at $2.50 an hour?",
        "plan --model meta-llama/Llama-3.1-70B --tokens 15T --hardware h100-sxm --devices 2048 --mfu 40% --price 2.5~$/h",
        "cost_usd",
        2.5 * 15e12 * F_70B / (0.4 * H100) / 3600,
    ),
    ask(
        "GPU-hours of a 7B on 2T tokens, A100s at half of the peak, whatever their number",
        "plan --params 7B --tokens 2T --hardware a100-sxm-80gb --mfu 50%",
        "device_hours",
        6 * 7e9 * 2e12 / (0.5 * A100) / 3600,
    ),
    ask(
        "what can I train with $2M and 60 days at $2 an hour?",
        "plan --model llama-3.1-8b --hardware h100-sxm --budget 2M --days 60 --mfu 40% --price 2",
        "tokens",
        688 * 60 * DAY * 0.4 * H100 / F_8B,
    ),
    ask(
        "how many H100s for 1T tokens in 30 days at 45%? whole nodes",
        "plan --model llama-3.1-8b --hardware h100-sxm --tokens 1T --mfu 45% --deadline 30d",
        "devices",
        8 * math.ceil(1e12 * F_8B / (30 * DAY * 0.45 * H100) / 8),
    ),
    ask(
        "how many tokens does $2M buy for an 8B?",
        "plan --model llama-3.1-8b --hardware h100-sxm --budget 2M --mfu 40% --price 2",
        "tokens",
        1e6 * 3600 * 0.4 * H100 / F_8B,
    ),
    ask(
        "which MFU do I need to be done in ten days on 1,024 H100s?",
        "plan --model llama-3.1-8b --hardware h100-sxm --devices 1024 --tokens 1T --deadline 10d",
        "mfu",
        1e12 * F_8B / (1024 * 10 * DAY * H100),
    ),
    ask(
        "the largest compute-optimal model for $50k and four weeks on 8 H100",
        "plan --optimal chinchilla --hardware h100-sxm --devices 8 --deadline 4~weeks --budget $50k --mfu 40%",
        "params",
        lambda n: math.isclose(6 * n * n * 20, 8 * 28 * DAY * 0.4 * H100, rel_tol=0.15),
    ),
    ask(
        "how many tokens are Chinchilla-optimal for a 70B?",
        "plan --optimal chinchilla --model llama-3.1-70b --hardware h100-sxm --devices 1024 --mfu 40%",
        "tokens",
        near(15 * 70.55e9, 25 * 70.55e9),
    ),
    ask(
        "ten percent of the time is lost to failures",
        "plan --model llama-3.1-8b --tokens 15T --nodes 16 --hardware h100-sxm --mfu 0.4 --goodput 90%",
        "training_time_s",
        15e12 * F_8B / (128 * 0.4 * H100) / 0.9,
    ),
    ask(
        "I do not know my MFU: how long?",
        "plan --model llama-3.1-8b --tokens 15T --hardware h100-sxm --devices 1024",
        "range",
        lambda r: 0.3 < r["mfu_low"] < r["mfu_typical"] < r["mfu_high"] < 0.6,
    ),
    ask(
        "how long, if you say the MFU yourself?",
        "plan --model llama-3.1-8b --hardware h100-sxm --devices 64 --tokens 1T --tp 2 --global-batch 512 --predict",
        "mfu",
        near(0.35, 0.6),
    ),
    ask(
        "ResNet-50, 90 epochs of ImageNet, eight A100 at 30%",
        "plan --model resnet-50 --hardware a100-sxm-80gb --devices 8 --samples 115.3M --mfu 30%",
        "training_time_s",
        115.3e6 * 3 * 8.18e9 / (8 * 0.3 * A100),
        0.02,
    ),
    ask(
        "GPT-3 on 1,024 A100 at 45%: days (Megatron says 34 with recomputation at 44%)",
        "plan --model gpt-3-175b --tokens 300B --hardware a100-sxm-80gb --devices 1024 --mfu 45% --convention 6n",
        "training_time_s",
        6 * 174.6e9 * 300e9 / (1024 * 0.45 * A100),
        0.02,
    ),
    ask(
        "energy of ten thousand H100-hours at 700 W and PUE 1.2",
        "plan --params 1B --tokens 1T --hardware h100-sxm --devices 8 --mfu 40% --pue 1.2",
        "energy_kwh",
        0.7 * 1.2 * 6e9 * 1e12 / (0.4 * H100) / 3600,
    ),
    ask(
        "LoRA costs two thirds and a bit: forward, and the gradient of the inputs",
        "plan --model llama-3.1-8b --tokens 1B --hardware h100-sxm --devices 8 --mfu 40% --lora-rank 16 --seq-len 1024",
        "flops_per_token",
        near(4 * N_8B, 4.6 * N_8B),
    ),
    ask(
        "compare clouds",
        "plan --model llama-3.1-8b --tokens 1T --provider aws,lambda --hardware h100-sxm --devices 64 --mfu 40%",
        "providers",
        lambda rows: (
            [r["price_usd_per_device_hour"] for r in rows] == sorted(r["price_usd_per_device_hour"] for r in rows)
            and len(rows) == 2
        ),
    ),
    ask(
        "DeepSeek-V3 on 14.8T tokens: 2.664M H800-hours were paid; which MFU against bf16 at 6N?",
        "mfu --model deepseek-v3 --hardware h800-sxm --tokens 14.8T --device-hours 2.664M --convention 6n --seq-len 4096",
        "mfu",
        6 * 37.55e9 * 14.8e12 / (2.664e6 * 3600 * H100),
        0.03,
    ),
    # the engineer with a slow run: what MFU is that?
    ask(
        "9,400 tokens/s/GPU, 8B on H100",
        "mfu --model llama-3.1-8b --hardware h100-sxm --tokens-per-second-per-device 9400",
        "mfu",
        9400 * F_8B / H100,
    ),
    ask(
        "75,200 tokens/s on one node at 4k",
        "mfu --model llama-3.1-8b --gpu h100-sxm --gpus 8 --tokens-per-second 75200 --seq-len 4096",
        "mfu",
        9400 * F_8B_4K / H100,
    ),
    ask(
        "PaLM's 238.3k tokens/s on 6,144 TPU v4: the paper says 46.2%",
        "mfu --model palm-540b --hardware tpu-v4 --devices 6144 --tokens-per-second 238.3k --convention palm",
        "mfu",
        0.462,
    ),
    ask("somebody says 400 TFLOP/s per H100", "mfu --hardware h100-sxm --tflops 400", "mfu", 400e12 / H100),
    ask(
        "Llama 3.1 405B: 30.84M H100-hours for 15.6T tokens",
        "mfu --model llama-3.1-405b --hardware h100-sxm --tokens 15.6T --device-hours 30.84M",
        "mfu",
        15.6e12 * F_405B / (30.84e6 * 3600 * H100),
    ),
    ask(
        "128 sequences in 5.83 s on 64 A100, everything recomputed: HFU is 4/3 of it",
        "mfu --model llama-3.1-8b --hardware a100-sxm-80gb --devices 64 --step-time 5.83s --global-batch 128 --recompute full",
        "hfu",
        near(1.29 * 128 * 8192 * F_8B / (5.83 * 64 * A100), 1.37 * 128 * 8192 * F_8B / (5.83 * 64 * A100)),
    ),
    ask(
        "an MFU of 527% cannot be",
        "mfu --model llama-3.1-8b --hardware h100-sxm --tokens-per-second-per-device 90000",
        "findings",
        lambda f: f[0]["severity"] == "error",
    ),
    ask(
        "of the whole job, not of one device: what if?",
        "mfu --model llama-3.1-8b --hardware h100-sxm --devices 16 --tokens-per-second-per-device 90000",
        "findings",
        lambda f: any(math.isclose(x["mfu_if_so"] or 0, 90000 / 16 * F_8B / H100, rel_tol=0.01) for x in f),
    ),
    ask(
        "an fp8 run that divides by the bf16 peak",
        "mfu --model llama-3.1-8b --hardware h100-sxm --dtype fp8 --peak-dtype bf16 --tokens-per-second-per-device 12000",
        "mfu",
        12000 * F_8B / H100,
    ),
    ask(
        "nanoGPT's 250 ms for half a million tokens on 8 A100",
        "mfu --model gpt2 --hardware a100-sxm-40gb --devices 8 --step-time 250ms --global-batch 0.5M~tokens --convention 6n",
        "mfu",
        6 * 124.44e6 * 0.5e6 / 0.25 / (8 * A100),
        0.01,
    ),
    ask(
        "3,000 images/s of ResNet-50 on eight V100",
        "mfu --model resnet-50 --hardware v100-sxm-16gb --dtype fp16 --devices 8 --images-per-second 3000",
        "mfu",
        3000 * 3 * 8.18e9 / (8 * 125e12),
        0.02,
    ),
    ask(
        "4 instances of p5.48xlarge",
        "mfu --model llama-3.1-8b --hardware p5.48xlarge --devices 4~nodes --tokens-per-second 300K",
        "mfu",
        300e3 * F_8B / (32 * H100),
    ),
    ask(
        "what does the gap cost me a day?",
        "mfu --model llama-3.1-8b --hardware h100-sxm --devices 64 --tokens-per-second-per-device 5000 --price 3",
        "gap_cost_usd_per_day",
        near(0.2 * 64 * 24 * 3, 0.6 * 64 * 24 * 3),
    ),
    # models
    ask("parameters of Llama 3.1 8B", "flops --model llama-3.1-8b", "params.total", 8_030_261_248, 0),
    ask(
        "DeepSeek-V3: 37B of 671B are active",
        "flops --model deepseek-v3 --seq-len 4096",
        "params.active",
        37.55e9,
        0.001,
    ),
    ask("GFLOP of ResNet-50's forward: twice 4.09 GMAC", "flops --model resnet50", "flops.forward", 2 * 4.089e9, 0.001),
    ask("ViT-B/16: twice 17.56 GMAC", "flops --model vit_b_16", "flops.forward", 2 * 17.56e9, 0.002),
    ask("GPT-2 small", "flops --model gpt2", "params.total", 124_439_808, 0),
    ask("Mixtral's active parameters", "flops --model mixtral-8x7b", "params.active", 12.88e9, 0.001),
    ask("PaLM 540B has 540.35B parameters", "flops --model palm-540b", "params.total", 540.35e9, 2e-5),
    ask("FLUX.1 dev is a 12B", "flops --model flux.1-dev", "params.total", 11.9e9, 0.001),
    ask("Whisper large, a window of 30 seconds", "flops --model whisper-large-v3", "params.total", 1_543_490_560, 0),
    ask(
        "the formula in letters", "flops --model llama-3.1-8b --symbolic", "formulas.training_per_token.value", F_8B, 0
    ),
    # hardware
    ask("dense bf16 of an H100", "hardware h100-sxm", "peak_flops_per_s.bf16.dense", H100, 0.001),
    ask("with sparsity, fp8", "hardware NVIDIA~H100~80GB~HBM3", "peak_flops_per_s.fp8.sparse", 3958e12, 0.001),
    ask("MI300X's memory", "hardware mi300x", "memory_nominal_bytes", 192e9, 0.08),
    ask("what is p5.48xlarge?", "hardware p5.48xlarge", "id", "h100-sxm"),
    ask("TPU v5p", "hardware TPU~v5p", "peak_flops_per_s.bf16.dense", 459e12, 0.001),
    ask("B200 in fp4", "hardware b200", "peak_flops_per_s.fp4.dense", 9e15, 0.001),
    # does it fit
    ask(
        "does full fine-tuning of a 70B fit on 8 H100?",
        "memory --model llama-3.1-70b --hardware h100-sxm --devices 8 --zero 3",
        "fits",
        False,
    ),
    ask(
        "QLoRA of a 70B on one H100: 4-bit weights are 35 to 40 GiB",
        "memory --model llama-3.1-70b --hardware h100-sxm --devices 1 --lora-rank 16 --base-dtype nf4 --seq-len 2048 --micro-batch 1",
        "weights_bytes",
        near(35 * 2**30, 41 * 2**30),
    ),
    ask(
        "and does it fit?",
        "memory --model llama-3.1-70b --hardware h100-sxm --devices 1 --lora-rank 16 --base-dtype nf4 --seq-len 2048 --micro-batch 1",
        "fits",
        True,
    ),
    ask(
        "AdamW keeps 12 bytes a parameter, spread by ZeRO 1 over 64",
        "memory --model llama-3.1-8b --hardware h100-sxm --devices 64 --tp 1 --zero 1 --micro-batch 1",
        "optimizer_bytes",
        12 * 8.03e9 / 64,
        0.01,
    ),
    ask(
        "an 8B in bf16 on one device: 2 bytes a parameter",
        "memory --model llama-3.1-8b --hardware h100-sxm --devices 8 --tp 1 --zero 1 --micro-batch 1",
        "weights_bytes",
        2 * 8.03e9,
        0.01,
    ),
    # layouts
    ask(
        "the step of Llama 3 405B on 16,384 H100 (published: 38 to 41% by 6N with attention)",
        "predict --model llama-3.1-405b --hardware h100-sxm --devices 16384 --tp 8 --pp 16 --vpp 8 --global-batch 2048 --seq-len 8192",
        "mfu",
        near(0.3, 0.5),
    ),
    ask(
        "the range holds its middle",
        "predict --model llama-3.1-8b --hardware h100-sxm --devices 64 --tp 2 --global-batch 512",
        "range",
        lambda r: r["low"] < r["high"],
    ),
    ask(
        "which layout is best on 64 H100?",
        "search --model llama-3.1-8b --hardware h100-sxm --devices 64 --global-batch 256 --space usual",
        "layouts",
        lambda rows: 0.35 < rows[0]["mfu"] < 0.65 and rows[0]["step_time_s"] <= rows[1]["step_time_s"],
    ),
    ask(
        "tensor parallel over slow PCIe costs me",
        "predict --model llama-3.1-8b --hardware a100-pcie-80gb --devices 8 --tp 8 --global-batch 64 --seq-len 4096",
        "mfu",
        near(0.02, 0.4),
    ),
    # why so slow
    ask(
        "15% on one node: why?",
        "diagnose --model llama-3.1-8b --hardware h100-sxm --devices 8 --mfu 15% --global-batch 64",
        "actions",
        lambda rows: rows[0]["kind"] == "measure",
    ),
    ask(
        "no workers load the data",
        "diagnose --model llama-3.1-8b --hardware h100-sxm --devices 8 --tokens-per-second-per-device 3000 "
        "--global-batch 64 --loader-workers 0 --loader-wait 40%",
        "gap",
        lambda rows: (
            max((r for r in rows if r["cause"] not in ("model FLOPs",)), key=lambda r: r["share"])["share"] >= 0.3
        ),
    ),
    ask(
        "the parts of the gap add up",
        "diagnose --model llama-3.1-8b --hardware h100-sxm --devices 64 --tokens-per-second-per-device 5000 "
        "--global-batch 512",
        "gap",
        lambda rows: math.isclose(sum(r["share"] for r in rows), 1 - 5000 * F_8B / H100, rel_tol=1e-3),
    ),
    ask(
        "a healthy run is called healthy",
        "mfu --model llama-3.1-8b --hardware h100-sxm --devices 8 --tokens-per-second-per-device 9000",
        "verdict.grade",
        "good",
    ),
    # as people type it: progress bars, trainers' names, epochs, instances, hours
    ask(
        "3 epochs of 10k examples at 512 tokens: A100-hours of an 8B at 30%",
        "plan --model llama-3-8b --hardware a100-sxm-80gb --gpus 1 --samples 10k --seq-len 512 --num-epochs 3 --mfu 30%",
        "device_hours",
        3e4 * 512 * (6 * N_8B + 12 * 32 * 4096 * 512) / (0.3 * A100 * 3600),
    ),
    ask(
        "ViT-L/16, 300 epochs of ImageNet on eight A100 at 40%",
        "plan --model vit-l-16 --hardware a100-sxm-80gb --gpus 8 --samples 1.281167M --epochs 300 --mfu 40%",
        "training_time_s",
        1.281167e6 * 300 * 3 * 2 * 61.55e9 / (8 * 0.4 * A100),
        0.005,
    ),
    ask(
        "epochs of what?",
        "plan --model llama-3-8b --hardware a100-sxm-80gb --gpus 8 --tokens 1B --epochs 2.5 --mfu 40%",
        "tokens",
        2.5e9,
    ),
    ask(
        "the bar says 14.2 s/it, 64 sequences, 8 A100",
        "mfu --model llama-3.1-8b --hardware a100-sxm-80gb --gpus 8 --step-time 14.2~s/it --global-batch 64 --seq-len 2048",
        "mfu",
        64 * 2048 * (6 * N_8B + 12 * 32 * 4096 * 2048) / (14.2 * 8 * A100),
    ),
    ask(
        "the bar says 3.95it/s",
        "mfu --model bert-large --hardware a100-sxm-80gb --gpus 8 --iter-time 3.95it/s --gbs 256 --seq-len 512",
        "mfu",
        3.95 * 256 * 3 * 368.086e9 / (8 * A100),
    ),
    ask(
        "nanoGPT's 250 ms, by its own counting",
        "mfu --model gpt2 --hardware a100-sxm-40gb --gpus 8 --ms-per-step 250 --train-batch-size 480 --convention nanogpt",
        "mfu",
        480 * 1024 / 0.25 * (6 * (124_439_808 - 1024 * 768) + 12 * 12 * 768 * 1024) / (8 * A100),
        0.005,
    ),
    ask(
        "InternLM logs tgs 4262.67",
        "mfu --model llama-2-7b --hardware a100-sxm-80gb --tgs 4262.67 --seq-len 2048 --convention 6n",
        "mfu",
        4262.67 * 6 * 6_738_415_616 / A100,
        0.03,
    ),
    ask(
        "throughput 30.7k tok/s of one node",
        "mfu --model llama-2-7b --hardware a100-sxm-80gb --gpus 8 --throughput 30.7k --convention 6n",
        "tokens_per_s_per_device",
        30.7e3 / 8,
    ),
    ask(
        "256 chips of TPU v5e",
        "plan --params 9B --tokens 1T --hardware TPU~v5e --chips 256 --mfu 50%",
        "training_time_s",
        6 * 9e9 * 1e12 / (256 * 0.5 * 197e12),
    ),
    ask("the slice says its size", "plan --params 9B --tokens 1T --hardware v5e-256 --mfu 50%", "devices", 256),
    ask(
        "four 3090s by their shop's name, MFU predicted",
        "plan --model gpt2-xl --hardware 4x~RTX~3090 --tokens 10B --predict --global-batch 64",
        "devices",
        4,
    ),
    ask(
        "does LoRA of a 70B fit two A100s under FSDP?",
        "memory --model llama-3.1-70b --hardware a100-sxm-80gb --gpus 2 --lora 16 --zero fsdp --seq-len 2048",
        "weights_bytes",
        70.55e9,
        0.02,
    ),
    ask(
        "and plain data parallelism?",
        "memory --model llama-3.1-70b --hardware a100-sxm-80gb --gpus 2 --lora 16 --zero ddp --seq-len 2048",
        "fits",
        False,
    ),
    ask(
        "DGX H100: how many hours for a 1B on 20B tokens?",
        "plan --params 1B --tokens 20B --hardware DGX~H100 --mfu 40%",
        "training_time_s",
        6e9 * 20e9 / (8 * 0.4 * H100),
    ),
    ask(
        "trn1.32xlarge has 16 chips of two cores",
        "plan --params 7B --tokens 1T --hardware trn1.32xlarge --devices 4~nodes --mfu 40%",
        "devices",
        128,
    ),
    ask(
        "15 trillion, in words",
        "plan --params 8B --tokens 15~trillion --hardware h100-sxm --gpus 512 --mfu 0.4",
        "training_time_s",
        6 * 8e9 * 15e12 / (512 * 0.4 * H100),
    ),
    ask(
        "1 million dollars, in words",
        "plan --params 8B --budget 1~million~dollars --hardware h100-sxm --price 2 --mfu 0.4",
        "tokens",
        0.5e6 * 3600 * 0.4 * H100 / (6 * 8e9),
    ),
    ask(
        "which MFU would be done in three months?",
        "plan --params 8B --tokens 15T --hardware h100-sxm --gpus 512 --deadline 3~months",
        "mfu",
        6 * 8e9 * 15e12 / (512 * 3 * 30.4375 * DAY * H100),
        0.01,
    ),
    ask(
        "gpt-oss-120b is a 117B with 5.1B active (the embedding of 0.58B looked up besides)",
        "flops --model openai/gpt-oss-120b --seq-len 4096",
        "params.total",
        116.83e9,
        0.001,
    ),
    ask("Qwen3 30B-A3B: 30.5B, 3.3B active", "flops --model Qwen/Qwen3-30B-A3B", "params.active", 3.35e9, 0.01),
)


@pytest.mark.parametrize("question", ASKS, ids=[a.words[:50] for a in ASKS])
def test_the_command_of_the_docs_answers(question: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    """The command runs, and its answer is the one by hand."""
    main([*question.line, "--json"])
    got: Any = json.loads(capsys.readouterr().out)
    for part in question.key.split("."):
        got = got[part]
    assert question.holds(got), got
