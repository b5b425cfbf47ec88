"""Patterns: which weights go together, exact against loops, on models and arrays."""

from __future__ import annotations

import numpy as np
import pytest

from sprat import nn, prune
from sprat.prune import patterns
from support import assert_same_bits, assert_same_everywhere

SHAPES = [(1, 1), (3, 4), (16, 32), (17, 33), (40, 100), (5, 7)]


def balanced(scores: np.ndarray, kept: int, m: int) -> np.ndarray:
    """Group after group: the best stay, among equals the last."""
    mask = np.zeros(scores.shape, np.uint8)
    for row in range(len(scores)):
        for start in range(0, scores.shape[1], m):
            group = scores[row, start : start + m]
            count = -(-kept * len(group) // m)
            best = sorted(range(len(group)), key=lambda i: (group[i], i))[len(group) - count :]
            mask[row, [start + i for i in best]] = 1
    return mask


def blocks(scores: np.ndarray, sparsity: float, h: int, w: int) -> np.ndarray:
    """Block after block, the lowest mean first, as many as come nearest."""
    rows, columns = scores.shape
    places = [(slice(r, min(r + h, rows)), slice(c, min(c + w, columns)))
              for r in range(0, rows, h) for c in range(0, columns, w)]  # fmt: skip
    order = sorted(range(len(places)), key=lambda i: (scores[places[i]].mean(), i))
    gone = np.cumsum([0] + [scores[places[i]].size for i in order])
    count = min(range(len(gone)), key=lambda i: (abs(gone[i] - sparsity * scores.size), i))
    mask = np.ones(scores.shape, np.uint8)
    for i in order[:count]:
        mask[places[i]] = 0
    return mask


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("n", "m"), [(1, 2), (2, 4), (3, 8), (4, 9), (3, 32), (1, 1)])
@pytest.mark.parametrize("ties", [False, True])
def test_n_of_m(shape: tuple[int, int], n: int, m: int, ties: bool, rng: np.random.Generator) -> None:
    scores = rng.integers(0, 3, shape).astype(np.float32) if ties else rng.normal(size=shape).astype(np.float32)
    rule = patterns.get(f"{n}:{m}")
    assert_same_bits(rule.keep({"w": scores}, rule.limit(None))["w"], balanced(scores, n, m))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("h", "w"), [(16, 1), (16, 4), (2, 3), (1, 1)])
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9, 1.0])
def test_blocks(shape: tuple[int, int], h: int, w: int, sparsity: float, rng: np.random.Generator) -> None:
    scores = rng.integers(-8, 9, shape).astype(np.float64)  # means are exact, and some are equal
    mask = patterns.Blocks(h, w).keep({"w": scores}, sparsity)["w"]
    assert_same_bits(mask, blocks(scores, sparsity, h, w))


def panels(scores: np.ndarray, sparsity: float, h: int, w: int) -> np.ndarray:
    """Slot after slot: the k-th best of each output of a panel, the lowest mean first."""
    rows, columns = scores.shape
    slots = []
    for r in range(0, rows, h):
        for c in range(0, columns, w):
            part = -np.sort(-scores[r : r + h, c : c + w], axis=1)
            slots += [(part[:, k].mean(), r, c, k, len(part)) for k in range(part.shape[1])]
    order = sorted(slots, key=lambda slot: (slot[0], slot[1], slot[2], slot[3]))
    gone = np.cumsum([0] + [slot[4] for slot in order])
    count = min(range(len(gone)), key=lambda i: (abs(gone[i] - sparsity * scores.size), i))
    mask = np.zeros(scores.shape, np.uint8)
    for r in range(0, rows, h):
        for c in range(0, columns, w):
            kept = sum(1 for slot in order[count:] if slot[1:3] == (r, c))
            part = scores[r : r + h, c : c + w]
            for row in range(len(part)):
                best = sorted(range(part.shape[1]), key=lambda i: (part[row, i], i))[part.shape[1] - kept :]
                mask[r + row, [c + i for i in best]] = 1
    return mask


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("h", "w"), [(16, 32), (2, 3), (1, 1), (4, 8)])
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9, 1.0])
def test_panels(shape: tuple[int, int], h: int, w: int, sparsity: float, rng: np.random.Generator) -> None:
    scores = rng.integers(-8, 9, shape).astype(np.float64)
    mask = patterns.Panels(h, w).keep({"w": scores}, sparsity)["w"]
    assert_same_bits(mask, panels(scores, sparsity, h, w))


def test_panels_count_what_is_gone_already(rng: np.random.Generator) -> None:
    m = nn.MLP([100, 40, 8], seed=0)
    for sparsity in (0.2, 0.5, 0.7, 0.9):
        prune.magnitude(m, sparsity, pattern="panels", scope="layer")
        assert [row.sparsity for row in prune.report(m).rows] == pytest.approx([sparsity] * 2, abs=0.03)
    kept = m.masks["layers.0.weight"][:16, :96].reshape(16, 3, 32).sum(axis=2)
    assert (kept == kept[0]).all()


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.777, 1.0])
def test_unstructured_is_the_native_selection(sparsity: float, rng: np.random.Generator) -> None:
    weights = {
        name: rng.integers(-3, 4, shape).astype(np.float32) for name, shape in zip("abc", SHAPES[2:5], strict=True)
    }
    m = nn.MLP([4, 4])
    masks = patterns.get("unstructured").keep({name: np.abs(w) for name, w in weights.items()}, sparsity)
    flat = np.concatenate([w.reshape(-1) for w in weights.values()])
    wanted = prune.magnitude(flat, sparsity)
    assert_same_bits(np.concatenate([mask.reshape(-1) for mask in masks.values()]), wanted)
    assert m.masks == {}


def test_blocks_are_ranked_over_all_layers(rng: np.random.Generator) -> None:
    scores = {"small": rng.uniform(0, 1, (32, 20)), "large": rng.uniform(2, 3, (16, 20))}
    masks = patterns.get("blocks").keep(scores, 40 / 60)
    assert not masks["small"].any()
    assert masks["large"].all()


def test_names() -> None:
    assert patterns.get("n:32") == patterns.Balanced(None, 32)
    assert patterns.get("16x4") == patterns.Blocks(16, 4)
    assert patterns.get("blocks") == patterns.get("16x1")
    for bad in ("", "4:2", "0:4", "2:0", "x4", "0x4", "n:n", "2:4:8", 3, None):
        with pytest.raises(ValueError, match=r"^pattern: wanted 'unstructured', 'panels'"):
            patterns.get(bad)  # type: ignore[arg-type]


def test_count_follows_the_sparsity() -> None:
    rule = patterns.Balanced(None, 32)
    assert [rule.count(s) for s in (0, 0.5, 0.9, 0.99, 1.0)] == [32, 16, 3, 1, 0]
    rule = patterns.Balanced(2, 4)
    assert [rule.count(s) for s in (0, 0.25, 0.5, 0.9)] == [4, 3, 2, 2]
    assert rule.clamp(0.9) == 0.5


@pytest.mark.parametrize("pattern", ["2:4", "n:32", "panels", "blocks", "16x4"])
def test_models(pattern: str) -> None:
    m = nn.MLP([40, 48, 20, 3], seed=0)
    prune.magnitude(m, 0.3)  # what is gone stays gone, and counts
    gone = {name: mask == 0 for name, mask in m.masks.items()}
    before = {name: w.copy() for name, w in m.parameters().items()}
    masks = prune.magnitude(m, None if pattern == "2:4" else 0.75, pattern=pattern, scope="layer", layers=[0, 1])
    assert set(masks) == {"layers.0.weight", "layers.1.weight"}
    rule = patterns.get(pattern)
    for name, mask in masks.items():
        scores = np.where(gone[name], -np.inf, np.abs(before[name]))
        wanted = rule.keep({name: scores}, rule.limit(None if pattern == "2:4" else 0.75))[name] & ~gone[name]
        assert_same_bits(mask, wanted.astype(np.uint8))
        assert_same_bits(m.masks[name], mask)
        assert_same_bits(m.parameters()[name], before[name] * mask + np.float32(0))
    assert abs(prune.report(m).rows[0].sparsity - (0.5 if pattern == "2:4" else 0.75)) < 0.12


@pytest.mark.parametrize("pattern", ["unstructured", "2:4", "n:32", "panels", "blocks"])
def test_no_layers_and_all_weights(pattern: str) -> None:
    m = nn.MLP([40, 48, 3], seed=0)
    share = None if pattern == "2:4" else 1.0
    before = m.params.tobytes()
    assert prune.weights(m, share, pattern=pattern, layers=[]) == {}
    assert prune.magnitude(m, share, pattern=pattern, layers=[]) == {}
    assert m.params.tobytes() == before
    prune.magnitude(m, share, pattern=pattern)
    assert prune.report(m).sparsity == (0.5 if pattern == "2:4" else 1)
    if pattern != "2:4":
        prune.weights(m, share, pattern=pattern, criterion="taylor", data=(np.ones((4, 40)), [0, 1, 2, 0]))  # again


def test_arrays(rng: np.random.Generator) -> None:
    w = rng.normal(size=(20, 50)).astype(np.float32)
    before = w.copy()
    mask = prune.magnitude(w, 0.8, pattern="16x4")
    assert_same_bits(w, np.where(mask, before, np.float32(0)))
    assert abs((mask == 0).mean() - 0.8) < 0.04
    for bad in (w.reshape(-1), w.astype(int), w.tolist()):
        with pytest.raises(TypeError, match=r"^target: wanted a writable float array \(out_features, in_features\)"):
            prune.magnitude(bad, 0.5, pattern="blocks")


def test_same_bits_everywhere() -> None:
    def compute() -> list[np.ndarray]:
        m = nn.MLP([40, 48, 20, 3], seed=5)
        prune.magnitude(m, 0.5, pattern="blocks")
        prune.magnitude(m, 0.6, pattern="panels")
        prune.magnitude(m, 0.8, pattern="n:32")
        return list(m.parameters().values())

    assert_same_everywhere(compute)


def test_refused_calls_change_nothing() -> None:
    m = nn.MLP([8, 8, 2], seed=0)
    before = m.params.tobytes()
    for call, line in (
        (lambda: prune.magnitude(m, 0.9, pattern="2:4"), "sparsity: wanted at most 0.5 with pattern '2:4', got 0.9"),
        (lambda: prune.magnitude(m, 0.5, pattern="3"), "pattern: wanted 'unstructured', 'panels', 'blocks', "
         "such as '2:4' or '16x4', got '3'"),
        (lambda: prune.weights(m, pattern="n:4"), "sparsity: wanted a number in [0, 1], got None; only a pattern such "
         "as '2:4' brings its own"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == line
    assert m.params.tobytes() == before
    assert m.masks == {}
