"""Networks on the device by ``device="cuda"``: the same calls, the same bits."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from cuda_foreign import KINDS, Exchange, random
from sprat import nn
from support import assert_same_bits

SIZES = [6, 17, 9, 3]
ROWS = 41


def pair(**options: Any) -> tuple[nn.MLP, nn.MLP]:
    """The same model on the host and on the device."""
    return nn.MLP(SIZES, seed=1, **options), nn.MLP(SIZES, seed=1, device="cuda", **options)


def data(rows: int = ROWS, dtype: Any = np.float32) -> tuple[Any, Any]:
    x = random(rows, SIZES[0], seed=5, dtype=dtype)
    return x, (x[:, 0] > x[:, 1]).astype(np.int64) + (x[:, 2] > 0)


def same(device: Any, host: Any) -> None:
    assert_same_bits(device.numpy(), host)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "softplus"])
@pytest.mark.parametrize("rows", [0, 1, 2, ROWS])
def test_forward(rows: int, activation: str, dtype: str) -> None:
    host, device = pair(activation=activation, dtype=dtype)
    assert (host.device, device.device) == ("cpu", "cuda")
    same(device.params, host.params)
    x, _ = data(rows, dtype)
    same(device(sprat.cuda.array(x)), host(x))
    same(device.hidden(sprat.cuda.array(x), 1), host.hidden(x, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_and_outputs_of_other_libraries(kind: str) -> None:
    host, device = pair()
    x, _ = data()
    out = KINDS[kind](np.zeros((ROWS, 3), np.float32))
    assert device(KINDS[kind](x), out=out) is out
    assert_same_bits(out.numpy(), host(x))


@pytest.mark.parametrize("loss", ["cross_entropy", "shares", "mse", "bce_with_logits", "huber", "distillation"])
def test_loss_and_gradients(loss: str) -> None:
    host, device = pair(dropout=0.2, activation="silu")
    x, ids = data()
    y = ids if loss in ("cross_entropy", "distillation") else np.abs(random(ROWS, 3, seed=8)) % 1
    chosen = {
        "shares": nn.losses.CrossEntropy(class_weight=[1, 2, 0.5]),
        "distillation": nn.losses.Distillation(temperature=3.0, alpha=0.4),
    }.get(loss, loss)
    arrays = {"sample_weight": np.abs(random(ROWS, seed=2))}
    if loss == "distillation":
        arrays["teacher"] = random(ROWS, 3, seed=3)
    options = {"loss": chosen, "dropout_seed": 7, "step": 3, "first_row": 10}
    value, grads = host.loss_and_gradients(x, y, **arrays, **options)
    there = {name: sprat.cuda.array(array) for name, array in arrays.items()}
    device_value, device_grads = device.loss_and_gradients(sprat.cuda.array(x), sprat.cuda.array(y), **there, **options)
    assert device_value == value
    same(device_grads.flat, grads.flat)
    assert list(device_grads) == list(grads)
    same(device_grads["layers.1.weight"], grads["layers.1.weight"])
    again, same_arrays = device.loss_and_gradients(
        sprat.cuda.array(x), sprat.cuda.array(y), **there, **options, out=device_grads
    )
    assert again == value
    assert same_arrays is device_grads


def test_backward_with_what_looks_inside() -> None:
    host, device = pair(dropout=0.3)
    for model in (host, device):
        model.freeze("layers.1.weight")
    x, _ = data()
    y = host.forward(x, training=True, dropout_seed=4)
    same(device.forward(sprat.cuda.array(x), training=True, dropout_seed=4), y)
    same(device.training_activations(0), host.training_activations(0))
    grad, inside, of_x = random(ROWS, 3, seed=1), random(ROWS, 17, seed=2), np.empty_like(x)
    grads = host.backward(grad, {0: inside}, grad_x=of_x)
    device_of_x = sprat.cuda.empty(x.shape)
    device_grads = device.backward(sprat.cuda.array(grad), {0: sprat.cuda.array(inside)}, grad_x=device_of_x)
    same(device_grads.flat, grads.flat)
    same(device_of_x, of_x)
    assert list(device_grads) == list(grads)


def test_a_loss_of_ones_own() -> None:
    host, device = pair()
    x, _ = data()

    def loss(output: Any, target: Any) -> tuple[float, Any]:
        return nn.losses.MSE()(output, target)

    value, grads = host.loss_and_gradients(x, x[:, :3], loss=loss)
    there = sprat.cuda.array(x)
    target = sprat.cuda.array(np.ascontiguousarray(x[:, :3]))
    device_value, device_grads = device.loss_and_gradients(there, target, loss=loss)
    assert device_value == value
    same(device_grads.flat, grads.flat)


def test_softmax_and_predictions() -> None:
    host, device = pair()
    x, _ = data()
    host.loss_name = device.loss_name = "cross_entropy"
    there = sprat.cuda.array(x)
    same(device.predict_proba(there), host.predict_proba(x))
    assert_same_bits(device.predict(there), host.predict(x))
    logits = random(4, 5)
    same(nn.functional.softmax(sprat.cuda.array(logits)), nn.functional.softmax(logits))
    same(nn.functional.log_softmax(sprat.cuda.array(logits)), nn.functional.log_softmax(logits))


# ---- training

RUNS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "SGD", "lr": 0.05},
    "adam, clipped": {"optimizer": "Adam", "clip_norm": 0.5, "clip_value": 0.1},
    "adamw, averaged, weighted": {"optimizer": "AdamW", "ema_decay": 0.9, "sample_weight": True},
    "schedule": {"lr": sprat.optim.schedules.Cosine(0.05, steps=12), "class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
}


@pytest.mark.parametrize("name", RUNS)
def test_fit(name: str) -> None:
    """A whole life: dropout, masks, clipping, averages, validation; every bit that of the host."""
    options = dict(RUNS[name])
    x, y = data()
    if options.pop("sample_weight", False):
        options["sample_weight"] = np.abs(random(ROWS, seed=9))
    host, device = pair(dropout=0.1)
    masks = sprat.prune.magnitude(host, 0.4)
    for mask_name, mask in masks.items():
        device.set_mask(mask_name, mask)
    same(device.params, host.params)
    histories = [
        sprat.fit(model, x, y, epochs=3, batch_size=11, validation=(x, y), seed=3, **options)
        for model in (host, device)
    ]
    same(device.params, host.params)
    for column in ("loss", "val_loss", "val_accuracy"):
        assert histories[0][column] == histories[1][column]
    assert sprat.evaluate(device, x, y) == sprat.evaluate(host, x, y)


def test_gradual_pruning_and_early_stopping() -> None:
    x, y = data()
    models = pair()
    for model in models:
        pruning = sprat.training.GradualPruning(lambda step: min(0.6, step / 10), frequency=2)
        sprat.fit(
            model, x, y, epochs=4, batch_size=10, validation=(x, y), callbacks=[pruning], early_stopping=1, lr=0.02
        )
    host, device = models
    same(device.params, host.params)
    assert sprat.prune.report(device) == sprat.prune.report(host)
    assert sprat.prune.report(device).sparsity > 0.5


def test_tables_and_batches_of_ones_own() -> None:
    x, y = data()
    table = {"a": x[:, 0].astype(np.float64), "b": x[:, 1].astype(np.float64), "t": y}
    host, device = (nn.MLP([2, 8, 3], seed=1, device=name) for name in ("cpu", "cuda"))
    for model in (host, device):
        sprat.fit(model, table, "t", epochs=2, batch_size=16)
    same(device.params, host.params)
    assert_same_bits(device.predict(table), host.predict(table))
    host, device = pair()
    for model in (host, device):
        sprat.fit(model, lambda: iter([(x, y), (x[:5], y[:5])]), epochs=2)
    same(device.params, host.params)


def test_a_step_of_ones_own_loop() -> None:
    host, device = pair(dropout=0.2)
    x, y = data()
    steps = [
        sprat.training.Step(model, sprat.optim.Adam(model, lr=0.01, clip_norm=1.0), seed=2) for model in (host, device)
    ]
    there = sprat.cuda.array(x), sprat.cuda.array(y)
    for _ in range(4):
        assert steps[0](x, y) == steps[1](*there)
    same(device.params, host.params)


def test_a_run_that_stops_here_and_goes_on_there(tmp_path: Path) -> None:
    """A checkpoint written on the host is resumed on the device, with the bits of a run that never moved."""
    x, y = data()
    whole, device = pair(dropout=0.2)
    options: dict[str, Any] = {"batch_size": 10, "lr": 0.01, "checkpoint": tmp_path / "run", "seed": 1}
    sprat.fit(whole, x, y, epochs=2, **options)
    sprat.fit(device, x, y, epochs=4, resume=True, **options)
    whole, _ = pair(dropout=0.2)
    sprat.fit(whole, x, y, epochs=4, **{**options, "checkpoint": None})
    same(device.params, whole.params)


def test_an_optimizer_follows_the_model() -> None:
    """Moved to the device and back between steps: states, averages and masks come along."""
    host, moving = nn.MLP(SIZES, seed=1), nn.MLP(SIZES, seed=1)
    x, y = data()
    optimizers = [sprat.optim.Adam(model, lr=0.01, ema_decay=0.8) for model in (host, moving)]
    sprat.prune.magnitude(host, 0.3)
    sprat.prune.magnitude(moving, 0.3)
    for step in range(4):
        moving.to("cuda" if step % 2 else "cpu")
        put = moving._place.put
        optimizers[0].step(host.loss_and_gradients(x, y)[1].flat)
        optimizers[1].step(moving.loss_and_gradients(put(x), put(y))[1].flat)
    same(moving.params, host.params)
    for name, average in optimizers[0].ema.items():
        same(optimizers[1].ema[name], average)


def test_numbers_that_are_not_finite_stop_a_run() -> None:
    _, device = pair()
    x, y = data()
    x[3, 2] = np.nan
    before = device.params.numpy()
    with pytest.raises(sprat.training.NonFiniteError, match="NaN or infinity in x"):
        sprat.fit(device, x, y, epochs=1, batch_size=ROWS)
    same(device.params, before)


# ---- copies, files, predictors


def test_copies_and_files(tmp_path: Path) -> None:
    host, device = pair()
    host.set_mask("layers.0.weight", random(17, 6) > 0)
    device.set_mask("layers.0.weight", random(17, 6) > 0)
    x, _ = data()
    for other in (device.copy(), copy.deepcopy(device), pickle.loads(pickle.dumps(device))):
        assert other.device == "cuda"
        assert other.params.pointer != device.params.pointer
        same(other(sprat.cuda.array(x)), host(x))
    sprat.save(device, tmp_path / "model")
    assert_same_bits(sprat.load(tmp_path / "model")(x), host(x))
    sprat.save(host, tmp_path / "host")
    assert (tmp_path / "model").read_bytes() == (tmp_path / "host").read_bytes()
    assert sprat.export.c(device).files == sprat.export.c(host).files
    assert device.to("cuda") is device
    assert_same_bits(device.to("cpu")(x), host(x))


def test_predictors() -> None:
    host, device = pair(activation="gelu")
    x, _ = data()
    there = sprat.cuda.array(x)
    for predict in (sprat.Predictor(host, device="cuda"), sprat.Predictor(device)):
        assert predict.device == "cuda"
        same(predict(there), host(x))
    back = sprat.Predictor(device, device="cpu")
    assert_same_bits(back(x), host(x))
    predict = sprat.Predictor(device)
    device.params[...] = 0.0
    same(predict(there), host(x))


@pytest.mark.parametrize("weights", ["int8", "int4", "bfloat16", "float32", "static"])
def test_predictors_of_packed_networks(weights: str) -> None:
    model = nn.MLP([64, 40, 32, 3], seed=2)
    x = random(ROWS, 64, seed=4)
    packed = (
        sprat.quantization.quantize_model(model, calibration=x)
        if weights == "static"
        else sprat.pack(model, weights=weights)
    )
    predict = sprat.Predictor(packed, device="cuda")
    same(predict(sprat.cuda.array(x)), packed(x))
    same(predict(sprat.cuda.array(x[:1])), packed(x[:1]))
    assert (predict.device, predict.in_features, predict.out_features) == ("cuda", 64, 3)


# ---- refusals


def test_host_arrays_are_refused_in_one_line() -> None:
    _, device = pair()
    x, y = data()
    torch = pytest.importorskip("torch")
    for bad, got in ((x, "a NumPy array"), (torch.ones(2, 6), "torch.Tensor in host memory"), ([[1.0]], "list")):
        with pytest.raises(TypeError, match=f"^x: wanted an array on the device, got {got}"):
            device(bad)
    there = sprat.cuda.array(x)
    for call, message in (
        (lambda: device(there[:, :2] if False else sprat.cuda.array(x[:, :2])), r"^x: wanted shape \(rows, 6\)"),
        (lambda: device(sprat.cuda.array(x.astype(np.float64))), "^x: wanted float32, got float64$"),
        (lambda: device(there, out=np.zeros((ROWS, 3), np.float32)), "^out: wanted an array on the device"),
        (lambda: device(there, out=sprat.cuda.empty((ROWS, 2))), r"^out: wanted shape \(41, 3\), got \(41, 2\)$"),
        (lambda: device.loss_and_gradients(there, y), "^target: wanted an array on the device"),
        (lambda: device.loss_and_gradients(there, sprat.cuda.array(y + 5)), "41|class|target"),
        (lambda: device(Exchange(x, device=(1, 0))), "got cuda_foreign.Exchange in host memory"),
    ):
        with pytest.raises((TypeError, ValueError), match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_data_of_a_run_lie_in_host_memory() -> None:
    _, device = pair()
    x, y = data()
    for call, name in (
        (lambda: sprat.fit(device, sprat.cuda.array(x), y, epochs=1), "x"),
        (lambda: sprat.fit(device, x, sprat.cuda.array(y), epochs=1), "y"),
        (lambda: sprat.evaluate(device, x, y, sample_weight=sprat.cuda.array(x[:, 0])), "sample_weight"),
    ):
        with pytest.raises(TypeError, match=f"^{name}: wanted an array in host memory, got one on a device"):
            call()


def test_what_is_not_there_is_refused_by_name() -> None:
    _, device = pair()
    x, y = data()
    for call, name in (
        (lambda: sprat.prune.neurons(device, amount=1), "prune.neurons"),
        (lambda: sprat.prune.weights(device, 0.5), "prune.weights"),
        (lambda: sprat.prune.magnitude(device, pattern="2:4"), "prune.weights"),
        (lambda: sprat.quantization.quantize_model(device), "quantize_model"),
        (lambda: sprat.pack(device), "pack"),
        (lambda: sprat.distill(device, nn.MLP(SIZES), x, y), "distill"),
        (lambda: sprat.explain(device, x), "explain"),
        (lambda: sprat.structure.low_rank(device, 0, rank=2), "low_rank"),
        (lambda: sprat.compress(device, (x, y)), "compress"),
        (lambda: device.replace_head(4), "a change of the layers"),
        (lambda: sprat.fit(device, x, y, epochs=1, qat=sprat.quantization.QATConfig()), "quantization-aware training"),
    ):
        with pytest.raises(TypeError, match=f"^{name}: does not run on the device"):
            call()


def test_without_a_device_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.MLP(SIZES, seed=1)
    before = model.params
    monkeypatch.setitem(sys.modules, "sprat._cuda", None)
    monkeypatch.delenv("SPRAT_CUDA_MODULE", raising=False)
    for call in (
        lambda: model.to("cuda"),
        lambda: nn.MLP(SIZES, device="cuda"),
        lambda: sprat.Predictor(model, device="cuda"),
    ):
        with pytest.raises(RuntimeError, match="^CUDA: "):
            call()
    assert model.params is before
    with pytest.raises(ValueError, match="^device: wanted 'cpu' or 'cuda', got 'gpu'$"):
        model.to("gpu")
