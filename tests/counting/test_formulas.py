"""Formulas of models: what is shown is what is computed, at the model's own sizes and at others'."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sympy

from mfu_planner import flops
from mfu_planner.architectures.presets import catalogue, preset
from mfu_planner.architectures.registry import from_config
from mfu_planner.counting.conventions import convention, flops_per_unit, names, why_not
from mfu_planner.counting.formulas import Formula
from mfu_planner.errors import InputError
from mfu_planner.numeric.letters import Condition, Letter
from mfu_planner.operators import Stream, Workload

SAMPLE = [row["id"] for row in catalogue()][::15]
"""Every fifteenth preset."""
MORE_KINDS = [
    "zamba2-7b",
    "mamba2-2.7b",
    "qwen3-next-80b-a3b",
    "gemma-3-27b",
    "t5-large",
    "whisper-large-v3",
    "gpt2-xl",
]


def lengths(name: str) -> dict[str, int]:
    """Whatever lengths a preset needs, none of them round."""
    architecture = from_config(preset(name).config)
    given: dict[str, int] = {"batch": 3}
    if architecture.has_text:
        given["seq_len"] = 1500 if architecture.encoder_decoder and not architecture.uses_target else 1001
    if architecture.uses_target:
        given["target_seq_len"] = 77
    if any(op.rows.stream is Stream.IMAGE for _, op in architecture.each()):
        given |= {"images": 2, "image_size": 224} if "image_size" in str(preset(name).config) else {"images": 2}
    return given


@cache
def formulas_of(name: str) -> tuple[Any, dict[str, Formula]]:
    """The answer for a preset, and its formulas."""
    try:
        found = flops(model=name, symbolic=True, **lengths(name))
    except InputError:
        found = flops(model=name, symbolic=True, **{k: v for k, v in lengths(name).items() if k != "image_size"})
    return found, found.formulas


def at(formula: Formula, sizes: dict[str, Any]) -> Any:
    """The expression with sizes put in, exactly, by sympy."""
    symbols = {n: sympy.Symbol(n) for n in formula.letters}
    expression = sympy.sympify(formula.expression, locals=symbols)
    return expression.xreplace({symbols[n]: sympy.Rational(str(v)) for n, v in sizes.items()})


def values(formula: Formula) -> dict[str, Any]:
    """The letters' values."""
    return {n: one.value for n, one in formula.letters.items()}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", [*SAMPLE, *MORE_KINDS])
def test_the_expression_with_the_sizes_put_in_is_the_count(name: str) -> None:
    """sympy's evaluation of the printed text against the count of plain integers, under every convention."""
    found, formulas = formulas_of(name)
    assert at(formulas["params"], values(formulas["params"])) == found.params["total"] == formulas["params"].value
    assert at(formulas["forward"], values(formulas["forward"])) == found.flops["forward"]
    assert at(formulas["training"], values(formulas["training"])) == found.flops["total"]
    counted = {n for n, v in found.by_convention.items() if v is not None}
    assert counted <= set(formulas)
    for convention_name in counted:
        exact = at(formulas[convention_name], values(formulas[convention_name]))
        assert float(exact) == found.by_convention[convention_name]
        assert len(formulas[convention_name].letters) > 1


@pytest.mark.sampled(8)
def test_every_model_counts_alike_with_letters_and_without(sample: Any) -> None:
    """Every preset and small models of every type, all conventions and versions: one exact number, and its formula."""
    from mfu_planner.architectures.lettering import Letters
    from mfu_planner.counting.formulas import lettered

    tests = Path(__file__).parents[1]
    small = [
        case["config"]
        for path, key in (("architectures/small_models.json", "cases"), ("golden/types.json", "rows"))
        for case in json.loads((tests / path).read_text("utf-8"))[key]
    ]
    for config in sample([preset(row["id"]).config for row in catalogue()] + small):
        letters = Letters()
        plain_model = from_config(config)
        model = letters.counted(from_config(config, letters=letters))
        work = Workload(2, plain_model.fixed_length or 1000, 300 if plain_model.uses_target else 0)
        shown = lettered(work, letters, model)
        for name in ("full", "causal", "megatron") if config in small else names(versions=True):
            if not why_not(convention(name), plain_model):
                traced = flops_per_unit(model, shown, name)
                assert isinstance(traced, Letter)
                assert traced.value == flops_per_unit(plain_model, work, name), (config, name)


def switches(config: dict[str, Any]) -> dict[str, Any]:
    """A config without its numbers: what siblings must have in common."""
    return {
        key: switches(value) if isinstance(value, dict) else None if type(value) in (int, float) else value
        for key, value in config.items()
    }


@pytest.mark.sampled(9)
def test_a_formula_gives_the_number_of_a_sibling(sample: Any) -> None:
    """One model's formula at the sizes of another that differs in numbers alone, under the same conditions, is that
    one's number."""
    by_type = defaultdict(list)
    for row in catalogue():
        if row["model_type"] != "efficientnet":  # every stage has widths of its own, numbers in its formula
            by_type[row["model_type"]].append(row["id"])
    pairs = [
        (one, other)
        for ids in by_type.values()
        for one, other in pairwise(ids)
        if switches(preset(one).config) == switches(preset(other).config)
    ]
    compared = 0
    for first, second in (chosen := sample(pairs)):
        (_, one), (_, other) = formulas_of(first), formulas_of(second)
        for name in ("params", "training_per_token", "megatron"):
            if name not in one or name not in other or one[name].conditions != other[name].conditions:
                continue
            assert set(one[name].letters) == set(other[name].letters), (first, second, name)
            assert float(at(one[name], values(other[name]))) == other[name].value
            compared += 1
    assert compared > 1.5 * len(chosen) > 0


@pytest.mark.parametrize(
    ("model", "name", "published"),
    [
        # Narayanan et al. 2021, arXiv:2104.04473, section 3: 72 B s l h² (1 + s/6h + V/12lh) for a step without
        # recomputation (96 with it), here per token
        ("gpt2-xl", "full", "72*L*d**2*(1 + s/(6*d) + V/(12*L*d))"),
        # Chowdhery et al. 2022, arXiv:2204.02311, appendix B: 6N + 12 L H Q T
        ("llama-3.1-8b", "palm", "6*(L*d*(3*f + 2*g*h + 2*n*h + 2) + 2*V*d + d) + 12*L*n*h*s"),
        ("llama-3.1-8b", "params", "d*(L*(3*f + 2*g*h + 2*h*n + 2) + 2*V + 1)"),
        # Jiang et al. 2024, arXiv:2401.04088: k of E experts, each a SwiGLU block of its own
        ("mixtral-8x7b", "full", "12*L*d*h*(n + g) + 12*L*n*h*s + 6*E*L*d + 18*L*d*f*k + 6*V*d"),
        # Hoffmann et al. 2022, arXiv:2203.15556, appendix F, with an MLP of two products and heads × size = width
        ("gpt2-xl", "chinchilla", "3*(2*V*d + L*(6*d*d + 2*s*d + 3*n*s + 2*s*d + 2*d*d + 4*d*f) + 2*d*V)"),
        # Dosovitskiy et al. 2020, arXiv:2010.11929: T tokens an image, attention among all of them
        ("vit-l16", "mlp", "12*L*T*d*f"),
    ],
)
def test_a_derived_formula_is_the_published_one(model: str, name: str, published: str) -> None:
    """Derived from the operators, equal to what the paper prints, as polynomials."""
    shown = formulas_of(model)[1][name]
    derived = sympy.sympify(shown.expression, locals={n: sympy.Symbol(n) for n in shown.letters})
    expected = sympy.sympify(published, locals={n: sympy.Symbol(n) for n in re.findall(r"[A-Za-z_]\w*", published)})
    if "f" not in shown.letters:
        expected = expected.subs(sympy.Symbol("f"), 4 * sympy.Symbol("d"))
    assert sympy.expand(derived - expected) == 0, shown.text


def test_conditions_say_which_branch_was_taken() -> None:
    """Mistral's window: shorter than the sequence or not."""
    short = flops(model="mistral-7b", seq_len=1024, convention="causal", symbolic=True).formulas["training_per_token"]
    long = flops(model="mistral-7b", seq_len=32768, convention="causal", symbolic=True).formulas["training_per_token"]
    assert "s ≤ W" in short.conditions
    assert "W ≤ s" in long.conditions
    assert "W" not in short.letters
    assert "model_type: mistral" in long.conditions


def test_groups_and_terms_add_up() -> None:
    """Operator groups are the parts of the work per unit; so are the terms of each formula."""
    _, formulas = formulas_of("deepseek-v3")
    groups = ("attention", "mlp", "expert", "shared expert", "router", "head")
    assert sum(formulas[g].value for g in groups) == formulas["training_per_token"].value
    for one in formulas.values():
        assert sum(term.value for term in one.terms) == pytest.approx(one.value, rel=1e-12)
        assert sum(term.share for term in one.terms) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["llama-3.1-8b", "deepseek-v3", "mamba2-2.7b", "vit-l16", "mistral-7b"])
def test_latex_reads_back_as_the_formula(name: str) -> None:
    """Every formula's LaTeX, read by the rules of LaTeX, is its expression."""
    for one in formulas_of(name)[1].values():
        symbols = {n: sympy.Symbol(n) for n in one.letters}
        read = sympy.sympify(_from_latex(one.latex), locals=symbols)
        assert sympy.expand(read - sympy.sympify(one.expression, locals=symbols)) == 0, one.latex


def _from_latex(text: str) -> str:
    """A reader for the few commands that formulas use."""
    text = re.sub(r"\\left\\lceil (.*?) \\right\\rceil", r"ceiling(\1)", text)
    text = re.sub(r"\\left\\lfloor (.*?) \\right\\rfloor", r"floor(\1)", text)
    text = re.sub(r"\\mathrm\{([^}]*)\}", lambda m: m.group(1).replace(r"\_", "_").replace(",", "_"), text)
    text = re.sub(r"_\{([^}]*)\}", r"_\1", text)
    text = re.sub(r"\((\S+) \\bmod (\S+)\)", r"Mod(\1, \2)", text)
    while r"\frac" in text:
        start = text.rindex(r"\frac")
        above, rest = _group(text[start + 5 :])
        below, rest = _group(rest)
        text = f"{text[:start]}(({above})/({below})){rest}"
    return text.replace("{", "(").replace("}", ")").replace("^", "**").replace(r" \, ", "*")


def _group(text: str) -> tuple[str, str]:
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[1:place], text[place + 1 :]
    raise AssertionError(text)


def test_formula_is_a_sympy_expression() -> None:
    """It can be differentiated, solved and evaluated."""
    found = flops(model="gpt2", seq_len=128)
    formula = found.formula("training_per_token")
    width, length = (next(s for s in formula.free_symbols if s.name == n) for n in "ds")
    layers, vocab = (next(s for s in formula.free_symbols if s.name == n) for n in "LV")
    assert sympy.diff(formula, length) == 12 * layers * width
    assert float(formula.subs({layers: 12, width: 768, vocab: 50257, length: 128})) == found.by_convention["full"]
    with pytest.raises(InputError, match="params"):
        found.formula("parameter")
    with pytest.raises(InputError, match="bare number"):
        flops(params="7B").formula("params")


@pytest.mark.parametrize("name", ["megatron", "6n", "palm"])
def test_totals_follow_the_convention(name: str) -> None:
    """``flops --convention NAME``: training work under it; forward and backward only where it parts them."""
    found = flops(model="llama-3.1-8b", seq_len=4096, batch=2, convention=name)
    assert found.convention == name
    assert found.flops["total"] == found.by_convention[name] * 8192
    assert found.flops["forward"] is None
    assert found.flops["backward"] is None
    with pytest.raises(InputError, match="samples"):
        flops(model="vit-l16", convention=name)


def test_no_letter_leaves_the_explanation() -> None:
    """Every value of an answer is a plain one; and what is cached for plain questions stays plain."""
    before = flops(model="llama-3.1-8b", seq_len=4096)
    explained = flops(model="llama-3.1-8b", seq_len=4096, symbolic=True, explain=True)
    after = flops(model="llama-3.1-8b", seq_len=4096)
    for answer in (before, explained, after):
        assert not list(_letters_in(answer.model_dump()))
        json.dumps(answer.as_json())
    assert after == before
    assert explained.flops == before.flops


def _letters_in(value: Any) -> Any:
    if isinstance(value, Letter | Condition):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _letters_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _letters_in(each)


def test_plain_answers_load_no_sympy() -> None:
    """Plan, mfu and predict stay light; even the formulas' text needs none."""
    code = (
        "import sys, mfu_planner as m\n"
        "m.plan(model='llama-3.1-8b', tokens='1T', hardware='h100-sxm', devices=64, mfu=0.4)\n"
        "m.measure(model='llama-3.1-8b', hardware='h100-sxm', tokens_per_second_per_device=9000)\n"
        "m.predict(model='llama-3.1-8b', hardware='h100-sxm', devices=8, global_batch=64)\n"
        "m.flops(model='llama-3.1-8b', symbolic=True)\n"
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_adapters_and_packed_documents_have_formulas() -> None:
    """What is trained and what is packed enter the formula; the letter r is the adapters' rank."""
    adapted = flops(model="llama-3.1-8b", seq_len=4096, lora_rank=16, symbolic=True)
    one = adapted.formulas["training_per_token"]
    assert "r" in one.letters
    assert float(Fraction(str(at(one, values(one))))) == adapted.by_convention["full"]
    packed = flops(model="llama-3.1-8b", seq_len=4096, packed="512:3,1024:2", symbolic=True, convention="causal")
    two = packed.formulas["training"]
    assert at(two, values(two)) == packed.flops["total"]


def test_lengths_may_be_symbols() -> None:
    """The formula holds the user's own symbols; a window stays a minimum, whichever side is smaller."""
    length, batch = sympy.symbols("T B", positive=True, integer=True)
    found = flops(model="mistral-7b", seq_len=length, batch=batch, convention="causal")
    formula = found.formula("training")
    assert {length, batch} < formula.free_symbols
    sizes = {"L": 32, "d": 4096, "f": 14336, "n": 32, "g": 8, "h": 128, "V": 32000, "W": 4096}
    for seq_len in (1000, 10000):
        put_in = formula.subs({s: sizes[s.name] for s in formula.free_symbols - {length, batch}})
        counted = flops(model="mistral-7b", seq_len=seq_len, batch=3, convention="causal").flops["total"]
        assert put_in.subs({length: seq_len, batch: 3}) == counted
    assert found.seq_len is None
    assert found.flops["total"] is None
    assert any("symbol T" in warning for warning in found.warnings)
    json.dumps(found.as_json())
