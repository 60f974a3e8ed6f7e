"""Exact incremental sampling: the vertical stack once a row, everything else once a pixel.

After Ramachandran et al. 2017 (arXiv 1704.06001): rows above are final once drawn, so the vertical stack, which sees
only them, is computed for a whole row at once; the horizontal stack then needs one position a pixel, and one query.
The state is the previous row of each layer's vertical input and the previous column of each horizontal input.

At this size the cost of a step is the number of calls and not their arithmetic, so it is written in numpy, which has
the cheaper ones; where there are many exponentials, torch has the faster ones. The same noise gives the picture of
``naive.sample`` (probabilities differ by rounding, about 1e-7).
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from threading import Lock
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from fewshot.models import PixelCNN, attention
from fewshot.models.inputs import units
from fewshot.models.layers import COLUMNS_BESIDE, ROWS_ABOVE, GatedLayer, fourier_positions
from fewshot.sampling.pixels import Draw, drawer, noise_of_pixel, seer

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


class Reader(NamedTuple):
    """Weights of one reader, with the scale 1 / sqrt(key_size) in its query."""

    layer: int
    query: Array  # [heads * key_size, C]
    query_of_position: Array  # [H, W, heads * key_size, 1]
    context: Array  # [layers above * (2C + 2), D], for all layers that read the context
    own: "Own | None"


class Own(NamedTuple):
    """Weights of the keys and values of the drawing itself, both in one: [2 * heads * key_size, ...]."""

    features: Array  # [..., C]
    pixels: Array  # [..., channels * stride^2]
    of_position: Array  # [H // stride, W // stride, 2 * heads * key_size, 1], with the biases


class Step(NamedTuple):
    """What a pixel's step gives: the head's outputs [P, N], and what each reader looked at."""

    outputs: Array
    looked: "list[list[_Looked]]"


class Drawn(NamedTuple):
    """What is drawn so far, ``rows`` of the rows; the rest is zeros. ``heads`` are those of all readers, in order."""

    images: NDArray[np.uint8]  # [N, H, W], or [N, H, W, 3]
    probabilities: Array  # [N, H, W], of ink, or of the colour that was drawn
    attention: Array | None  # [N, H*W, heads, S, H', W'], S the most of an episode; of one with fewer the rest is 0
    own: Array | None  # [N, H*W, heads, H // stride, W // stride]
    rows: int


class Partner(NamedTuple):
    """What guidance moves away from: what a network remembers without supports, and the network's sampler."""

    sampler: Any
    memory: Any


class IncrementalSampler:
    """Draws samples of one network; holds its weights as numpy arrays and no state between calls.

    ``height`` and ``width`` are the image's sides in pixels.
    """

    def __init__(self, network: PixelCNN, height: int, width: int):
        self.height, self.width, self.maps = height, width, network.config.maps
        self.layers = [_layer_weights(layer) for layer in _gated_layers(network)]
        self.dilations = [layer.dilation for layer in _gated_layers(network)]
        self.head, self.channels = network.head, network.head.channels
        self.seen, self.inputs = seer(network.head), network.config.inputs
        self.copied = network.copied(network.config)
        inputs, features = self.inputs, network.logit.in_channels
        with torch.inference_mode():
            # The coordinates' share of the input layer is the same for every picture: its output on an empty one.
            empty_v, empty_h = network.input(torch.zeros(1, inputs, height, width))
            empty_logit = network.to_logits(torch.zeros(1, features, height, width))
        self.empty_v = _numpy(empty_v[0].permute(1, 0, 2))[..., None]  # [H, C, W, 1]
        self.empty_h = _numpy(empty_h[0].permute(1, 2, 0))[..., None]  # [H, W, C, 1]
        self.input_v = _matrix(network.input.vertical.weight[:, :inputs])  # [C, 3 * 7 * inputs]
        self.input_h = _matrix(network.input.horizontal.weight[:, :inputs])  # [C, 3 * inputs]
        self.penultimate = _matrix(network.penultimate.weight), _bias(network.penultimate)[:, None]
        self.logit = _matrix(network.logit.weight)  # [P, D]
        self.empty_logit = _numpy(empty_logit[0].permute(1, 2, 0))[..., None]  # [H, W, P, 1]
        self.vector = network.vector
        self.heads, self.key_size, self.stride = network.config.heads, network.config.key_size, network.config.stride
        self.reads_above = network.config.reads_above
        self.readers: list[Reader] = []
        if isinstance(network, attention.AttentionPixelCNN):
            self.grid = network.grid(height, width)
            self.readers = [_reader_weights(network, i, height, width) for i in range(len(network.readers))]

    def noise_shape(self, guided: bool) -> tuple[int, ...]:
        """The shape of the uniform numbers that decide one picture: one for each pixel, or in colour several."""
        return self.height, self.width, *noise_of_pixel(self.head, guided)

    def rows(
        self,
        memories: Sequence[Any],
        noise: Array,
        draw: Draw,
        prefix: NDArray[np.uint8] | None = None,
        partner: Partner | None = None,
        trace: bool = True,
    ) -> Iterator[Drawn]:
        """Draw samples a row at a time, and give what is drawn so far after each; its arrays are the same ones.

        ``memories`` are what the network's ``encode`` gave for one episode each; the samples are divided among them
        evenly and in order, and those of one share it. ``noise`` [N, H, W] holds a uniform number for every pixel, or
        in colour several [N, H, W, ...], see ``noise_of_pixel``; ``prefix`` [R, W] or [R, W, 3] the first rows where
        they are given. Guidance takes a ``partner``. Without ``trace`` the attention is not kept.
        """
        n = len(noise)
        episodes = [(memory, n // len(memories)) for memory in memories]
        if partner is None:
            states = [_State(self, episodes)]
        elif partner.sampler is self:  # one network: twice the samples cost less than two steps
            states = [_State(self, [*episodes, (partner.memory, n)], times=2)]
        else:
            states = [_State(self, episodes), _State(partner.sampler, [(partner.memory, n)])]
        own_read = [state for state in states if state.own_places]
        to_pixels = drawer(self.head)
        pixels = np.zeros((*noise.shape[:3], self.channels), np.uint8)
        images = pixels[..., 0] if self.channels == 1 else pixels
        probabilities = np.zeros(noise.shape[:3], np.float32)
        attention = own = None
        if trace and self.readers:
            places, own_places = states[0].places, states[0].own_places
            kept = np.zeros(
                (n, self.height * self.width, len(self.readers), self.heads, places + own_places), np.float32
            )
            heads = kept.reshape(n, self.height * self.width, len(self.readers) * self.heads, -1)
            attention = heads[..., :places].reshape(*heads.shape[:3], -1, *self.grid)
            if own_places:
                own = heads[..., places:].reshape(*heads.shape[:3], self.height // self.stride, -1)
        for r in range(self.height):
            with _ROW, _BLAS.limit(limits=1, user_api="blas"):  # the products are too small to be worth a second thread
                for state in states:
                    state.start_row(r, pixels)
                for c in range(self.width):
                    outputs, read = states[0].pixel(r, c, pixels)
                    alone = None
                    if partner is not None:
                        alone = (outputs if len(states) == 1 else states[1].pixel(r, c, pixels).outputs)[:, -n:]
                        outputs = outputs[:, :n]
                    given = prefix[r, c] if prefix is not None and r < len(prefix) else None
                    images[:, r, c], probabilities[:, r, c] = to_pixels(outputs, noise[:, r, c], draw, given, alone)
                    for state in own_read:
                        state.finish(r, c, pixels)
                    if attention is not None:
                        for i, looked in enumerate(read):
                            for one in looked[: len(memories)]:
                                one.keep(kept[one.samples, r * self.width + c, i], places)
            yield Drawn(images, probabilities, attention, own, r + 1)


class _State:
    """The caches of one call: of each episode its memory, and how many samples share it; N together.

    Where ``times`` is 2, the second half of the samples has the pixels of the first. The samples are the last axis of
    its arrays, and the features come first: so each part of one lies in one piece.
    """

    def __init__(self, weights: IncrementalSampler, episodes: list[tuple[Any, int]], times: int = 1):
        self.weights, self.times = weights, times
        n = self.n = sum(number for _, number in episodes)
        layers, maps, width = weights.layers, weights.maps, weights.width
        skips, both = weights.penultimate[0].shape[1], 2 * maps + 2
        # The last rows of each layer's vertical input, row r at r modulo their number, between columns of zeros.
        self.furthest = max(weights.dilations)
        self.v = np.zeros((len(layers), self.furthest + 1, maps, width + 2 * self.furthest, n), np.float32)
        # Of these, for each position, the three of a row that its kernel sees: where they lie; a copy for one layer.
        self.windows = [
            np.lib.stride_tricks.sliding_window_view(
                v[:, :, self.furthest - d : self.furthest + d + width], 2 * d + 1, 2
            )[..., ::d].transpose(0, 4, 1, 2, 3)  # [rows, 3, C, width, N]
            for v, d in zip(self.v, weights.dilations, strict=True)
        ]
        self.window = np.empty((2, 3, maps, width, n), np.float32)
        # What the vertical stack and the biases give to each horizontal pre-activation of the row.
        self.row = np.zeros((width, len(layers), both, n), np.float32)
        # The row's pixels, after as many zeros as the input layer sees to the left.
        inputs = weights.inputs
        drawn = np.zeros(((COLUMNS_BESIDE + width) * inputs, n), np.float32)
        self.beside = [drawn[c * inputs : (COLUMNS_BESIDE + c) * inputs] for c in range(width)]  # what it sees at c
        self.last = [seen[-inputs:].reshape(inputs, times, -1) for seen in self.beside]  # the pixel left of c
        # Each layer's horizontal input at the pixel that its kernel sees to the left, and at this one, and the sum of
        # the skips below it.
        self.features = np.zeros((len(layers) + 1, 2 * maps + skips, n), np.float32)
        self.left, self.here = self.features[:-1, :maps], self.features[:-1, maps : 2 * maps]
        self.input, self.sum_of_skips = self.here[0], self.features[-1, 2 * maps :]
        # The same inputs at all pixels of the row, after columns of zeros. For the layers of each dilation, what is to
        # the left of each pixel: where nothing is dilated, that still stands where this pixel's will.
        self.past = np.zeros((self.furthest + width, len(layers), maps, n), np.float32)
        dilations = np.array(weights.dilations)
        of_dilation = [(d, _slice(np.flatnonzero(dilations == d))) for d in sorted(set(weights.dilations))]
        self.lefts = [
            (self.left[of], self.past[self.furthest - d :, of] if d > 1 else [self.here[of]] * width)
            for d, of in of_dilation
        ]
        # All that a pixel's step works on lies where it lay for the last pixel: views of it are made only once.
        self.shares = np.empty((len(layers), both, n), np.float32)
        self.a, self.residual = np.empty((both, n), np.float32), np.empty((maps + skips, n), np.float32)
        self.f, self.g = self.a[: maps + 1], self.a[maps + 1 :]
        steps = [
            (h[: 2 * maps], h[maps:], above[maps:], share, layer.horizontal.dot, layer.out.dot)
            for h, above, share, layer in zip(self.features, self.features[1:], self.shares, layers, strict=False)
        ]
        self.skips, self.seen = np.empty((skips, n), np.float32), np.empty((skips + weights.copied, n), np.float32)
        self.hidden, self.copied = self.seen[:skips], self.seen[skips:]  # what the head sees
        self.reads = {
            reader.layer: _Read(self, reader, [(memory.patches[i], number) for memory, number in episodes])
            for i, reader in enumerate(weights.readers)
        }
        # The layers below the first reader, and each reader with the layers above it, below the next one.
        starts = [0, *self.reads, len(layers)]
        self.stretches = [(self.reads.get(start), steps[start:end]) for start, end in pairwise(starts) if end]
        first = next(iter(self.reads.values()), None)
        self.places = first.places if first else 0
        self.own_places = first.own_places if first else 0
        # Of both stacks of each layer, [2C or 2C + 2, W or 1, N or 1].
        self.biases = [(layer.vertical_bias[:, None], layer.horizontal_bias[:, None]) for layer in layers]
        vectors = [weights.vector(memory, 1) for memory, _ in episodes]
        each = [_numpy(vector[0])[..., None] for vector in vectors if vector is not None]  # [D, H or 1, W or 1, 1]
        self.vectors: Array | None = None  # [D, H, W, N], where they differ between pixels
        if each:
            if len(each) > 1:
                each = [np.repeat(one, number, axis=3) for one, (_, number) in zip(each, episodes, strict=True)]
            of_pixels = np.concatenate(each, axis=3)  # of one episode the last axis is 1
            if of_pixels.shape[1] > 1:
                self.vectors = of_pixels
            else:  # the same for all pixels: it adds to the biases
                self.biases = [_with_vector(layer, of_pixels[:, 0]) for layer in layers]

    def to_units(self, pixels: NDArray[np.uint8]) -> Array:
        """Pixels as the network takes them."""
        levels = pixels.astype(np.float32)
        return units(levels) if self.weights.channels > 1 else levels

    def start_row(self, r: int, pixels: NDArray[np.uint8]) -> None:
        """The vertical stack's row r, from the pixels [N, H, W, channels] of the rows above."""
        weights, n, width, maps = self.weights, self.n, self.weights.width, self.weights.maps
        rows = self.furthest + 1
        self.here[:] = 0
        above = np.zeros((len(pixels), ROWS_ABOVE, width + 2 * COLUMNS_BESIDE, weights.inputs), np.float32)
        known = pixels[:, max(0, r - ROWS_ABOVE) : r]
        above[:, ROWS_ABOVE - known.shape[1] :, COLUMNS_BESIDE:-COLUMNS_BESIDE] = weights.seen(known)
        patches = np.lib.stride_tricks.sliding_window_view(above, 2 * COLUMNS_BESIDE + 1, axis=2)
        # [N, 3, W, inputs, 7] to the order of the kernel's inputs.
        v = weights.input_v @ patches.transpose(1, 4, 3, 2, 0).reshape(-1, width * len(pixels))
        v = v.reshape(maps, width, -1)
        if self.times > 1:
            v = np.tile(v, self.times)
        v += weights.empty_v[r]
        of_row = None if self.vectors is None else np.ascontiguousarray(self.vectors[:, r])
        read = None  # [D, W, N], of the row above, by all readers so far
        for i, layer in enumerate(weights.layers):
            of_reader = self.reads[i].row if i in self.reads else None
            if of_reader is not None:
                read = of_reader if read is None else read + of_reader
            self.v[i, r % rows, :, self.furthest : self.furthest + width] = v
            self.window[0] = self.windows[i][(r - weights.dilations[i]) % rows]
            self.window[1] = self.windows[i][r % rows]
            vertical_bias, horizontal_bias = self.biases[i] if of_row is None else _with_vector(layer, of_row)
            a = layer.vertical @ self.window.reshape(6 * maps, width * n)
            for_vertical = a.reshape(-1, width, n)
            for_vertical += vertical_bias
            for_horizontal = (layer.link @ a).reshape(-1, width, n)
            for_horizontal += horizontal_bias
            self.row[:, i] = for_horizontal.swapaxes(0, 1)
            if i == len(weights.layers) - 1:
                break
            if read is not None and layer.vertical_context is not None:
                a += layer.vertical_context @ read.reshape(-1, width * n)
            sigmoid = torch.from_numpy(a)
            torch.sigmoid(sigmoid, out=sigmoid)
            f, g = a[:maps], a[maps:]
            f *= 2
            f -= 1
            f *= g
            v += f.reshape(v.shape)

    def pixel(self, r: int, c: int, pixels: NDArray[np.uint8]) -> Step:
        """The horizontal stack, and what is read, at (r, c) of the pixels [N, H, W, channels]."""
        weights, a, f, g, residual = self.weights, self.a, self.f, self.g, self.residual
        looked = []
        for left, past in self.lefts:
            left[:] = past[c]
        self.shares[:] = self.row[c]
        if c:
            self.last[c][:] = weights.seen(pixels[:, r, c - 1]).T[:, None]
        # The last argument is where the result goes: by name it would cost more. The array's own `dot` has a third of
        # the overhead of `@`.
        weights.input_h.dot(self.beside[c], self.input)
        np.add(self.input, weights.empty_h[r, c], self.input)
        add, tanh, multiply = np.add, np.tanh, np.multiply
        for read, steps in self.stretches:
            if read is not None:
                looked.append(read.at(r, c))
            for h, below, above, share, horizontal_dot, out_dot in steps:
                horizontal_dot(h, a)
                add(a, share, a)
                tanh(a, a)
                multiply(f, g, g)
                out_dot(a, residual)
                add(below, residual, above)
        if self.furthest > 1:
            self.past[self.furthest + c] = self.here
        skips, hidden = self.skips, self.hidden
        np.maximum(self.sum_of_skips, 0, out=skips)
        weights.penultimate[0].dot(skips, hidden)
        add(hidden, weights.penultimate[1], hidden)
        np.maximum(hidden, 0, out=hidden)
        outputs = weights.logit.dot(self.seen)
        outputs += weights.empty_logit[r, c]
        return Step(outputs, looked)

    def finish(self, r: int, c: int, pixels: NDArray[np.uint8]) -> None:
        """The pixel (r, c) is drawn: what its patch gives to read."""
        stride = self.weights.stride
        if (r + 1) % stride or (c + 1) % stride:
            return
        patch = self.to_units(pixels[:, r + 1 - stride : r + 1, c + 1 - stride : c + 1])
        patch = np.tile(patch.transpose(3, 1, 2, 0).reshape(-1, len(patch)), self.times)
        for read in self.reads.values():
            read.append(r // stride, c // stride, patch)


class _Looked:
    """What the ``samples`` of one episode look at, of those that a reader reads for; and with what attention.

    Its arrays lie where they lay for the last pixel, so that views of them are made only once.
    """

    def __init__(self, read: "_Read", patches: Any, samples: slice):
        n = samples.stop - samples.start
        self.samples = samples
        # [heads, key_size (of values + channels), 1 + S*H'*W']
        self.keys, self.values = (np.ascontiguousarray(_numpy(x[0]).swapaxes(1, 2)) for x in patches)
        self.places = self.keys.shape[2]
        # What is not there to be read has the score of nothing, and what is will get one.
        self.scores = np.full((read.heads, n, self.places + read.own_places), -np.inf, np.float32)
        self.alpha = np.empty_like(self.scores)
        self.tensors = torch.from_numpy(self.scores), torch.from_numpy(self.alpha)
        self.queries = read.queries[:, samples]
        self.of_supports = self.scores[..., : self.places]
        self.weights = self.alpha[..., : self.places].swapaxes(1, 2)
        self.read = read.read[..., samples]  # [heads, key_size (+ channels), N]
        self.kept = self.alpha[..., 1 : self.places].swapaxes(0, 1)
        self.kept_own = self.alpha[..., self.places :].swapaxes(0, 1)

    def keep(self, kept: Array, places: int) -> None:
        """Copy the attention, without the null key's, to [N, heads, places + own places]."""
        kept[..., : self.places - 1] = self.kept
        if kept.shape[-1] > places:
            kept[..., places:] = self.kept_own


class _Read:
    """What one reader sees and gives in one call: keys and values of the supports, and those of the drawing so far."""

    def __init__(self, state: _State, reader: Reader, patches: list[tuple[Any, int]]):
        weights, self.reader = state.weights, reader
        self.heads, self.key_size, self.copied = weights.heads, weights.key_size, state.copied
        self.h = state.here[reader.layer]
        n = state.n
        self.own_places = self.own_seen = 0
        if reader.own is not None:
            own_rows, own_columns = reader.own.of_position.shape[:2]
            self.own_places = own_rows * own_columns
            # Each sample has a drawing of its own. They lie as the products take them fastest.
            self.own_keys = np.zeros((self.heads, n, self.key_size, self.own_places), np.float32)
            self.own_values = np.zeros((self.heads, n, self.own_places, self.key_size), np.float32)
        size = self.heads * self.key_size
        self.query = np.empty((size, n), np.float32)
        self.queries = self.query.reshape(self.heads, -1, n).swapaxes(1, 2)  # [heads, N, key_size]
        read = size + len(self.copied)
        self.read = np.empty((self.heads, read // self.heads, n), np.float32)
        ends = list(accumulate(each for _, each in patches))
        self.looked = [
            _Looked(self, patch, slice(end - each, end)) for (patch, each), end in zip(patches, ends, strict=True)
        ]
        self.places = max(one.places for one in self.looked) - 1
        # What goes on: of each head what it read, and then of each head the colours.
        self.flat = self.read.reshape(read, n) if not len(self.copied) else np.empty((read, n), np.float32)
        self.row = np.zeros((read, weights.width, n), np.float32) if weights.reads_above else None
        self.context = np.empty((len(reader.context), n), np.float32)
        both = len(state.shares[0])
        self.contexts, self.reading = self.context.reshape(-1, both, n), state.shares[reader.layer :]

    def at(self, r: int, c: int) -> list[_Looked]:
        """Read at (r, c), for all later pre-activations."""
        reader = self.reader
        reader.query.dot(self.h, self.query)
        np.add(self.query, reader.query_of_position[r, c], self.query)
        for one in self.looked:
            np.matmul(one.queries, one.keys, one.of_supports)
            own, keys = slice(one.places, one.places + self.own_seen), slice(self.own_seen)
            if self.own_seen:
                np.matmul(one.queries[:, :, None], self.own_keys[:, one.samples, :, keys], one.scores[:, :, None, own])
            torch.softmax(one.tensors[0], dim=2, out=one.tensors[1])
            np.matmul(one.values, one.weights, one.read)
            if self.own_seen:  # [heads, N, 1, key_size]
                of_own = one.alpha[:, :, None, own] @ self.own_values[:, one.samples, keys]
                one.read += of_own[:, :, 0].swapaxes(1, 2)
        if len(self.copied):
            self.copied[:] = self.read[:, self.key_size :].reshape(self.copied.shape)
            np.concatenate([self.read[:, : self.key_size].reshape(-1, self.read.shape[2]), self.copied], out=self.flat)
        if self.row is not None:
            self.row[:, c] = self.flat
        reader.context.dot(self.flat, self.context)
        np.add(self.reading, self.contexts, self.reading)
        return self.looked

    def append(self, row: int, column: int, patch: Array) -> None:
        """The patch of the drawing [channels * stride^2, N] at (row, column) is done: from now on it can be read."""
        own = self.reader.own
        if own is None:
            return
        made = own.features @ self.h + own.pixels @ patch + own.of_position[row, column]
        keys, values = made.reshape(2, self.heads, self.key_size, -1).swapaxes(2, 3)  # [heads, N, key_size]
        self.own_keys[..., self.own_seen] = keys
        self.own_values[:, :, self.own_seen] = values
        self.own_seen += 1


def _slice(rising: NDArray[np.int64]) -> slice:
    """The slice of indices that rise in equal steps: it makes views."""
    step = int(rising[1] - rising[0]) if len(rising) > 1 else 1
    return slice(int(rising[0]), int(rising[-1]) + 1, step)


def _with_vector(layer: Layer, vector: Array) -> tuple[Array, Array]:
    """The biases of both stacks, [2C, w, n] and [2C + 2, w, n], with the context ``vector`` [D, w, n].

    Those that know nothing of it are the same everywhere, [..., 1, 1].
    """
    places, flat = vector.shape[1:], vector.reshape(len(vector), -1)
    vertical, horizontal = layer.vertical_bias, layer.horizontal_bias
    if layer.horizontal_context is not None:
        horizontal = horizontal + layer.horizontal_context @ flat
    if layer.vertical_context is not None:
        gates = layer.vertical_context @ flat
        vertical, horizontal = vertical + gates, horizontal - layer.link @ gates  # the link takes no gates' context
    vertical, horizontal = (x.reshape(len(x), *(places if x.shape[1] > 1 else (1, 1))) for x in (vertical, horizontal))
    return vertical, horizontal


def _numpy(tensor: torch.Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().float().numpy())


def _bias(convolution: torch.nn.Conv2d) -> Array:
    return np.zeros(convolution.out_channels, np.float32) if convolution.bias is None else _numpy(convolution.bias)


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


def _gated_layers(network: PixelCNN) -> list[GatedLayer]:
    return cast(list[GatedLayer], list(network.layers))


def _layer_weights(layer: GatedLayer) -> Layer:
    link = _halve_gates(_matrix(layer.link.weight))
    maps = link.shape[1] // 2
    bias = _halve_gates(_bias(layer.horizontal) + _bias(layer.link), ALWAYS_ONE)
    out, out_bias = 0.5 * _matrix(layer.out.weight), _bias(layer.out)[:, None]
    gate, read = layer.vertical_context, layer.horizontal_context
    return Layer(
        vertical=_double_features(_matrix(layer.vertical.weight)),
        vertical_bias=_double_features(_bias(layer.vertical))[:, None],
        link=np.concatenate([link[:, :maps] * np.float32(0.5), link[:, maps:]], axis=1),
        horizontal=_halve_gates(_matrix(layer.horizontal.weight)),
        horizontal_bias=bias[:, None],
        out=np.concatenate([out, out_bias, out, np.zeros_like(out_bias)], axis=1),
        vertical_context=None if gate is None else _double_features(_matrix(gate.weight)),
        horizontal_context=None if read is None else _halve_gates(_matrix(read.weight)),
    )


def _reader_weights(network: attention.AttentionPixelCNN, index: int, height: int, width: int) -> Reader:
    config, layer = network.config, network.config.attend_after[index]
    reader = network.all_readers()[index]
    scale, maps = np.float32(config.key_size**-0.5), config.maps
    query = _matrix(reader.query.weight) * scale  # [heads * key_size, C + positions]
    positions = fourier_positions(height, width, config.octaves, reader.null_key)[0]
    of_position = _numpy(positions.permute(1, 2, 0)) @ query[:, maps:].T + _bias(reader.query) * scale
    own = None
    if config.own:
        made = np.concatenate([_matrix(reader.own_key.weight), _matrix(reader.own_value.weight)])
        features, located, pixels = np.split(made, [maps, maps + len(positions)], axis=1)
        bias = np.concatenate([_bias(reader.own_key), _bias(reader.own_value)])
        of_patches = _numpy(reader.last_of_patches(positions).permute(1, 2, 0)) @ located.T + bias
        own = Own(np.ascontiguousarray(features), np.ascontiguousarray(pixels), of_patches[..., None])
    return Reader(
        layer=layer,
        query=np.ascontiguousarray(query[:, :maps]),
        query_of_position=of_position[..., None],
        context=np.concatenate(
            [
                _halve_gates(_matrix(above.horizontal_context.weight))
                for above in _gated_layers(network)[layer:]
                if above.horizontal_context is not None
            ]
        ),
        own=own,
    )
