"""Sizes of a network: what a checkpoint's card stores so that the network can be built again."""

import re
from dataclasses import dataclass, fields

from fewshot.models.heads import HEADS

MAX_SIZE = 4096
MAX_COLOURS = 64
# What inner steps may change, by parts of the names of the weights: all; what the supports are read with; the biases of
# the gates and what the contexts add to them.
ADAPTED = {
    "all": ("",),
    "reading": ("key.", "value.", "query.", "null_", "to_vector.", "_context."),
    "gates": ("vertical.bias", "horizontal.bias", "link.bias", "_context."),
}


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of one network. The defaults are those of the shipped Omniglot checkpoints, but for inner steps."""

    model: str = "attention"  # a key of fewshot.models.MODELS
    channels: int = 1  # colour channels of an image, a key of HEADS
    palette: tuple[str, ...] = ()  # the colours "#rrggbb" of the images, if these have no others
    layers: int = 12  # gated layers
    maps: int = 32  # feature maps of each stack
    penultimate: int = 32  # feature maps that the skip connections add up to
    encoder_maps: int = 64  # feature maps of the support encoder
    stride: int = 2  # pixels of a support that one of its patches has to a side
    vector: int = 128  # Conditional PixelCNN: length of h = f(s)
    dilation_cycle: int = 1  # gated layer i is dilated by 2 ** (i % dilation_cycle)
    attend_after: tuple[int, ...] = (3,)  # Attention PixelCNN: for each time that it reads, the gated layers below
    heads: int = 4  # Attention PixelCNN: attention heads
    key_size: int = 16  # Attention PixelCNN: length of one head's query, key and value
    octaves: int = 4  # Attention PixelCNN: octaves of Fourier position features
    own: bool = False  # Attention PixelCNN: whether it also reads the earlier pixels of the drawing itself
    reads_above: bool = False  # Attention PixelCNN: whether the vertical stack sees what was read in the row above
    drops_supports: bool = False  # whether it has learned to draw without supports, too
    copies: bool = False  # Attention PixelCNN: whether the head sees the colours that were read
    side: int = 26  # of the images it is trained on; smaller ones use the top left of Meta PixelCNN's canvas
    canvas: int = 4  # Meta PixelCNN: maps of its canvas
    inner_steps: int = 1  # Meta PixelCNN: gradient steps on the supports
    adapted: str = "all"  # Meta PixelCNN: what they change, a key of ADAPTED

    @property
    def inputs(self) -> int:
        """Channels of an image as the first layers take it, see ``Head.seen``."""
        return len(self.palette) or self.channels

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be built; a configuration may come from somebody's file."""
        after = self.attend_after  # a list from JSON, or, in older cards, a single number
        object.__setattr__(self, "attend_after", tuple(after) if isinstance(after, (list, tuple)) else (after,))
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is bool and not isinstance(value, bool):
                raise ValueError(f"{field.name} must be true or false, not {value!r}")
            if field.type is int and (not isinstance(value, int) or not 1 <= value <= MAX_SIZE):
                raise ValueError(f"{field.name} must be a whole number from 1 to {MAX_SIZE}, not {value!r}")
        if self.channels not in HEADS:
            raise ValueError(f"channels must be one of {', '.join(map(str, HEADS))}, not {self.channels!r}")
        palette = self.palette  # a list from JSON
        object.__setattr__(self, "palette", tuple(palette) if isinstance(palette, (list, tuple)) else (palette,))
        colours = {
            colour for colour in self.palette if isinstance(colour, str) and re.fullmatch("#[0-9a-f]{6}", colour)
        }
        if self.palette and not 2 <= len(colours) == len(self.palette) <= MAX_COLOURS:
            raise ValueError(f'palette must be 2 to {MAX_COLOURS} different colours "#rrggbb"')
        if self.palette and self.channels != 3:
            raise ValueError("a palette needs images in colour")
        if self.copies and self.channels == 1:
            raise ValueError("copies needs images in colour")
        if self.adapted not in ADAPTED:
            raise ValueError(f"adapted must be one of {', '.join(ADAPTED)}, not {self.adapted!r}")
        whole = all(type(after) is int and 1 <= after < self.layers for after in self.attend_after)
        if not whole or not self.attend_after or sorted(set(self.attend_after)) != list(self.attend_after):
            raise ValueError(f"attend_after must be rising whole numbers from 1 to {self.layers - 1}")
        if self.copies and (self.own or len(self.attend_after) > 1):
            raise ValueError("copies needs a single read, and of the supports alone")
