"""What reaches the generated text, what is refused, and which files are written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import sprat
from cli.conftest import make_table
from export.models import inputs, mlp, packed
from sprat.cli import main
from sprat.nn.model import Model
from sprat.packing import PackedLayer, PackedMLP
from tools import need

# Ends comments and strings, splices lines, begins directives, in C and in trigraphs.
HOSTILE = [
    "*/ int evil; /*",
    'a"; system("id"); "',
    "line\nbreak\r",
    "back\\slash\\",
    "??/",
    "%s%n",
    "#include <evil>",
    "evil é\0",
]


def hostile_model() -> sprat.nn.MLP:
    """A model whose file is full of such names."""
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=120) for name in HOSTILE}
    table["??/\n*/ aim"] = np.array(HOSTILE)[rng.integers(0, len(HOSTILE), 120)]
    encoder = sprat.tabular.Encoder.fit(table, target="??/\n*/ aim")
    x, y = encoder.transform(table), encoder.transform_target(table["??/\n*/ aim"])
    model = sprat.nn.MLP([x.shape[1], 8, len(HOSTILE)], seed=0)
    sprat.fit(model, x, y, loss="cross_entropy", optimizer=sprat.optim.Adam(model), epochs=1, batch_size=40, seed=0)
    model.encoder = encoder
    return model


def test_names_of_a_model_never_reach_the_text(tmp_path: Path) -> None:
    need("gcc")
    sprat.save(hostile_model(), tmp_path / "hostile.safetensors")
    made = sprat.export.c(tmp_path / "hostile.safetensors", tmp_path / "model.c")
    both = {**made.files, **sprat.export.cpp(tmp_path / "hostile.safetensors").files}
    plain = sprat.export.c(mlp([len(HOSTILE), 8, len(HOSTILE)]), name="model").files
    for file, text in both.items():
        assert text.isascii()
        assert re.fullmatch(r"[\n\x20-\x7e]*", text)
        assert "??" not in text
        assert "\\\n" not in re.sub(r" +\\\n", "", text)  # only our own macros go on
        for word in ("evil", "system", "slash", "break\r", "aim", "%n"):
            assert word not in text
        if file in plain:  # but for numbers, the same text as of any other model of the kind
            assert shape_of(
                text.replace("\n * x is what the model's encoder makes of a row of its table.", "")
            ) == shape_of(plain[file])
    command = ["gcc", "-std=c99", "-trigraphs", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-DMODEL_SELF_TEST"]
    program = tmp_path / "program"
    subprocess.run([*command, str(tmp_path / "model.c"), "-o", str(program), "-lm"], check=True)
    assert subprocess.run([str(program)], capture_output=True, text=True).stdout == "model: 8 rows, no difference\n"


def shape_of(text: str) -> str:
    """A text without its numbers."""
    return (
        re.sub(r"-?0x[0-9a-f.]+p[-+]\d+f|-?\b0\.0f|\b\d+\b", "N", text)
        .replace("\n", "")
        .replace("  N,", "N,")
        .replace("N,", "")
    )


@pytest.mark.parametrize(
    "name",
    [
        *["", "2a", "a b", "int", "Class", "_a", "a__b", "a_", "é", "a\n", "x" * 32, "a;b", "main()", "*/", "std"],
        *["memcpy", "logf", "NULL", "unix", "uint8_t", "INT8_MAX"],  # a namespace of that name would collide
    ],
)
def test_names_that_are_no_identifiers_are_refused(name: str, tmp_path: Path) -> None:
    for export in (sprat.export.c, sprat.export.cpp):
        with pytest.raises(ValueError, match=r"^name: .*[^\n]$") as refused:
            export(mlp([2, 1]), name=name)
        assert "\n" not in str(refused.value)


def test_a_name_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="name: wanted a str, got int"):
        sprat.export.c(mlp([2, 1]), name=3)  # type: ignore[arg-type]


def test_the_name_comes_from_the_file(tmp_path: Path) -> None:
    made = sprat.export.c(mlp([2, 1]), tmp_path / "pump-2.c")
    assert made.name == "pump_2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pump-2.c", "pump-2.h"]
    assert '#include "pump-2.h"' in (tmp_path / "pump-2.c").read_text()


def _under_training() -> sprat.nn.MLP:
    model = mlp([4, 2])
    model.input_quant = [(0.1, 128, 0, 255)]
    return model


def _not_finite() -> sprat.nn.MLP:
    model = mlp([4, 2])
    model.parameters()["layers.0.weight"][0, 0] = np.nan
    return model


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (lambda: sprat.nn.MLP([4, 2], dtype="float64"), "model: wanted float32, got float64"),
        (_under_training, "model: it is under quantization-aware training; quantize it first"),
        (_not_finite, "layers.0: wanted finite weights and biases"),
        (
            lambda: PackedMLP([PackedLayer(np.uint16([[16256]]), weights="bfloat16", products="bfloat16")]),
            "products: wanted float32",
        ),
        (lambda: 3, "model: wanted an nn.MLP, a PackedMLP or the path of one, got int"),
    ],
    ids=["float64", "qat", "nan", "bfloat16 products", "int"],
)
def test_what_cannot_be_exported_is_refused_in_one_line(model: object, line: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, TypeError), match=line) as refused:
        sprat.export.c(model(), tmp_path / "model.c")  # type: ignore[operator]
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ['a"b.c', "a\nb.c", "a\\b.c", "é.c", "a?b.c"])
def test_file_names_that_no_include_can_hold_are_refused(tmp_path: Path, file: str) -> None:
    with pytest.raises(ValueError, match="path: wanted a file name of letters"):
        sprat.export.c(mlp([2, 1]), tmp_path / file, name="fine")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("tests", "line"),
    [
        (-1, "tests: wanted a whole number of at least 0, got -1"),
        (np.ones((2, 3)), r"tests: wanted \(rows, 4\), got shape \(2, 3\)"),
        (np.full((1, 4), np.nan), "tests: wanted finite numbers"),
    ],
    ids=["negative", "columns", "nan"],
)
def test_rows_of_the_self_test_are_checked(tests: object, line: str) -> None:
    with pytest.raises((ValueError, TypeError), match=line):
        sprat.export.c(mlp([4, 2]), tests=tests)  # type: ignore[arg-type]


def test_own_rows_and_none(tmp_path: Path) -> None:
    model = mlp([4, 2])
    assert "SELF_TEST" not in sprat.export.c(model, tests=0).files["model.c"]
    assert "0x1.8p+1f" in sprat.export.c(model, tests=[[3, 3, 3, 3]]).files["model.c"]


def test_a_wrong_suffix_or_folder_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path: wanted a file that ends in \.c, got "):
        sprat.export.c(mlp([2, 1]), tmp_path / "model.cc")
    with pytest.raises(FileNotFoundError):
        sprat.export.c(mlp([2, 1]), tmp_path / "none" / "model.c")
    assert list(tmp_path.iterdir()) == []


def test_figures_are_those_of_the_text() -> None:
    """Flash is what the arrays take, RAM what the struct takes."""
    sizes = {"float": 4, "int8_t": 1, "uint8_t": 1, "int32_t": 4, "uint16_t": 2}
    for model in (mlp([9, 8, 7, 3]), packed(mlp([9, 8, 7, 3]), "int8", static=True), packed(mlp([40, 5]), "int4")):
        made = sprat.export.c(model, tests=0)
        arrays = re.findall(r"^static const (\w+) \w+\[(\d+)\]", made.files["model.c"], re.M)
        assert made.flash == sum(sizes[type_] * int(count) for type_, count in arrays)
        fields = re.findall(r"^  float [ab]\[(\d+)\];", made.files["model.h"], re.M)
        assert made.ram == 4 * sum(map(int, fields))
        assert f"{made.flash} bytes of constants" in made.files["model.h"]
        assert f"#define MODEL_STACK_BYTES {made.stack}" in made.files["model.h"]


def test_integers_with_relu_need_no_fused_multiply_add(models: dict[str, Model]) -> None:
    text = sprat.export.c(models["int8_relu"]).files["model.c"]
    assert "MODEL_FMA" not in text
    assert "math.h" not in text


def test_the_text_does_not_change_from_run_to_run(models: dict[str, Model]) -> None:
    for name in ("mixed", "float_gelu", "float_blocks"):
        assert sprat.export.c(models[name]).files == sprat.export.c(models[name]).files


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc", "g++")
    monkeypatch.chdir(tmp_path)
    model = mlp([4, 8, 3])
    sprat.save(sprat.quantization.quantize_model(model, calibration=inputs(model)), "model.safetensors")
    assert main(["export", "--to", "c", "model.safetensors", "-o", "model.c"]) == 0
    assert "model.c: model_predict, " in capsys.readouterr().out
    subprocess.run(["gcc", "-O2", "-DMODEL_SELF_TEST", "model.c", "-o", "program", "-lm"], check=True)
    assert subprocess.run(["./program"], capture_output=True, text=True).stdout == "model: 8 rows, no difference\n"
    assert (
        main(["export", "--to", "cpp", "model.safetensors", "-o", "pump.hpp", "--name", "pump", "--tests", "3", "-q"])
        == 0
    )
    assert capsys.readouterr().out == ""
    subprocess.run(["g++", "-std=c++17", "-DPUMP_SELF_TEST", "-x", "c++", "pump.hpp", "-o", "pump"], check=True)
    assert subprocess.run(["./pump"], capture_output=True, text=True).stdout == "pump: 3 rows, no difference\n"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["none.safetensors"], "none.safetensors: No such file or directory"),
        (["model.safetensors", "-o", "model.txt"], "path: wanted a file that ends in .c"),
        (["model.safetensors", "--name", "7"], "name: wanted a C identifier"),
        (["model.safetensors", "-o", "model.safetensors"], "would be written over"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, argv: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    sprat.save(mlp([4, 2]), "model.safetensors")
    assert main(["export", *argv]) == 1
    said = capsys.readouterr().err
    assert line in said
    assert said.startswith("sprat export: ")
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_table_has_an_encoder_to_name(tmp_path: Path) -> None:
    encoder = sprat.tabular.Encoder.fit(make_table(), target="kind")
    model = mlp([len(encoder.feature_names), 3])
    model.encoder = encoder
    assert "x is what the model's encoder makes of a row of its table" in sprat.export.c(model).files["model.h"]
