"""Exact incremental sampling: the vertical stack once a row, everything else once a pixel.

After Ramachandran et al. 2017 (arXiv 1704.06001): rows above are final once drawn, so the vertical stack, which sees
only them, is computed for a whole row at once; the horizontal stack then needs one position a pixel, and one query.
The state is the previous row of each layer's vertical input and the previous column of each horizontal input.

At this size the cost of a step is the number of calls and not their arithmetic, so it is written in numpy, which has
the cheaper ones; where there are many exponentials, torch has the faster ones. The same noise gives the picture of
``naive.sample`` (probabilities differ by rounding, about 1e-7).
"""

from collections.abc import Iterator
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from fewshot.models import PixelCNN
from fewshot.models.inputs import units
from fewshot.models.layers import COLUMNS_BESIDE, ROWS_ABOVE, fourier_positions
from fewshot.sampling.pixels import DRAW

Array = NDArray[np.float32]

ALWAYS_ONE = 20  # tanh of it is 1 in float32

_BLAS, _ROW = ThreadpoolController(), Lock()  # of the process: who limits it must be alone


class Layer(NamedTuple):
    """Weights of a gated layer as [outputs, inputs]. Biases that nothing separates are added up.

    Horizontal stack: sigmoid(x) = (1 + tanh(x / 2)) / 2, so the gates' half of every pre-activation is computed halved,
    one tanh serves features f and gates g, and the remaining factor 1/2 is in ``out``. The gated output is
    f (1 + g) = f + f g: one product in place, and ``out`` twice. Both halves are one longer than the maps: there f is
    always 1 and g is 0, so that out's bias is one of its columns.

    Vertical stack: tanh(x) = 2 sigmoid(2 x) - 1, so the features' half of every pre-activation is computed doubled. On
    whole rows arithmetic counts more than calls, and torch's sigmoid takes a third of the time of numpy's tanh.
    """

    vertical: Array  # [2C, 6C], of the rows r - 1 and r, columns c - 1 to c + 1
    vertical_bias: Array  # [2C, 1]
    link: Array  # [2C + 2, 2C], from the vertical pre-activation
    horizontal: Array  # [2C + 2, 2C], of the columns c - 1 and c
    horizontal_bias: Array  # [2C + 2, 1], with the link's
    out: Array  # [C + skips, 2C + 2]
    vertical_context: Array | None  # [2C, D]
    horizontal_context: Array | None  # [2C + 2, D]


class Attention(NamedTuple):
    """Weights of the query, with the scale 1 / sqrt(key_size) in them."""

    layer: int
    heads: int
    key_size: int
    query: Array  # [heads * key_size, C]
    query_of_position: Array  # [H, W, heads * key_size, 1]
    context: Array  # [layers above * (2C + 2), D], for all layers that read the context


class Step(NamedTuple):
    """What a pixel's step gives: the head's outputs [P, N], and attention [heads, N, 1 + S*H'*W'] or None."""

    outputs: Array
    attention: Array | None


class Drawn(NamedTuple):
    """What is drawn so far, ``rows`` of the rows; the rest is zeros."""

    images: NDArray[np.uint8]  # [N, H, W], or [N, H, W, 3]
    probabilities: Array  # [N, H, W], of ink, or of the colour that was drawn
    attention: Array | None  # [N, H*W, heads, S, H', W']
    rows: int


class IncrementalSampler:
    """Draws samples of one network; holds its weights as numpy arrays and no state between calls.

    ``height`` and ``width`` are the image's sides in pixels.
    """

    def __init__(self, network: PixelCNN, height: int, width: int):
        self.height, self.width, self.maps = height, width, network.config.maps
        self.layers = [_layer_weights(layer) for layer in network.layers]
        self.head, self.channels = network.head, network.head.channels
        self.copied = network.copied(network.config)
        channels, features = self.channels, network.logit.in_channels
        with torch.inference_mode():
            # The coordinates' share of the input layer is the same for every picture: its output on an empty one.
            empty_v, empty_h = network.input(torch.zeros(1, channels, height, width))
            empty_logit = network.to_logits(torch.zeros(1, features, height, width))
        self.empty_v = _numpy(empty_v[0].permute(1, 0, 2))[..., None]  # [H, C, W, 1]
        self.empty_h = _numpy(empty_h[0].permute(1, 2, 0))[..., None]  # [H, W, C, 1]
        self.input_v = _matrix(network.input.vertical.weight[:, :channels])  # [C, 3 * 7 * channels]
        self.input_h = _matrix(network.input.horizontal.weight[:, :channels])  # [C, 3 * channels]
        self.penultimate = _matrix(network.penultimate.weight), _numpy(network.penultimate.bias)[:, None]
        self.logit = _matrix(network.logit.weight)  # [P, D]
        self.empty_logit = _numpy(empty_logit[0].permute(1, 2, 0))[..., None]  # [H, W, P, 1]
        self.vector = network.vector
        self.attention = _attention_weights(network, height, width) if network.attends else None
        self.grid = network.grid(height, width) if network.attends else None

    def rows(
        self, memory: Any, noise: Array, temperature: float, prefix: NDArray[np.uint8] | None, trace: bool = True
    ) -> Iterator[Drawn]:
        """Draw samples a row at a time, and give what is drawn so far after each; its arrays are the same ones.

        ``memory`` is what the network's ``encode`` gave for one episode; the samples share it. ``noise`` [N, H, W]
        holds a uniform number for every pixel, or in colour four of them [N, H, W, 4]; ``prefix`` [R, W] or [R, W, 3]
        the first rows where they are given. Without ``trace`` the attention is not kept.
        """
        state, draw = _State(self, memory, len(noise)), DRAW[self.head]
        pixels = np.zeros((*noise.shape[:3], self.channels), np.uint8)
        images = pixels[..., 0] if self.channels == 1 else pixels
        probabilities = np.zeros(noise.shape[:3], np.float32)
        attention = flat = None
        if trace and self.attention is not None:
            places = memory.keys.shape[2] - 1  # without the null key
            flat = np.zeros((len(noise), self.height * self.width, self.attention.heads, places), np.float32)
            attention = flat.reshape(*flat.shape[:3], -1, *self.grid)
        for r in range(self.height):
            with _ROW, _BLAS.limit(limits=1, user_api="blas"):  # the products are too small to be worth a second thread
                state.start_row(r, pixels)
                for c in range(self.width):
                    step = state.pixel(r, c, pixels)
                    given = prefix[r, c] if prefix is not None and r < len(prefix) else None
                    images[:, r, c], probabilities[:, r, c] = draw(step.outputs, noise[:, r, c], temperature, given)
                    if flat is not None:
                        flat[:, r * self.width + c] = step.attention[:, :, 1:].swapaxes(0, 1)
            yield Drawn(images, probabilities, attention, r + 1)


class _State:
    """The caches of one call: N samples that share what is remembered of the supports.

    The samples are the last axis of its arrays, and the features come first: so each part of one lies in one piece.
    """

    def __init__(self, weights: IncrementalSampler, memory: Any, n: int):
        self.weights, self.n = weights, n
        layers, maps, width = weights.layers, weights.maps, weights.width
        skips, both = weights.penultimate[0].shape[1], 2 * maps + 2
        # Row r - 1 and row r of each layer's vertical input, with a column of zeros on both sides.
        self.v = np.zeros((len(layers), 2, maps, width + 2, n), np.float32)
        # Of these, for each position, the six that its kernel sees: where they lie, and a copy for one layer.
        windows = np.lib.stride_tricks.sliding_window_view(self.v, 3, axis=3)  # [layers, 2, C, width, N, 3]
        self.windows = windows.transpose(0, 1, 5, 2, 3, 4)
        self.window = np.empty((2, 3, maps, width, n), np.float32)
        # What the vertical stack and the biases give to each horizontal pre-activation of the row.
        self.row = np.zeros((width, len(layers), both, n), np.float32)
        # The row's pixels, after as many zeros as the input layer sees to the left.
        self.drawn = np.zeros(((COLUMNS_BESIDE + width) * weights.channels, n), np.float32)
        self.to_units = units if weights.channels > 1 else np.asarray
        # Each layer's horizontal input at the last pixel and at this one, and the sum of the skips below it.
        self.features = np.zeros((len(layers) + 1, 2 * maps + skips, n), np.float32)
        self.last, self.here = self.features[:, :maps], self.features[:, maps : 2 * maps]
        self.input, self.sum_of_skips = self.here[0], self.features[-1, 2 * maps :]
        # All that a pixel's step works on lies where it lay for the last pixel: views of it are made only once.
        self.shares = np.empty((len(layers), both, n), np.float32)
        self.a, self.residual = np.empty((both, n), np.float32), np.empty((maps + skips, n), np.float32)
        self.f, self.g = self.a[: maps + 1], self.a[maps + 1 :]
        self.steps = [
            (h[: 2 * maps], h[maps:], above[maps:], share, layer.horizontal.dot, layer.out.dot)
            for h, above, share, layer in zip(self.features, self.features[1:], self.shares, layers, strict=False)
        ]
        self.skips, self.seen = np.empty((skips, n), np.float32), np.empty((skips + weights.copied, n), np.float32)
        self.hidden, self.copied = self.seen[:skips], self.seen[skips:]  # what the head sees
        if weights.attention is not None:
            heads, layer = weights.attention.heads, weights.attention.layer
            self.keys = np.ascontiguousarray(_numpy(memory.keys[0]).swapaxes(1, 2))  # [heads, key_size, 1 + S*H'*W']
            self.values = np.ascontiguousarray(_numpy(memory.values[0]).swapaxes(1, 2))
            self.query = np.empty((len(weights.attention.query), n), np.float32)
            self.queries = self.query.reshape(heads, -1, n).swapaxes(1, 2)  # [heads, N, key_size]
            self.scores, self.alpha = np.empty((2, heads, n, self.keys.shape[2]), np.float32)
            self.softmax = torch.from_numpy(self.scores), torch.from_numpy(self.alpha)
            self.context = np.empty((len(weights.attention.context), n), np.float32)
            self.contexts = self.context.reshape(-1, both, n)
            self.reading = self.shares[layer:]
        self.biases = [(layer.vertical_bias, layer.horizontal_bias) for layer in layers]
        vector = weights.vector(memory, 1)
        if vector is not None:  # the same for all pixels: it adds to the biases
            vector = _numpy(vector[0, :, 0])  # [D, 1]
            self.biases = [_with_vector(layer, vector) for layer in layers]

    def start_row(self, r: int, pixels: NDArray[np.uint8]) -> None:
        """The vertical stack's row r, from the pixels [N, H, W, channels] of the rows above."""
        weights, n, width, maps = self.weights, self.n, self.weights.width, self.weights.maps
        self.v[:, 0] = self.v[:, 1]
        self.features[:] = 0
        above = np.zeros((n, ROWS_ABOVE, width + 2 * COLUMNS_BESIDE, weights.channels), np.float32)
        known = pixels[:, max(0, r - ROWS_ABOVE) : r]
        above[:, ROWS_ABOVE - known.shape[1] :, COLUMNS_BESIDE:-COLUMNS_BESIDE] = self.to_units(known)
        patches = np.lib.stride_tricks.sliding_window_view(above, 2 * COLUMNS_BESIDE + 1, axis=2)
        # [N, 3, W, channels, 7] to the order of the kernel's inputs.
        v = weights.input_v @ patches.transpose(1, 4, 3, 2, 0).reshape(-1, width * n)
        v += np.repeat(weights.empty_v[r], n, axis=2).reshape(maps, -1)
        for i, layer in enumerate(weights.layers):
            self.v[i, 1, :, 1:-1] = v.reshape(maps, width, n)
            self.window[:] = self.windows[i]
            a = layer.vertical @ self.window.reshape(6 * maps, width * n)
            a += self.biases[i][0]
            b = layer.link @ a
            b += self.biases[i][1]
            self.row[:, i] = b.reshape(-1, width, n).swapaxes(0, 1)
            if i == len(weights.layers) - 1:
                break
            sigmoid = torch.from_numpy(a)
            torch.sigmoid(sigmoid, out=sigmoid)
            f, g = a[:maps], a[maps:]
            f *= 2
            f -= 1
            f *= g
            v += f

    def pixel(self, r: int, c: int, pixels: NDArray[np.uint8]) -> Step:
        """The horizontal stack, and what is read, at (r, c) of the pixels [N, H, W, channels]."""
        weights, a, f, g, residual = self.weights, self.a, self.f, self.g, self.residual
        read = None
        reading = -1 if weights.attention is None else weights.attention.layer
        self.last[:] = self.here
        self.shares[:] = self.row[c]
        channels = weights.channels
        last = (COLUMNS_BESIDE + c - 1) * channels
        self.drawn[last : last + channels] = self.to_units(pixels[:, r, c - 1]).T if c else 0
        # The last argument is where the result goes: by name it would cost more. The array's own `dot` has a third of
        # the overhead of `@`.
        weights.input_h.dot(self.drawn[c * channels : last + channels], self.input)
        np.add(self.input, weights.empty_h[r, c], self.input)
        add, tanh, multiply = np.add, np.tanh, np.multiply
        for i, (h, below, above, share, horizontal_dot, out_dot) in enumerate(self.steps):
            if i == reading:
                read = self.read(self.here[i], r, c)
            horizontal_dot(h, a)
            add(a, share, a)
            tanh(a, a)
            multiply(f, g, g)
            out_dot(a, residual)
            add(below, residual, above)
        skips, hidden = self.skips, self.hidden
        np.maximum(self.sum_of_skips, 0, out=skips)
        weights.penultimate[0].dot(skips, hidden)
        add(hidden, weights.penultimate[1], hidden)
        np.maximum(hidden, 0, out=hidden)
        outputs = weights.logit.dot(self.seen)
        outputs += weights.empty_logit[r, c]
        return Step(outputs, read)

    def read(self, h: Array, r: int, c: int) -> Array:
        """Read the supports, for all later pre-activations; gives the attention as in Step."""
        reader, (scores, alpha) = self.weights.attention, self.softmax
        reader.query.dot(h, self.query)
        np.add(self.query, reader.query_of_position[r, c], self.query)
        np.matmul(self.queries, self.keys, self.scores)
        torch.softmax(scores, dim=2, out=alpha)
        f = np.matmul(self.values, self.alpha.swapaxes(1, 2))  # [heads, key_size (+ channels), N]
        if self.weights.copied:
            self.copied[:] = f[:, reader.key_size :].reshape(-1, self.n)
            f = np.concatenate([f[:, : reader.key_size].reshape(-1, self.n), self.copied])
        reader.context.dot(f.reshape(-1, self.n), self.context)
        np.add(self.reading, self.contexts, self.reading)
        return self.alpha


def _with_vector(layer: Layer, vector: Array) -> tuple[Array, Array]:
    """The biases of both stacks with the context ``vector`` [D, 1]."""
    vertical, horizontal = layer.vertical_bias, layer.horizontal_bias + layer.horizontal_context @ vector
    if layer.vertical_context is None:
        return vertical, horizontal
    gates = layer.vertical_context @ vector
    return vertical + gates, horizontal - layer.link @ gates  # the link does not take the gates' context


def _numpy(tensor: torch.Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().float().numpy())


def _matrix(weight: torch.Tensor) -> Array:
    """A convolution's weight [out, in, rows, columns] as [out, rows * columns * in]."""
    return _numpy(weight.permute(0, 2, 3, 1).flatten(1))


def _double_features(x: Array) -> Array:
    """Double the first half of the first axis: what the vertical stack's sigmoid takes, see Layer."""
    f, g = np.split(x, 2)
    return np.concatenate([2 * f, g])


def _halve_gates(x: Array, one: float = 0) -> Array:
    """What the horizontal stack's tanh takes, see Layer: ``one`` is the bias of the f that is always 1, else 0."""
    f, g = np.split(x, 2)
    end = np.zeros_like(x[:1])
    return np.concatenate([f, end + np.float32(one), 0.5 * g, end])


def _layer_weights(layer: torch.nn.Module) -> Layer:
    link = _halve_gates(_matrix(layer.link.weight))
    maps = link.shape[1] // 2
    bias = _halve_gates(_numpy(layer.horizontal.bias) + _numpy(layer.link.bias), ALWAYS_ONE)
    out, out_bias = 0.5 * _matrix(layer.out.weight), _numpy(layer.out.bias)[:, None]
    gate, read = layer.vertical_context, layer.horizontal_context
    return Layer(
        vertical=_double_features(_matrix(layer.vertical.weight)),
        vertical_bias=_double_features(_numpy(layer.vertical.bias))[:, None],
        link=np.concatenate([link[:, :maps] * np.float32(0.5), link[:, maps:]], axis=1),
        horizontal=_halve_gates(_matrix(layer.horizontal.weight)),
        horizontal_bias=bias[:, None],
        out=np.concatenate([out, out_bias, out, np.zeros_like(out_bias)], axis=1),
        vertical_context=None if gate is None else _double_features(_matrix(gate.weight)),
        horizontal_context=None if read is None else _halve_gates(_matrix(read.weight)),
    )


def _attention_weights(network: torch.nn.Module, height: int, width: int) -> Attention:
    config = network.config
    scale = np.float32(config.key_size**-0.5)
    query = _matrix(network.query.weight) * scale  # [heads * key_size, C + positions]
    positions = _numpy(fourier_positions(height, width, config.octaves, network.null_key)[0].permute(1, 2, 0))
    of_position = positions @ query[:, config.maps :].T + _numpy(network.query.bias) * scale
    return Attention(
        layer=config.attend_after,
        heads=config.heads,
        key_size=config.key_size,
        query=np.ascontiguousarray(query[:, : config.maps]),
        query_of_position=of_position[..., None],
        context=np.concatenate(
            [_halve_gates(_matrix(layer.horizontal_context.weight)) for layer in network.layers[config.attend_after :]]
        ),
    )
