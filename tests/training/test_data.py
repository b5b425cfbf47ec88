"""Batches: the right rows, in an order that seed and epoch decide, without copies of what is large."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat
from sprat.training.data import ArrayData, IteratorData, epoch_order, split_rows
from sprat.training.rows import Rows, is_memory_map
from support import assert_same_bits, misaligned

X = np.arange(37 * 3, dtype=np.float32).reshape(37, 3)
Y = np.arange(37)


def epoch(data: ArrayData, number: int = 0, start: int = 0) -> list[tuple[Any, ...]]:
    return [tuple(None if part is None else part.copy() for part in batch) for batch in data.epoch(number, start)]


def source(x: Any = X, **options: Any) -> ArrayData:
    weight = options.pop("weight", None)
    y = Rows(Y, np.int64)
    return ArrayData(Rows(x, "float32"), y, weight, batch_size=options.pop("batch_size", 8), **options)


def test_every_row_once_and_the_last_batch_smaller() -> None:
    data = source(seed=3)
    batches = epoch(data)
    assert [len(x) for x, _, _ in batches] == [8, 8, 8, 8, 5]
    assert data.batches_per_epoch == 5
    order = np.concatenate([y for _, y, _ in batches])
    assert sorted(order) == list(range(37))
    assert_same_bits(np.concatenate([x for x, _, _ in batches]), X[order])
    assert list(order) == list(epoch_order(37, 3, 0))


def test_order_is_a_function_of_seed_and_epoch() -> None:
    orders = {(seed, number): tuple(epoch_order(37, seed, number)) for seed in range(3) for number in range(3)}
    assert len(set(orders.values())) == 9
    assert tuple(epoch_order(37, 1, 2)) == orders[1, 2]


def test_without_a_seed_rows_come_in_order_and_are_not_copied() -> None:
    batches = list(source().epoch(0))
    assert_same_bits(np.concatenate([x for x, _, _ in batches]), X)
    assert np.shares_memory(batches[0][0], X)


@pytest.mark.parametrize("start", range(6))
def test_an_epoch_can_begin_at_any_batch(start: int) -> None:
    data = source(seed=1, weight=Rows(np.arange(37, dtype=np.float32), "float32"))
    whole, part = epoch(data, 2), epoch(data, 2, start)
    assert len(part) == 5 - start
    for a, b in zip(whole[start:], part, strict=True):
        for first, second in zip(a, b, strict=True):
            assert_same_bits(first, second)


def test_a_batch_larger_than_the_data_is_the_data() -> None:
    assert [len(x) for x, _, _ in source(batch_size=10**12, seed=0).epoch(0)] == [37]


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", ">f4", ">i2", "bool"])
@pytest.mark.parametrize("layout", ["C", "F", "strided", "misaligned"])
def test_any_dtype_and_layout(dtype: str, layout: str) -> None:
    values = (X % 2 if dtype == "bool" else X).astype(dtype)
    x = {
        "C": lambda: values,
        "F": lambda: np.asfortranarray(values),
        "strided": lambda: np.repeat(np.repeat(values, 2, 0), 2, 1)[::2, ::2],
        "misaligned": lambda: misaligned(values) if values.itemsize > 1 else values,
    }[layout]()
    for seed in (None, 5):
        expected = epoch(source(values.astype("float32"), seed=seed))
        for a, b in zip(epoch(source(x, seed=seed)), expected, strict=True):
            assert_same_bits(a[0], b[0])


def test_only_some_rows() -> None:
    rows, others = split_rows(37, 0.25, seed=4)
    assert sorted([*rows, *others]) == list(range(37))
    assert len(others) == 9
    batches = epoch(source(rows=rows, seed=4))
    assert sorted(np.concatenate([y for _, y, _ in batches])) == list(rows)
    with pytest.raises(ValueError, match="leaves 0 of 3 rows"):
        split_rows(3, 0.1, seed=0)


class CountingMap(np.memmap):
    """A memory map that counts the rows read by indexing."""

    reads: list[int] = []  # noqa: RUF012

    def __getitem__(self, index: Any) -> Any:
        result = super().__getitem__(index)
        CountingMap.reads.append(len(result) if np.ndim(result) else 1)
        return result


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_memory_map_gives_the_same_batches(tmp_path: Path, order: Any, dtype: str) -> None:
    on_disk = np.memmap(tmp_path / "x", dtype=dtype, mode="w+", shape=X.shape, order=order)
    on_disk[...] = X
    assert is_memory_map(on_disk)
    assert is_memory_map(on_disk[3:, 1:])
    for seed in (None, 2):
        for a, b in zip(epoch(source(on_disk, seed=seed)), epoch(source(seed=seed)), strict=True):
            assert_same_bits(a[0], b[0])


def test_a_fortran_memory_map_is_read_a_batch_at_a_time(tmp_path: Path) -> None:
    on_disk = CountingMap(tmp_path / "x", dtype="float32", mode="w+", shape=X.shape, order="F")
    on_disk[...] = X
    data = source(on_disk, seed=0)
    CountingMap.reads.clear()
    epoch(data)
    assert CountingMap.reads == [8, 8, 8, 8, 5]


def test_iterators_start_afresh_each_epoch_and_skip() -> None:
    def batches() -> Any:
        for begin in range(0, 37, 10):
            yield X[begin : begin + 10], Y[begin : begin + 10]

    data = IteratorData(batches, lambda x, y, weight: (x, y, weight))
    assert data.batches_per_epoch is None
    assert [len(x) for x, _, _ in data.epoch(0)] == [10, 10, 10, 7]
    assert [len(x) for x, _, _ in data.epoch(1, start=3)] == [7]
    listed = IteratorData([(X, Y, np.ones(37))], lambda x, y, weight: (x, y, weight))
    assert len(next(iter(listed.epoch(0)))[2]) == 37


@pytest.mark.parametrize("bad", [X, (X,), (X, Y, None, None), 3])
def test_odd_batches_are_named(bad: Any) -> None:
    data = IteratorData([(X, Y), bad], lambda x, y, weight: (x, y, weight))
    with pytest.raises(TypeError, match="batch 1 of x: wanted"):
        list(data.epoch(0))


def test_a_memory_map_larger_than_memory_is_never_loaded(tmp_path: Path) -> None:
    rows, columns = 1_000_000, 4_000  # 16 GB, all holes: the file takes no space
    on_disk = np.memmap(tmp_path / "x", dtype="float32", mode="w+", shape=(rows, columns))
    model = sprat.nn.MLP([columns, 2], seed=0)
    before = resident()

    class Stop(sprat.training.Callback):
        def on_batch_end(self, trainer: Any) -> None:
            if trainer.step == 5:
                trainer.stop()

    history = sprat.fit(model, on_disk, np.zeros(rows, np.int8), validation_split=1e-4, callbacks=[Stop()])
    assert history.steps == 5
    assert resident() - before < 300e6


def resident() -> int:
    """Bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
