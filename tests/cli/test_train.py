"""sprat train."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest

import sprat
from cli.conftest import Run, make_table
from sprat import tabular
from sprat.cli import _progress

SMALL = ("--hidden", "8", "--epochs", "3", "-q")


def test_a_classifier_learns_and_keeps_its_table(classifier: Path, sprat_command: Run) -> None:
    model = sprat.load(classifier)
    assert model.class_names == ("big", "middle", "small")
    assert model.encoder.column_names == ("size", "colour")
    new = make_table(100, seed=1)
    assert np.mean(model.predict(new) == new["kind"]) > 0.85


def test_a_regression_is_in_the_units_of_the_table(regressor: Path) -> None:
    model, new = sprat.load(regressor), make_table(100, seed=1)
    whole = ~np.isnan(new["size"])
    assert np.abs(model.predict(new) - new["price"])[whole].mean() < 1.0


def test_what_is_shown(table: Path, sprat_command: Run) -> None:
    status, out, err = sprat_command("train", table, "--target", "kind", "--hidden", "8", "--epochs", 4)
    assert status == 0
    assert out.startswith("accuracy ")
    assert "on rows not trained on" in out
    assert "model.safetensors: " in out
    assert "classification of 'kind'" in err
    assert "160 rows to train on, 40 to measure on" in err
    assert err.count("epoch ") == 4


def test_json(table: Path, sprat_command: Run) -> None:
    status, out, err = sprat_command("train", table, "--target", "price", *SMALL, "--json", "-")
    assert (status, err) == (0, "")
    figures = json.loads(out)
    assert set(figures) == {
        *("model", "task", "parameters", "bytes", "epochs", "stopped_by", "measured_on"),
        *("loss", "r2", "rmse", "mae", "history"),
    }
    assert (figures["task"], figures["epochs"], figures["measured_on"]) == ("regression", 3, "validation")
    assert len(figures["history"]["val_rmse"]) == 3


@pytest.mark.parametrize("options", [(), ("--dropout", "0.2", "--schedule", "cosine", "--optimizer", "adamw")])
def test_same_seed_same_bytes(table: Path, sprat_command: Run, options: tuple[str, ...]) -> None:
    files = []
    for threads, seed in ((1, 5), (2, 5), (1, 6)):
        argv = ("train", table, "--target", "kind", *SMALL, *options, "--threads", threads, "--seed", seed)
        assert sprat_command(*argv, "-o", f"m{len(files)}.safetensors")[0] == 0
        files.append(Path(f"m{len(files)}.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "exponential", "linear", "one-cycle"])
def test_schedules(table: Path, sprat_command: Run, schedule: str) -> None:
    argv = ("train", table, "--target", "kind", *SMALL, "--schedule", schedule, "--json", "-")
    rates = json.loads(sprat_command(*argv)[1])["history"]["lr"]
    assert len(rates) == 3
    assert (len(set(rates)) == 1) == (schedule == "constant")


@pytest.mark.parametrize("suffix", [".parquet", ".npz", ".tsv"])
def test_other_formats(table: Path, sprat_command: Run, suffix: str) -> None:
    data = make_table()
    data["colour"] = data["colour"].astype(str)
    if suffix == ".tsv":
        Path("other.tsv").write_text(table.read_text().replace(",", "\t"))
    else:
        tabular.write_table(f"other{suffix}", data)
    for source, output in ((table, "a.safetensors"), (f"other{suffix}", "b.safetensors")):
        assert sprat_command("train", source, "--target", "kind", *SMALL, "-o", output)[0] == 0
    assert Path("a.safetensors").read_bytes() == Path("b.safetensors").read_bytes()


def test_validation_from_a_file(table: Path, sprat_command: Run) -> None:
    tabular.write_table("other.csv", make_table(50, seed=3))
    argv = ("train", table, "--target", "kind", "--hidden", "8", "--epochs", 2, "--validation", "other.csv")
    assert "200 rows to train on, 50 to measure on" in sprat_command(*argv)[2]


def test_without_validation_the_training_rows_are_measured(table: Path, sprat_command: Run) -> None:
    status, out, _ = sprat_command("train", table, "--target", "kind", *SMALL, "--validation", 0)
    assert status == 0
    assert "on the training rows" in out


def test_a_class_of_one_row_is_known(table: Path, sprat_command: Run) -> None:
    data = make_table()
    data["kind"] = data["kind"].astype(object)
    data["kind"][7] = "unique"
    tabular.write_table("rare.csv", data)
    assert sprat_command("train", "rare.csv", "--target", "kind", *SMALL)[0] == 0
    assert "unique" in sprat.load("model.safetensors").class_names


def test_early_stopping(table: Path, sprat_command: Run) -> None:
    argv = ("train", table, "--target", "kind", "--lr", "0.2", "--epochs", 60, "--early-stopping", 2, "-q")
    figures = json.loads(sprat_command(*argv, "--json", "-")[1])
    assert figures["stopped_by"] == "early_stopping"
    assert figures["epochs"] < 60


def interrupt_at(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    """Ctrl-C at the end of an epoch."""
    shown = _progress.EpochLines.on_epoch_end

    def on_epoch_end(self: _progress.EpochLines, trainer: sprat.training.Trainer) -> None:
        shown(self, trainer)
        if trainer.epoch == epoch:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(_progress.EpochLines, "on_epoch_end", on_epoch_end)


def test_interrupted_and_resumed_gives_the_bits_of_the_whole(
    table: Path, sprat_command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ("train", table, "--target", "kind", "--hidden", "8", "--epochs", 6, "--checkpoint", "run.safetensors")
    with monkeypatch.context() as patched:
        interrupt_at(patched, 2)
        status, out, err = sprat_command(*argv, "-o", "a.safetensors")
    assert (status, out) == (130, "")
    assert "the state is saved in run.safetensors, go on with --resume" in err
    assert not Path("a.safetensors").exists()
    assert sprat_command(*argv, "-o", "a.safetensors", "--resume")[0] == 0
    Path("run.safetensors").unlink()
    assert sprat_command(*argv, "-o", "b.safetensors")[0] == 0
    assert Path("a.safetensors").read_bytes() == Path("b.safetensors").read_bytes()


def test_interrupted_without_checkpoint_says_that_nothing_is_saved(
    table: Path, sprat_command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(monkeypatch, 1)
    status, out, err = sprat_command("train", table, "--target", "kind", "--epochs", 6)
    assert (status, out) == (130, "")
    assert "nothing is saved" in err
    assert not Path("model.safetensors").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nothing.csv", "--target", "kind"], "nothing.csv: No such file or directory"),
        (
            ["table.csv", "--target", "sort"],
            "table.csv has no column 'sort'; it has 'id', 'size', 'colour', 'kind', 'price'",
        ),
        (["table.csv", "--target", "kind", "--columns", "size,weight"], "table has no column 'weight'"),
        (["table.csv", "--target", "kind", "--task", "regression"], "'kind'"),
        (["table.csv", "--target", "kind", "--activation", "wave"], "wave"),
        (["table.csv", "--target", "kind", "--optimizer", "magic"], "magic"),
        (["table.csv", "--target", "kind", "--loss", "mse"], "--loss: classification takes cross_entropy, got mse"),
        (["table.csv", "--target", "kind", "--resume"], "--resume: wanted --checkpoint FILE as well"),
        (["table.csv", "--target", "kind", "--validation", "1.5"], "--validation: wanted a share"),
        (["table.csv", "--target", "kind", "--validation", "no.csv"], "no.csv: No such file"),
        (["table.csv", "--target", "kind", "-o", "no/m.safetensors"], "--output: the folder"),
        (["table.csv", "--target", "kind", "-o", "."], "--output: wanted a file"),
        (["empty.csv", "--target", "kind"], "empty.csv has no rows"),
        (["table.csv", "--target", "price", "--lr", "1e30"], "lower lr"),
    ],
)
def test_mistakes_are_one_line(table: Path, sprat_command: Run, argv: list[str], message: str) -> None:
    Path("empty.csv").write_text("size,kind\n")
    status, out, err = sprat_command("train", *argv, "-q")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith("sprat train: ")
    assert message in err
    assert not Path("model.safetensors").exists()


@pytest.mark.parametrize("option", ["--epochs=0", "--epochs=x", "--lr=0", "--lr=nan", "--dropout=1", "--hidden=8,-1"])
def test_wrong_numbers_are_wrong_usage(table: Path, sprat_command: Run, option: str) -> None:
    with pytest.raises(SystemExit) as done:
        sprat_command("train", table, "--target", "kind", option)
    assert done.value.code == 2


def test_auto_finds_the_settings_and_says_why(table: Path, sprat_command: Run) -> None:
    status, _, err = sprat_command(
        "train", table, "--target", "kind", "--hidden", "8", "--epochs", 6, "--auto", "--json", table.parent / "figures"
    )
    assert status == 0
    assert "- batch size " in err
    assert "- learning rate " in err
    figures = json.loads((table.parent / "figures").read_text())
    assert len(figures["reasons"]) == 4
    assert figures["epochs"] == 6
    assert figures["accuracy"] > 0.8


def test_auto_keeps_what_is_given_and_a_budget_of_seconds(table: Path, sprat_command: Run) -> None:
    arguments = ("--hidden", "8", "--auto", "--seconds", 1, "--lr", 0.01, "--batch-size", 16)
    status, _, err = sprat_command("train", table, "--target", "kind", *arguments)
    assert status == 0
    assert "- batch size 16: given" in err
    assert "- learning rate: given" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seconds", 1), "--seconds: wanted --auto as well"),
        (("--auto", "--seconds", 1, "--epochs", 2), "--seconds: --epochs is given as well"),
        (("--auto", "--schedule", "cosine"), "--schedule: --auto decides about that itself"),
        (("--auto", "--early-stopping", 3), "--early-stopping: --auto decides"),
        (("--auto", "--checkpoint", "run"), "--checkpoint: --auto decides"),
    ],
)
def test_auto_refuses_what_it_decides_itself(
    table: Path, sprat_command: Run, arguments: tuple[object, ...], message: str
) -> None:
    status, _, err = sprat_command("train", table, "--target", "kind", *arguments)
    assert status == 1
    assert message in err
