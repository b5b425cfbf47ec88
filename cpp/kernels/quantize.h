// Real numbers to integer codes and back, and the ranges that scales are chosen from.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

// An array seen as (outer, channels, inner), with a scale and a zero point for each channel.
struct QuantizeView {
  int64_t channels, inner;
  const void* scales;       // of the real type
  const void* zero_points;  // of the integer type, or NULL: 0
  int32_t quant_min, quant_max;
  bool stream = false;  // the result is too large to be found in a cache again
};

// Elements [begin, end) of an array.
using QuantizeRange = void (*)(const QuantizeView&, const void* x, void* q, int64_t begin, int64_t end);
using DequantizeRange = void (*)(const QuantizeView&, const void* q, void* x, int64_t begin, int64_t end);
// y may be x. inside, where not NULL, becomes 1 for what did not saturate, else 0.
using FakeQuantizeRange = void (*)(const QuantizeView&, const void* x, void* y, uint8_t* inside, int64_t begin,
                                   int64_t end);

// One row for each storage format; functions by sprat_dtype of the real numbers: float32, float64.
struct QuantizeFormat {
  sprat_dtype dtype;
  int32_t min, max;
  int32_t (*code_at)(const void* q, int64_t i);
  int64_t (*first_outside)(const void* q, int64_t n, int32_t low, int32_t high);  // of [low, high]; n if there is none
  QuantizeRange quantize[2];
  DequantizeRange dequantize[2];
  FakeQuantizeRange fake_quantize[2];
};

// Smallest and largest finite number of elements [begin, end), into *low and *high; returns how many are not finite.
using RangeOfElements = int64_t (*)(const void* x, int64_t begin, int64_t end, void* low, void* high);
// The same for channels [begin, end) of an array seen as (outer, channels, inner), into low[channel], high[channel].
using RangeOfChannels = int64_t (*)(const void* x, int64_t outer, int64_t channels, int64_t inner, int64_t begin,
                                    int64_t end, void* low, void* high);
// Scales and zero points for n ranges.
using ChooseQParams = void (*)(const void* low, const void* high, int64_t n, int32_t quant_min, int32_t quant_max,
                               bool symmetric, void* scales, int32_t* zero_points);

struct QuantizeKernels {
  const QuantizeFormat* formats;
  int32_t num_formats;
  int64_t (*first_bad_scale[2])(const void* scales, int64_t n);  // not finite and positive; n if there is none
  RangeOfElements range_of_elements[2];
  RangeOfChannels range_of_channels[2];
  ChooseQParams choose_qparams[2];
};

}  // namespace sprat
