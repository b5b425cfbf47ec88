"""Adaptive training: trials that leave the model alone, choices that follow from what they saw, reasons, budgets."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import sprat
from sprat.optim.schedules import Cosine, OneCycle, Warmup
from sprat.training import auto_fit, choose_schedule, find_batch_size, find_lr
from sprat.training.adaptive.batch_size import noise_scale
from sprat.training.adaptive.deadline import Deadline
from sprat.training.adaptive.range_test import running_mean, suggest
from sprat.training.adaptive.trial import Trial
from support import assert_same_bits

from .tasks import blobs, classifier, waves

X, Y = blobs(600)


def wave_model(seed: int = 0) -> Any:
    return sprat.nn.MLP([2, 32, 1], activation="tanh", seed=seed)


# ---- the range test ------------------------------------------------------------------------------------------------


def test_range_test_leaves_the_model_untouched_and_repeats_bit_for_bit() -> None:
    model = classifier(dropout=0.2)
    before, encoder, loss = model.params.copy(), model.encoder, model.loss_name
    first, second = find_lr(model, X, Y, seed=3), find_lr(model, X, Y, seed=3)
    assert_same_bits(model.params, before)
    assert (model.encoder, model.loss_name) == (encoder, loss)
    assert_same_bits(first.losses, second.losses)
    assert first.suggestion == second.suggestion
    assert not np.array_equal(first.losses[:20], find_lr(model, X, Y, seed=4).losses[:20])


def test_rates_grow_geometrically_and_the_test_ends_where_the_loss_diverges() -> None:
    result = find_lr(wave_model(), *waves(500), optimizer="sgd", lr_min=1e-4, lr_max=1e4, steps=100)
    assert result.rates[0] == 1e-4
    np.testing.assert_allclose(result.rates[1:] / result.rates[:-1], 1e8 ** (1 / 99))
    assert len(result.losses) < 100
    assert result.smoothed[-1] > 4 * result.smoothed.min()


def test_numbers_that_are_none_are_not_blamed_on_the_rate() -> None:
    broken = classifier()
    broken.params[0] = np.nan
    for model, x in ((classifier(), X * np.float32(np.nan)), (broken, X)):
        with pytest.raises(ValueError, match="x, y: the loss is NaN or infinite from the first steps on"):
            find_lr(model, x, Y)


def test_losses_are_those_of_a_training_at_these_rates() -> None:
    result = find_lr(classifier(), X, Y, lr_min=1e-5, lr_max=1e-2, steps=20, batch_size=50)
    model, losses = classifier(), []
    step = sprat.training.Step(model, sprat.optim.Adam(model, lr=1e-5), loss="cross_entropy")
    for count in range(2):
        order = sprat.training.data.epoch_order(len(X), 0, count)
        for begin in range(0, len(X), 50):
            if len(losses) < 20:
                step.optimizer.param_groups[0]["lr"] = float(result.rates[len(losses)])
                losses.append(step(X[order[begin : begin + 50]], Y[order[begin : begin + 50]]))
    np.testing.assert_allclose(result.losses, losses, rtol=1e-5)


def test_the_suggested_rate_trains_better_than_much_lower_and_much_higher_ones() -> None:
    x, y = waves(1000)

    def trained(rate: float) -> float:
        schedule = choose_schedule(rate, 20 * 16, 20).schedule
        history = sprat.fit(wave_model(), x, y, lr=schedule, epochs=20, on_nonfinite="stop", progress=False)
        return history["loss"][-1] if history.epochs == 20 else np.inf

    suggestion = find_lr(wave_model(), x, y).suggestion
    assert trained(suggestion) < 0.2 * trained(suggestion / 10)
    assert trained(suggestion) < 0.2 * trained(suggestion * 1000)


@pytest.mark.parametrize(("fall", "wanted"), [(0.5, 1e-3), (0.8, 4e-3), (0.9, 9e-3)])
def test_suggestion_is_where_the_share_of_the_fall_is_made(fall: float, wanted: float) -> None:
    rates = np.logspace(-6, 0, 600)
    curve = 1 / (1 + rates / 1e-3)  # half the fall at 1e-3, fall f at 1e-3 f / (1 - f)
    assert suggest(rates, curve, fall)[0] == pytest.approx(wanted, rel=0.2)


def test_a_curve_that_never_falls_gives_the_usual_rate_and_says_so() -> None:
    rates = np.logspace(-6, 0, 100)
    rate, reason = suggest(rates, np.ones(100))
    assert rate == 1e-3
    assert "did not fall" in reason


def test_running_mean_forgets_as_adam_does() -> None:
    values = np.random.default_rng(0).normal(size=50)
    weights = [0.9 ** (49 - i) for i in range(50)]
    assert running_mean(values)[-1] == pytest.approx(np.average(values, weights=weights))


def test_print_shows_curve_suggestion_and_reason() -> None:
    text = str(find_lr(classifier(), X, Y))
    assert "suggested rate" in text
    assert "of the fall" in text
    assert text.count("#") > 20


# ---- the batch size ------------------------------------------------------------------------------------------------


def test_noise_scale_is_the_variance_of_gradients_over_their_mean() -> None:
    """A model of one bias: the gradient of 1/2 (b - y)^2 ... is known, so is its noise."""
    rng = np.random.default_rng(0)
    x, y = np.zeros((4096, 1), np.float32), (3 + 2 * rng.normal(size=4096)).astype(np.float32)
    model = sprat.nn.MLP([1, 1], seed=0)
    trial = Trial(model, x, y)
    moved = model.copy()
    trial.run(200, 64, 1e-3, model=moved)
    bias = float(moved.parameters()["layers.0.bias"][0])
    expected = np.var(y) / (bias - np.mean(y)) ** 2  # the factor 2 of the gradient cancels
    assert noise_scale(trial) == pytest.approx(expected, rel=0.35)


def test_noise_scale_grows_with_noise_and_ignores_masked_weights() -> None:
    x, y = waves(2000)
    noisy = y + np.random.default_rng(1).normal(size=len(y)).astype(np.float32)
    assert noise_scale(Trial(wave_model(), x, noisy)) > 1.5 * noise_scale(Trial(wave_model(), x, y))
    model = wave_model()
    dead = np.ones((32, 2))
    dead[:, 1] = 0
    model.set_mask("layers.0.weight", dead)
    narrow = sprat.nn.MLP([1, 32, 1], activation="tanh", seed=0)
    narrow.parameters()["layers.0.weight"][...] = model.parameters()["layers.0.weight"][:, :1]
    narrow.parameters()["layers.1.weight"][...] = model.parameters()["layers.1.weight"]
    assert noise_scale(Trial(model, x, y)) == pytest.approx(noise_scale(Trial(narrow, x[:, :1].copy(), y)), rel=1e-3)


def test_time_decides_together_with_noise() -> None:
    model = classifier()
    before = model.params.copy()
    fixed = dict.fromkeys((16, 32, 64, 128), 0.001)  # a step costs the same: the larger, the better
    linear = {size: 1e-5 * size for size in (16, 32, 64, 128)}  # rows cost: the smaller, the better
    assert find_batch_size(model, X, Y, sizes=list(fixed), step_seconds=fixed).size == 128
    assert find_batch_size(model, X, Y, sizes=list(linear), step_seconds=linear).size == 16
    measured = find_batch_size(model, X, Y)
    assert set(measured.step_seconds) == {16, 32, 64, 128}
    assert all(seconds > 0 for seconds in measured.step_seconds.values())
    assert "noise scale" in str(measured)
    assert_same_bits(model.params, before)


def test_with_epochs_as_budget_no_clock_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any) -> Any:
        raise AssertionError("measured")

    monkeypatch.setattr("sprat.training.adaptive.batch_size.measure", forbidden)
    choice = find_batch_size(classifier(), X, Y, budget="epochs")
    assert choice == find_batch_size(classifier(), X, Y, budget="epochs")
    assert choice.size <= max(16, choice.noise_scale / 4)
    assert choice.step_seconds == {}


# ---- the schedule --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "epochs", "kind", "name"),
    [
        (50, None, OneCycle, "one-cycle"),
        (5000, 3, OneCycle, "one-cycle"),
        (5000, None, Warmup, "warmup + cosine"),
        (5000, 40, Warmup, "warmup + cosine"),
        (None, None, float, "reduce on plateau"),
    ],
)
def test_schedule_follows_from_the_budget(steps: int | None, epochs: int | None, kind: Any, name: str) -> None:
    choice = choose_schedule(0.01, steps, epochs)
    assert isinstance(choice.schedule, kind)
    assert choice.name == name
    assert choice.reason
    if steps is not None:
        rates = choice.schedule(np.arange(steps))  # type: ignore[operator]
        assert rates.max() == pytest.approx(0.01, rel=0.02)
        assert 0 < rates[0] < 0.2 * 0.01
        assert rates[-1] < 1e-3 * 0.01


# ---- all of it -----------------------------------------------------------------------------------------------------


def test_auto_fit_trains_well_and_gives_a_reason_for_each_choice() -> None:
    xv, yv = blobs(200, seed=1)
    model = classifier()
    result = auto_fit(model, X, Y, epochs=12, validation=(xv, yv))
    assert sprat.evaluate(model, xv, yv)["accuracy"] > 0.95
    assert [reason.split()[0] for reason in result.reasons] == ["batch", "learning", "schedule", "weights:"]
    assert result.history.epochs == 12
    assert result.range_test is not None
    assert result.batch_size is not None
    assert str(result).count("- ") >= 4


@pytest.mark.parametrize("budget", [{"epochs": 8}, {"seconds": 0.7}, {}])
def test_settings_repeat_the_run_bit_for_bit(budget: dict[str, Any]) -> None:
    x, y = waves(800)
    xv, yv = waves(200, seed=1)
    model, again = wave_model(), wave_model()
    result = auto_fit(model, x, y, validation=(xv, yv), seed=5, loss="huber", **budget)
    if not result.replanned:
        sprat.fit(again, x, y, validation=(xv, yv), seed=5, **result.settings)
        assert_same_bits(model.params, again.params)


def test_the_same_seed_gives_the_same_choices_and_weights_with_epochs() -> None:
    x, y = waves(800)
    first, second = wave_model(), wave_model()
    one, two = (auto_fit(model, x, y, epochs=6, validation_split=0.25, seed=2) for model in (first, second))
    assert one.reasons == two.reasons
    assert_same_bits(first.params, second.params)


def test_given_choices_are_taken() -> None:
    schedule = Cosine(0.01, steps=100)
    result = auto_fit(classifier(), X, Y, epochs=2, lr=schedule, batch_size=100)
    assert result.settings["lr"] is schedule
    assert result.settings["batch_size"] == 100
    assert result.range_test is None
    assert result.batch_size is None
    assert [reason.split()[-1] for reason in result.reasons] == ["given", "given", "given"]


def test_seconds_are_kept() -> None:
    x, y = waves(20_000)
    model = sprat.nn.MLP([2, 64, 64, 1], seed=0)
    began = time.monotonic()
    result = auto_fit(model, x, y, seconds=1.5, validation=waves(500, seed=1))
    assert time.monotonic() - began < 3.0
    assert result.history.epochs >= 1
    assert result.history["lr"][-1] < 0.3 * max(result.history["lr"])


def test_a_budget_of_less_than_an_epoch_ends_within_it() -> None:
    x, y = waves(60_000)
    model = sprat.nn.MLP([2, 256, 256, 1], seed=0)
    result = auto_fit(model, x, y, seconds=0.1)
    assert result.history.steps < 60_000 // 16
    assert result.history.stopped_by == "callback"
    assert any("no seconds to spare" in reason for reason in result.reasons)


def test_a_machine_that_became_slower_shortens_the_run_and_still_lowers_the_rate() -> None:
    model = classifier()
    schedule = Cosine(0.01, steps=10_000)
    rates: list[float] = []

    def slow(trainer: Any) -> None:
        time.sleep(0.02)
        rates.append(trainer.history["lr"][-1])

    deadline = Deadline(time.monotonic() + 0.3)
    history = sprat.fit(
        model, X, Y, lr=schedule, epochs=1000, batch_size=64, callbacks=[slow, deadline], progress=False
    )
    assert deadline.replanned
    assert history.epochs < 20
    assert rates[-1] < 0.2 * rates[0]


def test_without_a_budget_validation_says_when_to_end() -> None:
    x, y = waves(300)
    result = auto_fit(wave_model(), x, y, validation_split=0.3)
    assert result.history.stopped_by in ("early_stopping", "epochs")
    assert "plateau" in result.reasons[2]


def test_tables_train_too() -> None:
    rng = np.random.default_rng(0)
    table = {"size": rng.normal(size=400), "kind": rng.choice(["a", "b"], 400)}
    table["price"] = table["size"] + (table["kind"] == "a")
    model = sprat.nn.MLP([3, 16, 1], seed=0)
    result = auto_fit(model, table, "price", epochs=15, validation_split=0.2)
    assert max(result.history["val_r2"]) > 0.95
    assert model.encoder.target_name == "price"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "epochs: wanted epochs, seconds, or validation data"),
        ({"epochs": 1, "seconds": 1.0}, "seconds: epochs are given as well"),
        ({"seconds": -1.0}, "seconds: wanted"),
        ({"epochs": 0}, "epochs: wanted"),
        ({"epochs": 1, "lr": -1.0}, "lr: wanted"),
        ({"epochs": 1, "batch_size": 0}, "batch_size: wanted"),
        ({"epochs": 1, "loss": "nonsense"}, "loss: wanted"),
    ],
)
def test_a_refused_call_names_the_argument_and_changes_nothing(arguments: dict[str, Any], message: str) -> None:
    model = classifier()
    before = model.params.copy()
    with pytest.raises(ValueError, match=message):
        auto_fit(model, X, Y, **arguments)
    assert_same_bits(model.params, before)
    assert model.loss_name is None


def test_what_cannot_be_tried_on_a_copy_is_refused() -> None:
    model = classifier()
    with pytest.raises(TypeError, match="optimizer: wanted a class or a name"):
        find_lr(model, X, Y, optimizer=sprat.optim.Adam(model))
    with pytest.raises(TypeError, match="an iterator lasts one epoch"):
        find_lr(model, iter([(X, Y)]))
    with pytest.raises(TypeError, match="batches of a callable"):
        find_batch_size(model, lambda: iter([(X, Y)]))
    with pytest.raises(ValueError, match="lr_max: wanted at least ten times"):
        find_lr(model, X, Y, lr_min=1e-3, lr_max=1e-3)
    with pytest.raises(ValueError, match="step_seconds: wanted seconds for batches of 16, 32"):
        find_batch_size(model, X, Y, sizes=[16, 32], step_seconds={16: 1.0})
    assert find_lr(model, lambda: iter([(X[i : i + 60], Y[i : i + 60]) for i in range(0, 600, 60)])).suggestion > 0
