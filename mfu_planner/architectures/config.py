"""Reading a Hugging Face ``config.json``: every field is asked for by name, and what was not asked for is known."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mfu_planner.errors import InputError, nearest
from mfu_planner.numeric.letters import plain

if TYPE_CHECKING:
    from mfu_planner.architectures.lettering import Letters

TOWERS = {"vision_config": "vision", "audio_config": "audio", "encoder": "encoder", "decoder": "decoder"}
"""Nested configs of towers with letters of their own, and the index of these."""
_LARGEST = 2**40
"""No size in a config is larger: a guard against hostile or garbled files."""
_MOST_LAYERS = 10_000
"""Layers are listed one by one: a count above this is refused, not built."""
_OF_LAYERS = (
    "depth",
    "depths",
    "num_block_repeats",
    "num_hidden_groups",
    "inner_group_num",
    "num_blocks",
    "num_multimask_outputs",
    "iou_head_depth",
)
"""Names of such counts that do not say so."""


def most_of(name: str) -> int:
    """The largest value of a size: of one that counts layers, or of any."""
    return _MOST_LAYERS if ("layer" in name and "size" not in name) or name in _OF_LAYERS else _LARGEST


_WITHOUT_EFFECT = frozenset((Path(__file__).parent / "keys_without_effect.txt").read_text("utf-8").split())
"""Keys that change neither parameters nor FLOPs in any model type."""

_LONG = 60
"""Characters of a value that is no switch but a pattern of layers, whose kinds are counted."""
_REQUIRED: Any = object()
Size = TypeVar("Size")


class Config:
    """A config (or a nested part of one) that remembers which of its keys were used.

    Raises
    ------
    InputError
        Where a field that matters is missing, has the wrong type or a senseless size.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        *,
        origin: str = "config.json",
        defaults: Mapping[str, Any] | None = None,
        image_size: int | None = None,
        letters: Letters | None = None,
        part: str = "",
    ) -> None:
        if not isinstance(data, Mapping):
            raise InputError(origin, type(data).__name__, "a JSON object with a model_type, as config.json holds it")
        self.data, self.origin = data, origin
        self.defaults = defaults or {}
        self._image_size = image_size
        self._image_used = False
        self.parts: list[Config] = []
        """Nested configs that were read."""
        self.used: set[str] = set()
        self.assumed: dict[str, Any] = {}
        self.letters = letters
        """The letters to show sizes by, where formulas are asked for."""
        self._part = part

    @property
    def image_size(self) -> int | None:
        """Side of the images, where the user chose one: it wins over the config's own."""
        self._image_used = True
        return self._image_size and self._shown("image_size", self._image_size)

    def _shown(self, name: str, value: Size, index: str = "") -> Size:
        """A size, as a letter where formulas are asked for."""
        if self.letters is None:
            return value
        return cast("Size", self.letters.of_field(name, value, part=self._part, index=index))

    def _choice(self, name: str, value: Size) -> Size:
        """A switch, remembered as a condition where formulas are asked for."""
        if self.letters is not None and len(str(value)) < _LONG:
            self.letters.said[f"{self._part}.{name}" if self._part else name] = str(value).lower()
        return value

    @property
    def takes_images(self) -> bool:
        """Whether anything was built from the size of an image, here or in a part."""
        return self._image_used or any(part.takes_images for part in self.parts)

    @property
    def model_type(self) -> str:
        """The ``model_type`` field."""
        return self.text("model_type")

    def has(self, name: str) -> bool:
        """Whether the key is present and not null."""
        self.used.add(name)
        return self.data.get(name) is not None

    def no_effect(self, *names: str) -> None:
        """Say that these keys change neither parameters nor FLOPs in this architecture."""
        self.used.update(names)

    def raw(self, name: str, default: Any = None) -> Any:
        """The value as it stands, or the default where the key is absent or null."""
        self.used.add(name)
        value = self.data.get(name)
        if value is None:
            return default
        listed_names = isinstance(value, list) and all(isinstance(each, str) for each in value)  # layers are counted
        return value if listed_names or isinstance(value, dict) else self._choice(name, value)

    def _find(self, names: tuple[str, ...], default: Any) -> tuple[str, Any]:
        self.used.update(names)
        stated = {name: self.data[name] for name in names if self.data.get(name) is not None}
        if len({repr(value) for value in stated.values()}) > 1:
            said = ", ".join(f"{name} = {value}" for name, value in stated.items())
            raise InputError(f"{self.origin}: {names[0]}", said, "one value: these are names of the same field")
        for name, value in stated.items():
            return name, value
        for name in names:
            if self.defaults.get(name) is not None:
                self.assumed[name] = self.defaults[name]
                return name, self.defaults[name]
        if default is _REQUIRED:
            close = nearest(names[0], self.data.keys(), count=2)
            raise InputError(f"{self.origin}: {names[0]}", "nothing", "a positive integer: the field is needed", close)
        return names[0], default

    def size(self, *names: str, default: Any = _REQUIRED, least: int = 1) -> int:
        """The first of the named fields that is present, as an int of at least ``least``."""
        name, value = self._find(names, default)
        most = most_of(name)
        if isinstance(plain(value), bool) or not isinstance(plain(value), int) or not least <= value <= most:
            raise InputError(f"{self.origin}: {name}", value, f"an integer from {least:,} to {most:,}")
        size: int = value
        return size if value is default else self._shown(name, size)

    def number(self, *names: str, default: Any = _REQUIRED) -> float:
        """The first of the named fields that is present, as a number."""
        name, value = self._find(names, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
            raise InputError(f"{self.origin}: {name}", value, "a number")
        return float(value) if self.letters is None else cast("float", self._shown(name, Fraction(value)))

    def flag(self, *names: str, default: Any = _REQUIRED) -> bool:
        """The first of the named fields that is present, as true or false."""
        name, value = self._find(names, default)
        if not isinstance(value, bool):
            raise InputError(f"{self.origin}: {name}", value, "true or false")
        switch: bool = value
        return self._choice(name, switch)

    def text(self, *names: str, default: Any = _REQUIRED) -> str:
        """The first of the named fields that is present, as text."""
        name, value = self._find(names, default)
        if not isinstance(value, str):
            raise InputError(f"{self.origin}: {name}", value, "text")
        text: str = value
        return self._choice(name, text)

    def part(self, name: str, defaults: Mapping[str, Any] | None = None, *, resized: bool = True) -> Config:
        """A nested config such as ``text_config``; ``resized``: its images have the size that the user chose."""
        value = self.raw(name, {})
        nested = Config(
            value,
            origin=f"{self.origin}: {name}",
            defaults=defaults,
            image_size=self._image_size if resized else None,
            letters=self.letters,
            part=TOWERS.get(name, self._part),
        )
        self.parts.append(nested)
        return nested

    def sizes(self, name: str, default: Any = None) -> tuple[int, ...]:
        """A list of sizes (channels or depths of the stages of a network)."""
        _, value = self._find((name,), _REQUIRED if default is None else default)
        most = most_of(name)
        listed = isinstance(value, list | tuple) and len(value) > 0
        if not listed or not all(type(v) is int and v > 0 for v in value):
            raise InputError(f"{self.origin}: {name}", value, "a list of positive integers")
        if max(value) > most:
            raise InputError(f"{self.origin}: {name}", max(value), f"integers to {most:,}")
        return tuple(self._shown(name, size, str(place)) for place, size in enumerate(value, 1))

    def pair(self, name: str, default: Any = _REQUIRED) -> tuple[int, int]:
        """A (height, width): one integer for a square, or two."""
        name, value = self._find((name,), default)
        sides = (value, value) if type(value) is int else value
        if not isinstance(sides, list | tuple) or len(sides) != 2 or not all(type(v) is int and v > 0 for v in sides):
            raise InputError(f"{self.origin}: {name}", value, "a positive integer, or two (height and width)")
        if max(sides) > _LARGEST:
            raise InputError(f"{self.origin}: {name}", max(sides), f"integers to {_LARGEST:,}")
        if sides[0] == sides[1]:
            return (self._shown(name, sides[0]),) * 2
        return self._shown(name, sides[0], "height"), self._shown(name, sides[1], "width")

    def image(self, name: str = "image_size", default: Any = _REQUIRED) -> tuple[int, int]:
        """(height, width) of the images in pixels: what the user chose, or else the config's."""
        self.used.add(name)
        return (self.image_size, self.image_size) if self.image_size else self.pair(name, default)

    def unused(self) -> list[str]:
        """Keys that were neither used nor known to have no effect."""
        return sorted(k for k in self.data if k not in self.used and k not in _WITHOUT_EFFECT)

    def divides(self, what: str, whole: int, parts: int, *, letter: str = "") -> int:
        """``whole / parts``, or an error that names the contradiction; ``letter``: what the quotient is shown by."""
        if whole % parts:
            raise InputError(f"{self.origin}: {what}", f"{whole} / {parts}", "sizes that divide without remainder")
        return self.derived(letter, whole // parts)

    def derived(self, letter: str, value: Size) -> Size:
        """A value that follows from sizes, shown by a letter of its own where formulas are asked for."""
        return cast("Size", self.letters.derived(letter, value, part=self._part)) if self.letters and letter else value
