"""Units at the edges: text to SI numbers, SI numbers to text. Inside the program there are only floats and ints."""

from mfu_planner.units._constants import DAY, HOUR, KWH, MINUTE
from mfu_planner.units._dimensions import DIMENSIONS, Dimension
from mfu_planner.units._format import format_value
from mfu_planner.units._parse import parse, parse_whole

__all__ = ["DAY", "DIMENSIONS", "HOUR", "KWH", "MINUTE", "Dimension", "format_value", "parse", "parse_whole"]
