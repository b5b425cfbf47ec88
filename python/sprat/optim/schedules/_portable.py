"""cos and powers from IEEE additions, products and square roots alone.

The C library's `cos` and `pow` differ in the last bit between machines (even between CPUs, when it picks a
variant with fused multiply-add). A learning rate enters every weight, and "same seed, same weights, anywhere"
is a promise, so schedules use these instead. Accurate to about two units in the last place (powers with large
whole exponents n: to about n / 2).
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context

# Taylor coefficients in x^2, highest first. On |x| <= pi/4 the first term left out is below 1e-17.
_COS = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(8, -1, -1))
_SIN = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8, -1, -1))
# Decimal arithmetic is done in software: the same digits everywhere.
_DECIMAL = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999, traps=[])


def _horner(coefficients: tuple[float, ...], x: float) -> float:
    a, b, c, d, e, f, g, h, i = coefficients  # by name: a loop takes twice as long, before every step
    return (((((((a * x + b) * x + c) * x + d) * x + e) * x + f) * x + g) * x + h) * x + i


def cospi(t: float) -> float:
    """cos(pi * t) for 0 <= t <= 1.

    >>> cospi(0.0), cospi(0.5), cospi(1.0)
    (1.0, 0.0, -1.0)
    """
    if t > 0.5:
        return -cospi(1.0 - t)  # both differences are exact (Sterbenz)
    if t > 0.25:
        x = math.pi * (0.5 - t)
        return x * _horner(_SIN, x * x)
    x = math.pi * t
    return _horner(_COS, x * x)


def power(base: float, exponent: float) -> float:
    """base ** exponent for base >= 0 and exponent >= 0; overflow gives inf, 0 ** 0 is 1.

    >>> power(0.5, 3), power(2.0, 0.5) == 2.0 ** 0.5, power(0.0, 0.3)
    (0.125, True, 0.0)
    """
    whole = int(exponent)
    fraction = exponent - whole
    result = 1.0
    square = base
    while whole:  # binary powering: the order of products depends on the exponent alone
        if whole & 1:
            result *= square
        square *= square
        whole >>= 1
    if fraction == 0.0 or base == 1.0:
        return result
    if fraction == 0.5:
        return result * math.sqrt(base)
    if base == 0.0:
        return 0.0
    log = _DECIMAL.ln(_DECIMAL.create_decimal_from_float(base))
    return result * float(_DECIMAL.exp(_DECIMAL.multiply(log, _DECIMAL.create_decimal_from_float(fraction))))


def blend(first: float, last: float, share: float) -> float:
    """first at share 0, last at share 1 (both exact), a straight line between, never outside.

    >>> blend(0.1, 0.3, 0.0), blend(0.1, 0.3, 1.0), blend(1.0, 2.0, 0.25)
    (0.1, 0.3, 1.25)
    """
    if share >= 1.0:
        return last
    value = first + (last - first) * share
    return min(max(value, min(first, last)), max(first, last))
