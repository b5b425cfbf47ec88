"""The network against torch: outputs, gradients, and a whole training run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sprat import nn

torch = pytest.importorskip("torch")

MODULES = {
    "identity": torch.nn.Identity,
    "relu": torch.nn.ReLU,
    "leaky_relu": torch.nn.LeakyReLU,
    "elu": torch.nn.ELU,
    "gelu": torch.nn.GELU,
    "gelu_tanh": lambda: torch.nn.GELU(approximate="tanh"),
    "silu": torch.nn.SiLU,
    "tanh": torch.nn.Tanh,
    "sigmoid": torch.nn.Sigmoid,
    "softplus": torch.nn.Softplus,
    "hardswish": torch.nn.Hardswish,
}


def twin(model: nn.MLP) -> Any:
    """The same network with the same parameters in torch."""
    dtype = getattr(torch, model.dtype.name)
    parts: list[Any] = []
    for i, layer in enumerate(model.layers):
        linear = torch.nn.Linear(layer.in_features, layer.out_features, bias=layer.bias, dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(model.parameters()[f"layers.{i}.weight"]))
            if layer.bias:
                linear.bias.copy_(torch.from_numpy(model.parameters()[f"layers.{i}.bias"]))
        parts += [linear, MODULES[layer.activation]()]
    return torch.nn.Sequential(*parts)


def torch_gradients(network: Any) -> list[np.ndarray]:
    return [parameter.grad.numpy() for parameter in network.parameters()]


@pytest.mark.parametrize("activation", MODULES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("float64", 1e-12)])
def test_outputs_and_gradients(activation: str, dtype: str, tolerance: float) -> None:
    model = nn.MLP([20, 33, 17, 5], activation=activation, dtype=dtype, init="glorot_normal", seed=1)
    x = np.random.default_rng(0).standard_normal((40, 20)).astype(dtype)
    y = np.arange(40) % 5
    network = twin(model)
    output = network(torch.from_numpy(x))
    np.testing.assert_allclose(model(x), output.detach().numpy(), rtol=tolerance, atol=tolerance)
    loss = torch.nn.functional.cross_entropy(output, torch.from_numpy(y))
    loss.backward()
    value, gradients = model.loss_and_gradients(x, y)
    assert value == pytest.approx(loss.item(), rel=tolerance)
    for ours, theirs in zip(gradients.values(), torch_gradients(network), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=10 * tolerance, atol=tolerance)


def test_a_training_run() -> None:
    model = nn.MLP([8, 16, 3], activation="tanh", dtype="float64", seed=2)
    network = twin(model)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, 8))
    y = rng.integers(0, 3, 60)
    gradients = None
    for step in range(50):
        rows = slice(step % 3 * 20, step % 3 * 20 + 20)
        _, gradients = model.loss_and_gradients(x[rows], y[rows], out=gradients)
        model.params[:] -= 0.3 * gradients.flat
        network.zero_grad()
        torch.nn.functional.cross_entropy(network(torch.from_numpy(x[rows])), torch.from_numpy(y[rows])).backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter -= 0.3 * parameter.grad
    for ours, theirs in zip(model.parameters().values(), network.parameters(), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9, atol=1e-11)


def test_a_tensor_is_an_array() -> None:
    model = nn.MLP([4, 2])
    x = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    assert (model(x) == model(x.numpy())).all()
