"""Whatever is done to a model, in whatever order: outputs are finite, masks hold, copies and files have its bits."""

from __future__ import annotations

import copy
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import sprat
from sprat import optim, prune, quantization
from sprat.nn import MLP, activations

SIZES = st.sampled_from([1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65])
SEEDS = st.integers(0, 2**32)
OPTIMIZERS = [
    lambda model, **options: optim.SGD(model, lr=0.01, momentum=0.9, **options),
    lambda model, **options: optim.Adam(model, lr=0.01, amsgrad=True, **options),
    lambda model, **options: optim.AdamW(model, lr=optim.schedules.Cosine(0.01, 20), **options),
    lambda model, **options: optim.NAdam(model, lr=0.01, **options),
    lambda model, **options: optim.RMSprop(model, lr=0.001, centered=True, **options),
    lambda model, **options: optim.Adagrad(model, lr=0.01, **options),
]
ROWS = 33


class Life(RuleBasedStateMachine):
    """One model and its optimizer, from birth to whatever hypothesis thinks of."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "model.safetensors")

    def teardown(self) -> None:
        self.folder.cleanup()

    @initialize(
        sizes=st.lists(SIZES, min_size=2, max_size=4),
        activation=st.sampled_from(activations.NAMES),
        dropout=st.sampled_from([0.0, 0.3]),
        bias=st.booleans(),
        dtype=st.sampled_from(["float32", "float64"]),
        seed=SEEDS,
    )
    def birth(self, sizes: list[int], activation: str, dropout: float, bias: bool, dtype: str, seed: int) -> None:
        options: dict[str, Any] = {"dropout": dropout, "bias": bias, "dtype": dtype, "seed": seed}
        self.model = MLP(sizes, activation=activation, init="glorot_normal", **options)
        self.optimizer: Any = optim.Adam(self.model, lr=0.01)
        self.x = np.random.default_rng(seed).normal(size=(ROWS, sizes[0])).astype(dtype)

    def targets(self) -> np.ndarray:
        return np.tanh(self.x[:, :1] + np.linspace(-1, 1, self.model.out_features, dtype=self.x.dtype))

    # ---- training ------------------------------------------------------------------------------------------------

    @rule(make=st.sampled_from(OPTIMIZERS), clip=st.sampled_from([None, 0.5]), ema=st.sampled_from([None, 0.9]))
    def another_optimizer(self, make: Any, clip: float | None, ema: float | None) -> None:
        self.optimizer = make(self.model, clip_norm=clip, ema_decay=ema)

    @rule(steps=st.integers(1, 17))
    def train(self, steps: int) -> None:
        held = {name: self.model.parameters()[name].copy() for name in self.model.frozen}
        for step in range(steps):
            _, gradients = self.model.loss_and_gradients(self.x, self.targets(), loss="huber", step=step)
            assert self.optimizer.step(gradients)
        for name, values in held.items():
            kept = self.model.masks.get(name, np.ones(1)) != 0
            np.testing.assert_array_equal(self.model.parameters()[name], np.where(kept, values, 0))

    @rule(epochs=st.integers(1, 2), batch=st.sampled_from([1, 7, 16, 64]), qat=st.booleans(), ema=st.booleans())
    def fit(self, epochs: int, batch: int, qat: bool, ema: bool) -> None:
        config = quantization.QATConfig(averaging=0.5) if qat else None
        options: dict[str, Any] = {"ema_decay": 0.9 if ema else None, "qat": config, "seed": 1}
        if not qat:
            self.model.input_quant = None
        history = sprat.fit(
            self.model, self.x, self.targets(), epochs=epochs, batch_size=batch, progress=False, loss="mse", **options
        )
        assert history.stopped_by == "epochs"
        assert np.isfinite(history["loss"]).all()

    @rule(seed=st.integers(0, 3), cut=st.integers(1, 2))
    def fit_in_two_parts(self, seed: int, cut: int) -> None:
        """What a checkpoint brings back ends with the bits of a run in one piece."""
        self.model.input_quant = None
        whole, first, second = (self.model.copy() for _ in range(3))
        path = Path(self.folder.name, "run.safetensors")
        path.unlink(missing_ok=True)
        options: dict[str, Any] = {"batch_size": 16, "seed": seed, "progress": False, "loss": "mse", "ema_decay": 0.5}
        sprat.fit(whole, self.x, self.targets(), epochs=3, **options)
        sprat.fit(first, self.x, self.targets(), epochs=cut, checkpoint=path, **options)
        sprat.fit(second, self.x, self.targets(), epochs=3, checkpoint=path, resume=True, **options)
        np.testing.assert_array_equal(second.params, whole.params)

    @rule(alpha=st.sampled_from([0.0, 0.5, 1.0]), temperature=st.sampled_from([0.5, 4.0]), seed=SEEDS)
    def distil(self, alpha: float, temperature: float, seed: int) -> None:
        if self.model.out_features < 2:
            return
        self.model.input_quant = None
        teacher = MLP([self.model.in_features, 5, self.model.out_features], dtype=self.model.dtype, seed=seed)
        y = np.arange(ROWS) % self.model.out_features
        history = sprat.distill(
            teacher, self.model, self.x, y, alpha=alpha, temperature=temperature, epochs=1, progress=False
        )
        assert np.isfinite(history["loss"]).all()

    @rule()
    def optimizer_through_its_state_dict(self) -> None:
        twin = self.model.copy()
        other = type(self.optimizer)(
            twin, lr=self.optimizer.param_groups[0]["lr"], clip_norm=self.optimizer.clip_norm,
            ema_decay=self.optimizer.ema_decay, **self._flags(),
        )  # fmt: skip
        other.load_state_dict(self.optimizer.state_dict())
        _, gradients = self.model.loss_and_gradients(self.x, self.targets(), loss="mae")
        assert self.optimizer.step(gradients)
        assert other.step(gradients)
        np.testing.assert_array_equal(twin.params, self.model.params)

    def _flags(self) -> dict[str, Any]:
        group = self.optimizer.param_groups[0]
        return {name: group[name] for name in ("momentum", "amsgrad", "centered") if name in group}

    # ---- compression ---------------------------------------------------------------------------------------------

    @rule(share=st.floats(0, 0.9), scope=st.sampled_from(["global", "layer"]))
    def prune_magnitude(self, share: float, scope: str) -> None:
        before = dict(self.model.masks)
        masks = prune.magnitude(self.model, share, scope=scope)
        for name, mask in before.items():
            assert name not in masks or not (masks[name] & ~mask & 1).any()

    @rule(threshold=st.floats(0, 0.3))
    def prune_threshold(self, threshold: float) -> None:
        prune.threshold(self.model, threshold)

    @rule(pick=st.integers(0, 100), seed=SEEDS)
    def mask_anything(self, pick: int, seed: int) -> None:
        name, values = list(self.model.parameters().items())[pick % len(self.model.parameters())]
        self.model.set_mask(name, np.random.default_rng(seed).integers(0, 2, values.shape))

    @rule(pick=st.integers(0, 100))
    def unmask(self, pick: int) -> None:
        self.model.set_mask(list(self.model.parameters())[pick % len(self.model.parameters())], None)

    @rule(share=st.floats(0, 0.6), criterion=st.sampled_from(["l1", "l2"]), scope=st.sampled_from(["layer", "global"]))
    def remove_neurons(self, share: float, criterion: str, scope: str) -> None:
        prune.neurons(self.model, share, criterion=criterion, scope=scope, optimizer=self.optimizer)

    @rule()
    def remove_dead(self) -> None:
        self.model.input_quant = None
        before = self.model(self.x)
        prune.remove_dead(self.model, optimizer=self.optimizer)
        np.testing.assert_array_equal(self.model(self.x), before)

    @precondition(lambda self: len(self.model.layers) < 6)
    @rule(pick=st.integers(0, 100), rank=st.integers(1, 8))
    def low_rank(self, pick: int, rank: int) -> None:
        layer = pick % len(self.model.layers)
        self.model.set_mask(f"layers.{layer}.weight", None)
        spec = self.model.layers[layer]
        sprat.structure.low_rank(self.model, layer, rank=min(rank, spec.in_features, spec.out_features))
        self.optimizer = optim.Adam(self.model, lr=0.01)

    @rule(outputs=SIZES, seed=SEEDS)
    def replace_head(self, outputs: int, seed: int) -> None:
        self.model.replace_head(outputs, seed=seed)
        self.optimizer.rebind()

    @rule(pick=st.integers(0, 100))
    def freeze(self, pick: int) -> None:
        names = list(self.model.parameters())
        if len(self.model.frozen) < len(names) - 1:
            self.model.freeze(names[pick % len(names)])

    @rule()
    def unfreeze(self) -> None:
        self.model.unfreeze()

    @rule(weights=st.sampled_from(["per_channel", "per_tensor"]), dynamic=st.booleans())
    def quantize(self, weights: str, dynamic: bool) -> None:
        if self.model.dtype != np.float32:
            return
        calibrates = not dynamic and self.model.input_quant is None
        small = quantization.quantize_model(self.model, self.x if calibrates else None, weights=weights)
        output = small(self.x)
        assert np.isfinite(output).all()
        sprat.save(small, self.path)
        for same in (sprat.load(self.path), sprat.Predictor(self.path), pickle.loads(pickle.dumps(small))):
            np.testing.assert_array_equal(same(self.x), output)

    # ---- copies --------------------------------------------------------------------------------------------------

    @rule(how=st.sampled_from(["copy", "copy.copy", "deepcopy", "pickle", "file"]))
    def become_a_copy(self, how: str) -> None:
        """Go on as a copy; the one left behind changes no more."""
        before = self.model
        if how == "file":
            sprat.save(before, self.path)
        make = {
            "copy": MLP.copy,
            "copy.copy": copy.copy,
            "deepcopy": copy.deepcopy,
            "pickle": lambda model: pickle.loads(pickle.dumps(model)),
            "file": lambda _: sprat.load(self.path),
        }
        self.model = make[how](before)
        assert self.model.config() == before.config()
        assert self.model.masks.keys() == before.masks.keys()
        assert self.model.masks is not before.masks
        assert not np.shares_memory(self.model.params, before.params)
        self.optimizer = optim.Adam(self.model, lr=0.01)

    # ---- what always holds ---------------------------------------------------------------------------------------

    @invariant()
    def is_sound(self) -> None:
        if not hasattr(self, "model"):
            return
        output = self.model(self.x)
        assert output.shape == (ROWS, self.model.out_features)
        assert np.isfinite(output).all()
        for name, mask in self.model.masks.items():
            assert mask.shape == self.model.parameters()[name].shape
            assert not self.model.parameters()[name][mask == 0].any()
        sprat.save(self.model, self.path)
        loaded = sprat.load(self.path)
        np.testing.assert_array_equal(loaded.params, self.model.params)
        np.testing.assert_array_equal(loaded(self.x), output)
        assert loaded.config() == self.model.config()
        assert loaded.masks.keys() == self.model.masks.keys()
        np.testing.assert_array_equal(self.model(self.x[7:8]), output[7:8])
        if self.model.input_quant is None:
            np.testing.assert_array_equal(sprat.Predictor(self.model)(self.x), output)


Life.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestRandomLives = Life.TestCase
