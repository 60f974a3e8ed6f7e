"""Building blocks of the gated PixelCNN (van den Oord et al. 2016, arXiv 1606.05328).

Two stacks see the pixels before (r, c) in raster order without a blind spot:

    vertical v[r, c]: all rows above r         horizontal h[r, c]: row r, left of c,
                                               and the rows above through the link v -> h
        v v v v v                                  v v v v v
        v v v v v                                  v v v v v
        . . x . .                                  h h x . .

The input layer looks only at pixels *before* its own position, so the gated layers above it may look
at features *up to and including* theirs. Kernels have just the size they need; nothing is masked.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROWS_ABOVE = 3  # rows above that the input layer's vertical kernel sees
COLUMNS_BESIDE = 3  # columns to each side (vertical) or to the left (horizontal) that it sees


def coordinates(height: int, width: int, like: Tensor) -> Tensor:
    """The x and y of every location in [-1, 1], as [1, 2, height, width] on the device of ``like``."""
    y = torch.linspace(-1, 1, height, device=like.device, dtype=torch.float32)
    x = torch.linspace(-1, 1, width, device=like.device, dtype=torch.float32)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))[None]


def with_coordinates(images: Tensor) -> Tensor:
    """Append the x and y channels: [N, C, H, W] to [N, C + 2, H, W]."""
    n, _, height, width = images.shape
    return torch.cat([images, coordinates(height, width, images).to(images.dtype).expand(n, -1, -1, -1)], dim=1)


def fourier_positions(height: int, width: int, octaves: int, like: Tensor) -> Tensor:
    """Position features [1, 2 + 4 * octaves, height, width]: x, y, and sines and cosines of pi 2^k x, pi 2^k y."""
    xy = coordinates(height, width, like)
    angles = torch.cat([xy * (torch.pi * 2**k) for k in range(octaves)], dim=1)
    return torch.cat([xy, angles.sin(), angles.cos()], dim=1)


def gate(a: Tensor) -> Tensor:
    """tanh(a_f) * sigmoid(a_g) over the two halves of the channels: [N, 2C, H, W] to [N, C, H, W]."""
    features, gates = a.chunk(2, dim=1)
    # tanh(x) = 2 sigmoid(2 x) - 1: on a CPU, PyTorch's tanh takes five times as long as its sigmoid.
    return (2 * torch.sigmoid(2 * features) - 1) * torch.sigmoid(gates)


class CausalInput(nn.Module):
    """First layer: pixels and coordinates to the two stacks, each strictly before its own position."""

    def __init__(self, channels: int, maps: int):
        super().__init__()
        self.vertical = nn.Conv2d(channels + 2, maps, (ROWS_ABOVE, 2 * COLUMNS_BESIDE + 1))
        self.horizontal = nn.Conv2d(channels + 2, maps, (1, COLUMNS_BESIDE))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels [N, C, H, W] to v and h, each [N, maps, H, W]."""
        x = with_coordinates(x)
        v = self.vertical(F.pad(x, (COLUMNS_BESIDE, COLUMNS_BESIDE, ROWS_ABOVE, 0))[:, :, :-1])
        h = self.horizontal(F.pad(x, (COLUMNS_BESIDE, 0, 0, 0))[:, :, :, :-1])
        return v, h


class GatedLayer(nn.Module):
    """y = tanh(W_f * x + V_f c) . sigmoid(W_g * x + V_g c), for both stacks (Reed et al. 2018, eq. 3).

    The context c is what the supports say: nothing (PixelCNN), one vector for all positions (Conditional PixelCNN), or
    that and, in the horizontal stack, what was read for each position (Attention PixelCNN: it depends on the pixels
    left of the position, which the vertical stack must not know). ``context`` is its length.

    With a ``dilation`` of d, the kernels look d rows up and d columns to the side instead of one.

    Differs from van den Oord et al. in one point: the vertical stack has an identity residual too. The last layer's
    vertical gate, whose output nothing reads, sees no context.
    """

    def __init__(self, maps: int, skips: int, context: int = 0, dilation: int = 1, last: bool = False):
        super().__init__()
        self.dilation = dilation
        self.vertical = nn.Conv2d(maps, 2 * maps, (2, 3), dilation=dilation)
        self.horizontal = nn.Conv2d(maps, 2 * maps, (1, 2), dilation=dilation)
        self.link = nn.Conv2d(2 * maps, 2 * maps, 1)
        self.out = nn.Conv2d(maps, maps + skips, 1)
        self.vertical_context = nn.Conv2d(context, 2 * maps, 1, bias=False) if context and not last else None
        self.horizontal_context = nn.Conv2d(context, 2 * maps, 1, bias=False) if context else None

    def forward(self, v: Tensor, h: Tensor, above: Tensor | None, here: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """v, h [N, maps, H, W] to the new v and h, and the skip [N, skips, H, W].

        ``above`` and ``here`` [N, D, H or 1, W or 1] are the contexts of the vertical and of the horizontal stack.
        """
        d = self.dilation
        a = self.vertical(F.pad(v, (d, d, d, 0)))
        b = self.horizontal(F.pad(h, (d, 0, 0, 0))) + self.link(a)
        if self.vertical_context is not None:
            a = a + self.vertical_context(above)
        if self.horizontal_context is not None:
            b = b + self.horizontal_context(here)
        residual, skip = self.out(gate(b)).split([h.shape[1], self.out.out_channels - h.shape[1]], dim=1)
        return v + gate(a), h + residual, skip


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), 3x3."""

    def __init__(self, maps: int):
        super().__init__()
        self.first = nn.Conv2d(maps, maps, 3, padding=1)
        self.second = nn.Conv2d(maps, maps, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(F.relu(x))))


class SupportEncoder(nn.Sequential):
    """Supports with coordinates to features of patches: [N, C, H, W] to [N, maps, ceil(H/stride), ceil(W/stride)]."""

    def __init__(self, channels: int, maps: int, stride: int):
        super().__init__(
            nn.Conv2d(channels + 2, maps // 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(maps // 2, maps, 3, stride=stride, padding=1),
            ResidualBlock(maps),
            ResidualBlock(maps),
            ResidualBlock(maps),
            nn.ReLU(),
        )

    def forward(self, supports: Tensor) -> Tensor:
        return super().forward(with_coordinates(supports))
