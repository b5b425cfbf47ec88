// What stands between two layers besides activation and dropout: fake quantization, sums of gradients.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

struct LayerKernel {
  // y = dequantize(quantize(x)), element by element. y may be x.
  void (*fake_quantize)(const sprat_fake_quant& quant, const void* x, void* y, int64_t n);
  // grad = 0 where x saturated.
  void (*fake_quantize_gradient)(const sprat_fake_quant& quant, const void* x, void* grad, int64_t n);
  // y += x
  void (*add)(const void* x, void* y, int64_t n);
};

struct LayerKernels {
  LayerKernel of[2];  // by sprat_dtype: float32, float64
};

}  // namespace sprat
