"""Low-rank factorization of a layer by truncated singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _device
from .._check import check_number

if TYPE_CHECKING:
    from ..nn import MLP


@dataclass(frozen=True)
class LowRank:
    """What a factorization did.

    ``layer``: index of the first of the two new layers; ``rank``; ``energy``: share of the squared singular values that is
    kept; ``parameters_before``, ``parameters_after``: weights of the layer.

    >>> import sprat
    >>> model = sprat.nn.MLP([64, 48, 10], seed=0)
    >>> sprat.structure.low_rank(model, 0, rank=8).parameters_after
    896
    """

    layer: int
    rank: int
    energy: float
    parameters_before: int
    parameters_after: int


def low_rank(model: MLP, layer: int, *, rank: int | None = None, energy: float | None = None) -> LowRank:
    r"""Replace a layer by two thinner ones, in place: the best approximation of its rank (Eckart & Young 1936).

    .. math:: W \approx U_r \Sigma_r V_r^\top = (U_r \Sigma_r^{1/2}) (\Sigma_r^{1/2} V_r^\top)

    The first new layer, (rank, in), is linear without bias; the second, (out, rank), keeps bias, activation and dropout.
    The square root of the singular values goes to each, so that both learn at the same pace in the fine-tuning that should
    follow (with a new optimizer: the old one's state has no place in the new layers). It pays below
    ``rank = in * out / (in + out)``.

    Parameters
    ----------
    model
        Changed in place.
    layer
        Index of the layer; negative counts from the last.
    rank
        1 to min(in, out). Either this or ``energy``.
    energy
        Share, over 0 to 1, of the sum of squared singular values to keep; the smallest rank that reaches it is taken. 0.9 to
        0.99 are usual.

    Raises
    ------
    ValueError
        One line that names the argument; nothing has changed then. A masked layer is refused: its zeros would be lost.

    Notes
    -----
    Computed in float64 by NumPy's LAPACK. Its last bits, and so in rare cases those of the rounded factors, depend on the
    build of NumPy: the one place in sprat where results may differ between machines.

    Examples
    --------
    >>> import sprat
    >>> model = sprat.nn.MLP([64, 48, 10], seed=0)
    >>> done = sprat.structure.low_rank(model, 0, energy=0.9)
    >>> [(spec.in_features, spec.out_features) for spec in model.layers] == [(64, done.rank), (done.rank, 48), (48, 10)]
    True
    """
    _device.refuse("low_rank", model)
    count = len(model.layers)
    if not -count <= layer < count:
        raise ValueError(f"layer: the model has layers 0 to {count - 1}, got {layer}")
    layer %= count
    name = f"layers.{layer}.weight"
    if name in model.masks:
        raise ValueError(f"layer: {name} is masked, its zeros would be lost; prune after the factorization")
    weight = model.parameters()[name].astype(np.float64)
    if not np.isfinite(weight).all():
        raise ValueError(f"layer: {name} holds NaN or infinity")
    u, s, vt = np.linalg.svd(weight, full_matrices=False)
    rank = _choose_rank(s, rank, energy)
    root = np.sqrt(s[:rank])
    first, second = root[:, None] * vt[:rank], u[:, :rank] * root

    spec = model.layers[layer]
    specs = [*model.layers]
    specs[layer : layer + 1] = [
        replace(spec, out_features=rank, activation="identity", bias=False, dropout=0.0),
        replace(spec, in_features=rank),
    ]
    parameters = {_shifted(key, layer): values for key, values in model.parameters().items()}
    parameters[name] = np.ascontiguousarray(first.astype(model.dtype))
    parameters[f"layers.{layer + 1}.weight"] = np.ascontiguousarray(second.astype(model.dtype))
    masks = {_shifted(key, layer): mask for key, mask in model.masks.items()}
    frozen = {_shifted(key, layer) for key in model.frozen}
    if name in model.frozen:
        frozen.add(name)
    model._rebuild(specs, parameters, masks)
    model.unfreeze(*model.frozen)
    model.freeze(*frozen)
    total = float(np.sum(s**2))
    kept = float(np.sum(s[:rank] ** 2)) / total if total else 1.0
    return LowRank(layer, rank, kept, weight.size, first.size + second.size)


def _choose_rank(s: NDArray[Any], rank: int | None, energy: float | None) -> int:
    if (rank is None) == (energy is None):
        raise ValueError("rank, energy: wanted exactly one of the two")
    if rank is not None:
        if isinstance(rank, bool) or not isinstance(rank, (int, np.integer)) or not 1 <= rank <= s.size:
            raise ValueError(f"rank: wanted a number from 1 to {s.size}, got {rank!r}")
        return int(rank)
    energy = check_number("energy", energy, 0, 1, open_low=True)
    cumulative = np.cumsum(s**2)
    # Rounding may leave the last sum below 1 * itself: the whole rank always reaches.
    return int(min(np.searchsorted(cumulative, energy * cumulative[-1]) + 1, s.size))


def _shifted(name: str, layer: int) -> str:
    """Names from ``layer`` on move up by one: its bias and its place now belong to the second factor."""
    prefix, index, kind = name.split(".")
    return name if int(index) < layer else f"{prefix}.{int(index) + 1}.{kind}"
