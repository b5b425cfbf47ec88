"""The C function of a whole training step, called as a C program would: by the header's structs, on one stream."""

from __future__ import annotations

import ctypes
import itertools
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import sprat
from cuda_device import Device
from sprat import _core
from support import assert_same_bits

I32, I64, SIZE, REAL, AT = ctypes.c_int32, ctypes.c_int64, ctypes.c_size_t, ctypes.c_double, ctypes.c_void_p
CLASSES = 1  # SPRAT_TARGET_CLASSES


def struct(name: str, *fields: tuple[str, Any]) -> type[ctypes.Structure]:
    """A struct of sprat.h; its first field, the size, is set."""

    def init(self: ctypes.Structure, **values: Any) -> None:
        ctypes.Structure.__init__(self, size=ctypes.sizeof(self), **values)

    return type(name, (ctypes.Structure,), {"_fields_": [("size", SIZE), *fields], "__init__": init})


Layer = struct(
    "Layer", ("in_features", I64), ("out_features", I64), ("weight_offset", I64), ("bias_offset", I64),
    ("dropout", REAL), ("activation", I32), ("has_bias", I32),
)  # fmt: skip
Options = struct(
    "Options", ("dropout_seed", ctypes.c_uint64), ("step", I64), ("first_row", I64), ("input_quant", AT), ("without_dropout", I32)
)  # fmt: skip
Batch = struct(
    "Batch", ("rows", I64), ("x", AT), ("target", AT), ("target_kind", I32), ("teacher", AT), ("sample_weight", AT)
)
Loss = struct(
    "Loss", ("loss", I32), ("label_smoothing", REAL), ("delta", REAL), ("temperature", REAL), ("alpha", REAL),
    ("class_weight", AT), ("pos_weight", AT),
)  # fmt: skip
Gradients = struct("Gradients", ("params", AT), ("x", AT), ("frozen", AT), ("hidden", AT))
Params = struct(
    "Params", ("step", I64),
    *[(name, REAL) for name in ("lr", "beta1", "beta2", "eps", "weight_decay", "momentum", "dampening", "alpha", "lr_decay",
                                "momentum_decay", "mu_product")],
    ("nesterov", I32), ("maximize", I32), ("decoupled_weight_decay", I32),
)  # fmt: skip
Tensor = struct("Tensor", ("length", I64), ("param", AT), ("grad", AT), ("states", AT * 3), ("mask", AT), ("ema", AT))
Group = struct("Group", ("optimizer", I32), ("dtype", I32), ("params", Params), ("tensors", AT), ("num_tensors", I64))
Update = struct("Update", ("clip_norm", REAL), ("clip_value", REAL), ("ema_decay", REAL), ("require_finite", I32))


class Library:
    """The C ABI of the module; a refusal raises its line."""

    def __init__(self, native: ModuleType) -> None:
        self._library = ctypes.CDLL(native.__file__)
        self._library.sprat_cuda_last_error.restype = ctypes.c_char_p

    def __call__(self, name: str, *arguments: Any) -> None:
        if getattr(self._library, f"sprat_cuda_{name}")(*arguments) != 0:
            raise ValueError(self._library.sprat_cuda_last_error().decode())

    def find(self, kind: str, name: str) -> int:
        return int(getattr(self._library, f"sprat_cuda_{kind}_find")(name.encode()))

    def free(self, what: str, handle: Any) -> None:
        function = getattr(self._library, f"sprat_cuda_{what}_destroy")
        function.restype = None
        function(handle)


SIZES = [9, 40, 17, 3]


def layers(find: Any) -> tuple[list[Any], list[tuple[Any, ...]], int]:
    """For both modules: of the structs, and of _core.Mlp."""
    structs, tuples, offset = [], [], 0
    for index, (inputs, outputs) in enumerate(itertools.pairwise(SIZES)):
        name, dropout = ("relu", 0.2) if index < len(SIZES) - 2 else ("identity", 0.0)
        bias = offset + inputs * outputs
        tuples.append((inputs, outputs, name, True, dropout, offset, bias))
        structs.append(
            Layer(
                in_features=inputs,
                out_features=outputs,
                weight_offset=offset,
                bias_offset=bias,
                dropout=dropout,
                activation=find("activation", name),
                has_bias=1,
            )
        )
        offset = bias + outputs
    return structs, tuples, offset


@pytest.mark.parametrize("wait", [False, True])
def test_steps_have_the_bits_of_the_cpu(device: Device, wait: bool) -> None:
    call = Library(device.native)
    structs, tuples, length = layers(call.find)
    rng = np.random.default_rng(0)
    params = (rng.standard_normal(length) * 0.3).astype(np.float32)
    rows = [50, 50, 13]
    xs = [rng.standard_normal((n, SIZES[0])).astype(np.float32) for n in rows]
    ys = [rng.integers(0, SIZES[-1], n) for n in rows]

    wanted, grads, losses, norms = params.copy(), np.empty_like(params), [], []
    cpu, workspace = _core.Mlp(tuples, length, "float32"), _core.Workspace()
    optimizer = sprat.optim.AdamW([wanted], lr=0.01, weight_decay=0.1, clip_norm=0.5)
    for step, (x, y) in enumerate(zip(xs, ys, strict=True)):
        losses.append(
            cpu.loss_and_gradients(
                wanted, x, y, "cross_entropy", workspace, grads, dropout_seed=5, step=step, label_smoothing=0.1
            )
        )
        optimizer.step([grads])
        norms.append(optimizer.grad_norm)

    mlp, memory = AT(), AT()
    call("mlp_create", (Layer * len(structs))(*structs), I64(len(structs)), I64(length), I32(0), ctypes.byref(mlp))
    call("workspace_create", ctypes.byref(memory))
    at, at_grads = device.put(params), device.put(np.zeros_like(params))
    zeros = [device.put(np.zeros_like(params)) for _ in range(2)]
    tensor = Tensor(length=length, param=at, grad=at_grads, states=(AT * 3)(*zeros))
    numbers = Params(step=1, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.1, mu_product=1.0)
    group = Group(
        optimizer=call.find("optimizer", "adamw"),
        dtype=0,
        params=numbers,
        tensors=ctypes.addressof(tensor),
        num_tensors=1,
    )
    loss = Loss(loss=call.find("loss", "cross_entropy"), label_smoothing=0.1, delta=1.0, temperature=1.0, alpha=0.0)
    for step, (x, y) in enumerate(zip(xs, ys, strict=True)):
        batch = Batch(rows=len(x), x=device.put(x), target=device.put(y), target_kind=CLASSES)
        value, norm = REAL(), REAL()
        call(
            "mlp_step", mlp, AT(at), ctypes.byref(batch), ctypes.byref(loss), ctypes.byref(Options(dropout_seed=5, step=step)),
            memory, ctypes.byref(Gradients(params=at_grads)), ctypes.byref(group), I64(1), ctypes.byref(Update(clip_norm=0.5)),
            ctypes.byref(value) if wait else None, ctypes.byref(norm) if wait else None, None,
        )  # fmt: skip
        if not wait:
            call("workspace_loss", memory, ctypes.byref(value), None)
        assert_same_bits(np.float64(value.value), np.float64(losses[step]))
        if wait:
            assert_same_bits(np.float64(norm.value), np.float64(norms[step]))
        call("optimizer_advance", group.optimizer, ctypes.byref(group, Group.params.offset))
    assert_same_bits(device.get(at, params), wanted)

    before = device.get(at, params)
    batch = Batch(rows=2, x=device.put(xs[0][:2]), target=device.put(np.array([0, 7])), target_kind=CLASSES)
    with pytest.raises(ValueError, match=r"^target: wanted class ids in \[0, 3\), got 7 in row 1$"):
        call(
            "mlp_step", mlp, AT(at), ctypes.byref(batch), ctypes.byref(loss), None, memory,
            ctypes.byref(Gradients(params=at_grads)), ctypes.byref(group), I64(1), ctypes.byref(Update()),
            ctypes.byref(REAL()), None, None,
        )  # fmt: skip
    assert_same_bits(device.get(at, params), before)
    call.free("workspace", memory)
    call.free("mlp", mlp)
