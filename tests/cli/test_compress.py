"""sprat compress."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import sprat
from cli.conftest import Run, make_table

SHORT = ("--epochs", "5", "-q")


def test_stages_run_in_the_order_given(classifier: Path, sprat_command: Run) -> None:
    argv = ("compress", "table.csv", classifier, "--prune-weights", 0.5, "--prune-neurons", 0.5)
    status, out, err = sprat_command(*argv, "--quantize", "static", "-o", "small", *SHORT)
    assert (status, err) == (0, "")
    head, _, *rows = out.splitlines()
    for title in ("stage", "test accuracy", "parameters", "bytes", "µs for 1 row", "rows per s", "relative to start"):
        assert title in head
    names = ["start", "50% of weights pruned", "50% of neurons removed", "int8 static"]
    assert [row[: len(name)] for row, name in zip(rows, names, strict=True)] == names
    files = sorted(path.name for path in Path("small").iterdir())
    assert files == [
        "0-start.safetensors",
        "1-50pct-of-weights-pruned.safetensors",
        "2-50pct-of-neurons-removed.safetensors",
        "3-int8-static.safetensors",
    ]
    models = [sprat.load(Path("small", name)) for name in files]
    assert [layer.out_features for layer in models[2].layers] == [8, 3]
    assert sprat.prune.report(models[1]).sparsity == pytest.approx(0.5, abs=0.05)
    new = make_table(100, seed=2)
    assert np.mean(models[3].predict(new) == new["kind"]) > 0.7


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--distill", "8"], "student 8, distilled"),
        (["--distill", "none", "--alpha", "0"], "student linear, alone"),
        (["--low-rank", "0.5"], "low rank, 50% of the energy"),
        (["--threshold", "0.1"], "weights below 0.1 pruned"),
        (["--quantize", "dynamic"], "int8 dynamic"),
        (["--quantize", "aware"], "int8 aware"),
        (["--pack", "float16"], "packed, float16"),
    ],
)
def test_every_stage(classifier: Path, sprat_command: Run, options: list[str], name: str) -> None:
    status, out, _ = sprat_command("compress", "table.csv", classifier, *options, *SHORT, "--json", "-")
    assert status == 0
    stages = json.loads(out)["stages"]
    assert [stage["stage"] for stage in stages] == ["start", name]
    for stage in stages:
        assert set(stage) == {
            *("stage", "path", "loss", "accuracy", "parameters", "nonzero", "bytes"),
            *("microseconds", "microseconds_p99", "rows_per_second", "relative_size", "relative_speed"),
        }
        assert Path(stage["path"]).stat().st_size == stage["bytes"]


def test_regression(regressor: Path, sprat_command: Run) -> None:
    argv = ("compress", "table.csv", regressor, "--distill", "8", "--quantize", "static", "--epochs", 20, "--lr", 0.02)
    status, out, _ = sprat_command(*argv, "-q", "--json", "r.json")
    assert status == 0
    assert "test R²" in out
    stages = json.loads(Path("r.json").read_text())["stages"]
    assert stages[-1]["r2"] > 0.7
    assert abs(stages[-1]["r2"] - stages[-2]["r2"]) < 0.05


def test_start_is_measured_on_the_rows_that_train_kept(classifier: Path, sprat_command: Run) -> None:
    argv = ("train", "table.csv", "--target", "kind", "--epochs", 3, "-q", "--json", "-")
    trained = json.loads(sprat_command(*argv)[1])
    argv = ("compress", "table.csv", "model.safetensors", "--quantize", "dynamic", "-q", "--json", "-")
    start = json.loads(sprat_command(*argv)[1])["stages"][0]
    assert start["accuracy"] == trained["accuracy"]
    assert start["loss"] == trained["loss"]


def test_same_seed_same_bytes(classifier: Path, sprat_command: Run) -> None:
    for folder, threads in (("a", 1), ("b", 2)):
        argv = ("compress", "table.csv", classifier, "--distill", "8", "--prune-neurons", 0.5, "--quantize", "static")
        assert sprat_command(*argv, *SHORT, "-o", folder, "--threads", threads)[0] == 0
    for path in Path("a").iterdir():
        assert path.read_bytes() == Path("b", path.name).read_bytes()


def test_chart(classifier: Path, sprat_command: Run) -> None:
    argv = ("compress", "table.csv", classifier, "--quantize", "static", "-q", "--chart", "chart.png")
    assert sprat_command(*argv)[0] == 0
    assert Path("chart.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-loss", "much"], "max_loss: wanted a number"),
        (["--chart", "chart.png"], "a search draws its plots itself"),
        (["--quantize", "static", "--prune-neurons", "0.5"], "quantize last"),
        (["--quantize", "static", "--target", "sort"], "no column 'sort'"),
    ],
)
def test_mistakes_are_one_line(classifier: Path, sprat_command: Run, options: list[str], message: str) -> None:
    status, out, err = sprat_command("compress", "table.csv", classifier, *options, *SHORT)
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert message in err


def test_a_quantized_model_is_not_compressed_further(classifier: Path, sprat_command: Run) -> None:
    sprat.save(sprat.quantization.quantize_model(sprat.load(classifier)), "int8.safetensors")
    err = sprat_command("compress", "table.csv", "int8.safetensors", "--quantize", "static", "-q")[2]
    assert "int8.safetensors: wanted a float model to compress, this is a PackedMLP" in err


def test_a_search(classifier: Path, sprat_command: Run) -> None:
    argv = (
        "compress",
        "table.csv",
        classifier,
        "--max-loss",
        "10%",
        "--margin",
        0,
        "--budget",
        "3s",
        "-o",
        "small",
        "-q",
    )
    status, out, err = sprat_command(*argv, "--json", "found.json")
    assert (status, err) == (0, "")
    assert out.startswith(("Chosen: ", "Nothing smaller or faster"))
    found = json.loads(Path("found.json").read_text())
    assert found["reached"] is True
    assert (found["validation_rows"], found["test_rows"]) == (20, 20)
    files = {path.name for path in Path("small").iterdir()}
    assert files >= {"chosen.safetensors", "report.html", "report.json", "report.txt", "models", "journal.jsonl"}
    new = make_table(100, seed=2)
    assert np.mean(sprat.load("small/chosen.safetensors").predict(new) == new["kind"]) > 0.6
    trained = Path("small/journal.jsonl").read_text().count('"trained"')
    status, out, _ = sprat_command(*argv, "--resume", "--json", "-")
    assert json.loads(out)["resumed"] == trained


def test_a_search_that_was_killed_goes_on(classifier: Path, sprat_command: Run) -> None:
    argv = ["compress", "table.csv", classifier.name, "--max-loss", "10%", "--margin", "0", "-o", "small", "-q"]
    journal = Path("small/journal.jsonl")
    with subprocess.Popen([sys.executable, "-m", "sprat", *argv, "--budget", "60s"]) as process:
        deadline = time.monotonic() + 60
        while not journal.exists() or journal.read_bytes().count(b'"trained"') < 3:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not Path("small/report.json").exists()
    kept = journal.read_bytes().count(b'"event": "trained"')
    status, out, _ = sprat_command(*argv, "--budget", "4s", "--resume", "--json", "-")
    assert status == 0
    assert json.loads(out)["resumed"] in (kept - 1, kept)  # the last line may be torn
    status, _, err = sprat_command(*argv, "--budget", "4s", "--resume", "--seed", 1)
    assert status == 1
    assert "holds a search of another" in err


def test_ctrl_c_is_status_130(classifier: Path) -> None:
    argv = ["compress", "table.csv", classifier.name, "--max-loss", "0.1%", "-o", "small", "--budget", "60s"]
    journal = Path("small/journal.jsonl")
    command = [sys.executable, "-m", "sprat", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not journal.exists() or journal.read_bytes().count(b'"trained"') < 3:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Ctrl-C ended it" in out
    assert "go on with --resume" in err
    assert Path("small/chosen.safetensors").exists()


@pytest.mark.parametrize("name", ["table.csv", "table.npz", "table.parquet"])
def test_a_search_straight_from_data(table: Path, sprat_command: Run, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    if name != "table.csv":
        columns = {key: values for key, values in make_table().items() if key != "id"}
        sprat.tabular.write_table(name, columns)
    options = ("--target", "price", "--hidden", "16,16", "--max-loss", "10%", "--margin", 0, "--budget", "4s")
    status, out, err = sprat_command("compress", name, *options, "-o", "small", "-q", "--json", "-")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["score_name"] == "r2"
    assert (
        sprat.load("small/original.safetensors").num_parameters > sprat.load("small/chosen.safetensors").num_parameters
    )


def test_a_goal_that_nothing_keeps_is_status_1(classifier: Path, sprat_command: Run) -> None:
    argv = ("compress", "table.csv", classifier, "--max-bytes", 100, "--budget", "1s", "-o", "small")
    status, out, err = sprat_command(*argv)
    assert status == 1
    assert out.startswith("Nothing that was tried gives at most 100 bytes; the nearest, ")
    assert err.splitlines()[-1].startswith("sprat compress: Nothing that was tried gives at most 100 bytes")
    assert Path("small/chosen.safetensors").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["table.csv"], "--target: wanted the column to predict"),
        (["table.csv", "--quantize", "static"], "MODEL: stages want the file"),
    ],
)
def test_without_a_model(table: Path, sprat_command: Run, argv: list[str], message: str) -> None:
    status, out, err = sprat_command("compress", *argv, "-q")
    assert (status, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("output", ["table.csv", "table.csv/small"])
def test_a_bad_folder_is_known_before_a_model_is_trained(table: Path, sprat_command: Run, output: str) -> None:
    status, out, err = sprat_command("compress", "table.csv", "--target", "price", "--budget", "5m", "-o", output)
    assert (status, out) == (1, "")
    assert err == f"sprat compress: folder: wanted a folder, {output!r} is something else\n"
