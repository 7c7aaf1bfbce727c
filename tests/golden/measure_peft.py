"""Measure small models with peft's own adapters on the CPU and write ``peft.json`` anew.

Run it where the pinned torch, transformers and peft (``requirements.txt``) are installed::

    python tests/golden/measure_peft.py            writes the file
    python tests/golden/measure_peft.py --check    measures again and compares

A case is a row of ``types.json``, peft's ``target_modules``, a rank, and switches of ``LoraConfig``.  What is measured:
parameters that are trained, and FLOP of the forward pass and of both passes for the row's batch with most images.
A wave is left out: in training, the class asks for the gradient of its own frozen convolutions' input.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import measure_types
import peft
import torch
import transformers

FILE = Path(__file__).with_name("peft.json")
CASES: tuple[tuple[str, list[str] | str, int, dict[str, Any]], ...] = (
    ("llama-LlamaForCausalLM", ["q_proj", "v_proj"], 4, {}),
    ("llama-LlamaForCausalLM", "all-linear", 3, {}),
    ("llama-LlamaForCausalLM", ["q_proj", "down_proj"], 4, {"use_dora": True}),
    ("llama-LlamaForCausalLM", ["k_proj", "up_proj"], 2, {"use_rslora": True}),
    ("qwen3-Qwen3ForCausalLM", ["o_proj"], 4, {}),
    ("gemma2-Gemma2ForCausalLM", ["gate_proj", "up_proj", "down_proj"], 4, {}),
    ("gpt2-GPT2LMHeadModel", ["c_attn"], 4, {}),
    ("gpt_neox-GPTNeoXForCausalLM", ["query_key_value"], 4, {}),
    ("falcon-FalconForCausalLM", ["query_key_value", "dense_h_to_4h"], 4, {}),
    ("phi3-Phi3ForCausalLM", ["qkv_proj", "gate_up_proj"], 4, {}),
    ("mixtral-MixtralForCausalLM", ["q_proj", "v_proj"], 4, {}),
    ("qwen2_moe-Qwen2MoeForCausalLM", ["q_proj", "gate_proj"], 4, {}),
    ("deepseek_v3-DeepseekV3ForCausalLM", ["q_proj", "kv_b_proj", "o_proj"], 4, {}),
    ("bert-BertForMaskedLM", ["query", "value"], 4, {}),
    ("bert-BertModel", ["dense"], 4, {}),
    ("vit-ViTForImageClassification", ["q_proj", "v_proj"], 4, {}),
    ("t5-T5ForConditionalGeneration", ["q", "v"], 4, {}),
    ("whisper-WhisperForConditionalGeneration", ["q_proj", "v_proj"], 4, {}),
    ("qwen3_5-plain-image16x2", ["q_proj", "qkv"], 4, {}),
    ("qwen2_5_vl-Qwen2_5_VLForConditionalGeneration", ["q_proj", "v_proj"], 4, {}),
    ("clip-CLIPModel", ["q_proj", "fc1"], 4, {}),
    ("qwen3_next-Qwen3NextForCausalLM", ["in_proj_qkvz", "o_proj"], 4, {}),
)


def measured(name: str, targets: list[str] | str, rank: int, switches: dict[str, Any]) -> dict[str, Any]:
    """One case with its figures."""
    row = next(row for row in json.loads(measure_types.FILE.read_text("utf-8"))["rows"] if row["name"] == name)
    torch.manual_seed(0)
    model = measure_types.build(row)
    model.set_attn_implementation("eager")
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=rank, target_modules=targets, **switches))
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    work = max(row["work"], key=lambda work: work.get("images", 0))
    with measure_types.GroupedCounter() as counter:
        output = adapted(**measure_types.inputs(row, work))
        forward = int(counter.get_total_flops())
        measure_types.total(output).backward()
    return {"row": name, "targets": targets, "rank": rank, **switches, "trained": trained,
            "forward": forward, "total": int(counter.get_total_flops())}  # fmt: skip


def main() -> int:
    """Measure, then write or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    cases = [measured(*case) for case in CASES]
    versions = {"torch": torch.__version__.partition("+")[0], "transformers": transformers.__version__}
    found = {"measured_with": {**versions, "peft": peft.__version__}, "cases": cases}
    if parser.parse_args().check:
        return int(json.loads(FILE.read_text("utf-8"))["cases"] != cases)
    lines = ",\n".join(json.dumps(case) for case in cases)
    FILE.write_text(f'{{"measured_with": {json.dumps(found["measured_with"])},\n"cases": [\n{lines}\n]}}\n', "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
