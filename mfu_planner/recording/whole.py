"""Whole numbers that code writes down: they stay real on whatever device the code wants them."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from mfu_planner.recording.unknown import WHOLE

_WRITTEN = (torch.tensor, torch.as_tensor)


class WholeNumbers(TorchFunctionMode):  # type: ignore[misc, unused-ignore]
    """Lists and numbers made into tensors, which no dispatch sees where the device is meta."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The same call, on the processor where it makes whole numbers."""
        del types
        kwargs = kwargs or {}
        if func in _WRITTEN and not isinstance(args[0] if args else kwargs["data"], torch.Tensor):
            made = func(*args, **{**kwargs, "device": "cpu"})
            if made.dtype in WHOLE:
                return made
        return func(*args, **kwargs)
