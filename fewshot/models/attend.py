"""Softmax attention: f_t = sum_j alpha_tj value_j, alpha_t = softmax_j(query_t . key_j / sqrt(D)).

Of the last P keys, each query may see only some: ``unseen``, bool [T, P], says which it does not.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

QUERIES_AT_A_TIME = 676


def attend(queries: Tensor, keys: Tensor, values: Tensor, unseen: Tensor | None = None) -> Tensor:
    """Queries [B, heads, T, D], keys [B, heads, N, D], and values [B, heads, N, D'] to f [B, heads, T, D']."""
    if queries.device.type == "cuda":
        seen = _seen(keys, unseen)
        return F.scaled_dot_product_attention(queries.to(values.dtype), keys.to(values.dtype), values, seen)
    wide = torch.promote_types(queries.dtype, torch.float32)
    if torch.is_grad_enabled():
        dtype = torch.bfloat16 if torch.is_autocast_enabled("cpu") else wide
        heads, scale = queries.shape[1], queries.shape[3] ** -0.5
        # [B, T, heads * D]: how a channels-last convolution left them, and will read f.
        flat = (x.to(dtype).transpose(1, 2).flatten(2) for x in (queries * scale, keys, values))
        return _attend(*flat, unseen, heads)[0].unflatten(2, (heads, -1)).transpose(1, 2)
    return F.scaled_dot_product_attention(queries.to(wide), keys.to(wide), values.to(wide), _seen(keys, unseen))


def attend_twice_differentiable(queries: Tensor, keys: Tensor, values: Tensor, unseen: Tensor | None = None) -> Tensor:
    """As ``attend``, slower, but with a second derivative, which the fused ones lack."""
    return weights(queries, keys, unseen) @ values


def weights(queries: Tensor, keys: Tensor, unseen: Tensor | None = None) -> Tensor:
    """alpha [B, heads, T, N]."""
    scores = queries @ keys.transpose(2, 3) * queries.shape[3] ** -0.5
    seen = _seen(keys, unseen)
    return torch.softmax(scores if seen is None else scores.masked_fill(~seen, -torch.inf), dim=3)


def _seen(keys: Tensor, unseen: Tensor | None) -> Tensor | None:
    """Which of all keys each query sees, bool [T, N]; None if all see all."""
    return None if unseen is None else F.pad(~unseen, (keys.shape[2] - unseen.shape[1], 0), value=True)


# Training on a CPU. PyTorch's fused attention does not use the bf16 matrix instructions well, and its backward pass
# computes the scores anew; keeping alpha, and leaving each product to the matrix library, takes two thirds of its time.
# In float32 it is the slower of the two, but torch.compile gets the fused one's layout wrong when the shots vary.
# All tensors have three dimensions, because torch.compile would lay out four as if they were images.
@torch.library.custom_op("fewshot::attend", mutates_args=())
def _attend(queries: Tensor, keys: Tensor, values: Tensor, unseen: Tensor | None, heads: int) -> tuple[Tensor, Tensor]:
    """Scaled queries [B, T, heads * D], keys and values [B, N, heads * D or D'] to f and alpha [B * heads, T, N]."""
    f, alpha = _outputs(queries, keys, values, heads)
    by_head = zip(*(_heads(x, heads) for x in (queries, keys, values, f)), alpha, strict=True)
    for q, k, v, out, a in by_head:
        keys_last = k.T.contiguous()
        for some in _blocks(len(q)):
            scores = q[some] @ keys_last
            if unseen is not None:
                scores[:, -unseen.shape[1] :].masked_fill_(unseen[some], -torch.inf)
            torch.softmax(scores, dim=1, out=a[some])
            out[some] = a[some] @ v
    return f, alpha


def _outputs(queries: Tensor, keys: Tensor, values: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    n, length = queries.shape[:2]
    return queries.new_empty(n, length, values.shape[2]), queries.new_empty(n * heads, length, keys.shape[1])


@_attend.register_fake
def _(queries: Tensor, keys: Tensor, values: Tensor, unseen: Tensor | None, heads: int) -> tuple[Tensor, Tensor]:
    return _outputs(queries, keys, values, heads)


@torch.library.custom_op("fewshot::attend_backward", mutates_args=())
def _attend_backward(
    grad: Tensor, queries: Tensor, keys: Tensor, values: Tensor, f: Tensor, alpha: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of queries, keys and values of that of f."""
    heads, wide = len(alpha) // len(grad), torch.promote_types(keys.dtype, torch.float32)
    d_queries, d_keys, d_values = torch.empty_like(queries), torch.empty_like(keys), torch.empty_like(values)
    tensors = (grad, f, queries, keys, values, d_queries, d_keys, d_values)
    for g, out, q, k, v, d_q, d_k, d_v, a in zip(*(_heads(x, heads) for x in tensors), alpha, strict=True):
        # All values can be moved alike, as the weights of a pixel sum to 1: around 0 the least is lost to rounding.
        middle = v.mean(0)
        values_last = (v - middle).T.contiguous()
        mean = (g.to(wide) * (out - middle)).sum(1, keepdim=True).to(g.dtype)  # of d f_t . value_j, under alpha_t
        sum_k, sum_v = torch.zeros(k.shape, dtype=wide), torch.zeros(v.shape, dtype=wide)
        for some in _blocks(len(q)):
            sum_v += a[some].T @ g[some]
            d_scores = torch.addmm(mean[some], g[some], values_last, beta=-1).mul_(a[some])
            d_q[some] = d_scores @ k
            sum_k += d_scores.T @ q[some]
        d_k.copy_(sum_k)
        d_v.copy_(sum_v)
    return d_queries, d_keys, d_values


@_attend_backward.register_fake
def _(
    grad: Tensor, queries: Tensor, keys: Tensor, values: Tensor, f: Tensor, alpha: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(queries), torch.empty_like(keys), torch.empty_like(values)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, Tensor | None, int], output: tuple[Tensor, Tensor]) -> None:
    ctx.set_materialize_grads(False)  # alpha has no gradient, which would be as large as it
    ctx.save_for_backward(*inputs[:3], *output)


def _backward(ctx: Any, grad: Tensor, _: None) -> tuple[Tensor, Tensor, Tensor, None, None]:
    return *_attend_backward(grad.to(ctx.saved_tensors[0].dtype), *ctx.saved_tensors), None, None


_attend.register_autograd(_backward, setup_context=_keep)


def _heads(x: Tensor, heads: int) -> Iterator[Tensor]:
    """The matrix [T, D] of each head of each episode, of [B, T, heads * D]."""
    for episode in x:
        yield from episode.unflatten(1, (heads, -1)).unbind(1)


def _blocks(length: int) -> list[slice]:
    return [slice(start, start + QUERIES_AT_A_TIME) for start in range(0, length, QUERIES_AT_A_TIME)]
