"""Blank cells of published runs: what the rest of the row tells."""

from __future__ import annotations

import pytest

from mfu_planner.backtesting.blanks import left_over
from mfu_planner.backtesting.question import read_case
from mfu_planner.backtesting.row_model import model_of
from mfu_planner.backtesting.runs import RunRow, Unusable
from mfu_planner.backtesting.selection import stalled
from mfu_planner.operators import Workload
from mfu_planner.step.flops import attention_flops

ROW = {
    "id": "own-1",
    "kind": "layout_bench",
    "model": "Llama-like",
    "params": "8030261248",
    "hidden": "4096",
    "layers": "32",
    "heads": "32",
    "kv_heads": "8",
    "ffn": "14336",
    "vocab": "128256",
    "seq_len": "8192",
    "hw_key": "h100-sxm",
    "num_devices": "64",
    "dtype": "bf16",
    "global_batch_seqs": "256",
    "micro_batch": "1",
    "tp": "4",
    "pp": "2",
    "dp": "8",
    "sharding": "ZeRO-1",
    "step_time_s": "10",
}


def run(**change: str) -> RunRow:
    """The row with some cells changed."""
    return RunRow({**ROW, **change})


@pytest.mark.parametrize("column", ["ffn", "vocab"])
def test_width_and_vocabulary_follow_from_the_parameters(column):
    whole, blank = model_of(run()), model_of(run(**{column: ""}))

    assert blank.architecture.params == pytest.approx(whole.architecture.params, rel=0.01)
    assert blank.guessed == {column}


def test_width_follows_from_the_parameters_in_the_name():
    blank = model_of(run(ffn="", params="", model="Llama-like 8B"))

    assert blank.architecture.params == pytest.approx(8.03e9, rel=0.02)


def test_preset_of_the_name_fills_blanks_where_its_sizes_agree():
    assert read_case(run(ffn="", vocab="", params="", model="Llama 3.1 8B")).architecture.params == 8030261248


@pytest.mark.parametrize("column", ["tp", "pp"])
def test_blank_parallelism_follows_from_dp(column):
    case = read_case(run(**{column: ""}))

    assert (case.layout.tp, case.layout.pp, case.layout.dp) == (4, 2, 8)


def test_both_blank_take_a_node_of_tensor_parallelism_first():
    assert left_over(run(tp="", pp=""), 64, 1, 1, 1) == (8, 1)
    assert left_over(run(tp="", pp="", dp="2"), 64, 1, 1, 1) == (8, 4)


def test_devices_and_sequence_follow_from_the_rest():
    case = read_case(run(num_devices="", seq_len="", global_batch_tokens=str(256 * 8192)))

    assert (case.request.devices, case.request.seq_len) == (64, 8192)


def test_marketing_name_does_where_the_key_is_blank():
    assert read_case(run(hw_key="", hardware="H100 SXM")).request.accelerator.id == "h100-sxm"


def test_absurd_depth_is_refused():
    with pytest.raises(Unusable):
        read_case(run(layers="1000000000000"))


def test_named_dispatch_library_means_expert_parallelism():
    """48 devices and 64 experts: 16 experts' groups divide both."""
    change = {
        "arch_notes": "top-4 of 64",
        "num_devices": "48",
        "tp": "1",
        "pp": "1",
        "dp": "",
        "global_batch_seqs": "96",
    }

    assert read_case(run(**change)).layout.ep == 1
    assert read_case(run(**change, notes="TE + DeepEP")).layout.ep == 16
    assert read_case(run(**change, notes="TE + DeepEP", ep="8")).layout.ep == 8


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ({"dtype": "fp32", "hw_key": "v100-sxm-32gb"}, "fp32"),
        ({"dtype": "tf32", "hw_key": "a100-sxm-80gb"}, "tf32"),
        ({"dtype": "fp32", "hw_key": "a100-sxm-80gb", "notes": "fp32 = TF32 on Ampere and newer"}, "tf32"),
        ({"dtype": "bf16 autocast + fp32 opt"}, "bf16"),
        ({"dtype": "fp16 mixed", "hw_key": "v100-sxm-32gb"}, "fp16"),
        ({"dtype": "mxfp8", "hw_key": "b200"}, "fp8"),
    ],
)
def test_the_number_format_is_read_as_written(cells, dtype):
    """No run is taken to be faster than its text says: 32 bits are not 16."""
    assert read_case(run(**cells)).request.dtype == dtype


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"global_batch_seqs": "", "micro_batch": ""}, "batch"),
        ({"kind": "rl_step"}, "reinforcement"),
        ({"notes": "GRPO, rollout of 1,050 s"}, "reinforcement"),
        ({"dtype": "tf32", "hw_key": "v100-sxm-32gb"}, "tf32"),
    ],
)
def test_what_no_row_says_is_left_out_and_said(cells, reason):
    """Nothing is invented: the reason stands beside the row."""
    with pytest.raises(Unusable, match=reason):
        read_case(run(**cells))


def test_a_stated_micro_batch_is_not_cut():
    """One micro-batch of eight through two stages is what the row says, however long the pipeline waits."""
    assert read_case(run(micro_batch="32", grad_accum="1")).layout.micro_batch == 32


def test_adapters_are_a_word():
    """LoRA trains adapters; exploration does not."""
    assert read_case(run(notes="QLoRA fine-tuning")).flags["lora_rank"] == 16
    assert "lora_rank" not in read_case(run(notes="an exploration of layouts")).flags


def test_a_window_in_the_notes_cuts_attention():
    """A query of 8,192 sees at most w keys: w·8192 − w·(w − 1)/2 pairs of 8192·8193/2; of a window that grows to its
    most, half on average."""
    wide = read_case(run())
    for notes, w in (("a sliding window of 1,792 tokens", 1792), ("a sliding window of at most 1,792 tokens", 896)):
        narrow = read_case(run(notes=notes))
        pairs = (w * 8192 - w * (w - 1) // 2) / (8192 * 8193 // 2)
        ratio = attention_flops(narrow.architecture, narrow.request.case.work) / attention_flops(
            wide.architecture, wide.request.case.work
        )
        assert ratio == pytest.approx(pairs, rel=1e-9)


BERT = {"model": "bert-large", "arch_notes": "BERT encoder", "hidden": "1024", "layers": "24", "heads": "16",
        "kv_heads": "16", "ffn": "4096", "vocab": "30522", "params": "", "seq_len": "512", "tp": "1", "pp": "1",
        "dp": "", "sharding": ""}  # fmt: skip


def test_an_encoder_is_no_decoder():
    """335,174,458 parameters with the masked head (the published checkpoint), 2 segments, and a pooler (1,049,600) with
    two classes (2,050) on top; the vocabulary's products see 77 of 512 positions."""
    model = model_of(run(**BERT)).architecture
    head = next(op for _, op in model.each() if op.name == "lm_head")

    assert model.params == 335174458 + 1049600 + 2050
    assert head.rows.count(Workload(2, 512, 0)) == 2 * 77
    assert "lm_head" not in {op.name for _, op in model_of(run(**BERT, kind="finetune")).architecture.each()}


def test_images_need_no_length():
    """ViT-B/16 at 384 pixels: 24² patches and a class token."""
    cells = {"model": "vit-b16", "arch_notes": "image 384 px", "hidden": "", "layers": "", "heads": "", "seq_len": "",
             "tp": "1", "pp": "1", "dp": "", "sharding": "", "dtype": "fp16"}  # fmt: skip
    case = read_case(run(**cells))

    assert (case.flags["image_size"], case.request.seq_len) == (384, 577)


def test_a_stall_is_what_the_model_does_not_need():
    """A tick of 1 s is a stall of a 1B model and none of one that computes for 0.55 s at a fifth of the peak."""
    cells = {"pp": "2", "grad_accum": "9", "step_time_s": "10", "micro_batch": "1", "seq_len": "4096", "tp": "1"}
    small, large = run(**cells, params="1e9"), run(**cells, params="8.9e9")

    assert stalled(small)
    assert not stalled(large)


@pytest.mark.parametrize(
    ("cells", "stack"),
    [
        ({"source": "github:NVIDIA/NeMo", "hw_key": "b200"}, "megatron-2025"),
        ({"source": "github:NVIDIA/NeMo", "source_date": "2024-08-01"}, "megatron-2024"),
        ({"source": "github:someone/Megatron-fork", "source_date": "2026-01-01"}, "megatron-2025"),
        ({"source": "an unknown page"}, "megatron-2024"),
        ({"source": "an unknown page", "tp": "1", "pp": "1", "dp": "", "sharding": "FSDP"}, "composer-fsdp-2024"),
        ({"source": "Megatron-DeepSpeed", "hw_key": "gaudi2", "tp": "1", "pp": "1", "dp": ""}, "generic"),
        ({"source": "github:NVIDIA/DeepLearningExamples", "hw_key": "a100-sxm-80gb"}, "amp-2022"),
    ],
)
def test_the_stack_is_of_the_device_and_time(cells, stack):
    """Megatron's text means the Megatron of the row's generation and date; a stack of 2022 runs on no later device."""
    assert read_case(run(**cells)).request.case.stack.name == stack


def test_packed_examples_attend_inside_themselves():
    """NeMo's SQuAD examples of 150 tokens: 54 of them in 8,192 positions, 54 · 150 · 151 / 2 pairs."""
    case = read_case(run(source="github:NVIDIA/NeMo", kind="finetune", notes="SFT"))
    whole = read_case(run(source="github:NVIDIA/NeMo"))
    ratio = attention_flops(case.architecture, case.request.case.work) / attention_flops(
        whole.architecture, whole.request.case.work
    )

    assert ratio == pytest.approx(54 * 150 * 151 / (8192 * 8193))
