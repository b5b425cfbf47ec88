"""sprat demo."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest

import sprat
from cli.conftest import Run
from sprat import demo

STAGES = [
    "teacher",
    "student alone",
    "student distilled",
    "student distilled, int8",
    "teacher, weights pruned",
    "teacher pruned, zeros left out",
    "teacher, neurons removed too",
    "teacher pruned, int8 static",
    "teacher pruned, int8 dynamic",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one quick run leaves behind."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(folder: Path) -> str:
    import contextlib
    import io

    out = io.StringIO()
    argv = ["demo", "--quick", "-q", "--output", str(folder / "stages")]
    with contextlib.redirect_stdout(out):
        assert sprat.cli.main([*argv, "--json", str(folder / "demo.json"), "--chart", str(folder / "demo.png")]) == 0
    return out.getvalue()


def test_the_table(shown: str) -> None:
    head, _, *rows = shown.splitlines()
    columns = ["stage", "test accuracy", "parameters", "bytes", "µs for 1 row", "rows per s", "relative to teacher"]
    assert [title for title in columns if title in head] == columns
    assert [row[:30].strip() for row in rows] == STAGES
    assert all("x size, " in row for row in rows[1:])


def test_the_figures(shown: str, folder: Path) -> None:
    figures = json.loads((folder / "demo.json").read_text())
    assert set(figures) == {
        *("data", "seed", "quick", "version", "isa", "threads", "seconds", "folder", "stages"),
    }
    stages = {stage["stage"]: stage for stage in figures["stages"]}
    assert list(stages) == STAGES
    accuracy = {name: stage["accuracy"] for name, stage in stages.items()}
    assert accuracy["teacher"] > 0.95
    assert accuracy["student distilled"] > 0.8
    assert accuracy["teacher, weights pruned"] > 0.95
    assert abs(accuracy["student distilled, int8"] - accuracy["student distilled"]) < 0.02
    for mode in ("static", "dynamic"):
        assert abs(accuracy[f"teacher pruned, int8 {mode}"] - accuracy["teacher, neurons removed too"]) < 0.01
    sizes = [
        stages[name]["bytes"] for name in ("teacher", "teacher, neurons removed too", "teacher pruned, int8 static")
    ]
    assert sizes[0] > 2 * sizes[1] > 4 * sizes[2]
    assert stages["teacher, weights pruned"]["nonzero"] < 0.5 * stages["teacher"]["nonzero"]
    assert stages["student distilled"]["parameters"] < 0.01 * stages["teacher"]["parameters"]
    assert all(stage["microseconds"] > 0 and stage["rows_per_second"] > 0 for stage in stages.values())


def test_every_stage_loads_again(shown: str, folder: Path) -> None:
    test_x, test_y = demo.digits(0).test
    for stage in json.loads((folder / "demo.json").read_text())["stages"]:
        predict = sprat.Predictor(stage["path"])
        assert np.mean(predict.predict(test_x) == test_y) == pytest.approx(stage["accuracy"])
    assert (folder / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_same_seed_same_models(shown: str, folder: Path, sprat_command: Run, tmp_path: Path) -> None:
    assert sprat_command("demo", "--quick", "-q", "--threads", 1, "--output", tmp_path)[0] == 0
    for path in sorted((folder / "stages").iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def write_idx(path: Path, array: np.ndarray) -> None:
    content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Four IDX files, two of them packed: bright upper halves and bright lower halves."""
    rng = np.random.default_rng(0)
    for part, rows, suffix in (("train", 200, ".gz"), ("t10k", 60, "")):
        labels = np.arange(rows) % 2
        pixels = rng.integers(0, 100, (rows, 6, 6))
        pixels[labels == 0, :3] += 120
        pixels[labels == 1, 3:] += 120
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{suffix}", pixels)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{suffix}", labels)
    return tmp_path


def test_a_folder_of_idx_files(images: Path, sprat_command: Run) -> None:
    argv = ("demo", "--data", images, "--quick", "-q", "--json", "-", "--output", images / "stages")
    status, out, err = sprat_command(*argv)
    assert (status, err) == (0, "")
    figures = json.loads(out)
    assert figures["data"] == images.name
    assert figures["stages"][0]["accuracy"] > 0.95


def test_progress_is_on_stderr(images: Path, sprat_command: Run) -> None:
    _, out, err = sprat_command("demo", "--data", images, "--quick")
    assert out.startswith("stage")
    assert "200 rows to train on, 60 to test on, 36 pixels, 2 classes" in err
    assert all(name in err for name in STAGES)
    assert "every stage is saved in " in err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t10k-labels-idx1-ubyte", None, "no such file, nor with .gz"),
        ("t10k-labels-idx1-ubyte", b"\0\0\x08\x01\0\0\0\x02\0", "2 elements of 1 bytes announced, 1 bytes there"),
        ("t10k-labels-idx1-ubyte", b"\0\0\x08\x01\0\0\0\x01\0", "60 images, 1 labels"),
        ("t10k-labels-idx1-ubyte", b"hello", "is not an IDX file"),
        ("t10k-labels-idx1-ubyte", b"\0\0\x08\x03\0\0", "ends within its 3 sizes"),
        ("train-images-idx3-ubyte.gz", b"\x1f\x8bnot", "the gzip stream is broken"),
        ("train-images-idx3-ubyte.gz", b"\0\0\x08\x01\0\0\0\x01\0", "wanted (images, rows, columns) bytes"),
    ],
)
def test_broken_data_is_one_line(
    images: Path, sprat_command: Run, name: str, content: bytes | None, message: str
) -> None:
    if content is None:
        (images / name).unlink()
    else:
        (images / name).write_bytes(content)
    status, out, err = sprat_command("demo", "--data", images, "--quick", "-q")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert message in err
    assert name.removesuffix(".gz").split("-")[0] in err


def test_no_folder(sprat_command: Run) -> None:
    assert "nowhere: no such folder" in sprat_command("demo", "--data", "nowhere")[2]
