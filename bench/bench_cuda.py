"""CUDA devices: optimizer steps, array functions, products, networks; beside torch and CuPy, and the device's limits.

The kernels have never run on hardware: this is what will measure them. Each timed call enqueues its work some times over
and waits once, so that it is the device's time and not the launch's.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import sprat
from sprat import nn, optim, prune, quantization
from sprat.cuda import _native

from . import cuda_limits
from .cases import Candidate, Case
from .topics import Wanted

REPEATS = 20
RATE = 2e-7  # of training steps: the weights, and with them the work, stay what they are
NETWORK = [784, 256, 128, 10]


@dataclass(frozen=True)
class Sizes:
    """How large: TINY is for the tests, which run all of it on the emulation."""

    elements: int = 1 << 26
    product: int = 4096
    rows: int = 8192


TINY = Sizes(elements=1000, product=48, rows=33)


def cases(wanted: Wanted) -> Iterator[Case]:
    """All cases, or one line where there is no device."""
    there = sprat.cuda.info()
    if there["problem"] or there["emulated"]:
        print(f"no CUDA device here: {there['problem'] or 'it is emulated, and has no speed to measure'}")
        return
    device = cuda_limits.about()
    print(f"{device['name']}, sm {device['capability']}, copies {cuda_limits.bandwidth() / 1e9:.0f} GB/s")
    for case in all_cases(Sizes()):
        if wanted.case(case.name):
            case.candidates = [each for each in case.candidates if wanted.includes(each.name)]
            yield case


def all_cases(sizes: Sizes) -> Iterator[Case]:
    """The cases in these sizes."""
    yield from _optimizers(sizes.elements)
    yield from _array_functions(sizes.elements)
    yield _product(sizes.product)
    yield from _networks(sizes.rows)


def _random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def _candidate(
    name: str, work: Callable[[], object], check: Callable[[], None], wait: Callable[[], object]
) -> Candidate:
    def call() -> None:
        for _ in range(REPEATS):
            work()
        wait()

    return Candidate(name, call, check, times=REPEATS)


def _ours(work: Callable[[], object], check: Callable[[], None]) -> Candidate:
    return _candidate("sprat", work, check, sprat.cuda.synchronize)


def _torch(make: Callable[[Any], Callable[[], object]]) -> list[Candidate]:
    """What ``make(torch)`` returns, where torch has a device."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    if not torch.cuda.is_available():
        return []
    torch.backends.cuda.matmul.allow_tf32 = False  # the same arithmetic
    return [_candidate("torch", make(torch), lambda: None, torch.cuda.synchronize)]


def _cupy(make: Callable[[Any], Callable[[], object]]) -> list[Candidate]:
    if importlib.util.find_spec("cupy") is None:
        return []
    import cupy

    return [_candidate("cupy", make(cupy), lambda: None, cupy.cuda.Device().synchronize)]


def _equal(there: Any, here: Any) -> None:
    assert there.numpy().tobytes() == here.tobytes(), "the bits are not those of the CPU"


def _optimizers(n: int) -> Iterator[Case]:
    # Bytes of an element: parameter and states are read and written, the gradient read.
    for name, options, num_bytes in (("Adam", {}, 28), ("SGD", {"momentum": 0.9}, 20), ("SGD", {}, 12)):
        host, grad = _random(n), _random(n, seed=1)
        w, g = sprat.cuda.array(host), sprat.cuda.array(grad)
        ours = getattr(optim, name)([w], lr=RATE, **options)
        ours.bind([g])

        def check(
            name: str = name, options: Any = options, host: Any = host, grad: Any = grad, w: Any = w, ours: Any = ours
        ) -> None:
            getattr(optim, name)([host], lr=RATE, **options).step([grad])
            ours.step()
            _equal(w, host)

        def peer(torch: Any, name: str = name, options: Any = options) -> Callable[[], object]:
            parameter = torch.nn.Parameter(torch.randn(n, device="cuda"))
            parameter.grad = torch.randn(n, device="cuda")
            made: Callable[[], object] = getattr(torch.optim, name)([parameter], lr=RATE, fused=True, **options).step
            return made

        title = f"{name.lower()}{' momentum' if options else ''}, n = {n:,}"
        yield Case(title, [_ours(ours.step, check), *_torch(peer)], limit=cuda_limits.shortest(num_bytes=num_bytes * n))


def _array_functions(n: int) -> Iterator[Case]:
    rows = max(n // 1024, 1)
    host = _random(rows, n // rows)
    x = sprat.cuda.array(host)
    n = host.size
    codes = sprat.cuda.empty(host.shape, "int8")
    back, y = (sprat.cuda.empty(host.shape) for _ in range(2))
    scales = np.full(rows, 0.05, np.float32)
    on_device = sprat.cuda.array(scales)

    for title, scale, axis in (("per tensor", np.float32(0.05), None), ("per channel", on_device, 0)):
        there = sprat.cuda.array(np.atleast_1d(scale)) if axis is None else scale

        def quantize(there: Any = there, axis: Any = axis) -> object:
            return quantization.quantize(x, there, axis=axis, out=codes)

        def check(quantize: Any = quantize, axis: Any = axis) -> None:
            quantize()
            _equal(codes, quantization.quantize(host, 0.05 if axis is None else scales, axis=axis))

        def peer(torch: Any, axis: Any = axis) -> Callable[[], object]:
            data = torch.randn(host.shape, device="cuda")
            if axis is None:
                return lambda: torch.quantize_per_tensor(data, 0.05, 0, torch.qint8)
            steps, zeros = torch.full((rows,), 0.05, device="cuda"), torch.zeros(rows, device="cuda", dtype=torch.long)
            return lambda: torch.quantize_per_channel(data, steps, zeros, 0, torch.qint8)

        limit = cuda_limits.shortest(num_bytes=5 * n)
        yield Case(f"quantize {title}, n = {n:,}", [_ours(quantize, check), *_torch(peer)], limit=limit)

    step = sprat.cuda.array(np.float32([0.05]))

    def dequantize() -> object:
        return quantization.dequantize(codes, step, out=back)

    def check_back() -> None:
        dequantize()
        _equal(back, quantization.dequantize(codes.numpy(), 0.05))

    yield Case(
        f"dequantize per tensor, n = {n:,}",
        [_ours(dequantize, check_back)],
        limit=cuda_limits.shortest(num_bytes=5 * n),
    )

    def gelu() -> object:
        return nn.activations.apply("gelu", x, out=y)

    def check_gelu() -> None:
        gelu()
        _equal(y, nn.activations.apply("gelu", host))

    def torch_gelu(torch: Any) -> Callable[[], object]:
        data = torch.randn(host.shape, device="cuda")
        return lambda: torch.nn.functional.gelu(data)

    limit = cuda_limits.shortest(num_bytes=8 * n)
    yield Case(f"gelu, n = {n:,}", [_ours(gelu, check_gelu), *_torch(torch_gelu)], limit=limit)

    pruned = sprat.cuda.array(host)

    def threshold() -> object:
        return prune.threshold(pruned, 0.5)

    def check_threshold() -> None:
        copy = host.copy()
        _equal(threshold(), prune.threshold(copy, 0.5))
        _equal(pruned, copy)

    def torch_threshold(torch: Any) -> Callable[[], object]:
        data = torch.randn(host.shape, device="cuda")
        return lambda: data.mul_(data.abs() >= 0.5)

    limit = cuda_limits.shortest(num_bytes=9 * n)
    yield Case(f"threshold, n = {n:,}", [_ours(threshold, check_threshold), *_torch(torch_threshold)], limit=limit)


def _product(n: int) -> Case:
    """c = a b^T, as a layer computes it."""
    a, b = _random(n, n), _random(n, n, seed=1)
    on_device = [sprat.cuda.array(part) for part in (a, b)]
    c = sprat.cuda.empty((n, n))
    native = _native.require()

    def work() -> object:
        return native.multiply("float32", "forward", *(part.pointer for part in (*on_device, c)), n, n, n)

    def check() -> None:
        work()
        rows = np.arange(0, n, max(n // 16, 1))
        right = a[rows].astype(np.float64) @ b.astype(np.float64).T
        assert np.abs(c.numpy()[rows] - right).max() <= 1e-6 * n, "the product is wrong"

    def peer(library: Any) -> Callable[[], object]:
        is_torch = library.__name__ == "torch"
        made = library.randn(n, n, device="cuda") if is_torch else library.asarray(a)
        out = library.empty_like(made)
        return lambda: library.matmul(made, made.T, out=out)

    found = [_ours(work, check), *_torch(peer), *_cupy(peer)]
    return Case(f"product {n}^3", found, limit=cuda_limits.shortest(flops=2.0 * n**3))


def _networks(rows: int) -> Iterator[Case]:
    x, y = _random(rows, NETWORK[0]), np.arange(rows) % NETWORK[-1]
    host, device = nn.MLP(NETWORK, seed=0), nn.MLP(NETWORK, seed=0, device="cuda")
    there = sprat.cuda.array(x), sprat.cuda.array(y)
    multiply_adds = rows * sum(a * b for a, b in itertools.pairwise(NETWORK))
    name = "-".join(map(str, NETWORK))

    predict, out = sprat.Predictor(device), sprat.cuda.empty((rows, NETWORK[-1]))

    def check_predict() -> None:
        predict(there[0], out=out)
        _equal(out, host(x))

    def module(torch: Any) -> Any:
        layers: list[Any] = []
        for a, b in itertools.pairwise(NETWORK):
            layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1]).cuda()

    def torch_predict(torch: Any) -> Callable[[], object]:
        model, data = module(torch), torch.from_numpy(x).cuda()

        def call() -> object:
            with torch.inference_mode():
                return model(data)

        return call

    found = [_ours(lambda: predict(there[0], out=out), check_predict), *_torch(torch_predict)]
    yield Case(f"predict {name}, {rows} rows", found, limit=cuda_limits.shortest(flops=2.0 * multiply_adds))

    packed = quantization.quantize_model(host, calibration=x[:256])
    integers = sprat.Predictor(packed, device="cuda")

    def check_integers() -> None:
        integers(there[0], out=out)
        _equal(out, packed(x))

    found = [_ours(lambda: integers(there[0], out=out), check_integers)]
    limit = cuda_limits.shortest(flops=2.0 * multiply_adds, kind="int8")
    yield Case(f"predict {name} in int8, {rows} rows", found, limit=limit)

    step = sprat.training.Step(device, optim.Adam(device, lr=RATE))

    def check_step() -> None:
        value = sprat.training.Step(host, optim.Adam(host, lr=RATE))(x, y)
        assert step(*there) == value, "the loss is not that of the CPU"
        _equal(device.params, host.params)

    def torch_step(torch: Any) -> Callable[[], object]:
        model, data, ids = module(torch), torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda()
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)

        def call() -> None:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(data), ids).backward()
            optimizer.step()

        return call

    # Forward, weight gradients, and gradients of all inputs but the first layer's.
    work = 3.0 * multiply_adds - rows * NETWORK[0] * NETWORK[1]
    found = [_ours(lambda: step(*there), check_step), *_torch(torch_step)]
    yield Case(f"training step {name}, {rows} rows", found, limit=cuda_limits.shortest(flops=2.0 * work))
