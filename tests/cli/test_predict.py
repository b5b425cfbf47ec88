"""sprat predict, evaluate and inspect."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sprat
from cli.conftest import Run, make_table
from sprat import tabular


def read(text: str) -> dict[str, np.ndarray]:
    return tabular.read_table(io.StringIO(text))


def test_classes_in_the_order_of_the_rows(classifier: Path, sprat_command: Run) -> None:
    status, out, err = sprat_command("predict", classifier, "table.csv", "--keep", "id,kind")
    assert (status, err) == (0, "")
    answers = read(out)
    assert list(answers) == ["id", "kind", "prediction"]
    table = make_table()
    np.testing.assert_array_equal(answers["id"], table["id"])
    np.testing.assert_array_equal(
        answers["prediction"], sprat.load(classifier).predict(tabular.read_table("table.csv"))
    )


def test_blocks_change_nothing(classifier: Path, sprat_command: Run) -> None:
    outputs = {sprat_command("predict", classifier, "table.csv", "--block-rows", n)[1] for n in (1, 7, 200, 9999)}
    assert len(outputs) == 1
    assert outputs.pop().count("\n") == 201


def test_probabilities(classifier: Path, sprat_command: Run) -> None:
    answers = read(sprat_command("predict", classifier, "table.csv", "--proba")[1])
    assert list(answers) == ["p_big", "p_middle", "p_small"]
    np.testing.assert_allclose(sum(answers.values()), 1, atol=1e-6)


def test_values(regressor: Path, sprat_command: Run) -> None:
    answers = read(sprat_command("predict", regressor, "table.csv")[1])
    np.testing.assert_allclose(answers["prediction"], sprat.load(regressor).predict(tabular.read_table("table.csv")))


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
def test_files(regressor: Path, sprat_command: Run, suffix: str) -> None:
    table = make_table()
    tabular.write_table(f"in{suffix}", {"size": table["size"], "colour": table["colour"].astype(str)})
    argv = ("predict", regressor, f"in{suffix}", "-o", f"out{suffix}", "--block-rows", 64)
    assert sprat_command(*argv) == (0, "", "")
    from_csv = read(sprat_command("predict", regressor, "table.csv")[1])
    np.testing.assert_array_equal(tabular.read_table(f"out{suffix}")["prediction"], from_csv["prediction"])


def test_a_pipe(classifier: Path) -> None:
    source = Path("table.csv").read_bytes()
    argv = [sys.executable, "-m", "sprat", "predict", str(classifier)]
    done = subprocess.run(argv, input=source, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.splitlines()[0] == b"prediction"
    assert len(done.stdout.splitlines()) == 201


def test_a_pipe_gets_answers_while_it_gives_rows(classifier: Path) -> None:
    lines = Path("table.csv").read_bytes().splitlines(keepends=True)
    argv = [sys.executable, "-m", "sprat", "predict", str(classifier), "--block-rows", "1"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines[0] + lines[1])
        first = b""
        while first.count(b"\n") < 2:
            first += os.read(process.stdout.fileno(), 4096)
        process.stdin.close()
        assert first.startswith(b"prediction\n")
    assert process.returncode == 0


def test_whoever_read_has_gone(classifier: Path) -> None:
    command = f"{sys.executable} -m sprat predict {classifier} table.csv --block-rows 1 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60)
    assert done.stdout == b"prediction\n"
    assert done.stderr == b""


def test_no_rows_no_answers(classifier: Path, sprat_command: Run) -> None:
    Path("none.csv").write_text("size,colour\n")
    assert sprat_command("predict", classifier, "none.csv") == (0, "prediction\n", "")


def test_a_model_without_encoder_takes_all_columns(table: Path, sprat_command: Run) -> None:
    model = sprat.nn.MLP([2, 4, 2], seed=0)
    model.loss_name = "cross_entropy"
    sprat.save(model, "plain.safetensors")
    x = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    tabular.write_table("plain.csv", {"a": x[:, 0], "b": x[:, 1], "y": np.arange(9) % 2})
    tabular.write_table("inputs.csv", {"a": x[:, 0], "b": x[:, 1]})
    answers = read(sprat_command("predict", "plain.safetensors", "inputs.csv", "--block-rows", 4)[1])
    np.testing.assert_array_equal(answers["prediction"], model.predict(x))
    figures = json.loads(sprat_command("evaluate", "plain.safetensors", "plain.csv", "--target", "y", "--json")[1])
    assert figures["accuracy"] == pytest.approx(np.mean(model.predict(x) == np.arange(9) % 2))
    assert "name the column that holds the target" in sprat_command("evaluate", "plain.safetensors", "plain.csv")[2]
    assert "takes 2 columns, got 3" in sprat_command("predict", "plain.safetensors", "plain.csv")[2]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nothing.safetensors", "table.csv"], "nothing.safetensors: No such file or directory"),
        (["model.safetensors", "nothing.csv"], "nothing.csv: No such file or directory"),
        (["table.csv", "table.csv"], "table.csv"),
        (["model.safetensors", "table.csv", "--keep", "name"], "table.csv has no column 'name'"),
        (["model.safetensors", "few.csv"], "few.csv has no column 'colour'"),
        (["model.safetensors", "text.csv"], "text.csv: column 'size' must hold numbers, got 'large' in row 1"),
        (["model.safetensors", "table.csv", "-o", "answers.xml"], "suffix"),
        (["broken.safetensors", "table.csv"], "broken.safetensors"),
    ],
)
def test_mistakes_are_one_line(classifier: Path, sprat_command: Run, argv: list[str], message: str) -> None:
    Path("few.csv").write_text("size\n1\n")
    Path("text.csv").write_text("size,colour\n1,red\nlarge,red\n")
    Path("broken.safetensors").write_bytes(classifier.read_bytes()[:-1])
    status, _, err = sprat_command("predict", *argv)
    assert status == 1
    assert err.count("\n") == 1
    assert err.startswith("sprat predict: ")
    assert message in err
    assert not list(Path().glob("answers*"))


def test_a_mistake_in_a_late_block_leaves_the_old_file(classifier: Path, sprat_command: Run) -> None:
    Path("answers.csv").write_text("old\n")
    Path("late.csv").write_text("size,colour\n1,red\n2,red\nlarge,red\n")
    status, _, err = sprat_command("predict", classifier, "late.csv", "-o", "answers.csv", "--block-rows", 1)
    assert status == 1
    assert "'large' in row 2" in err
    assert Path("answers.csv").read_text() == "old\n"
    assert sorted(path.name for path in Path().glob("answers*")) == ["answers.csv"]


def test_values_have_no_probabilities(regressor: Path, sprat_command: Run) -> None:
    assert "--proba: the model predicts values" in sprat_command("predict", regressor, "table.csv", "--proba")[2]


def test_evaluate(classifier: Path, regressor: Path, sprat_command: Run) -> None:
    status, out, _ = sprat_command("evaluate", classifier, "table.csv")
    assert status == 0
    assert out.startswith("accuracy ")
    assert out.endswith(" on 200 rows\n")
    figures = json.loads(sprat_command("evaluate", regressor, "table.csv", "--json")[1])
    assert set(figures) == {"model", "data", "rows", "loss", "r2", "rmse", "mae"}
    assert figures["r2"] > 0.8


def test_evaluate_says_what_is_wrong(classifier: Path, sprat_command: Run) -> None:
    Path("few.csv").write_text("size,colour\n1,red\n")
    Path("new.csv").write_text("size,colour,kind\n1,red,huge\n")
    assert "few.csv has no column 'kind'" in sprat_command("evaluate", classifier, "few.csv")[2]
    assert "class 'huge' was not seen in fit" in sprat_command("evaluate", classifier, "new.csv")[2]


def test_inspect(classifier: Path, sprat_command: Run) -> None:
    status, out, _ = sprat_command("inspect", classifier)
    assert status == 0
    assert "layer 0: 5 -> 16, relu" in out
    assert "trained with cross_entropy" in out
    assert "columns: size (number), colour (category)" in out
    assert "target 'kind': classification of big, middle, small" in out
    described = json.loads(sprat_command("inspect", classifier, "--json")[1])
    assert described["parameters"] == sprat.load(classifier).num_parameters
    assert described["bytes"] == classifier.stat().st_size


def test_inspect_quantized_pruned_and_checkpoints(classifier: Path, sprat_command: Run) -> None:
    model = sprat.load(classifier)
    sprat.save(sprat.quantization.quantize_model(model), "int8.safetensors")
    sprat.prune.magnitude(model, 0.5)
    sprat.save(model, "pruned.safetensors")
    argv = ("train", "table.csv", "--target", "kind", "--epochs", 1, "--checkpoint", "run.safetensors", "-q")
    assert sprat_command(*argv)[0] == 0
    quantized = sprat_command("inspect", "int8.safetensors")[1]
    assert "int8 weights, inputs quantized row by row" in quantized
    assert "held at zero by masks" in sprat_command("inspect", "pruned.safetensors")[1]
    status, out, _ = sprat_command("inspect", "run.safetensors")
    assert status == 0
    assert "training" in out
    assert "not a model" not in out


def test_explain(classifier: Path, sprat_command: Run) -> None:
    status, out, _ = sprat_command("explain", classifier, "--rows", 32)
    assert status == 0
    assert out.startswith("32 rows, one thread, ")
    found = json.loads(sprat_command("explain", classifier, "--json")[1])
    assert found["rows"] == 1
    assert {layer["limited_by"] for layer in found["layers"]} <= {"arithmetic", "reading"}
    status, _, err = sprat_command("explain", classifier.parent / "none.safetensors")
    assert status == 1
    assert err.count("\n") == 1
