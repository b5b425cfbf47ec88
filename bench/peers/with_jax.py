"""JAX: jit, with buffers donated where they are updated."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..networks import BETAS, EPS, LR, Network
from ..problems import ArrayStep, Pruning, Quantizing, Training
from ..tasks import Prepared, offers

# Each call is waited for: handing it to another thread first costs a third of the time of the smallest.
jax.config.update("jax_cpu_enable_async_dispatch", False)

Params = list[Any]


def _float64(dtype: str) -> None:
    if dtype == "float64":
        jax.config.update("jax_enable_x64", True)


def forward(params: Params, x: Any) -> Any:
    """Weights are (in, out): XLA multiplies them as they lie."""
    for weight, bias in params[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    return x @ params[-1][0] + params[-1][1]


def loss_of(classifies: bool) -> Any:
    """Cross-entropy or squared error, by the parameters."""

    def loss(params: Params, x: Any, y: Any) -> Any:
        output = forward(params, x)
        if classifies:
            return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(output), y[:, None], axis=1))
        return jnp.mean((output - y) ** 2)

    return loss


def adam(params: Any, grads: Any, state: Any, lr: float) -> tuple[Any, Any]:
    """One step on trees of arrays; `state` is (averages, averages of squares, steps)."""
    m, v, step = state
    step = step + 1
    (beta1, beta2), tree = BETAS, jax.tree.map
    m = tree(lambda m, g: beta1 * m + (1 - beta1) * g, m, grads)
    v = tree(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, grads)
    c1, c2 = 1 - beta1**step, jnp.sqrt(1 - beta2**step)
    params = tree(lambda p, m, v: p - lr / c1 * m / (jnp.sqrt(v) / c2 + EPS), params, m, v)
    return params, (m, v, step)


def start(params: Any) -> Any:
    """The state before the first step."""
    return jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), jnp.zeros((), jnp.float32)


def layers_of(network: Network) -> Params:
    """The network's layers as JAX arrays."""
    return [(jnp.array(weight.T), jnp.array(bias)) for weight, bias in network.weights]


@offers("predict", "jax")
def predict(network: Network, threads: int) -> Prepared:
    """Weights are constants of the compiled function."""
    _float64(network.dtype)
    params, x, kept = layers_of(network), jnp.array(network.x), {}
    run = jax.jit(lambda x: forward(params, x))

    def call() -> None:
        kept["output"] = run(x).block_until_ready()

    return Prepared(call, lambda: kept["output"])


@offers("train", "jax")
def train(network: Network, threads: int) -> Prepared:
    """Loss, gradient and Adam in one compiled function; parameters and state are donated."""
    _float64(network.dtype)
    gradient, lr = jax.value_and_grad(loss_of(network.classifies)), LR

    def update(params: Params, state: Any, x: Any, y: Any) -> tuple[Params, Any, Any]:
        value, grads = gradient(params, x, y)
        return *adam(params, grads, state, lr), value

    run, x, y = jax.jit(update, donate_argnums=(0, 1)), jnp.array(network.x), jnp.array(network.y)
    params = layers_of(network)
    state = start(params)

    def step() -> None:
        nonlocal params, state
        params, state, value = run(params, state, x, y)
        value.block_until_ready()

    return Prepared(step, lambda: [array for weight, bias in params for array in (weight.T, bias)])


@offers("train stretch", "jax scan")
def train_many(network: Network, threads: int) -> Prepared:
    """The same rows again and again in one compiled loop: many steps in one call."""
    _float64(network.dtype)
    gradient, lr, times = jax.value_and_grad(loss_of(network.classifies)), LR, network.stretch

    def update(carry: Any, batch: Any) -> Any:
        value, grads = gradient(carry[0], *batch)
        return adam(carry[0], grads, carry[1], lr), value

    run = jax.jit(lambda carry, *batches: jax.lax.scan(update, carry, batches), donate_argnums=0)
    x, y = (jnp.stack([jnp.array(array)] * times) for array in (network.x, network.y))
    params = layers_of(network)
    carry = params, start(params)
    run(jax.tree.map(jnp.copy, carry), x, y)  # compiled here: the check makes fewer steps

    def steps(count: int) -> None:
        nonlocal carry
        carry, losses = run(carry, x[:count], y[:count]) if count < times else run(carry, x, y)
        losses.block_until_ready()

    return Prepared(
        lambda: steps(times), lambda: [array for weight, bias in carry[0] for array in (weight.T, bias)],
        times=times, rehearse=steps,
    )  # fmt: skip


@offers("array step", "jax")
def array_step(problem: ArrayStep, threads: int) -> Prepared:
    """One compiled function over the list of arrays; parameters and state are donated."""
    arrays, gradients = problem.arrays()
    params, grads, lr = [jnp.array(w) for w in arrays], [jnp.array(g) for g in gradients], problem.lr
    state: Any
    if problem.optimizer == "Adam":
        state = start(params)
        run = jax.jit(lambda params, state, grads: adam(params, grads, state, lr), donate_argnums=(0, 1))
    else:
        momentum = problem.options["momentum"]
        state = [jnp.zeros_like(w) for w in params]

        def sgd(params: Params, state: Any, grads: Params) -> tuple[Params, Any]:
            state = jax.tree.map(lambda m, g: momentum * m + g, state, grads)
            return jax.tree.map(lambda w, m: w - lr * m, params, state), state

        run = jax.jit(sgd, donate_argnums=(0, 1))

    def step() -> None:
        nonlocal params, state
        params, state = run(params, state, grads)
        params[-1].block_until_ready()

    return Prepared(step, lambda: params)


@offers("quantize", "jax")
def quantize(problem: Quantizing, threads: int) -> Prepared:
    """One fused loop."""
    x, kept = jnp.array(problem.x), {}
    scale, zero = _columns(problem)

    @jax.jit
    def run(x: Any) -> Any:
        return jnp.clip(jnp.round(x / scale) + zero, -128, 127).astype(jnp.int8)

    def call() -> None:
        kept["q"] = run(x).block_until_ready()

    return Prepared(call, lambda: kept["q"])


@offers("dequantize", "jax")
def dequantize(problem: Quantizing, threads: int) -> Prepared:
    """One fused loop."""
    q, kept = jnp.array(problem.codes), {}
    scale, zero = _columns(problem)
    run = jax.jit(lambda q: (q.astype(jnp.float32) - zero) * scale)

    def call() -> None:
        kept["x"] = run(q).block_until_ready()

    return Prepared(call, lambda: kept["x"])


def _columns(problem: Quantizing) -> tuple[Any, Any]:
    """Scale and zero point that broadcast over the array."""
    scale, zero = jnp.float32(problem.scale), jnp.float32(problem.zero_point)
    return (scale[:, None], zero[:, None]) if problem.per_channel else (scale, zero)


@offers("threshold", "jax")
def threshold(problem: Pruning, threads: int) -> Prepared:
    """One compiled function; it returns a new array, and donates none, so that the input stays for the next call."""
    x, t, kept = jnp.array(problem.x), jnp.float32(problem.threshold), {}

    @jax.jit
    def run(x: Any) -> Any:
        mask = jnp.abs(x) >= t
        return jnp.where(mask, x, 0), mask, jnp.count_nonzero(mask)

    def call() -> None:
        kept["all"] = run(x)
        kept["all"][2].block_until_ready()

    return Prepared(call, lambda: kept["all"])


def _epoch_step(problem: Training) -> Any:
    gradient, lr = jax.value_and_grad(loss_of(True)), problem.lr

    def step(carry: tuple[Params, Any], x: Any, y: Any) -> tuple[Params, Any]:
        params, state = carry
        _, grads = gradient(params, x, y)
        return adam(params, grads, state, lr)

    return step


@offers("epochs", "jax")
def epochs(problem: Training, threads: int) -> Prepared:
    """A compiled step for each batch; rows are gathered by NumPy, parameters and state donated."""
    run, (x, y), kept = jax.jit(_epoch_step(problem), donate_argnums=0), problem.train, {}

    def call() -> None:
        params = layers_of(problem.network)
        carry = params, start(params)
        for epoch in range(problem.epochs):
            for rows in problem.batches(epoch):
                carry = run(carry, x[rows], y[rows])
        kept["params"] = jax.block_until_ready(carry)[0]

    return Prepared(call, lambda: [array for weight, bias in kept["params"] for array in (weight.T, bias)])


@offers("epochs", "jax scan")
def epochs_scanned(problem: Training, threads: int) -> Prepared:
    """An epoch's whole batches in one compiled loop, the rest as a step; rows are gathered inside."""
    step, batch = _epoch_step(problem), problem.batch
    data = tuple(jnp.array(array) for array in problem.train)
    kept: dict[str, Params] = {}

    def batch_step(carry: Any, rows: Any, x: Any, y: Any) -> Any:
        return step(carry, x[rows], y[rows])

    def loop(carry: Any, order: Any, x: Any, y: Any) -> Any:
        return jax.lax.scan(lambda carry, rows: (batch_step(carry, rows, x, y), None), carry, order)[0]

    run_loop, run_rest = (jax.jit(function, donate_argnums=0) for function in (loop, batch_step))

    def call() -> None:
        params = layers_of(problem.network)
        carry = params, start(params)
        for epoch in range(problem.epochs):
            order = problem.order(epoch)
            whole = len(order) // batch * batch
            carry = run_loop(carry, order[:whole].reshape(-1, batch), *data)
            if whole < len(order):
                carry = run_rest(carry, order[whole:], *data)
        kept["params"] = jax.block_until_ready(carry)[0]

    return Prepared(call, lambda: [array for weight, bias in kept["params"] for array in (weight.T, bias)])
