"""Conventions against a table of the sources' own formulas, evaluated apart from this package."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
import sympy

from mfu_planner import flops, plan
from mfu_planner.architectures import Architecture, from_config
from mfu_planner.architectures.lettering import Letters
from mfu_planner.architectures.presets import preset
from mfu_planner.counting import model_work
from mfu_planner.counting.conventions import (
    Convention,
    by_convention,
    convention,
    flops_per_unit,
    hardware_flops,
    names,
    why_not,
)
from mfu_planner.counting.conventions.written import expression
from mfu_planner.errors import InputError
from mfu_planner.numeric.formula import sympy_of
from mfu_planner.numeric.letters import Letter
from mfu_planner.numeric.paper import paper
from mfu_planner.operators import MatMul, Role, Workload
from mfu_planner.questions.model import choose_model

MODELS = (
    ("llama-2-7b", 4096),
    ("llama-3-70b", 8192),
    ("gpt-3-175b", 2048),
    ("mixtral-8x7b", 4096),
    ("deepseek-v3", 4096),
)

# Training GFLOP per token, each source's formula evaluated by hand on published dimensions (None: not written for it).
TABLE = {
    "full": (46.085, 481.435, 1076.373, 82.934, 281.152),
    "causal": (42.864, 449.226, 1061.885, 79.714, 250.457),
    "kaplan": (38.858, 410.714, 1043.769, 75.707, 214.194),
    "kaplan-context": (42.079, 442.926, 1058.265, 78.928, 244.896),
    "6n": (40.430, 423.322, 1047.626, 77.280, 225.314),
    "chinchilla-a4": (45.336, 475.508, 1072.838, None, None),
    "chinchilla": (46.909, 488.116, 1080.249, None, None),
    "palm": (46.873, 487.747, 1076.617, 83.722, 286.718),
    "nanogpt": (46.873, 487.747, 1076.466, 83.722, 286.718),
    "llm.c": (43.652, 455.534, 1062.121, 80.501, 256.016),
    "nanochat": (46.085, 481.435, 1076.373, 82.934, 281.152),
    "megatron": (42.864, 449.223, 1061.881, 79.706, 249.812),
    "megatron-2024": (46.085, 481.435, 1076.377, 82.928, 280.514),
    "torchtitan": (46.087, 481.443, 1076.617, 82.936, 281.158),
    "maxtext": (42.864, 449.223, 1061.878, 79.713, 250.450),
    "olmo": (46.085, 481.435, 1076.437, 82.934, 281.152),
    "llm-foundry": (46.873, 487.747, 1076.617, 83.722, 246.805),
    "levanter": (46.123, 481.812, 1076.543, 82.972, 281.440),
    "lingua": (43.402, 454.599, 1064.537, 80.251, 255.573),
    "hf-trainer": (39.644, 417.018, 1043.769, 279.430, 4020.598),
    "megatron-2021": (None, None, 1076.373, None, None),
}


@cache
def model(name: str) -> Architecture:
    found = choose_model(model=name).architecture
    assert found is not None
    return found


def giga(name: str, length: int, chosen: str, **options: int) -> float:
    return float(flops_per_unit(model(name), Workload(1, length), chosen, **options)) / 1e9


@pytest.mark.parametrize("chosen", TABLE)
@pytest.mark.parametrize(("place", "name", "length"), [(i, *m) for i, m in enumerate(MODELS)])
def test_table_of_formulas(chosen: str, place: int, name: str, length: int) -> None:
    """Every convention on five models, to the printed digits."""
    expected = TABLE[chosen][place]
    if expected is not None:
        assert giga(name, length, chosen) == pytest.approx(expected, abs=1.01e-3 if chosen == "olmo" else 5.1e-4)


@pytest.mark.parametrize(
    ("name", "length", "chosen", "expected"),
    [
        ("nemotron-h-8b", 2048, "megatron", 46.104),
        ("nemotron-h-56b", 2048, "megatron", 337.222),
        ("qwen3-30b-a3b", 4096, "megatron", 23.006),
        ("gemma-2-9b", 8192, "megatron", 63.902),
        ("gemma-2-9b", 8192, "olmo", 68.130),
        ("gemma-2-9b", 8192, "maxtext", 62.845),
        ("gpt-oss-20b", 4096, "megatron", 24.046),
        ("gpt-oss-20b", 4096, "megatron-bridge", 22.912),
        ("qwen3-next-80b-a3b", 2048, "megatron", 22.136),
    ],
)
def test_windows_scans_and_delta_rules(name: str, length: int, chosen: str, expected: float) -> None:
    """Formulas of the sources where attention is windowed or absent, evaluated by hand."""
    assert giga(name, length, chosen) == pytest.approx(expected, abs=1.01e-3)


def test_megatron_counts_multi_token_prediction() -> None:
    """DeepSeek-V3 with its module: one more layer, head and merge, 259.993 GFLOP per token."""
    with_module = model("deepseek-v3").with_prediction()

    got = flops_per_unit(with_module, Workload(1, 4096), "megatron")

    assert float(got) / 1e9 == pytest.approx(259.993, abs=5.1e-4)


def test_vocabulary_is_padded_with_tensor_parallelism() -> None:
    """Llama 3: 128,256 becomes 129,024 at 8 devices (a multiple of 128 × 8)."""
    alone, split = (giga("llama-3-70b", 8192, "megatron", tensor_parallel=t) for t in (1, 8))

    assert split - alone == pytest.approx(6 * 8192 * (129_024 - 128_256) / 1e9)


def test_llama_formulas_by_hand() -> None:
    """Llama 2 7B at 1,000 positions: the published closed forms, term by term."""
    L, h, n, f, V, T = 32, 4096, 32, 11008, 32000, 1000
    d = h // n
    layers, head, norms = L * (4 * h * h + 3 * h * f), V * h, (2 * L + 1) * h
    N = layers + 2 * head + norms
    attention = 12 * L * n * d * T
    work = Workload(3, T)
    by_hand = {
        "6n": 6 * N,
        "palm": 6 * N + attention,
        "llm.c": 6 * N + attention // 2,
        "nanochat": 6 * (layers + head) + attention,
        "megatron": 6 * (layers + head) + attention // 2,
        "torchtitan": 6 * (N - head) + attention,
        "lingua": 6 * (N - head) + 7 * attention // 12,
        "hf-trainer": 6 * (N - head),
        "chinchilla": 6 * (layers + 2 * head) + attention + 9 * n * T * L,
        "llm-foundry": 3 * (2 * N + 4 * L * h * T),
        "full": 6 * (layers + head) + attention,
        "causal": 6 * (layers + head) + 6 * L * n * d * (T + 1),
    }

    assert {c: flops_per_unit(model("llama-2-7b"), work, c) for c in by_hand} == by_hand


def test_full_and_causal_are_the_operators_own_count() -> None:
    """The two exact conventions divide the operators' total by the tokens."""
    work = Workload(2, 513)
    per_token = Fraction(model_work(model("qwen3-next-80b-a3b"), work.allowed()).total, 2 * 513)

    assert flops_per_unit(model("qwen3-next-80b-a3b"), work, "causal") == per_token


@pytest.mark.parametrize("chosen", names(versions=True))
def test_a_sources_formula_is_what_is_counted(chosen: str) -> None:
    """The source's text, in its own letters, equals the formula derived from the operators of the source's model."""
    assert difference(convention(chosen)) == 0


@pytest.mark.parametrize("wrong", ["6*N + 9*L*n*d*T", "6*N + 12*L*n*d*T + h", "12*L*n*d*T"])
def test_a_wrong_formula_is_seen(wrong: str) -> None:
    """Text that is not what the switches count does not pass."""
    assert difference(replace(convention("palm"), formula=wrong)) != 0


def difference(source: Convention) -> Any:
    """The source's formula less the derived one, both in this package's letters."""
    letters = Letters()
    architecture = letters.counted(from_config(preset(source.kind).config, letters=letters))
    work = Workload(letters.of("b", 1), letters.of("s", 131072))
    derived = expanded(flops_per_unit(architecture, work, source))
    of = {
        **{ours: sympy.Symbol(ours, positive=True) for ours in ("L", "n", "g", "V", "W")},
        "T": sympy.Symbol("s", positive=True),
        "h": sympy.Symbol("d", positive=True),
        "d": sympy.Symbol("d", positive=True) / sympy.Symbol("n", positive=True),
        "f": sympy.Symbol("f", positive=True),
        "N": expanded(architecture.active_params),
        "N_token": expanded(architecture.embedding_params),
        "N_position": expanded(architecture.params_of(Role.POSITION)),
        "N_head": expanded(architecture.params_of(Role.HEAD)),
        "N_linear": expanded(sum(b.count * op.weights for b, op in architecture.each() if isinstance(op, MatMul))),
    }
    of |= {"d_qk": of["d"], "d_v": of["d"], "V_padded": of["V"]}
    if source.kind == "gpt2-xl":
        of |= {"f": 4 * of["h"], "g": of["n"]}
    written = expression(source).subs({sympy.Symbol(n): v for n, v in of.items()}, simultaneous=True)
    written = written.replace(sympy.Min, lambda *ends: of["W"] if of["W"] in ends else sympy.Min(*ends))  # W < s here
    return sympy.simplify(sympy.expand(written) - derived)


def expanded(traced: Any) -> Any:
    """A traced value as an expanded sympy expression in which the head size is width over heads."""
    if not isinstance(traced, Letter):
        return sympy.sympify(traced)
    heads = sympy.Symbol("d", positive=True) / sympy.Symbol("n", positive=True)
    found = sympy_of(paper(traced))
    by_name = {s: sympy.Symbol(s.name, positive=True) for s in found.free_symbols}
    return sympy.expand(found.xreplace(by_name).subs(sympy.Symbol("h", positive=True), heads))


def test_every_convention_names_its_source() -> None:
    """Title, formula and address are never blank; names are unique."""
    for name in names(versions=True):
        found = convention(name)
        assert found.name == name
        assert all((found.title, found.formula, found.source.title, found.source.url.startswith("https://")))
    assert len(set(names(versions=True))) == len(names(versions=True))


def test_the_interfaces_conventions_are_all_there() -> None:
    """The names that scripts rely on."""
    promised = (
        "full causal 6n kaplan chinchilla palm nanogpt llm.c nanochat megatron torchtitan maxtext olmo llm-foundry "
        "lingua hf-trainer"
    )

    assert tuple(by_convention(model("gpt-3-175b"), Workload(1, 64))) == tuple(promised.split()) == names()


def test_unknown_convention_is_refused_with_the_nearest() -> None:
    """One line that names what was given and what was probably meant."""
    with pytest.raises(InputError, match=r"'megatrom'.*nearest: megatron"):
        convention("megatrom")


def test_images_have_only_exact_conventions() -> None:
    """Formulas per token say nothing about a ViT: None, with the reason."""
    found = by_convention(model("vit-b16"), Workload(8))

    assert {name for name, value in found.items() if value is not None} == {"full", "causal"}
    assert "samples" in str(why_not(convention("palm"), model("vit-b16")))
    with pytest.raises(InputError, match="works on samples"):
        flops_per_unit(model("vit-b16"), Workload(8), "palm")


def test_encoder_decoders_count_each_parameter_for_its_positions() -> None:
    """T5: 6n counts encoder weights for source, decoder weights for target positions; PaLM's formula says nothing."""
    found = by_convention(model("t5-small"), Workload(2, 100, 50))

    assert found["palm"] is None
    six = float(found["6n"] or 0)
    assert 0 < six < 6 * model("t5-small").params


def test_packed_documents_are_known_to_megatron_and_unknown_to_palm() -> None:
    """Σ l² for those that know it: 4 documents of 1,024 instead of one of 4,096 quarter attention."""
    packed = Workload(1, 4096, documents=((1024, 4),))
    whole, quarter = (giga("llama-2-7b", s, "megatron") for s in (4096, 1024))

    assert float(flops_per_unit(model("llama-2-7b"), packed, "megatron")) / 1e9 == pytest.approx(quarter)
    assert quarter < whole
    assert float(flops_per_unit(model("llama-2-7b"), packed, "palm")) / 1e9 == giga("llama-2-7b", 4096, "palm")


def test_hardware_flops_by_hand() -> None:
    """GPT-3 175B: full recomputation is Narayanan's 96 B s L h² (1 + s/6h + V/16Lh); kernels add one product."""
    L, h, s, V = 96, 12288, 2048, 50257
    gpt, work = model("gpt-3-175b"), Workload(3, s)
    full = 3 * (96 * s * L * h * h + 16 * s * s * L * h + 6 * s * h * V)
    none = 3 * (72 * s * L * h * h + 12 * s * s * L * h + 6 * s * h * V)

    assert hardware_flops(gpt, work, recompute="none", fused_attention=False) == none
    assert hardware_flops(gpt, work, recompute="full", fused_attention=False) == full
    assert hardware_flops(gpt, work, recompute="none", fused_attention=True) == none + 3 * 2 * s * s * L * h
    assert hardware_flops(gpt, work, recompute="selective", fused_attention=False) == none + 3 * 4 * s * s * L * h
    assert hardware_flops(gpt, work, recompute="full", fused_attention=False, convention="megatron-2021") == full


def test_unknown_recomputation_is_refused() -> None:
    """Only none, selective and full mean anything."""
    with pytest.raises(InputError, match="none, selective or full"):
        hardware_flops(model("gpt-3-175b"), Workload(1, 8), recompute="some")


def test_switches_are_checked() -> None:
    """A switch can be set by the name of its value; unknown names are refused."""
    assert convention("megatron", pairs="none").pairs.name == "NONE"
    with pytest.raises(InputError, match="pairs"):
        convention("megatron", pairs="some")
    with pytest.raises(InputError, match="a switch"):
        convention("megatron", colour="red")


def test_arrays_sweep_the_same_numbers() -> None:
    """float64 arrays give what ints give, for every convention."""
    np = pytest.importorskip("numpy")
    lengths = np.array([256.0, 4096.0, 16384.0])
    for name in ("gemma-2-9b", "deepseek-v3"):
        swept = by_convention(model(name), Workload(np.array([2.0, 1.0, 5.0]), lengths), versions=True)
        for place, length in enumerate((256, 4096, 16384)):
            exact = by_convention(model(name), Workload(1, length), versions=True)
            for chosen, value in exact.items():
                got = swept[chosen]
                assert value is not None
                assert got is not None
                assert float(got[place] if hasattr(got, "__len__") else got) == pytest.approx(float(value), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "fitting"),
    [("llama-3.1-8b", "full"), ("mistral-7b", "causal"), ("gemma-3-27b", "causal"), ("llama-4-scout", "causal"),
     ("mamba2-2.7b", "full"), ("vit-l16", "full"), ("t5-large", "full")],
)  # fmt: skip
def test_the_default_convention_follows_the_model(name: str, fitting: str) -> None:
    """Pairs beyond a window or chunk are computed by nobody: counting them would make an MFU above 100% right."""
    lengths = {"target_seq_len": 512} if name.startswith("t5") else {}
    asked = {} if name.startswith("vit") else {"seq_len": 8192, **lengths}
    found = flops(model=name, **asked)
    assert found.convention == fitting
    assert any("causal" in warning for warning in found.warnings) == (fitting == "causal")
    planned = plan(model=name, hardware="h100-sxm", devices=8, tokens="1B", mfu=0.4, **asked)
    assert planned.convention == fitting
    assert planned.flops_per_token == found.by_convention[fitting]
