"""One training step: orthogonalised momentum for the matrices, Adam for the embedding and the norms."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp

from model import logits

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")


def loss(parameters, tokens, targets, segment, position, weight):
    """-> loss, (right, all) of the tokens of the answers"""
    z = logits(parameters, tokens, segment, position)
    log_sum = jax.nn.logsumexp(z, -1)
    surprise = log_sum - jnp.take_along_axis(z, targets[..., None], -1)[..., 0]
    right = (z.argmax(-1) == targets) * (weight > .5)
    total = (surprise * weight).sum() / weight.sum() + 1e-4 * (log_sum ** 2 * (weight > 0)).mean()
    return total, (right.sum(), (weight > .5).sum())


def orthogonal(gradient):
    """Newton-Schulz iteration towards the nearest orthogonal matrix."""
    tall = gradient.shape[0] > gradient.shape[1]
    m = gradient.T if tall else gradient
    m = m / (jnp.linalg.norm(m) + 1e-7)
    for _ in range(5):
        s = m @ m.T
        m = 3.4445 * m + (-4.775 * s + 2.0315 * s @ s) @ m
    return m.T if tall else m


def fresh_state(parameters):
    return tuple(jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))


@functools.partial(jax.jit, donate_argnums=(0, 1))
def step(parameters, state, batch, rate, number):
    """number: of the step, from 1. -> parameters, state, loss, (right, all)"""
    (value, hits), gradients = jax.value_and_grad(loss, has_aux=True)(parameters, *batch)
    norm = jnp.sqrt(sum((g * g).sum() for g in jax.tree.leaves(gradients)))
    gradients = jax.tree.map(lambda g: g * jnp.minimum(1., 1. / (norm + 1e-9)), gradients)

    def update(path, p, g, m, v):
        if path[-1].key in MATRICES:
            m = .95 * m + g
            move = orthogonal(g + .95 * m) * math.sqrt(max(1., p.shape[1] / p.shape[0]))
            return p * (1 - .05 * rate) - rate * move, m, v
        m = .9 * m + .1 * g
        v = .98 * v + .02 * g * g
        move = (m / (1 - .9 ** number)) / (jnp.sqrt(v / (1 - .98 ** number)) + 1e-8)
        return p - rate * .25 * move, m, v

    updated = jax.tree_util.tree_map_with_path(update, parameters, gradients, *state)
    parameters, *state = (jax.tree.map(lambda triple: triple[i], updated, is_leaf=lambda t: isinstance(t, tuple))
                          for i in range(3))
    return parameters, tuple(state), value, hits
