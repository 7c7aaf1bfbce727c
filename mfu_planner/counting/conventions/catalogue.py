"""The field's conventions, each as its own source defines it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from mfu_planner.counting.conventions.definition import (
    Citation,
    Convention,
    CountedExperts,
    Embedding,
    Norms,
    Pairs,
    Scans,
    Weights,
    Width,
)


def _github(repository: str, path: str, commit: str, date: str = "") -> Citation:
    url = f"https://github.com/{repository}/blob/{commit or 'HEAD'}/{path}"
    return Citation(f"{repository}, {path}", url, commit, date)


def _arxiv(number: str, title: str) -> Citation:
    return Citation(title, f"https://arxiv.org/abs/{number}", date=f"20{number[:2]}-{number[2:4]}")


_FULL = Convention(
    name="full",
    title="Exact, attention over all pairs",
    formula="6*(L*(2*h*d*(n + g) + 3*h*f) + h*V) + 12*L*n*d*T",
    source=_github("pytorch/pytorch", "torch/utils/flop_counter.py", "v2.13.0"),
    version="PyTorch 2.13",
    weights=Weights.EXACT,
    pairs=Pairs.ALL,
    convolutions=True,
    scans=Scans.EXACT,
    packed=True,
    samples=True,
    encoder_decoders=True,
)

_CAUSAL = replace(
    _FULL,
    name="causal",
    title="Exact, attention over the pairs that the mask allows",
    formula="6*(L*(2*h*d*(n + g) + 3*h*f) + h*V) + 6*L*n*d*(T + 1)",
    source=Citation(
        "the model's own attention mask",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html",
    ),
    version="",
    pairs=Pairs.ALLOWED,
)

_SIX_N = Convention(
    name="6n",
    title="6 FLOP for each (active) parameter and token",
    formula="6*N",
    source=_arxiv("2001.08361", "Kaplan et al. 2020, Scaling Laws for Neural Language Models, section 2.1"),
    weights=Weights.PARAMETERS,
    pairs=Pairs.NONE,
    embedding=Embedding.PARAMETERS,
    positions=True,
    norms=Norms.ALL,
    encoder_decoders=True,
    by_rows=True,
)

_KAPLAN = Convention(
    name="kaplan",
    title="Kaplan 2020: 6N without embeddings and head",
    formula="6*(N - N_token - N_position - N_head)",
    kind="gpt2-xl",
    source=_arxiv("2001.08361", "Kaplan et al. 2020, Scaling Laws for Neural Language Models, Table 1"),
    weights=Weights.PARAMETERS,
    pairs=Pairs.NONE,
    head=False,
    norms=Norms.ALL,
    remarks=("N is taken with its small terms (norms, biases), which the paper's closed form leaves out",),
)

_CHINCHILLA = Convention(
    name="chinchilla",
    title="Chinchilla 2022: embedding and logits as products, softmax counted",
    formula="3*(2*V*h + L*(6*h*n*d + 2*T*n*d + 3*n*T + 2*T*n*d + 2*n*d*h + 4*h*f) + 2*h*V)",
    kind="gpt2-xl",
    source=_arxiv("2203.15556", "Hoffmann et al. 2022, Training Compute-Optimal Large Language Models, Appendix F"),
    embedding=Embedding.PRODUCT,
    router=False,
    softmax=True,
)

_PALM = Convention(
    name="palm",
    title="PaLM 2022: 6N with all parameters, full attention",
    formula="6*N + 12*L*n*d*T",
    source=_arxiv("2204.02311", "Chowdhery et al. 2022, PaLM: Scaling Language Modeling with Pathways, Appendix B"),
    weights=Weights.PARAMETERS,
    embedding=Embedding.PARAMETERS,
    positions=True,
    norms=Norms.ALL,
)

_NANOGPT = replace(
    _PALM,
    name="nanogpt",
    title="nanoGPT estimate_mfu: PaLM's formula without the position table",
    formula="6*(N - N_position) + 12*L*n*d*T",
    kind="gpt2-xl",
    source=_github("karpathy/nanoGPT", "model.py", "3adf61e"),
    positions=False,
    remarks=("nanoGPT itself divides by a fixed peak of an A100",),
)

_LLM_C = replace(
    _PALM,
    name="llm.c",
    title="llm.c gpt2_estimate_mfu: 6N, half of attention",
    formula="6*N + 6*L*h*T",
    kind="gpt2-xl",
    source=_github("karpathy/llm.c", "train_gpt2.cu", "f1e2ace"),
    pairs=Pairs.HALF,
)

_NANOCHAT = Convention(
    name="nanochat",
    title="nanochat estimate_flops: linear layers, attention within the window",
    formula="6*N_linear + 12*L*n*d*Min(W, T)",
    kind="mistral-7b",
    source=_github("karpathy/nanochat", "nanochat/gpt.py", "92d63d4"),
    pairs=Pairs.CAPPED,
)

_MEGATRON = Convention(
    name="megatron",
    title="Megatron-LM num_floating_point_operations: causal half, padded vocabulary",
    formula="6*(L*(h*d*(n + 2*g) + n*d*h + 3*h*f) + h*V_padded) + 6*L*n*d*T",
    source=_github("NVIDIA/Megatron-LM", "megatron/training/training.py", "d98e8a64ddf3"),
    version="after causal halving",
    pairs=Pairs.HALF,
    padded_vocab=128,
    router=False,
    norms=Norms.LATENT,
    scans=Scans.MEGATRON,
    shared_gate=False,
    packed=True,
)

_MEGATRON_2024 = replace(
    _MEGATRON,
    name="megatron-2024",
    title="Megatron-LM before causal halving: full attention",
    formula="12*L*h**2*((1 + g/n + T/h)*n*d/h + 3*f/(2*h) + V_padded/(2*L*h))",
    source=_github("ROCm/Megatron-LM", "megatron/training/training.py", "", "2024-10"),
    version="before causal halving (2024)",
    version_of="megatron",
    pairs=Pairs.ALL,
    packed=False,
    remarks=("this version took every layer of a mixture as a mixture layer",),
)

_MEGATRON_2021 = replace(
    _MEGATRON_2024,
    name="megatron-2021",
    title="Narayanan 2021 without recomputation: full attention, logits",
    formula="72*L*h**2*(1 + T/(6*h) + V/(12*L*h))",
    kind="gpt2-xl",
    source=_arxiv("2104.04473", "Narayanan et al. 2021, Efficient Large-Scale Language Model Training on GPU Clusters"),
    version="2021",
    padded_vocab=0,
    norms=Norms.NONE,
    remarks=("its 96 L h² form adds a full forward recomputation: a hardware FLOPs figure",),
)

_MEGATRON_BRIDGE = replace(
    _MEGATRON,
    name="megatron-bridge",
    title="Megatron-Bridge flop_utils: as Megatron-LM, windows exactly, frozen weights left out",
    formula="6*(L*(h*d*(n + 2*g) + n*d*h + 3*h*f) + h*V_padded) + 12*L*n*d*(W - W*(W - 1)/(2*T))",
    kind="mistral-7b",
    source=_github("NVIDIA-NeMo/Megatron-Bridge", "src/megatron/bridge/training/utils/flop_utils.py", "067f987df03b"),
    version="Megatron-Bridge",
    version_of="megatron",
    pairs=Pairs.HALF_EXACT_WINDOW,
    frozen_known=True,
)

_TORCHTITAN = Convention(
    name="torchtitan",
    title="torchtitan: 6(N − embedding) + full attention",
    formula="6*(N - N_token) + 6*L*n*(d_qk + d_v)*T",
    source=_github("pytorch/torchtitan", "torchtitan/models/utils.py", "b5bcd76c66d0"),
    weights=Weights.PARAMETERS,
    embedding=Embedding.TIED,
    positions=True,
    norms=Norms.ALL,
)

_MAXTEXT = Convention(
    name="maxtext",
    title="MaxText calculate_tflops_training_per_device: causal half, router counted",
    formula="3*(L*(2*h*d*(n + 2*g) + 2*n*d*h + 6*h*f) + 2*h*V + L*2*n*d*T)",
    source=_github("AI-Hypercomputer/maxtext", "src/MaxText/maxtext_utils.py", "e591f30cbbf2"),
    version="causal since 2025-07",
    pairs=Pairs.HALF_WINDOW,
    scans=Scans.MAXTEXT,
    shared_gate=False,
)

_MAXTEXT_2024 = replace(
    _MAXTEXT,
    name="maxtext-2024",
    title="MaxText before 2025-07: full attention",
    formula="3*(L*(2*h*d*(n + 2*g) + 2*n*d*h + 6*h*f) + 2*h*V + L*4*n*d*T)",
    source=Citation(
        "AI-Hypercomputer/maxtext before pull request 1988",
        "https://github.com/AI-Hypercomputer/maxtext/pull/1988",
        date="2025-07",
    ),
    version="before causal halving (2025-07)",
    version_of="maxtext",
    pairs=Pairs.ALL,
    scans=Scans.NONE,
)

_OLMO = Convention(
    name="olmo",
    title="OLMo-core num_flops_per_token: module parameters, attention within the window",
    formula="6*(L*(2*h*d*(n + g) + 3*h*f) + h*(V + 1)) + 12*L*n*d*Min(W, T)",
    kind="mistral-7b",
    source=_github("allenai/OLMo-core", "src/olmo_core/nn/transformer/model.py", "fa6c501"),
    weights=Weights.MODULES,
    pairs=Pairs.CAPPED,
    norms=Norms.ATTENTION,
)

_LLM_FOUNDRY = replace(
    _PALM,
    name="llm-foundry",
    title="LLM Foundry flops_per_batch: 6N + full attention of the hidden width",
    formula="3*(2*N + 4*L*h*T)",
    source=_github("mosaicml/llm-foundry", "scripts/train/benchmarking/README.md", "8c8dd48f7216", "2024-01"),
    width=Width.HIDDEN,
    remarks=("counts attention with the hidden size, not heads × head size",),
)

_LINGUA = replace(
    _TORCHTITAN,
    name="lingua",
    title="Meta Lingua: half of attention, with the scores that a fused kernel recomputes",
    formula="6*(N - N_token) + 7*(4*L*n*d*T/2)/2",
    source=_github("facebookresearch/lingua", "apps/main/transformer.py", "437d680"),
    pairs=Pairs.HALF,
    attention_passes=Fraction(7, 2),
    remarks=("3.5 = 1 + 2.5: a hardware FLOPs figure for attention",),
)

_HF_TRAINER = Convention(
    name="hf-trainer",
    title="transformers Trainer floating_point_ops: 6 × parameters outside embeddings, every expert",
    formula="6*(N - N_token - N_position)",
    source=_github("huggingface/transformers", "src/transformers/modeling_utils.py", "v5.23.0"),
    weights=Weights.PARAMETERS,
    pairs=Pairs.NONE,
    experts=CountedExperts.ALL,
    norms=Norms.ALL,
    encoder_decoders=True,
    remarks=("counts every expert of a mixture, chosen or not; a tied head counts nothing",),
)

_KAPLAN_CONTEXT = replace(
    _KAPLAN,
    name="kaplan-context",
    title="Kaplan 2020 with its context term",
    formula="6*(N - N_token - N_position - N_head) + 6*L*T*n*d",
    kind="gpt2-xl",
    version="with the context term",
    version_of="kaplan",
    pairs=Pairs.HALF,
)

_CHINCHILLA_A4 = replace(
    _CHINCHILLA,
    name="chinchilla-a4",
    title="Chinchilla as its Table A4 was computed: neither embedding nor logits",
    formula="3*L*(6*h*n*d + 2*T*n*d + 3*n*T + 2*T*n*d + 2*n*d*h + 4*h*f)",
    kind="gpt2-xl",
    source=_github("karpathy/nanoGPT", "scaling_laws.ipynb", "3adf61e"),
    version="Table A4",
    version_of="chinchilla",
    embedding=Embedding.NONE,
    head=False,
)

_LEVANTER = Convention(
    name="levanter",
    title="Levanter lm_flops_per_token: full attention with softmax and mask",
    formula="3*(L*(2*h*(h + 2*g*h/n) + 2*h**2 + 6*h*f + 4*h*T + 3*n*T) + 2*h*V)",
    source=_github("stanford-crfm/levanter", "src/levanter/utils/flop_utils.py", "9263f81e8b45"),
    softmax=True,
    square=True,
    shared_gate=False,
    remarks=("takes the head size as hidden ÷ heads, whatever the config says",),
)

_VERL = Convention(
    name="verl",
    title="verl FlopsCounter: table and head both as products, half of attention within the window",
    formula="6*(L*(2*h*d*(n + g) + 3*h*f) + 2*V*h) + 6*L*n*d*T",
    source=_github("volcengine/verl", "verl/utils/flops_counter.py", "b178a3cd56f5", "2026-01-29"),
    version="half of attention since 2026-01-18 (commit 54582f1f0)",
    pairs=Pairs.HALF_CAPPED,
    embedding=Embedding.PARAMETERS,
    shared_gate=False,
    packed=True,
    remarks=("counts V h twice though a tied table is one", "its Qwen2-MoE leaves out the shared expert, counted here"),
)

_VERL_2025 = replace(
    _VERL,
    name="verl-2025",
    title="verl FlopsCounter before 2026-01-18: table and head both as products, full attention within the window",
    formula="6*(L*(2*h*d*(n + g) + 3*h*f) + 2*V*h) + 12*L*n*d*T",
    source=_github("volcengine/verl", "verl/utils/flops_counter.py", "02cf355f1796", "2025"),
    version="before causal halving (2026-01-18)",
    version_of="verl",
    pairs=Pairs.CAPPED,
    width=Width.QUERIES,
)

_NEMO = Convention(
    name="nemo",
    title="NeMo flops_formulas: hidden width for heads, causal half",
    formula="6*(L*(2*h**2 + 2*h**2*g/n + 3*h*f) + h*V) + 6*L*h*T",
    source=_github("NVIDIA/NeMo", "nemo/utils/flops_formulas.py", "6a5ad765bc75"),
    pairs=Pairs.HALF,
    router=False,
    square=True,
    shared_gate=False,
    remarks=("takes the head size as hidden ÷ heads, whatever the config says (its DeepSeek formula apart)",),
)

_AUTOMODEL = Convention(
    name="automodel",
    title="NeMo Automodel flops_utils: causal half, router left out",
    formula="6*(L*(2*h*d*(n + g) + 3*h*f) + h*V) + 6*L*n*d*T",
    source=_github(
        "NVIDIA-NeMo/Automodel", "nemo_automodel/components/utils/flops_utils.py", "36044ad3d139", "2026-08-22"
    ),
    pairs=Pairs.HALF,
    router=False,
    scans=Scans.MEGATRON,
    shared_gate=False,
    remarks=("its gpt-oss formula counts exactly the pairs that the mask allows: half of all pairs here",),
)

_PRIMUS = replace(
    _MEGATRON_2024,
    name="primus",
    title="Primus num_floating_point_operations: as Megatron-LM before causal halving",
    source=_github("AMD-AGI/Primus", "primus/backends/megatron/patches/flops_patches.py", "56d8707601dc"),
    version="Primus",
    remarks=("its hybrid branch (attention and Mamba layers) halves attention",),
)

MAIN: tuple[Convention, ...] = (
    _FULL,
    _CAUSAL,
    _SIX_N,
    _KAPLAN,
    _CHINCHILLA,
    _PALM,
    _NANOGPT,
    _LLM_C,
    _NANOCHAT,
    _MEGATRON,
    _TORCHTITAN,
    _MAXTEXT,
    _OLMO,
    _LLM_FOUNDRY,
    _LINGUA,
    _HF_TRAINER,
)
"""The conventions that every result lists."""

OTHERS: tuple[Convention, ...] = (
    _KAPLAN_CONTEXT,
    _CHINCHILLA_A4,
    _MEGATRON_2024,
    _MEGATRON_2021,
    _MEGATRON_BRIDGE,
    _MAXTEXT_2024,
    _LEVANTER,
    _VERL,
    _VERL_2025,
    _NEMO,
    _AUTOMODEL,
    _PRIMUS,
)
"""Other versions, and sources that published runs were measured with."""
