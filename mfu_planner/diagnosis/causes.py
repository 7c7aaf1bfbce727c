"""The causes of a low MFU: their names, their pages, and which part of a step belongs to which."""

from __future__ import annotations

from dataclasses import dataclass

FIVE = ("data-loading", "cpu", "kernel-launch", "communication", "kernels")
"""The five classic causes."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause, in the words that a person reads."""

    slug: str
    name: str
    """As the field names it."""
    said: str
    """Completes "It is …"."""

    @property
    def code(self) -> str:
        """Code of its finding."""
        return f"cause/{self.slug}"

    @property
    def page(self) -> str:
        """Its page in the docs."""
        return f"docs/findings/{self.slug}.md"


CAUSES: dict[str, Cause] = {
    c.slug: c
    for c in (
        Cause("data-loading", "data loading", "your data loader"),
        Cause("cpu", "CPU", "the host: Python and the CPU hold the device up"),
        Cause("kernel-launch", "kernel launches", "kernel launches: too many small kernels for the host to issue"),
        Cause("communication", "communication", "communication that computation does not hide"),
        Cause("kernels", "suboptimal implementation", "the implementation: slow or unfused kernels"),
        Cause("memory-bound", "memory-bound operators", "work bound by memory bandwidth"),
        Cause("pipeline-bubble", "pipeline bubble", "the pipeline's bubble"),
        Cause("recomputation", "recomputation", "recomputation of activations"),
        Cause("stragglers", "stragglers", "a slow rank that the others wait for"),
        Cause("goodput", "interruptions", "time outside the steps: checkpoints, evaluation, failures"),
        Cause("offload", "offload", "states or weights that come over the host's link"),
        Cause("padding", "padding", "padding: tokens that are computed and thrown away"),
        Cause("unexplained", "unexplained", "nothing that the evidence shows"),
    )
}

PART_CAUSES = {
    "matmul_inefficiency": "kernels",
    "attention": "kernels",
    "pointwise": "memory-bound",
    "casts": "memory-bound",
    "optimizer": "memory-bound",
    "recompute": "recomputation",
    "tensor_parallel": "communication",
    "context_parallel": "communication",
    "expert_parallel": "communication",
    "data_parallel": "communication",
    "pipeline_latency": "communication",
    "exposed_communication": "communication",
    "launch": "kernel-launch",
    "launch_gap": "kernel-launch",
    "step_fixed": "cpu",
    "host": "cpu",
    "synchronisation": "cpu",
    "allocation": "cpu",
    "stream_wait": "communication",
    "bubble": "pipeline-bubble",
    "stage_imbalance": "pipeline-bubble",
    "input": "data-loading",
    "copies": "data-loading",
    "device_idle": "unexplained",
    "expert_loop": "kernel-launch",
    "dispatcher": "communication",
    "links": "communication",
    "offloaded": "offload",
    "slow_kernels": "kernels",
    "full_precision": "kernels",
    "odd_sizes": "kernels",
    "padding": "padding",
    "stragglers": "stragglers",
    "interruptions": "goodput",
    "convention": "unexplained",
    "unexplained": "unexplained",
}
"""Part of a step → its cause, where nothing else decides."""

MEANINGS = {
    "matmul_inefficiency": "matrix products below the peak at these shapes",
    "attention": "attention below the peak",
    "pointwise": "norms, activations, residuals, loss: bound by memory bandwidth",
    "casts": "casts to a narrow number format",
    "optimizer": "gradient accumulation, clipping and the optimizer's update",
    "recompute": "forward work done again",
    "tensor_parallel": "exposed tensor-parallel communication",
    "context_parallel": "exposed context-parallel communication",
    "expert_parallel": "exposed dispatch and combine of experts",
    "data_parallel": "exposed gradient and weight exchange",
    "pipeline_latency": "sends between pipeline stages",
    "exposed_communication": "communication that nothing hides",
    "launch": "waiting for the host to launch kernels",
    "launch_gap": "pauses between queued kernels",
    "step_fixed": "fixed cost of a step on the host: optimizer, gradient norm, logging",
    "host": "waiting for the host to issue work",
    "synchronisation": "the host waits for the device, then refills its queue",
    "allocation": "the host allocates or frees device memory",
    "stream_wait": "kernels wait for another stream",
    "bubble": "pipeline bubble",
    "stage_imbalance": "waiting for the slowest pipeline stage",
    "input": "waiting for the next batch",
    "copies": "copies that nothing hides",
    "device_idle": "the device stands idle",
    "expert_loop": "experts one after another in a Python loop",
    "dispatcher": "sorting, counting and packing tokens around the exchange between experts",
    "links": "links slower than assumed",
    "offloaded": "states over a slower way than assumed",
    "slow_kernels": "kernels slower than the model's",
    "full_precision": "matrix products of 32 bits on the vector units",
    "odd_sizes": "matrix products of odd sizes",
    "padding": "tokens that are padding",
    "stragglers": "waiting for the slowest rank",
    "interruptions": "checkpoints, evaluation, restarts, failures",
    "convention": "counted by the convention, not computed (masked attention pairs), or at another peak",
    "unexplained": "no evidence and no model explains it",
}
"""What each part of the gap is."""

TWICE = "counted twice: losses that overlap"
"""What is unexplained where it is less than nothing."""
ORDER = tuple(MEANINGS)
"""From the peak down to what was observed."""
