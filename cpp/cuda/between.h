// What stands between two products besides the activation: dropout, fake quantization, sums of gradients.
#pragma once

#include <cstdint>

#include "kernels/batch.h"
#include "sprat/sprat.h"

namespace sprat::cuda {

// y = dropout(x) of (rows, dropout.columns); row 0 is row `first_row` for the generator. y may be x. The gradient is
// the same function of the gradient.
sprat_status apply_dropout(sprat_dtype dtype, const Dropout& dropout, int64_t first_row, int64_t rows, const void* x,
                           void* y, void* stream);
// y = dequantize(quantize(x)).
sprat_status fake_quantize(sprat_dtype dtype, const sprat_fake_quant& quant, const void* x, void* y, int64_t n,
                           void* stream);
// grad = 0 where x saturated.
sprat_status fake_quantize_gradient(sprat_dtype dtype, const sprat_fake_quant& quant, const void* x, void* grad,
                                    int64_t n, void* stream);
// sum = x + y; sum may be x.
sprat_status add(sprat_dtype dtype, const void* x, const void* y, void* sum, int64_t n, void* stream);

}  // namespace sprat::cuda
