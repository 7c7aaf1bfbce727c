"""Names: real driver strings, cloud types, people's spellings; names inside names; refusals with candidates."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfu_planner.errors import InputError
from mfu_planner.hardware import lookup, resolve, resolve_run_key
from mfu_planner.hardware._index import index

CASES = list(csv.DictReader((Path(__file__).parent / "driver_strings.csv").read_text("utf-8").splitlines()))
RECORDS = index()["accelerators"]


@pytest.mark.each("case", CASES)
def test_strings_of_drivers_clouds_and_people(case: dict[str, str]) -> None:
    """Each string resolves to its device, or is refused where it fits several or none."""
    if case["expected"] == "refused":
        with pytest.raises(InputError) as caught:
            lookup(case["string"])
        assert "\n" not in str(caught.value)
    else:
        assert lookup(case["string"]).accelerator.id == case["expected"]


@pytest.mark.each("identifier", RECORDS)
def test_own_names_resolve_to_the_device(identifier: str) -> None:
    """Id, marketing name and every driver string of an entry mean that entry."""
    record = RECORDS[identifier]
    for name in (identifier, identifier.upper(), record["name"], *record["names"]["driver"]):
        assert lookup(name).accelerator.id == identifier


@pytest.mark.sampled(5)
@pytest.mark.each("identifier", RECORDS)
def test_a_longer_model_word_never_matches(identifier: str) -> None:
    """Whole words: gluing letters or digits to the model word of a driver string never gives that device's figures."""
    record = RECORDS[identifier]
    for phrase in record["names"]["model"]:
        name = " ".join(phrase)
        for changed in (f"{name}9", f"{name}zz", f"9{name}", f"zz{name}", f"{name} laptop", f"{name} lite9"):
            try:
                found = lookup(changed)
            except InputError:
                continue
            if found.devices is not None and changed.endswith("x9"):
                continue  # nine A30, though there is an A30X
            answer, laptop = found.accelerator.id, record["form_factor"] == "laptop"
            assert answer != identifier or laptop, changed
            assert changed.endswith(" laptop"), f"{changed} is no device, yet {answer} answers"


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("L40S", "l40"), ("L40S", "l4"), ("L40", "l4"), ("H200", "h20"), ("NVIDIA GH200 480GB", "h200-sxm"),
     ("NVIDIA GB200", "b200"), ("NVIDIA GB300", "b300"), ("NVIDIA RTX A4000", "a40"), ("MI250X", "mi250"),
     ("RTX 4090 D", "rtx-4090"), ("RTX 3090 Ti", "rtx-3090"), ("NVIDIA A100-SXM4-40GB", "a10"), ("NVIDIA A10G", "a10")],
)  # fmt: skip
def test_the_classic_confusions(outer: str, inner: str) -> None:
    """The pairs that public tables mix up."""
    assert lookup(outer).accelerator.id != inner


def test_ambiguous_names_give_candidates() -> None:
    """ "H100" names the boards it could be."""
    with pytest.raises(InputError) as caught:
        resolve("H100")

    assert all(c in str(caught.value) for c in ("h100-sxm", "h100-pcie", "h100-nvl"))


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("RTX 4060 Ti", ("rtx-4060-ti", "rtx-4060-ti-16gb")),
        ("NVIDIA GeForce RTX 5060 Ti", ("rtx-5060-ti", "rtx-5060-ti-8gb")),
        ("RX 9060 XT", ("rx-9060-xt-8gb", "rx-9060-xt-16gb")),
        ("Apple M1", ("m1", "m1-7-core")),
        ("Jetson AGX Orin", ("jetson-agx-orin-32gb", "jetson-agx-orin-64gb")),
    ],
)
def test_two_sizes_sold_alike_are_two_candidates(name: str, variants: tuple[str, str]) -> None:
    """The boxes say one name and two memory sizes, or counts of cores."""
    with pytest.raises(InputError) as caught:
        resolve(name)
    for variant in variants:
        assert variant in str(caught.value)
        assert resolve(variant).id == variant


@pytest.mark.parametrize(
    ("name", "identifier", "variant", "exact"),
    [
        ("NVIDIA GeForce RTX 3060", "rtx-3060", "rtx-3060-8gb", "RTX 3060 12GB"),
        ("gpu:rtx_2060:4", "rtx-2060", "rtx-2060-12gb", "RTX 2060 6GB"),
        ("Apple M4 Pro", "m4-pro", "m4-pro-16-core", "M4 Pro 20-core GPU"),
        ("rtx-4060-ti", "rtx-4060-ti", "rtx-4060-ti-16gb", "RTX 4060 Ti 8GB"),
        ("m1", "m1", "m1-7-core", "M1 8-core"),
    ],
)
def test_a_rarer_size_of_the_same_name_is_named(name: str, identifier: str, variant: str, exact: str) -> None:
    """The usual one answers and says which other the name may mean; a name with the size says nothing."""
    found = resolve(name)
    assert found.id == identifier
    assert variant in (found.resolved_note or "")
    assert resolve(exact).id == identifier
    assert resolve(exact).resolved_note is None


def test_unknown_names_give_the_nearest() -> None:
    """A slip of the finger is met with what was meant."""
    with pytest.raises(InputError) as caught:
        resolve("h100-smx")

    assert "h100-sxm" in caught.value.nearest


def test_a_bare_oem_string_resolves_with_a_note() -> None:
    """ "NVIDIA H100" is what some SXM boards print."""
    found = resolve("NVIDIA H100")

    assert found.id == "h100-sxm"
    assert found.resolved_note is not None
    assert resolve("h100-sxm").resolved_note is None


@pytest.mark.parametrize(
    ("name", "devices"),
    [("p5.48xlarge", 8), ("v5p-256", 128), ("v4-8", 4), ("v3-32", 32), ("v5litepod-16", 16), ("v5p-4x4x8", 128),
     ("tpu7x-4x4x4", 128), ("trn1.32xlarge", 32), ("a2-megagpu-16g", 16), ("GB200 NVL72", 72)],
)  # fmt: skip
def test_cloud_names_carry_their_devices(name: str, devices: int) -> None:
    """Cores against chips: a v5p-256 is 128 chips, a v5litepod-16 is 16."""
    assert lookup(name).devices == devices


def test_run_keys_count_as_the_tables_do() -> None:
    """Published tables count TPU v3 by the chip; a chip is two devices here."""
    accelerator, devices = resolve_run_key("tpu-v3")

    assert accelerator.peak_flops_per_s("bf16") * devices == pytest.approx(123e12)
    for key in ("h100-sxm", "a100-80", "a100-40", "h100-gt500w", "gb200", "pvc-tile", "v100", "trn1", "rtx5090"):
        assert resolve_run_key(key)[0].peak


@given(st.text(max_size=60))
def test_any_text_resolves_or_is_refused_in_one_line(text: str) -> None:
    """No text raises anything but an InputError."""
    refusal = ""
    try:
        lookup(text)
    except InputError as error:
        refusal = str(error)

    assert "\n" not in refusal


def test_resolving_imports_no_heavy_library() -> None:
    """The index is read with the standard library alone."""
    code = (
        "import sys; from mfu_planner.hardware import resolve;"
        "resolve('NVIDIA H100 80GB HBM3').peak_flops_per_s('bf16');"
        "print([m for m in ('pint', 'numpy', 'yaml', 'pydantic', 'sympy', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "dtype"), [("t4", "bf16"), ("a100-sxm-80gb", "fp8"), ("v100-sxm-16gb", "bf16"), ("h100-sxm", "fp4")]
)
def test_unsupported_formats_are_errors(name: str, dtype: str) -> None:
    """A rate that the device lacks is never guessed; the error lists those it has."""
    with pytest.raises(InputError, match="fp16"):
        resolve(name).peak_flops_per_s(dtype)


def test_sparse_only_by_asking() -> None:
    """Dense is the default; sparse is twice it on an A100."""
    a100 = resolve("a100-sxm-80gb")

    assert a100.peak_flops_per_s("bfloat16") == 312e12
    assert a100.peak_flops_per_s("bf16", sparse=True) == 624e12
    with pytest.raises(InputError, match="bf17"):
        a100.peak_flops_per_s("bf17")


PRINTED = list(csv.DictReader((Path(__file__).parent / "printed_names.csv").read_text("utf-8").splitlines()))


@pytest.mark.each("case", PRINTED)
def test_names_as_software_prints_them(case: dict[str, str]) -> None:
    """Labels, lines of tools, lists and instance types give their device; shares and what is not one are refused."""
    if case["expected"] == "refused":
        with pytest.raises(InputError) as caught:
            lookup(case["string"])
        assert "\n" not in str(caught.value)
    else:
        assert lookup(case["string"]).accelerator.id == case["expected"]


@pytest.mark.parametrize(
    ("text", "devices"),
    [("8x NVIDIA H100 80GB HBM3", 8), ("H200:8", 8), ("gpu:rtx_2080_ti:2", 2), ("T4 x2", 2), ("trn2.48xlarge", 64),
     ("NVIDIA L40S, NVIDIA L40S, NVIDIA L40S", 3), ("GPU 0: NVIDIA A40\nGPU 1: NVIDIA A40", 2), ("v4-1024", 512),
     ("v5p 4x4x4", 64), ("GB200 NVL72", 72), ("16 x Trainium2 chip", 64), ("4x MI250X card", 8), ("NVIDIA H200", None),
     ("nvidia-tesla-t4", None), ("2x p5.48xlarge", 16)],
)  # fmt: skip
def test_counts_in_names(text: str, devices: int | None) -> None:
    """A list, a count, an instance type or a slice says how many devices; chips and cards hold several."""
    assert lookup(text).devices == devices


def test_a_share_names_what_it_is_a_share_of() -> None:
    """The refusal says that it is a share and what to give instead."""
    for text in ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", "GRID T4-16Q", "g6f.xlarge", "Tesla-T4-SHARED"):
        with pytest.raises(InputError, match="share of one; give --peak"):
            lookup(text)
