"""A running job watched: steady MFU, expected finish and cost, alarms, and the same numbers for monitoring systems."""

from mfu_planner.observe.watch.watching import watch

__all__ = ["watch"]
