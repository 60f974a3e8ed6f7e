"""Exact incremental sampling: the vertical stack once a row, everything else once a pixel.

After Ramachandran et al. 2017 (arXiv 1704.06001): rows above are final once drawn, so the vertical stack, which sees
only them, is computed for a whole row at once; the horizontal stack then needs one position a pixel, and one query.
The state is the previous row of each layer's vertical input and the previous column of each horizontal input.

At this size the cost of a step is the number of calls and not their arithmetic, so it is written in numpy, which has
the cheaper ones. The same noise gives the picture of ``naive.sample`` (probabilities differ by rounding, about 1e-7).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from fewshot.models import PixelCNN
from fewshot.models.layers import COLUMNS_BESIDE, ROWS_ABOVE, fourier_positions

Array = NDArray[np.float32]

ALWAYS_ONE = 20  # tanh of it is 1 in float32

_BLAS = ThreadpoolController()


class Layer(NamedTuple):
    """Weights of a gated layer as [inputs, outputs]. Biases that nothing separates are added up.

    sigmoid(x) = (1 + tanh(x / 2)) / 2: the gates' half of every pre-activation is computed halved, so that one tanh
    serves features f and gates g, and the remaining factor 1/2 is in ``out``. The gated output is f (1 + g) = f + f g:
    one product in place, and ``out`` twice. In the horizontal stack, both halves are one longer than the maps: there f
    is always 1 and g is 0, so that out's bias is one of its rows.
    """

    vertical: Array  # [6C, 2C], of the rows r - 1 and r, columns c - 1 to c + 1
    vertical_bias: Array  # [2C]
    link: Array  # [2C, 2C + 2]
    left: Array  # [C, 2C + 2], of the column c - 1
    here: Array  # [C, 2C + 2], of the column c
    horizontal_bias: Array  # [2C + 2], with the link's
    out: Array  # [2C + 2, C + skips]
    vertical_context: Array | None  # [D, 2C]
    horizontal_context: Array | None  # [D, 2C + 2]


class Attention(NamedTuple):
    """Weights of the query, with the scale 1 / sqrt(key_size) in them."""

    layer: int
    heads: int
    query: Array  # [C, heads * key_size]
    query_of_position: Array  # [H, W, heads * key_size]
    context: Array  # [D, layers above * (2C + 2)], for all layers that read the context


class Step(NamedTuple):
    """What a pixel's step gives: probabilities [N] of ink, and attention [heads, N, 1 + S*H'*W'] or None."""

    probabilities: Array
    attention: Array | None


class Drawn(NamedTuple):
    """What is drawn so far, ``rows`` of the rows; the rest is zeros."""

    images: NDArray[np.uint8]  # [N, H, W]
    probabilities: Array  # [N, H, W]
    attention: Array | None  # [N, H*W, heads, S, H', W']
    rows: int


class IncrementalSampler:
    """Draws samples of one network; holds its weights as numpy arrays and no state between calls.

    ``height`` and ``width`` are the image's sides in pixels.
    """

    def __init__(self, network: PixelCNN, height: int, width: int):
        self.height, self.width, self.maps = height, width, network.config.maps
        self.layers = [_layer_weights(layer) for layer in network.layers]
        channels = network.config.channels
        with torch.inference_mode():
            # The coordinates' share of the input layer is the same for every picture: its output on an empty one.
            empty_v, empty_h = network.input(torch.zeros(1, channels, height, width))
        self.empty_v, self.empty_h = _numpy(empty_v[0].permute(1, 2, 0)), _numpy(empty_h[0].permute(1, 2, 0))
        self.input_v = _matrix(network.input.vertical.weight[:, :channels])  # [3 * 7, C]
        self.input_h = _matrix(network.input.horizontal.weight[:, :channels])  # [3, C]
        self.penultimate = _matrix(network.penultimate.weight), _numpy(network.penultimate.bias)
        self.logit = _matrix(network.logit.weight), _numpy(network.logit.bias)
        self.vector = network.vector
        self.attention = _attention_weights(network, height, width) if network.attends else None
        self.grid = network.grid(height, width) if network.attends else None

    def rows(
        self, memory: Any, noise: Array, temperature: float, prefix: NDArray[np.uint8] | None, trace: bool = True
    ) -> Iterator[Drawn]:
        """Draw samples a row at a time, and give what is drawn so far after each; its arrays are the same ones.

        ``memory`` is what the network's ``encode`` gave for one episode; the samples share it. ``noise`` [N, H, W]
        holds a uniform number for every pixel, ``prefix`` [R, W] the first rows where they are given. Without
        ``trace`` the attention is not kept.
        """
        state = _State(self, memory, len(noise))
        images, probabilities = np.zeros(noise.shape, np.uint8), np.zeros(noise.shape, np.float32)
        attention = flat = None
        if trace and self.attention is not None:
            places = memory.keys.shape[2] - 1  # without the null key
            flat = np.zeros((len(noise), self.height * self.width, self.attention.heads, places), np.float32)
            attention = flat.reshape(*flat.shape[:3], -1, *self.grid)
        for r in range(self.height):
            with _BLAS.limit(limits=1, user_api="blas"):  # the products are too small to be worth a second thread
                state.start_row(r, images)
                for c in range(self.width):
                    step = state.pixel(r, c, images, temperature)
                    probabilities[:, r, c] = step.probabilities
                    if prefix is not None and r < len(prefix):
                        images[:, r, c] = prefix[r, c]
                    else:
                        images[:, r, c] = noise[:, r, c] < step.probabilities
                    if flat is not None:
                        flat[:, r * self.width + c] = step.attention[:, :, 1:].swapaxes(0, 1)
            yield Drawn(images, probabilities, attention, r + 1)


class _State:
    """The caches of one call: N samples that share what is remembered of the supports."""

    def __init__(self, weights: IncrementalSampler, memory: Any, n: int):
        self.weights, self.n = weights, n
        maps, width = weights.maps, weights.width
        skips = weights.penultimate[0].shape[0]
        # Row r - 1 and row r of each layer's vertical input, with a column of zeros on both sides.
        self.v = np.zeros((len(weights.layers), 2, n, width + 2, maps), np.float32)
        # Of these, for each position, the six that its kernel sees: where they lie, and a copy for one layer.
        windows = np.lib.stride_tricks.sliding_window_view(self.v, 3, axis=3)  # [layers, 2, N, width, C, 3]
        self.windows = windows.transpose(0, 2, 3, 1, 5, 4)
        self.window = np.empty((n, width, 2, 3, maps), np.float32)
        # What the vertical stack and the biases give to each horizontal pre-activation of the row.
        self.row = np.zeros((width, len(weights.layers), n, 2 * maps + 2), np.float32)
        # Each layer's horizontal input, and the sum of the skips below it, at the last pixel.
        self.features = np.zeros((len(weights.layers) + 1, n, maps + skips), np.float32)
        self.left = np.stack([layer.left for layer in weights.layers])
        # All that a pixel's step works on lies where it lay for the last pixel: views of it are made only once.
        self.shares = np.empty((len(weights.layers), n, 2 * maps + 2), np.float32)
        self.a, self.residual = np.empty((n, 2 * maps + 2), np.float32), np.empty((n, maps + skips), np.float32)
        self.steps = [
            (self.features[i, :, :maps], self.features[i], self.features[i + 1], self.shares[i], layer)
            for i, layer in enumerate(weights.layers)
        ]
        self.horizontal_bias = [layer.horizontal_bias for layer in weights.layers]
        if weights.attention is not None:
            self.keys = np.ascontiguousarray(_numpy(memory.keys[0]).swapaxes(1, 2))  # [heads, key_size, 1 + S*H'*W']
            self.values = _numpy(memory.values[0])  # [heads, 1 + S*H'*W', key_size]
        vector = weights.vector(memory, 1)
        self.gate_bias = None
        if vector is not None:  # the same for all pixels
            vector = _numpy(vector[0, :, 0, 0])
            self.gate_bias = [vector @ layer.vertical_context for layer in weights.layers[:-1]]
            self.horizontal_bias = [
                layer.horizontal_bias + vector @ layer.horizontal_context for layer in weights.layers
            ]

    def start_row(self, r: int, images: NDArray[np.uint8]) -> None:
        """The vertical stack's row r, from the pixels of the rows above."""
        weights, n, width, maps = self.weights, self.n, self.weights.width, self.weights.maps
        self.v[:, 0] = self.v[:, 1]
        self.features[:] = 0
        above = np.zeros((n, ROWS_ABOVE, width + 2 * COLUMNS_BESIDE), np.float32)
        known = images[:, max(0, r - ROWS_ABOVE) : r]
        above[:, ROWS_ABOVE - known.shape[1] :, COLUMNS_BESIDE:-COLUMNS_BESIDE] = known
        patches = np.lib.stride_tricks.sliding_window_view(above, 2 * COLUMNS_BESIDE + 1, axis=2)  # [N, 3, W, 7]
        v = patches.swapaxes(1, 2).reshape(n, width, -1) @ weights.input_v + weights.empty_v[r]
        for i, layer in enumerate(weights.layers):
            rows = self.v[i]
            rows[1, :, 1:-1] = v
            self.window[:] = self.windows[i]
            a = self.window.reshape(n * width, 6 * maps) @ layer.vertical
            a += layer.vertical_bias
            b = a @ layer.link
            b += self.horizontal_bias[i]
            self.row[:, i] = b.reshape(n, width, -1).swapaxes(0, 1)
            if i == len(weights.layers) - 1:
                break
            if self.gate_bias is not None:
                a += self.gate_bias[i]
            np.tanh(a, out=a)
            f, g = a[:, :maps], a[:, maps:]
            g += 1
            g *= f
            g *= 0.5
            v += g.reshape(n, width, maps)

    def pixel(self, r: int, c: int, images: NDArray[np.uint8], temperature: float) -> Step:
        """The horizontal stack, and what is read, at (r, c)."""
        weights, features, shares, a, residual = self.weights, self.features, self.shares, self.a, self.residual
        maps, reader, read = weights.maps, weights.attention, None
        f, g = a[:, : maps + 1], a[:, maps + 1 :]
        # The share of the column before in all layers' pre-activations at once; then its features give way to these.
        np.matmul(features[:-1, :, :maps], self.left, out=shares)
        shares += self.row[c]
        left = images[:, r, max(0, c - COLUMNS_BESIDE) : c]
        features[0, :, :maps] = left @ weights.input_h[COLUMNS_BESIDE - left.shape[1] :] + weights.empty_h[r, c]
        # The array's own `dot` has a third of the overhead of `@`.
        for i, (h, below, above, share, layer) in enumerate(self.steps):
            if reader is not None and i == reader.layer:
                context, read = self.read(h, r, c)
                shares[i:] += context
            h.dot(layer.here, out=a)
            a += share
            np.tanh(a, out=a)
            np.multiply(f, g, out=g)
            a.dot(layer.out, out=residual)
            np.add(below, residual, out=above)
        skips = np.maximum(features[-1, :, maps:], 0)
        skips = np.maximum(skips @ weights.penultimate[0] + weights.penultimate[1], 0)
        logits = (skips @ weights.logit[0] + weights.logit[1])[:, 0]
        # Beyond 80 the probability is 0 in float32 anyway, and exp would overflow.
        return Step(1 / (1 + np.exp(np.minimum(-logits / np.float32(temperature), 80))), read)

    def read(self, h: Array, r: int, c: int) -> tuple[Array, Array]:
        """The context's share of all later pre-activations [layers, N, 2C], and the attention [heads, N, keys]."""
        reader, n = self.weights.attention, self.n
        query = h @ reader.query + reader.query_of_position[r, c]
        scores = query.reshape(n, reader.heads, -1).swapaxes(0, 1) @ self.keys
        scores -= scores.max(axis=2, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=2, keepdims=True)
        f = (scores @ self.values).swapaxes(0, 1).reshape(n, -1)
        return (f @ reader.context).reshape(n, -1, 2 * self.weights.maps + 2).swapaxes(0, 1), scores


def _numpy(tensor: torch.Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().float().numpy())


def _matrix(weight: torch.Tensor) -> Array:
    """A convolution's weight [out, in, rows, columns] as [rows * columns * in, out]."""
    return _numpy(weight.permute(2, 3, 1, 0).flatten(0, 2))


def _halve_gates(x: Array) -> Array:
    """Halve the second half of the last axis: the gates, see Layer."""
    x = x.copy()
    x[..., x.shape[-1] // 2 :] *= 0.5
    return x


def _with_one(x: Array, pre_activation: float = 0) -> Array:
    """Insert what gives an f of tanh(pre_activation) and a g of 0 at the end of the two halves of the last axis."""
    f, g = np.split(x, 2, axis=-1)
    end = np.zeros_like(x[..., :1])
    return np.concatenate([f, end + np.float32(pre_activation), g, end], axis=-1)


def _layer_weights(layer: torch.nn.Module) -> Layer:
    # The vertical pre-activation enters the link unhalved: the link takes its gates' half twice.
    link = _halve_gates(_matrix(layer.link.weight))
    maps = link.shape[0] // 2
    link[maps:] *= 2
    horizontal = _with_one(_halve_gates(_matrix(layer.horizontal.weight)))
    out, out_bias = 0.5 * _matrix(layer.out.weight), _numpy(layer.out.bias)[None]
    reads = layer.horizontal_context is not None
    return Layer(
        vertical=_halve_gates(_matrix(layer.vertical.weight)),
        vertical_bias=_halve_gates(_numpy(layer.vertical.bias)),
        link=_with_one(link),
        left=horizontal[:maps],
        here=horizontal[maps:],
        horizontal_bias=_with_one(_halve_gates(_numpy(layer.horizontal.bias) + _numpy(layer.link.bias)), ALWAYS_ONE),
        out=np.concatenate([out, out_bias, out, np.zeros_like(out_bias)]),
        vertical_context=_halve_gates(_matrix(layer.vertical_context.weight)) if layer.vertical_context else None,
        horizontal_context=_with_one(_halve_gates(_matrix(layer.horizontal_context.weight))) if reads else None,
    )


def _attention_weights(network: torch.nn.Module, height: int, width: int) -> Attention:
    config = network.config
    scale = config.key_size**-0.5
    query = _matrix(network.query.weight) * np.float32(scale)  # [C + positions, heads * key_size]
    positions = _numpy(fourier_positions(height, width, config.octaves, network.null_key)[0].permute(1, 2, 0))
    of_position = positions @ query[config.maps :] + _numpy(network.query.bias) * np.float32(scale)
    readers = [layer.horizontal_context for layer in network.layers[config.attend_after :]]
    context = np.concatenate([_with_one(_halve_gates(_matrix(reader.weight))) for reader in readers], axis=1)
    return Attention(config.attend_after, config.heads, query[: config.maps], of_position, context)
