"""What is timed on one device: a name, sizes, and the action."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mfu_planner.probing.device import TorchDevice
from mfu_planner.probing.layer import DecoderSizes, modules

Action = Callable[[], Any]


@dataclass(frozen=True)
class ProbePoint:
    """One thing to time."""

    name: str
    """Stable: the key of its timings in the file of a probe that is under way."""
    group: str
    sizes: dict[str, float]
    make: Callable[[], Action]
    """Builds its tensors; they are gone once it is timed."""
    like: str = ""
    """Points of one such name take about as long as their ``work``; one without is timed whatever it takes."""
    work: float = 0.0
    """Floating-point operations, where ``like`` is said."""


SMALL = {
    "rows": (128, 512, 2048),
    "weights": ((64, 64), (256, 256), (768, 256), (256, 768), (512, 512), (2048, 512), (512, 2048), (1024, 1024),
                (8000, 256)),
    "lengths": (128, 256, 512, 1024, 2048), "elements": 2**24, "parameters": 2**22, "passes": ((256, 256), (2048, 512)),
}  # fmt: skip
LARGE = {
    "rows": (512, 2048, 8192),
    "weights": ((1024, 1024), (4096, 1024), (1024, 4096), (4096, 4096), (14336, 4096), (4096, 14336), (8192, 8192),
                (128256, 4096)),
    "lengths": (512, 1024, 2048, 4096, 16384), "elements": 2**28, "parameters": 2**27,
    "passes": ((2048, 2048), (8192, 4096)),
}  # fmt: skip
"""DecoderSizes of a CPU, and of an accelerator."""
CACHED = 2**16
"""Elements of a tensor that any cache holds."""
HEAD, NARROW_HEAD = 64, 32


def points(device: TorchDevice, *, quick: bool) -> list[ProbePoint]:
    """Everything that is timed, in order; ``quick``: every fourth product."""
    sizes: dict[str, Any] = SMALL if device.kind == "cpu" else LARGE
    found = [*_products(device, sizes), *_attention(device, sizes)]
    if quick:
        found = [p for i, p in enumerate(found) if i % 4 == 0 or p.group.startswith("attention")]
    return [*found, *_memory(device, sizes), *_passes(device, sizes), *_issue(device), *_once(device, sizes)]


def _products(device: TorchDevice, sizes: dict[str, Any]) -> Iterator[ProbePoint]:
    torch = device.torch
    for dtype in device.formats:
        for m in sizes["rows"]:
            for n, k in sizes["weights"]:
                for kind in ("forward", "input", "weight"):
                    # what a layer does with x (m × k) and W (n × k): x·Wᵀ, y·W, yᵀ·x
                    shape = {"forward": (m, n, k), "input": (m, k, n), "weight": (n, k, m)}[kind]

                    def make(kind: str = kind, m: int = m, n: int = n, k: int = k, dtype: str = dtype) -> Action:
                        def filled(*of: int) -> Any:
                            return torch.randn(*of, device=device.kind).to(device.dtype(dtype))

                        x, w, y = filled(m, k), filled(n, k), filled(m, n)
                        if kind == "forward":
                            return lambda: x @ w.t()
                        return (lambda: y @ w) if kind == "input" else (lambda: y.t() @ x)

                    said = dict(zip("mnk", map(float, shape), strict=True))
                    like, work = f"product {dtype} {kind}", 2.0 * m * n * k
                    yield ProbePoint(f"{like} {m}x{n}x{k}", f"product {dtype}", said, make, like, work)


def _attention(device: TorchDevice, sizes: dict[str, Any]) -> Iterator[ProbePoint]:
    torch = device.torch
    attend = torch.nn.functional.scaled_dot_product_attention
    formats = device.formats[:1] if device.kind == "cpu" else ("bf16",)
    for dtype in formats:
        for length, head in [*((n, HEAD) for n in sizes["lengths"]), (sizes["lengths"][1], NARROW_HEAD)]:
            heads, batch = 8, max(1, sizes["lengths"][2] // length)
            for backward in (False, True):

                def make(
                    dtype: str = dtype, shape: Any = (batch, heads, length, head), back: bool = backward
                ) -> Action:
                    q, k, v = (
                        torch.randn(shape, device=device.kind).to(device.dtype(dtype)).requires_grad_(back)
                        for _ in range(3)
                    )

                    def run() -> None:
                        out = attend(q, k, v, is_causal=True)
                        if back:
                            out.backward(out.detach())

                    return run

                way = "both" if backward else "forward"
                flops = 4.0 * batch * heads * head * length * (length + 1) / 2
                said = {"seq": float(length), "head": float(head), "flops": flops, "both": float(backward)}
                yield ProbePoint(f"attention {dtype} {way} {length} {head}", f"attention {dtype}", said, make)


def _memory(device: TorchDevice, sizes: dict[str, Any]) -> Iterator[ProbePoint]:
    torch = device.torch
    for name, count in (("stream", sizes["elements"]), ("allocate", sizes["elements"]), ("cache", CACHED)):

        def make(name: str = name, count: int = count) -> Action:
            a, b, c = (torch.ones(count, device=device.kind) for _ in range(3))
            return (lambda: a + b) if name == "allocate" else (lambda: torch.add(a, b, out=c))

        yield ProbePoint(f"memory {name}", "memory", {"bytes": 12.0 * count}, make)


def _passes(device: TorchDevice, sizes: dict[str, Any]) -> Iterator[ProbePoint]:
    """A layer's elementwise operators, each with its gradient; the loss."""
    torch, ops = device.torch, device.torch.nn.functional
    for tokens, hidden in sizes["passes"]:
        for backward in (False, True):

            def make(tokens: int = tokens, hidden: int = hidden, backward: bool = backward) -> Action:
                def filled(width: int) -> Any:
                    return torch.randn(tokens, width, device=device.kind, requires_grad=backward)

                x, y, gate, up = filled(hidden), filled(hidden), filled(3 * hidden), filled(3 * hidden)
                weight = torch.ones(hidden, device=device.kind, requires_grad=backward)
                turned = modules()[2]

                def run() -> None:
                    heads = (z.view(1, tokens, -1, HEAD).transpose(1, 2) for z in (x, y))
                    norms = (ops.rms_norm(x, (hidden,), weight) for _ in range(2))
                    for out in (*norms, *map(turned, heads), ops.silu(gate) * up, x + y, y + x):
                        if backward:
                            out.backward(out.detach())

                return run

            said = {"tokens": float(tokens), "hidden": float(hidden), "both": float(backward)}
            yield ProbePoint(f"passes {tokens} {hidden} {backward}", "passes", said, make)
    rows, vocab = sizes["passes"][0][0], 8000

    def loss() -> Action:
        logits = torch.randn(rows, vocab, device=device.kind, requires_grad=True)
        targets = torch.randint(0, vocab, (rows,), device=device.kind)
        return lambda: ops.cross_entropy(logits, targets).backward()

    yield ProbePoint("loss", "loss", {"logits": float(rows * vocab)}, loss)


def _issue(device: TorchDevice) -> Iterator[ProbePoint]:
    torch = device.torch

    def operator() -> Action:
        a = torch.ones(4, device=device.kind)
        return lambda: a + a

    yield ProbePoint("issue operator", "issue", {}, operator)
    for backward in (False, True):

        def layer(backward: bool = backward) -> Action:
            one = modules()[1](DecoderSizes(32, 1, 2, 64, 8)).to(device.kind)
            x = torch.randn(1, 4, 32, device=device.kind, requires_grad=backward)
            if not backward:
                return lambda: one(x)
            return lambda: one(x).sum().backward()

        yield ProbePoint(f"issue layer {backward}", "issue", {"both": float(backward)}, layer)

    def once() -> Action:
        model = modules()[0](DecoderSizes(32, 2, 2, 64, 8)).to(device.kind)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        tokens = torch.zeros(1, 4, dtype=torch.long, device=device.kind)
        model(tokens, tokens).backward()

        def run() -> None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

        return run

    yield ProbePoint("issue step", "issue", {}, once)


def _once(device: TorchDevice, sizes: dict[str, Any]) -> Iterator[ProbePoint]:
    torch, count = device.torch, sizes["parameters"]

    def parameter() -> Any:
        found = torch.nn.Parameter(torch.randn(count, device=device.kind))
        found.grad = torch.randn(count, device=device.kind)
        return found

    def adamw() -> Action:
        optimizer = torch.optim.AdamW([parameter()], lr=1e-4)
        return lambda: optimizer.step()

    def clip() -> Action:
        held = parameter()
        return lambda: torch.nn.utils.clip_grad_norm_([held], 1.0)

    def accumulate() -> Action:
        held, more = parameter(), torch.randn(count, device=device.kind)
        return lambda: held.grad.add_(more)

    for name, make in (("adamw", adamw), ("clip", clip), ("accumulate", accumulate)):
        yield ProbePoint(f"optimizer {name}", "optimizer", {"parameters": float(count)}, make)
