"""Teacher outputs on disk: used again for the same content only, never when stale or damaged."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

import sprat
from sprat import nn
from sprat.distillation import cache
from support import assert_same_bits

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


class Counting(nn.MLP):
    """A model that counts the rows it is asked about."""

    asked = 0

    def __call__(self, x: Any, out: Any = None) -> Any:
        type(self).asked += len(x)
        return super().__call__(x, out)


@pytest.fixture
def teacher() -> Counting:
    model = Counting([4, 32, 2], seed=0)
    sprat.fit(model, X, Y, epochs=5, lr=0.01)
    Counting.asked = 0
    return model


def learn(teacher: Any, path: Any, x: Any = X, **options: Any) -> nn.MLP:
    pupil = nn.MLP([4, 8, 2], seed=1)
    sprat.distill(teacher, pupil, x, Y, cache=path, epochs=2, lr=0.01, **options)
    return pupil


def test_a_second_distillation_asks_nobody_and_gives_the_same_bits(teacher: Counting, tmp_path: Path) -> None:
    path = tmp_path / "teacher.npy"
    first = learn(teacher, path)
    assert Counting.asked == len(X)
    second = learn(teacher, path)
    assert Counting.asked == len(X)
    assert_same_bits(first.params, second.params)
    assert_same_bits(first.params, learn(teacher, None).params)
    assert_same_bits(np.load(path), nn.MLP.__call__(teacher, X))  # a plain file for others
    assert os.listdir(tmp_path) == ["teacher.npy"]


def test_augmented_rows_are_cached_too(teacher: Counting, tmp_path: Path) -> None:
    first = learn(teacher, tmp_path / "t.npy", augment="munge", augment_factor=2)
    assert Counting.asked == 3 * len(X)
    assert_same_bits(first.params, learn(teacher, tmp_path / "t.npy", augment="munge", augment_factor=2).params)
    assert Counting.asked == 3 * len(X)


@pytest.mark.parametrize("change", ["weights", "rows", "order", "dtype", "columns"])
def test_a_stale_file_is_noticed_and_replaced(teacher: Counting, tmp_path: Path, change: str) -> None:
    path = tmp_path / "teacher.npy"
    learn(teacher, path)
    x = X.copy()
    if change == "weights":
        teacher.params[3] += 0.5
    elif change == "rows":
        x[17, 2] += 1
    elif change == "order":
        x = x[::-1].copy()
    elif change == "dtype":
        x = x.astype(np.float64)
    else:
        x = np.ascontiguousarray(x[:, [1, 0, 2, 3]])
    with pytest.warns(
        UserWarning, match="holds the outputs of another teacher or for other rows; the teacher is asked"
    ):
        stale = learn(teacher, path, x)
    assert_same_bits(stale.params, learn(teacher, None, x).params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn(teacher, path, x)


def test_every_damaged_byte_is_noticed(teacher: Counting, tmp_path: Path) -> None:
    path = tmp_path / "teacher.npy"
    right = learn(teacher, path).params
    whole = path.read_bytes()
    for position in [*range(6, 130, 9), *range(130, len(whole), 211), *range(len(whole) - 72, len(whole), 5)]:
        broken = bytearray(whole)
        broken[position] ^= 0x40
        path.write_bytes(broken)
        with pytest.warns(UserWarning, match="asked again and the file replaced"):
            assert_same_bits(learn(teacher, path).params, right)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("left", [7, 60, 200, 1000, -1, -72, -73])
def test_a_cut_file_is_noticed(teacher: Counting, tmp_path: Path, left: int) -> None:
    path = tmp_path / "teacher.npy"
    right = learn(teacher, path).params
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    if left == -72:  # exactly the array: as good as anybody's
        with pytest.raises(ValueError, match="holds no teacher's outputs"):
            learn(teacher, path)
        return
    with pytest.warns(UserWarning, match="is damaged"):
        assert_same_bits(learn(teacher, path).params, right)


def test_files_of_others_are_left_alone(teacher: Counting, tmp_path: Path) -> None:
    for name, make in (("a.npy", lambda p: np.save(p, X)), ("b.npy", lambda p: p.write_bytes(b"my diary"))):
        make(tmp_path / name)
        before = (tmp_path / name).read_bytes()
        with pytest.raises(ValueError, match="is there and holds no teacher's outputs; name another file"):
            learn(teacher, tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(ValueError, match="wanted a folder that exists or a name that ends in .npy"):
        learn(teacher, tmp_path / "nothing")


def test_in_a_folder_each_teacher_and_data_set_has_its_file(teacher: Counting, tmp_path: Path) -> None:
    learn(teacher, tmp_path)
    learn(teacher, tmp_path, X[::-1].copy())
    learn(teacher, tmp_path)
    assert len(list(tmp_path.glob("teacher-*.npy"))) == 2
    assert Counting.asked == 2 * len(X)


def test_a_write_that_fails_leaves_the_old_file(
    teacher: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "teacher.npy"
    learn(teacher, path)
    before = path.read_bytes()
    teacher.params[0] += 1

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="another teacher"), pytest.raises(OSError, match="no space left"):
        learn(teacher, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["teacher.npy"]


@pytest.mark.parametrize("chunk", [1 << 24, 100])
def test_another_process_that_replaces_the_file_does_not_change_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(cache, "_CHUNK", chunk)
    path = tmp_path / "teacher.npy"
    mine, other = nn.MLP([4, 2], seed=0), nn.MLP([4, 2], seed=1)
    write, problem = cache._write, cache._problem

    def overtaken(file: str, outputs: Any, key: bytes) -> None:
        write(file, outputs, key)
        write(file, other(X), cache.key_of(other, X, (300, 2), np.dtype(np.float32)))

    def asked() -> Any:
        return cache.cached(path, mine, X, (300, 2), np.float32, lambda: mine(X))

    monkeypatch.setattr(cache, "_write", overtaken)
    assert_same_bits(np.asarray(asked()), mine(X))
    monkeypatch.setattr(cache, "_write", write)
    path.unlink()
    asked()

    def replaced_meanwhile(*arguments: Any) -> str | None:
        found = problem(*arguments)
        write(str(path), other(X), bytes(32))
        return found

    monkeypatch.setattr(cache, "_problem", replaced_meanwhile)
    assert_same_bits(np.asarray(asked()), mine(X))


def test_a_folder_that_is_not_there_is_known_before_the_teacher_is_asked(teacher: Counting, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cache: wanted a folder that can be written"):
        learn(teacher, tmp_path / "none" / "teacher.npy")
    assert Counting.asked == 0


def test_large_outputs_are_mapped(teacher: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = learn(teacher, tmp_path / "t.npy").params
    monkeypatch.setattr(cache, "_CHUNK", 100)
    rows = cache.cached(tmp_path / "t.npy", teacher, X, (300, 2), np.float32, lambda: pytest.fail("asked"))
    assert isinstance(rows, np.memmap)
    assert_same_bits(learn(teacher, tmp_path / "t.npy").params, right)


def test_estimators_ensembles_and_tables(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["city"] = np.where(X[:, 0] > 0, "Oslo", "Rome")
    numbers = frame[list("abcd")]
    trees = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(X, Y)
    other = HistGradientBoostingClassifier(max_iter=6, random_state=0).fit(X, Y)

    def key(teacher: Any, x: Any) -> bytes:
        return cache.key_of(teacher, x, (300, 2), np.dtype("float32"))

    keys = [
        key(trees, X), key(other, X), key([trees, other], X), key([other, trees], X), key([trees], X),
        key(trees, frame), key(trees, numbers), key(trees, frame.rename(columns={"a": "A"})), key(trees, frame[::-1]),
        key(trees, {name: frame[name].to_numpy() for name in "abcd"}),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert key(trees, frame) == key(trees, frame.copy())


def test_a_function_has_no_content_to_be_known_by(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cache: wanted a model or an estimator"):
        learn(lambda x: np.zeros((len(x), 2)), tmp_path)
