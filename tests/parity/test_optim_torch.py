"""Optimizers against torch.optim: every option, gradient clipping, and state dicts loaded both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reference.optim import CASES, case_id
from sprat import optim

torch = pytest.importorskip("torch")

TORCH_CASES = [(name, options) for name, options in CASES if hasattr(torch.optim, name)]
SHAPES = [(3, 5), (1,), (37,), (2, 1, 8)]


class Pair:
    """The same parameters in both libraries, and the same gradients for both."""

    def __init__(self, name: str, dtype: Any, seed: int, peer: dict[str, Any] | None = None, **options: Any) -> None:
        self.rng, self.dtype = np.random.default_rng(seed), dtype
        self.ours = [self.rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
        self.theirs = [torch.tensor(w.copy(), requires_grad=True) for w in self.ours]
        self.our_optimizer = getattr(optim, name)(self.ours, **options)
        self.their_optimizer = getattr(torch.optim, name)(self.theirs, **(peer or {"foreach": False}), **options)

    def gradients(self) -> list[np.ndarray]:
        return [self.rng.standard_normal(shape).astype(self.dtype) for shape in SHAPES]

    def step(self, count: int = 1, clip_norm: float | None = None, clip_value: float | None = None) -> None:
        for _ in range(count):
            grads = self.gradients()
            self.our_optimizer.step(grads)
            for tensor, grad in zip(self.theirs, grads, strict=True):
                tensor.grad = torch.tensor(grad)
            if clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.theirs, clip_norm)
            if clip_value is not None:
                torch.nn.utils.clip_grad_value_(self.theirs, clip_value)
            self.their_optimizer.step()

    def compare(self, rtol: float, atol: float) -> None:
        for ours, theirs in zip(self.ours, self.theirs, strict=True):
            np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=rtol, atol=atol)


@pytest.fixture
def float64_scalars() -> Any:
    """torch keeps NAdam's product of momenta in its default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("float64_scalars")
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(("name", "options"), TORCH_CASES, ids=case_id)
def test_float64(name: str, options: dict[str, Any], maximize: bool) -> None:
    pair = Pair(name, np.float64, 1, maximize=maximize, **options)
    pair.step(20)
    pair.compare(rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("name", "options"), TORCH_CASES, ids=case_id)
def test_float32(name: str, options: dict[str, Any]) -> None:
    """Not bit for bit: torch's compiler fuses products and sums, and Adam's step is arranged differently here."""
    pair = Pair(name, np.float32, 2, **options)
    pair.step(20)
    # About ten roundings of 2^-24 in each of 20 steps; centered RMSprop subtracts nearly equal numbers.
    tolerance = 1e-3 if options.get("centered") else 4e-6
    pair.compare(rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("name", "options"), [("Adam", {"lr": 0.1}), ("AdamW", {"lr": 0.1}), ("SGD", {"momentum": 0.9})]
)
def test_fused(name: str, options: dict[str, Any]) -> None:
    pair = Pair(name, np.float32, 3, {"fused": True}, **options)
    pair.step(20)
    pair.compare(rtol=4e-6, atol=4e-6)


@pytest.mark.parametrize("name", sorted({name for name, _ in TORCH_CASES}))
def test_arguments_and_defaults_are_torchs(name: str) -> None:
    theirs = getattr(torch.optim, name)([torch.zeros(1)]).param_groups[0]
    ours = getattr(optim, name)([np.zeros(1)]).param_groups[0]
    without = {"params", "foreach", "fused", "capturable", "differentiable"}
    for key in set(theirs) - without:
        assert ours[key] == theirs[key], key


@pytest.mark.parametrize("clip_norm", [1e-3, 1.0, 6.0, 1e3])
def test_clip_norm(clip_norm: float) -> None:
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-6)):
        pair = Pair("SGD", dtype, 4, lr=1.0)
        pair.our_optimizer = optim.SGD(pair.ours, lr=1.0, clip_norm=clip_norm)
        pair.step(5, clip_norm=clip_norm)
        pair.compare(rtol=tolerance, atol=tolerance)


def test_clip_norm_then_value() -> None:
    pair = Pair("SGD", np.float64, 5, lr=1.0)
    pair.our_optimizer = optim.SGD(pair.ours, lr=1.0, clip_norm=3.0, clip_value=0.2)
    pair.step(5, clip_norm=3.0, clip_value=0.2)
    pair.compare(rtol=1e-12, atol=1e-13)


def test_nonfinite_gradients_clip_as_in_torch() -> None:
    for bad, clip in ((np.nan, {"clip_norm": 1.0}), (np.inf, {"clip_norm": 1.0}), (np.nan, {"clip_value": 0.5})):
        w, theirs = np.zeros(4), torch.zeros(4, dtype=torch.float64, requires_grad=True)
        grad = np.array([1.0, bad, -2.0, 0.5])
        optim.SGD([w], lr=1.0, **clip).step([grad])
        theirs.grad = torch.tensor(grad)
        if "clip_norm" in clip:
            torch.nn.utils.clip_grad_norm_([theirs], 1.0)
        else:
            torch.nn.utils.clip_grad_value_([theirs], 0.5)
        torch.optim.SGD([theirs], lr=1.0).step()
        np.testing.assert_allclose(w, theirs.detach().numpy(), rtol=1e-6)


def test_ema_is_torchs() -> None:
    pair = Pair("SGD", np.float64, 6, lr=0.1)
    pair.our_optimizer = optim.SGD(pair.ours, lr=0.1, ema_decay=0.9)
    module = torch.nn.ParameterList(pair.theirs)
    average = torch.optim.swa_utils.AveragedModel(module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    average.update_parameters(module)  # the first call copies
    for _ in range(5):
        pair.step()
        average.update_parameters(module)
    for ours, theirs in zip(pair.our_optimizer.ema, average.module, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12)


# ---- state dicts


def as_torch(value: Any) -> Any:
    """A state dict of ours with tensors where it has arrays."""
    if isinstance(value, np.ndarray):
        return torch.tensor(value)
    if isinstance(value, dict):
        return {key: as_torch(item) for key, item in value.items()}
    return value


@pytest.mark.usefixtures("float64_scalars")
@pytest.mark.parametrize(("name", "options"), TORCH_CASES, ids=case_id)
def test_torch_loads_ours(name: str, options: dict[str, Any]) -> None:
    """torch goes on where we stopped: after the load both make the same steps."""
    pair = Pair(name, np.float64, 7, **options)
    for _ in range(4):
        pair.our_optimizer.step(pair.gradients())
    with torch.no_grad():
        for ours, theirs in zip(pair.ours, pair.theirs, strict=True):
            theirs.copy_(torch.tensor(ours))
    pair.their_optimizer = getattr(torch.optim, name)(pair.theirs, foreach=False)  # other hyper-parameters
    pair.their_optimizer.load_state_dict(as_torch(pair.our_optimizer.state_dict()))
    pair.step(4)
    pair.compare(rtol=1e-12, atol=1e-13)


@pytest.mark.usefixtures("float64_scalars")
@pytest.mark.parametrize(("name", "options"), TORCH_CASES, ids=case_id)
def test_we_load_torchs(name: str, options: dict[str, Any]) -> None:
    pair = Pair(name, np.float64, 8, **options)
    for _ in range(4):
        for tensor, grad in zip(pair.theirs, pair.gradients(), strict=True):
            tensor.grad = torch.tensor(grad)
        pair.their_optimizer.step()
    for ours, theirs in zip(pair.ours, pair.theirs, strict=True):
        ours[...] = theirs.detach().numpy()
    pair.our_optimizer = getattr(optim, name)(pair.ours)
    pair.our_optimizer.load_state_dict(pair.their_optimizer.state_dict())
    pair.step(4)
    pair.compare(rtol=1e-12, atol=1e-13)


def test_the_layout_is_torchs() -> None:
    pair = Pair("Adam", np.float64, 9, amsgrad=True)
    pair.step()
    ours, theirs = pair.our_optimizer.state_dict(), pair.their_optimizer.state_dict()
    assert set(ours) - {"sprat"} == set(theirs)
    assert ours["state"].keys() == theirs["state"].keys()
    for index, entry in theirs["state"].items():
        assert ours["state"][index].keys() == entry.keys()
        for key, tensor in entry.items():
            assert ours["state"][index][key].shape == tuple(tensor.shape)
    assert ours["param_groups"][0]["params"] == theirs["param_groups"][0]["params"]


def test_fresh_optimizers_load_each_other() -> None:
    for name in ("SGD", "Adam", "Adagrad"):
        pair = Pair(name, np.float64, 10)
        pair.our_optimizer.load_state_dict(pair.their_optimizer.state_dict())
        pair.their_optimizer.load_state_dict(as_torch(pair.our_optimizer.state_dict()))
        pair.step(2)
        pair.compare(rtol=1e-12, atol=1e-13)


def test_torch_tensors_are_no_arrays() -> None:
    with pytest.raises(TypeError, match=r"params\[0\]: wanted a NumPy array in CPU memory, got Tensor"):
        optim.SGD([torch.zeros(3)])
    with pytest.raises(TypeError, match="wanted a NumPy array"):
        optim.SGD([np.zeros(3)]).step([torch.zeros(3, dtype=torch.float64)])
    with pytest.raises(TypeError, match="wanted a NumPy array"):
        optim.SGD(torch.nn.Linear(2, 3).parameters())
