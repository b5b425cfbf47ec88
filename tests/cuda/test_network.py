"""Networks on the device: forward and training passes have the bits of the CPU library's."""

from __future__ import annotations

import gc
import itertools
from typing import Any

import numpy as np
import pytest

from cuda_device import Device
from sprat import _core
from support import assert_same_bits

ACTIVATIONS = list(_core.activations())
QUANT = (0.05, 3, -128, 127)


class Twin:
    """One network on the CPU and on the device, with the same parameters."""

    def __init__(
        self, device: Device, sizes: list[int], activation: str = "relu", dtype: Any = np.float32, dropout: float = 0.0,
        seed: int = 1, gap: int = 0,
    ) -> None:  # fmt: skip
        rng, layers, offset = np.random.default_rng([seed, *sizes]), [], gap
        last = len(sizes) - 2
        for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            bias = offset + inputs * outputs
            name = "identity" if index == last else activation
            layers.append((inputs, outputs, name, index != 1, 0.0 if index == last else dropout, offset, bias))
            offset = bias + outputs
        self.device, self.sizes, self.dtype = device, sizes, np.dtype(dtype)
        self.params = (rng.standard_normal(offset) * 0.3).astype(dtype)
        self.cpu, self.gpu = (
            _core.Mlp(layers, offset, self.dtype.name),
            device.native.Mlp(layers, offset, self.dtype.name),
        )
        self.cpu_workspace, self.workspace = _core.Workspace(), device.native.Workspace()
        self.at = device.put(self.params)

    def rows(self, rows: int, columns: int, seed: int = 2) -> np.ndarray:
        return np.random.default_rng([seed, rows, columns]).standard_normal((rows, columns)).astype(self.dtype)

    def check_forward(self, rows: int, quants: Any = None) -> None:
        x = self.rows(rows, self.sizes[0])
        at = self.device.put(x)
        for layer, columns in enumerate(self.sizes[1:]):
            out = np.empty((rows, columns), self.dtype)
            self.cpu.forward(self.params, x, layer, out, quants)
            place = self.device.put(np.full_like(out, 7))
            self.gpu.forward(self.at, at, rows, layer, place, input_quant=quants)
            assert_same_bits(self.device.get(place, out), out)

    def check_backward(
        self, rows: int, *, quants: Any = None, frozen: Any = None, wants_x: bool = True, hidden: bool = False,
        without_dropout: bool = False, first_row: int = 0,
    ) -> None:  # fmt: skip
        put, get = self.device.put, self.device.get
        x, dy = self.rows(rows, self.sizes[0]), self.rows(rows, self.sizes[-1], 3)
        self.cpu.forward_train(self.params, x, self.cpu_workspace, 9, 4, first_row, quants, without_dropout)
        at = put(x)
        self.gpu.forward_train(
            self.at, at, rows, self.workspace, dropout_seed=9, step=4, first_row=first_row, input_quant=quants,
            without_dropout=without_dropout,
        )  # fmt: skip
        for layer, columns in enumerate(self.sizes[1:]):
            wanted = np.empty((rows, columns), self.dtype)
            self.cpu.activations(self.cpu_workspace, layer, wanted)
            place = put(np.zeros_like(wanted))
            self.gpu.activations(self.workspace, layer, rows, place)
            assert_same_bits(get(place, wanted), wanted)
        extra = {0: self.rows(rows, self.sizes[1], 4)} if hidden else None
        grads, dx = np.full_like(self.params, 7), np.full_like(x, 7)
        flags = None if frozen is None else np.array(frozen, np.uint8)
        self.cpu.backward(self.params, self.cpu_workspace, dy, rows, grads, dx if wants_x else None, flags, extra)
        at_grads, at_dx = put(np.full_like(grads, 7)), put(np.full_like(dx, 7))
        self.gpu.backward(
            self.at, self.workspace, put(dy), rows, at_grads, grad_x=at_dx if wants_x else 0, frozen=frozen,
            hidden_gradients=extra and {layer: put(h) for layer, h in extra.items()},
        )  # fmt: skip
        assert_same_bits(get(at_grads, grads), grads)
        assert_same_bits(get(at_dx, dx), dx)

    def loss_and_gradients(self, rows: int, loss: str, wait: bool = True, **options: Any) -> None:
        put, get, columns = self.device.put, self.device.get, self.sizes[-1]
        x, classes = self.rows(rows, self.sizes[0]), loss == "cross_entropy"
        rng = np.random.default_rng(rows)
        y = rng.integers(0, columns, rows) if classes else rng.random((rows, columns)).astype(self.dtype)
        extra = {key: value for key, value in options.items() if isinstance(value, np.ndarray)}
        plain = {key: value for key, value in options.items() if key not in extra}
        grads = np.empty_like(self.params)
        wanted = self.cpu.loss_and_gradients(self.params, x, y, loss, self.cpu_workspace, grads, **extra, **plain)
        at_grads = put(np.full_like(grads, 7))
        got = self.gpu.loss_and_gradients(
            self.at, put(x), put(y), rows, loss, self.workspace, at_grads, classes=classes, wait=wait,
            **{key: put(value) for key, value in extra.items()}, **plain,
        )  # fmt: skip
        assert (got is not None) == wait
        assert_same_bits(np.float64(self.workspace.loss() if got is None else got), np.float64(wanted))
        assert_same_bits(get(at_grads, grads), grads)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(device: Device, activation: str, dtype: Any) -> None:
    twin = Twin(device, [13, 33, 17, 5], activation, dtype)
    twin.check_forward(37)
    twin.check_backward(37)


@pytest.mark.parametrize("sizes", [[1, 1], [2, 3, 1], [65, 63, 10], [5, 129, 31, 2]])
@pytest.mark.parametrize("rows", [1, 2, 16, 129, 513])
def test_shapes(device: Device, sizes: list[int], rows: int) -> None:
    twin = Twin(device, sizes)
    twin.check_forward(rows)
    twin.check_backward(rows)
    twin.check_backward(rows, wants_x=False)


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "identity"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_drops_what_the_cpu_drops(device: Device, activation: str, dtype: Any) -> None:
    twin = Twin(device, [7, 33, 18, 4], activation, dtype, dropout=0.3)
    twin.check_backward(65)
    twin.check_backward(65, first_row=1000)
    twin.check_backward(65, without_dropout=True)


def test_fake_quantization_frozen_layers_and_hidden_gradients(device: Device) -> None:
    for activation in ("relu", "silu"):
        twin = Twin(device, [7, 33, 18, 4], activation, dropout=0.2, gap=3)
        quants = [QUANT, None, QUANT]
        twin.check_forward(21, quants)
        twin.check_backward(21, quants=quants)
        twin.check_backward(21, hidden=True)
        twin.check_backward(21, hidden=True, quants=quants, without_dropout=True)
        for frozen in ([1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]):
            twin.check_backward(21, frozen=[bool(f) for f in frozen], wants_x=False)
            twin.check_backward(21, frozen=[bool(f) for f in frozen])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["cross_entropy", "bce_with_logits", "mse", "mae", "huber"])
def test_loss_and_gradients(device: Device, loss: str, dtype: Any) -> None:
    twin = Twin(device, [9, 40, 3], dtype=dtype, dropout=0.1)
    rng = np.random.default_rng(0)
    weight, teacher = (rng.random(shape).astype(dtype) for shape in (70, (70, 3)))
    twin.loss_and_gradients(70, loss)
    twin.loss_and_gradients(1, loss, dropout_seed=3, step=7)
    twin.loss_and_gradients(70, loss, sample_weight=weight, teacher=teacher, temperature=3.0, alpha=0.4)
    twin.loss_and_gradients(130, loss, wait=False)


def test_thread_orders(device: Device, order: str) -> None:
    twin = Twin(device, [9, 40, 17, 3], "gelu", dropout=0.2)
    twin.check_backward(70, quants=[QUANT, None, None], hidden=True)
    twin.loss_and_gradients(70, "cross_entropy")


def test_one_workspace_serves_batches_of_any_size(device: Device) -> None:
    twin = Twin(device, [9, 12, 3])
    for rows in (3, 100, 5, 600, 1):
        twin.check_backward(rows)
        twin.loss_and_gradients(rows, "mse")
    del twin
    gc.collect()


def test_what_is_refused_changes_nothing_or_becomes_nan(device: Device) -> None:
    twin = Twin(device, [4, 5, 3])
    put, get = device.put, device.get
    x, y = put(twin.rows(6, 4)), put(np.array([0, 1, 2, 3, 0, 1]))
    grads = put(np.full_like(twin.params, 7))
    call = (twin.at, x, y, 6, "cross_entropy", twin.workspace, grads)
    with pytest.raises(ValueError, match=r"^target: wanted class ids in \[0, 3\), got 3 in row 3$"):
        twin.gpu.loss_and_gradients(*call, classes=True)
    assert (get(grads, twin.params) == 7).all()
    assert twin.gpu.loss_and_gradients(*call, classes=True, wait=False) is None
    assert np.isnan(get(grads, twin.params)[:-3]).all()  # behind it no layer's: the second one has no bias
    assert np.isnan(twin.workspace.loss())


def test_refusals(device: Device) -> None:
    twin, native = Twin(device, [4, 5, 3]), device.native
    x, out = device.put(twin.rows(2, 4)), device.put(twin.rows(2, 3))
    with pytest.raises(ValueError, match=r"^layer: wanted 0 to 1, got 2$"):
        twin.gpu.forward(twin.at, x, 2, 2, out)
    with pytest.raises(ValueError, match=r"^out must not overlap x$"):
        twin.gpu.forward(twin.at, x, 2, 1, x)
    with pytest.raises(ValueError, match=r"^x must not be NULL$"):
        twin.gpu.forward(twin.at, 0, 2, 1, out)
    with pytest.raises(ValueError, match=r"^workspace: holds no training pass of this network$"):
        twin.gpu.backward(twin.at, twin.workspace, out, 2, device.put(twin.params))
    with pytest.raises(ValueError, match=r"^workspace: no loss has been computed with it$"):
        twin.workspace.loss()
    with pytest.raises(ValueError, match=r"^activation: there is no 'swish'$"):
        native.Mlp([(1, 1, "swish", True, 0.0, 0, 1)], 2, "float32")
    with pytest.raises(ValueError, match=r"^layers\[0\].bias_offset: the bias reaches beyond the 1 parameters$"):
        native.Mlp([(1, 1, "relu", True, 0.0, 0, 1)], 1, "float32")
