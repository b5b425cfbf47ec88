"""Fit the polynomials of math.h: print each one's coefficients and its error in units in the last place.

Run it with mpmath installed: ``python fit_polynomials.py``. It is not part of the build: math.h holds the digits.

Least squares at Chebyshev nodes, in 50 digits, comes within a factor of two of the smallest possible largest error.
The coefficients are rounded to the format one by one from the lowest power up, and after each rounding the free ones
are fitted again, so that the later coefficients repair what the earlier ones lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mpmath import mp, mpf

mp.dps = 50
Function = Callable[[mpf], mpf]


@dataclass(frozen=True)
class Fit:
    """``target(x)`` by ``sum(c[i] * x**powers[i])`` on [low, high]; ``weight(x) * error`` is what must be small."""

    name: str
    target: Function
    weight: Function
    low: mpf
    high: mpf
    degree: int
    digits: int  # bits of the significand: 24 or 53


def nearly_minimax(target: Function, weight: Function, powers: list[int], low: mpf, high: mpf) -> list[mpf]:
    """Coefficients of ``x**powers`` with the least squared weighted error at Chebyshev nodes."""
    size = 6 * (powers[-1] + 2)
    nodes = [low + (high - low) * (1 - mp.cos(mp.pi * (2 * i + 1) / (2 * size))) / 2 for i in range(size)]
    system = mp.matrix(size, len(powers))
    right = mp.matrix(size, 1)
    for row, x in enumerate(nodes):
        right[row] = weight(x) * target(x)
        for column, power in enumerate(powers):
            system[row, column] = weight(x) * x**power
    solution, _ = mp.qr_solve(system, right)
    return list(solution)


def to_format(x: mpf, bits: int) -> mpf:
    """``x`` rounded to a significand of ``bits`` bits."""
    with mp.workprec(bits):
        return +x


def fit(job: Fit) -> tuple[list[mpf], mpf]:
    """Coefficients rounded to the format, lowest power first, and the largest weighted error they leave."""
    fixed: list[mpf] = []
    error = mpf(0)

    def rest(x: mpf) -> mpf:
        return job.target(x) - sum(c * x**i for i, c in enumerate(fixed))

    for power in range(job.degree + 1):
        free = nearly_minimax(rest, job.weight, list(range(power, job.degree + 1)), job.low, job.high)
        fixed.append(to_format(free[0], job.digits))
    for i in range(2001):
        x = job.low + (job.high - job.low) * i / 2000
        error = max(error, abs(job.weight(x) * rest(x)))
    return fixed, error


def expm1_tail(r: mpf) -> mpf:
    """(e^r - 1 - r) / r^2."""
    return (mp.expm1(r) - r) / r**2 if abs(r) > mpf(10) ** -12 else mpf(1) / 2 + r / 6


def atanh_tail(z: mpf) -> mpf:
    """With s^2 = z: (log((1 + s) / (1 - s)) - 2 s) / s^3 = 2/3 + 2/5 z + 2/7 z^2 + ..."""
    if z < mpf(10) ** -12:
        return mpf(2) / 3 + 2 * z / 5
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) - 2 * s) / s**3


def erf_tail(z: mpf) -> mpf:
    """With x^2 = z: erf(x) / x - 1."""
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1 if z > mpf(10) ** -20 else 2 / mp.sqrt(mp.pi) - 1


def jobs(bits: int) -> list[Fit]:
    """Every polynomial of math.h for one format."""
    single = bits == 24
    reach = mp.log(2) / 2 * mpf("1.0001")  # the reduction rounds: a little beyond log(2) / 2
    squeeze = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.0001")
    far = mpf("3.95") if single else mpf("6.0")
    return [
        Fit("exp: (e^r - 1 - r) / r^2", expm1_tail, lambda r: reach, -reach, reach,
            4 if single else 9, bits),
        Fit("log: (2 atanh(s) - 2 s) / s^3, z = s^2", atanh_tail,
            lambda z: mp.sqrt(z) ** 3 / (2 * mp.atanh(mp.sqrt(z))) if z else mpf(0), mpf(0), squeeze, 2 if single else 6, bits),
        Fit("erf below 1: erf(x) / x - 1, z = x^2", erf_tail, lambda z: 1 / (1 + erf_tail(z)),
            mpf(0), mpf(1), 6 if single else 12, bits),
        Fit("erf beyond 1: -log(erfc(x))", lambda x: -mp.log(mp.erfc(x)), lambda x: mp.erfc(x) / mp.erf(x),
            mpf(1), far, 7 if single else 18, bits),
    ]  # fmt: skip


def main() -> None:
    """Print what math.h holds."""
    for bits in (24, 53):
        for job in jobs(bits):
            coefficients, error = fit(job)
            suffix = "f" if bits == 24 else ""
            shown = ", ".join(mp.nstr(c, 9 if bits == 24 else 17) + suffix for c in coefficients)
            print(f"{'float' if bits == 24 else 'double'} {job.name}: {mp.nstr(error * 2**bits, 3)} ulp\n  {shown}")


if __name__ == "__main__":
    main()
