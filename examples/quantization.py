"""From floats to 8-bit integers: an array by hand, then a network with dynamic, static and trained ranges.

code = clamp(round(x / scale) + zero_point). Dynamic quantization measures the range of each row as it comes; static
quantization learns the ranges from some rows before; quantization-aware training rounds already while it trains.
"""

import numpy as np
from sklearn.datasets import load_digits

import sprat
from sprat import quantization

values = np.array([-1.0, -0.2, 0.0, 0.7, 1.5], np.float32)
scale, zero_point = quantization.choose_qparams(-1.0, 1.5, "uint8")
codes = quantization.quantize(values, scale, zero_point, dtype="uint8")
print("values ", values, "\ncodes  ", codes, "\nback   ", quantization.dequantize(codes, scale, zero_point).round(3))

x, y = load_digits(return_X_y=True)
train, test = sprat.tabular.split(len(y), 0.3, stratify=y)
x = (x / 8 - 1).astype("float32")
model = sprat.nn.MLP([64, 64, 32, 10], seed=0)
sprat.fit(model, x[train], y[train], epochs=15, lr=2e-3, progress=False)


def show(name, model, nbytes):
    accuracy = sprat.evaluate(model, x[test], y[test])["accuracy"]
    print(f"{name:36} {nbytes:7,} bytes   test accuracy {accuracy:.2%}")


show("float32", model, model.params.nbytes)
sample = x[train][:256]
for name, quantized in {
    "int8, dynamic": quantization.quantize_model(model),
    "int8, static": quantization.quantize_model(model, calibration=sample),
    "int8, static, percentile": quantization.quantize_model(model, sample, observer="percentile"),
    "int8, static, one scale per layer": quantization.quantize_model(model, sample, weights="per_tensor"),
}.items():
    show(name, quantized, quantized.nbytes)

sprat.fit(model, x[train], y[train], epochs=5, lr=5e-4, qat=quantization.QATConfig(), progress=False)
aware = quantization.quantize_model(model)
show("int8, trained with the rounding", aware, aware.nbytes)
