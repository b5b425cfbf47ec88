// What quantization asks of its arguments, on every device. Looks at no element of an array, scales included.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

inline int64_t length_of(const sprat_quantizer& quantizer) {
  return quantizer.outer * quantizer.channels * quantizer.inner;
}

// is_format: whether quantizer->integer is a type of codes, from min to max.
sprat_status check_quantizer_fields(const sprat_quantizer* quantizer, bool is_format, int32_t min, int32_t max);
// Real numbers on one side, codes on the other.
sprat_status check_quantize_sides(const sprat_quantizer& quantizer, const void* real, const void* codes);
sprat_status check_fake_quantize_sides(const sprat_quantizer& quantizer, const void* x, const void* y,
                                       const uint8_t* inside);
sprat_status check_value_range(sprat_dtype real, int64_t outer, int64_t channels, int64_t inner, const void* x,
                               const void* low, const void* high);
sprat_status check_choose_qparams(sprat_dtype real, int64_t n, const void* low, const void* high, int32_t quant_min,
                                  int32_t quant_max, const void* scales, const int32_t* zero_points);

}  // namespace sprat
