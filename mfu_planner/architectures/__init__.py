"""Models as lists of operators, read from a Hugging Face ``config.json``."""

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.registry import from_config, known_model_types

__all__ = ["Architecture", "Block", "Config", "from_config", "known_model_types", "layer_numbers"]
