"""PyTorch: eager and compiled, fused optimizers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

from ..networks import BETAS, EPS, LR, Network
from ..packed import Half, Sparse
from ..problems import ArrayStep, Pruning, Quantizing, Training
from ..tasks import Prepared, offers


def _modules(network: Network) -> torch.nn.Sequential:
    modules: list[torch.nn.Module] = []
    for weight, bias in network.weights:
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=getattr(torch, network.dtype))
        layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
        modules += [layer, torch.nn.ReLU(inplace=True)]
    return torch.nn.Sequential(*modules[:-1])


def _predict(network: Network, threads: int, compiled: bool) -> Prepared:
    torch.set_num_threads(threads)
    model, x, kept = _modules(network).eval(), torch.tensor(network.x), {}
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    run: Any = torch.compile(model, dynamic=False) if compiled else model

    @torch.inference_mode()
    def call() -> None:
        kept["output"] = run(x)

    return Prepared(call, lambda: kept["output"].numpy())


@offers("predict", "torch")
def predict(network: Network, threads: int) -> Prepared:
    """Sequential in inference mode."""
    return _predict(network, threads, compiled=False)


@offers("predict", "torch compiled")
def predict_compiled(network: Network, threads: int) -> Prepared:
    """torch.compile of the same."""
    return _predict(network, threads, compiled=True)


@offers("predict sparse", "torch csr")
def predict_sparse(network: Sparse, threads: int) -> Prepared:
    """Compressed rows times columns of a batch, bias added by the product; the last layer is dense."""
    torch.set_num_threads(threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "beta state"
        layers = [(torch.tensor(w).to_sparse_csr(), torch.tensor(b)[:, None]) for w, b in network.weights[:-1]]
    last, last_bias = (torch.tensor(array) for array in network.weights[-1])
    x, kept = torch.tensor(network.x).T.contiguous(), {}

    @torch.inference_mode()
    def call() -> None:
        h = x
        for weight, bias in layers:
            h = torch.addmm(bias, weight, h).relu_()
        kept["output"] = torch.addmm(last_bias[:, None], last, h)

    return Prepared(call, lambda: kept["output"].T.numpy())


@offers("predict bf16", "torch")
def predict_bfloat16(network: Half, threads: int) -> Prepared:
    """A module of bfloat16, fed with bfloat16."""
    torch.set_num_threads(threads)
    model, x, kept = _modules(network).eval().to(torch.bfloat16), torch.tensor(network.x).to(torch.bfloat16), {}

    @torch.inference_mode()
    def call() -> None:
        kept["output"] = model(x)

    return Prepared(call, lambda: kept["output"].float().numpy())


def _train(network: Network, threads: int, compiled: bool) -> Prepared:
    torch.set_num_threads(threads)
    model, x, y = _modules(network).train(), torch.tensor(network.x), torch.tensor(network.y)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, betas=BETAS, eps=EPS, fused=True)
    functional = torch.nn.functional
    loss_of = functional.cross_entropy if network.classifies else functional.mse_loss

    def forward(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return loss_of(model(x), y)

    run: Any = torch.compile(forward, dynamic=False) if compiled else forward

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        run(x, y).backward()
        optimizer.step()

    return Prepared(step, lambda: [parameter.detach().numpy() for parameter in model.parameters()])


@offers("train", "torch")
def train(network: Network, threads: int) -> Prepared:
    """Eager passes, fused Adam."""
    return _train(network, threads, compiled=False)


@offers("train", "torch compiled")
def train_compiled(network: Network, threads: int) -> Prepared:
    """Compiled passes, fused Adam."""
    return _train(network, threads, compiled=True)


@offers("array step", "torch fused")
def array_step(problem: ArrayStep, threads: int) -> Prepared:
    """torch.optim with fused=True."""
    torch.set_num_threads(threads)
    params, grads = problem.arrays()
    tensors = [torch.tensor(w, requires_grad=True) for w in params]
    for tensor, grad in zip(tensors, grads, strict=True):
        tensor.grad = torch.tensor(grad)
    optimizer = getattr(torch.optim, problem.optimizer)(tensors, lr=problem.lr, fused=True, **problem.options)
    return Prepared(optimizer.step, lambda: [tensor.detach().numpy() for tensor in tensors])


@offers("quantize", "torch")
def quantize(problem: Quantizing, threads: int) -> Prepared:
    """quantize_per_tensor and quantize_per_channel."""
    torch.set_num_threads(threads)
    x, kept = torch.tensor(problem.x), {}
    if problem.per_channel:
        scales, zeros = torch.tensor(problem.scale), torch.tensor(problem.zero_point.astype(np.int64))

        def call() -> None:
            kept["q"] = torch.quantize_per_channel(x, scales, zeros, 0, torch.qint8)
    else:
        scale, zero = problem.scale, problem.zero_point

        def call() -> None:
            kept["q"] = torch.quantize_per_tensor(x, scale, zero, torch.qint8)

    return Prepared(call, lambda: kept["q"].int_repr().numpy())


@offers("dequantize", "torch")
def dequantize(problem: Quantizing, threads: int) -> Prepared:
    """Of a quantized tensor."""
    torch.set_num_threads(threads)
    codes, kept = torch.tensor(problem.codes), {}
    if problem.per_channel:
        scales, zeros = torch.tensor(problem.scale), torch.tensor(problem.zero_point.astype(np.int64))
        q = torch._make_per_channel_quantized_tensor(codes, scales.double(), zeros, 0)
    else:
        q = torch._make_per_tensor_quantized_tensor(codes, problem.scale, problem.zero_point)

    def call() -> None:
        kept["x"] = q.dequantize()

    return Prepared(call, lambda: kept["x"].numpy())


@offers("threshold", "torch")
def threshold(problem: Pruning, threads: int) -> Prepared:
    """Comparison, product, count."""
    torch.set_num_threads(threads)
    source, t, kept = torch.tensor(problem.x), float(np.float32(problem.threshold)), {}
    x, absolute, mask = source.clone(), torch.empty_like(source), torch.empty(source.shape, dtype=torch.bool)

    def call() -> None:
        torch.abs(x, out=absolute)
        torch.ge(absolute, t, out=mask)
        x.mul_(mask)
        kept["count"] = int(torch.count_nonzero(mask))

    return Prepared(call, lambda: (x.numpy(), mask.numpy(), kept["count"]), lambda: x.copy_(source))


@offers("magnitude", "torch")
def magnitude(problem: Pruning, threads: int) -> Prepared:
    """kthvalue, then a threshold."""
    torch.set_num_threads(threads)
    source = torch.tensor(problem.x)
    x, absolute, mask = source.clone(), torch.empty_like(source), torch.empty(source.shape, dtype=torch.bool)

    def call() -> None:
        torch.abs(x, out=absolute)
        torch.gt(absolute, torch.kthvalue(absolute, problem.count).values, out=mask)
        x.mul_(mask)

    return Prepared(call, lambda: x.numpy(), lambda: x.copy_(source))


@offers("epochs", "torch")
def epochs(problem: Training, threads: int) -> Prepared:
    """Eager passes, fused Adam; compiled ones were no faster on batches of this network, and take long to compile."""
    torch.set_num_threads(threads)
    x, y = (torch.tensor(array) for array in problem.train)
    kept: dict[str, torch.nn.Sequential] = {}
    loss_of = torch.nn.functional.cross_entropy

    def call() -> None:
        model = kept["model"] = _modules(problem.network).train()
        optimizer = torch.optim.Adam(model.parameters(), lr=problem.lr, fused=True)
        for epoch in range(problem.epochs):
            for rows in torch.tensor(problem.order(epoch)).split(problem.batch):
                optimizer.zero_grad(set_to_none=True)
                loss_of(model(x[rows]), y[rows]).backward()
                optimizer.step()

    return Prepared(call, lambda: [parameter.detach().numpy() for parameter in kept["model"].parameters()])
