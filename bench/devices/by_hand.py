"""The loops that one writes by hand: a row of weights after the other, as C text."""

from __future__ import annotations

from sprat.export.literals import ConstantArray
from sprat.packing import PackedLayer

_FLOAT = """
static void layer_float(const float *w, const float *b, const float *x, int inputs, int outputs, int relu, float *y) {
  for (int o = 0; o < outputs; ++o) {
    float sum = 0.0f;
    for (int i = 0; i < inputs; ++i) sum += w[o * inputs + i] * x[i];
    sum += b[o];
    y[o] = relu && sum < 0.0f ? 0.0f : sum;
  }
}
"""

# Codes as bytes, sums in 32 bits, one rounding to the next layer's codes: what sprat's int8 networks do.
_INT8 = """
static int32_t sum_int8(const int8_t *w, const uint8_t *x, int inputs, int zero) {
  int32_t sum = 0;
  for (int i = 0; i < inputs; ++i) sum += w[i] * (x[i] - zero);
  return sum;
}
static void layer_codes(const int8_t *w, const float *scale, const float *b, const uint8_t *x, int inputs, int zero,
                        int outputs, float low, uint8_t *y) {
  for (int o = 0; o < outputs; ++o) {
    float z = (float)sum_int8(w + o * inputs, x, inputs, zero) * scale[o] + b[o];
    if (z < low) z = low;
    if (z > 255.0f) z = 255.0f;
    y[o] = (uint8_t)(z + 0.5f);
  }
}
static void layer_int8(const int8_t *w, const float *scale, const float *b, const uint8_t *x, int inputs, int zero,
                       int outputs, float *y) {
  for (int o = 0; o < outputs; ++o) y[o] = (float)sum_int8(w + o * inputs, x, inputs, zero) * scale[o] + b[o];
}
static void codes_of(const float *x, int inputs, float scale, int zero, uint8_t *q) {
  for (int i = 0; i < inputs; ++i) {
    float t = x[i] / scale + (float)zero;
    if (t < 0.0f) t = 0.0f;
    if (t > 255.0f) t = 255.0f;
    q[i] = (uint8_t)(t + 0.5f);
  }
}
"""


def float_text(layers: tuple[PackedLayer, ...]) -> str:
    """`predict(x, y)` of a float32 network of relu."""
    lines = ["#include <stdint.h>", _FLOAT]
    calls, source = [], "x"
    for index, layer in enumerate(layers):
        assert layer.bias is not None
        lines.append(ConstantArray(f"w{index}", "float", layer.weight).text("static const"))
        lines.append(ConstantArray(f"b{index}", "float", layer.bias).text("static const"))
        target = "y" if index + 1 == len(layers) else f"h{index}"
        if target != "y":
            lines.append(f"static float {target}[{layer.out_features}];")
        relu = int(layer.activation == "relu")
        calls.append(
            f"  layer_float(w{index}, b{index}, {source}, {layer.in_features}, {layer.out_features}, {relu}, {target});"
        )
        source = target
    return "\n".join([*lines, "void predict(const float *x, float *y) {", *calls, "}", ""])


def int8_text(layers: tuple[PackedLayer, ...]) -> str:
    """`predict(x, y)` of a static int8 network of relu."""
    lines = ["#include <stdint.h>", _INT8, f"static uint8_t q0[{layers[0].in_features}];"]
    scale, zero = layers[0].input_qparams or (1.0, 0)
    calls = [f"  codes_of(x, {layers[0].in_features}, {scale:.9g}f, {zero}, q0);"]
    for index, layer in enumerate(layers):
        assert layer.bias is not None
        assert layer.weight_scale is not None
        scale, zero = layer.input_qparams or (1.0, 0)
        factor, bias = scale * layer.weight_scale, layer.bias
        after = layers[index + 1].input_qparams if index + 1 < len(layers) else None
        if after is not None:
            factor, bias = factor / after[0], bias / after[0] + after[1]
        lines.append(ConstantArray(f"w{index}", "int8_t", layer.weight).text("static const"))
        lines.append(ConstantArray(f"s{index}", "float", factor.astype("f4")).text("static const"))
        lines.append(ConstantArray(f"b{index}", "float", bias.astype("f4")).text("static const"))
        sizes = f"{layer.in_features}, {zero}, {layer.out_features}"
        if after is None:
            calls.append(f"  layer_int8(w{index}, s{index}, b{index}, q{index}, {sizes}, y);")
        else:
            lines.append(f"static uint8_t q{index + 1}[{layer.out_features}];")
            low = after[1] if layer.activation == "relu" else 0
            calls.append(f"  layer_codes(w{index}, s{index}, b{index}, q{index}, {sizes}, {low}.0f, q{index + 1});")
    return "\n".join([*lines, "void predict(const float *x, float *y) {", *calls, "}", ""])
