"""Draw the pictures of the documentation: python docs/make_pictures.py [name ...]"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from sprat.optim import schedules as s
from sprat.optim.plot import plot

PICTURES = Path(__file__).parent / "pictures"
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "lines.linewidth": 1.8,
}


def schedules() -> Figure:
    """Every schedule over 1000 steps, by family."""
    steps = 1000
    panels: dict[str, dict[str, s.Schedule]] = {
        "steps and powers": {
            "Step": s.Step(0.1, step_size=250, gamma=0.4),
            "MultiStep": s.MultiStep(0.1, milestones=[400, 800], gamma=0.3),
            "Exponential": s.Exponential(0.1, gamma=0.997),
            "InverseTime": s.InverseTime(0.1, decay=0.01),
        },
        "lines and polynomials": {
            "Constant": s.Constant(0.05),
            "Linear": s.Linear(0.1, steps=400),
            "Polynomial, power 1": s.Polynomial(0.1, steps=steps),
            "Polynomial, power 2": s.Polynomial(0.1, steps=steps, power=2.0),
        },
        "cosines": {
            "Cosine": s.Cosine(0.1, steps=steps),
            "CosineWarmRestarts": s.CosineWarmRestarts(0.1, steps=143, factor=2),
            "OneCycle": s.OneCycle(0.1, steps=steps),
        },
        "composed": {
            "Warmup, then Cosine": s.Warmup(150, s.Cosine(0.1, steps=steps - 150)),
            "Sequence": s.Sequence(
                [(300, s.Constant(0.03)), (400, s.Constant(0.08)), (None, s.Exponential(0.05, gamma=0.99))]
            ),
        },
    }
    figure, axes = plt.subplots(2, 2, figsize=(8, 5), sharex=True, sharey=True, layout="constrained")
    for ax, (title, panel) in zip(axes.flat, panels.items(), strict=True):
        plot(panel, steps, ax)
        ax.set_title(title, loc="left")
        ax.set_ylim(-0.004, 0.14)  # room for the legend
        ax.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
        ax.label_outer()
    return figure


DRAW = {"schedules": schedules}


def main(names: list[str]) -> None:
    PICTURES.mkdir(exist_ok=True)
    for name in names or DRAW:
        with plt.rc_context(STYLE):
            figure = DRAW[name]()
        path = PICTURES / f"{name}.png"
        pixels = io.BytesIO()
        figure.savefig(pixels, dpi=110)
        Image.open(pixels).convert("RGB").quantize(64).save(path, optimize=True)  # a third of the bytes
        print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    main(sys.argv[1:])
