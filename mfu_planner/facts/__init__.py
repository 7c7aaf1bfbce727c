"""Facts are data: YAML and JSON folders beside the package, read strictly."""

from mfu_planner.facts._folders import folder

__all__ = ["folder"]
