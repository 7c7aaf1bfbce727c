"""Totals of a model's work, and the field's conventions for them."""

from mfu_planner.counting.count import ModelWork, OperatorWork, model_work

__all__ = ["ModelWork", "OperatorWork", "model_work"]
