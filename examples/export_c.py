"""A network as C text: written, compiled, and its self-test run; int8 beside float32, in what they take of a device."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import sprat

rng = np.random.default_rng(0)
x = rng.normal(size=(2000, 12)).astype(np.float32)
y = (x[:, 0] * x[:, 1] > x[:, 2]).astype(np.int64)
model = sprat.nn.MLP([12, 24, 16, 2], seed=0)
sprat.fit(
    model, x, y, loss="cross_entropy", optimizer=sprat.optim.Adam(model, lr=3e-3), epochs=20, batch_size=64, seed=0
)
int8 = sprat.quantization.quantize_model(model, calibration=x[:500])

compiler = shutil.which("cc") or shutil.which("gcc")
with tempfile.TemporaryDirectory() as folder:
    for name, network in (("pump", model), ("pump_int8", int8)):
        made = sprat.export.c(network, Path(folder, f"{name}.c"), tests=x[:50])
        accuracy = np.mean(network(x).argmax(axis=1) == y)
        print(
            f"{name}: accuracy {accuracy:.3f}, {made.flash} bytes of constants, {made.ram} of memory, stack below {made.stack}"
        )
        if compiler:  # 50 rows whose answers in C must have the library's bits
            options = ["-O2", f"-D{name.upper()}_SELF_TEST"]
            subprocess.run([compiler, *options, f"{name}.c", "-o", name, "-lm"], cwd=folder, check=True)
            print(subprocess.run([f"./{name}"], cwd=folder, check=True, capture_output=True, text=True).stdout.strip())
