// What stands between two layers besides the activation: dropout, fake quantization, sums of gradients.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

// Inverted dropout (Srivastava et al. 2014): an element stays, times 1 / (1 - probability), or becomes 0. Element
// (row, column) is decided by word column % 4 of Philox block (stream, row * ceil(columns / 4) + column / 4): it stays
// if the word's uniform number is not below the probability.
struct Dropout {
  uint64_t seed, stream;
  double probability;  // in [0, 1)
  int64_t columns;
};

struct LayerKernel {
  // y = dropout(x) for `rows` rows, the first of which is row `first_row` of the batch. y may be x. The gradient is the
  // same function of the gradient.
  void (*dropout)(const Dropout& dropout, int64_t first_row, int64_t rows, const void* x, void* y);
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
