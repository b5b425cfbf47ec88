"""How far sums that are rounded twice can lead away from fused ones: a proof for given rows, layer by layer.

A sum of k products and a bias, each step rounded, lies within g (|W| |x| + |b|) of the exact one, g = m u / (1 - m u),
u = 2^-24, m = k + 2 roundings (Higham 2002, section 3.1); fused or not. Two such sums, of inputs e apart, lie within
|W| e + g (|W| |x| + |b|) + g (|W| (|x| + e) + |b|) of each other. An activation lengthens that by its steepest slope,
and adds the error of its own formula twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..nn import activations
from ..packing import PackedLayer
from .activations import IN_PRODUCT, SLOPES

__all__ = ["plain_bound", "ulp_of"]

_U = 2.0**-24
_UNDERFLOW = 2.0**-149


def ulp_of(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The unit in the last place of the largest magnitude of each row.

    >>> import numpy as np
    >>> from sprat.export.bound import ulp_of
    >>> (ulp_of(np.float32([[1.0, -3.0]])) * 2**23).tolist()
    [2.0]
    """
    return np.asarray(np.spacing(np.maximum(np.abs(x).max(axis=1), np.finfo(np.float32).tiny)), np.float32)


def plain_bound(layers: Sequence[PackedLayer], x: NDArray[np.float32]) -> NDArray[np.float64]:
    """For each row and output, how far answers of fused and of plain sums can be apart.

    >>> import numpy as np, sprat
    >>> from sprat.export.bound import plain_bound
    >>> from sprat.export.plan import layers_of
    >>> bound = plain_bound(layers_of(sprat.nn.MLP([4, 2], seed=0)), np.ones((1, 4), np.float32))
    >>> bound.shape, bool((bound < 1e-5).all())
    ((1, 2), True)
    """
    exact = x.astype(np.float64)
    apart = np.zeros_like(exact)
    for layer in layers:
        weight = layer.float_weight().astype(np.float64)
        bias = np.zeros(layer.out_features) if layer.bias is None else layer.bias.astype(np.float64)
        roundings = layer.in_features + 2
        g = roundings * _U / (1 - roundings * _U)
        sizes = np.abs(exact) @ np.abs(weight).T + np.abs(bias)
        moved = apart @ np.abs(weight).T
        # the float64 values here stand for the float32 ones of either way: within g of them once more
        apart = moved + 2 * g * (sizes + moved) * (1 + 2**-20) + 2 * roundings * _UNDERFLOW
        z = exact @ weight.T + bias
        y = activations.apply(layer.activation, z)
        if layer.activation not in IN_PRODUCT:
            apart = SLOPES[layer.activation] * apart + 16 * _U * (np.abs(y) + np.minimum(np.abs(z), 1))
        exact = y
        apart = apart * (1 + 2**-20)
    return apart
