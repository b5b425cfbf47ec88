"""Activations and their gradients are those of torch, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from sprat.nn import activations, functional

torch = pytest.importorskip("torch")
F = torch.nn.functional

PEERS = {
    "identity": lambda x: x * 1,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: F.softplus(x, threshold=1e9),  # torch's own threshold makes it a line above 20
    "hardswish": F.hardswish,
}


@pytest.mark.parametrize("name", PEERS)
def test_activation(name: str) -> None:
    z = np.linspace(-12, 12, 4001)
    x = torch.tensor(z, requires_grad=True)
    y = PEERS[name](x)
    inside = np.abs(np.abs(z) - 3) > 1e-9 if name == "hardswish" else np.ones(z.size, bool)  # but for its corners
    y.sum().backward()
    # The two erf and the two exp differ by an ULP or two of 1, times |z|.
    np.testing.assert_allclose(activations.apply(name, z), y.detach().numpy(), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(activations.derivative(name, z)[inside], x.grad.numpy()[inside], rtol=1e-13, atol=1e-14)


def test_softmax(rng: np.random.Generator) -> None:
    z = rng.normal(size=(3, 5, 11)) * 20
    np.testing.assert_allclose(functional.softmax(z), torch.softmax(torch.tensor(z), -1), rtol=1e-13)
    np.testing.assert_allclose(
        functional.log_softmax(z), torch.log_softmax(torch.tensor(z), -1), rtol=1e-13, atol=1e-15
    )
