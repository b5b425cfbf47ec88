// Quantize, dequantize and the ranges that scales come from: checks, and elements spread over threads.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>

#include "api/checks.h"
#include "api/dispatch.h"
#include "api/params.h"
#include "api/quantize_checks.h"
#include "core/float_mode.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many elements a second thread costs more than it brings.
constexpr int64_t kGrain = 65536;

const QuantizeFormat* find_format(sprat_dtype dtype) {
  const QuantizeKernels& quantize = *kernels().quantize;
  for (int32_t i = 0; i < quantize.num_formats; ++i) {
    if (quantize.formats[i].dtype == dtype) return &quantize.formats[i];
  }
  return nullptr;
}

sprat_status check_scales(const void* scales, sprat_dtype real, int64_t channels) {
  const int64_t c = kernels().quantize->first_bad_scale[real](scales, channels);
  if (c == channels) return SPRAT_OK;
  const double scale =
      real == SPRAT_FLOAT32 ? double{static_cast<const float*>(scales)[c]} : static_cast<const double*>(scales)[c];
  return refuse(SPRAT_INVALID_ARGUMENT, "scale[%lld]: wanted a finite positive number, got %g", shown(c), scale);
}

sprat_status check_zero_points(const sprat_quantizer& quantizer, const QuantizeFormat& format) {
  const int32_t low = quantizer.quant_min, high = quantizer.quant_max;
  if (!quantizer.zero_points) {
    SPRAT_REQUIRE(low <= 0 && 0 <= high, "zero_point[0]: wanted %d to %d, got 0", low, high);
    return SPRAT_OK;
  }
  if (format.min == low && format.max == high) return SPRAT_OK;  // then every code is one of them
  const int64_t c = format.first_outside(quantizer.zero_points, quantizer.channels, low, high);
  SPRAT_REQUIRE(c == quantizer.channels, "zero_point[%lld]: wanted %d to %d, got %d", shown(c), low, high,
                format.code_at(quantizer.zero_points, c));
  return SPRAT_OK;
}

sprat_status check_quantizer(const sprat_quantizer* quantizer) {
  const QuantizeFormat* format = quantizer ? find_format(quantizer->integer) : nullptr;
  SPRAT_RETURN_IF_REFUSED(
      check_quantizer_fields(quantizer, format, format ? format->min : 0, format ? format->max : 0));
  SPRAT_RETURN_IF_REFUSED(check_scales(quantizer->scales, quantizer->real, quantizer->channels));
  return check_zero_points(*quantizer, *format);
}

// Calls that touch more bytes than this write past the caches, where nothing of the result would be left at the end.
constexpr int64_t kStreamBytes = 24 << 20;

QuantizeView view_of(const sprat_quantizer& quantizer, int64_t bytes_per_element) {
  return {quantizer.channels,
          quantizer.inner,
          quantizer.scales,
          quantizer.zero_points,
          quantizer.quant_min,
          quantizer.quant_max,
          length_of(quantizer) > kStreamBytes / bytes_per_element};
}

// Checked: quantizer and pointers; real numbers on one side, codes on the other.
sprat_status check_sides(const sprat_quantizer* quantizer, const void* real, const void* codes) {
  SPRAT_RETURN_IF_REFUSED(check_quantizer(quantizer));
  return check_quantize_sides(*quantizer, real, codes);
}

// The whole array as one channel: blocks on threads, then their ranges joined. Minimum and maximum are exact, so the
// blocks leave no trace in the result.
template <class T>
int64_t range_per_tensor(sprat_dtype real, const void* x, int64_t length, T* low, T* high) {
  constexpr int64_t kMaxBlocks = 64;
  const int64_t per_block = std::max(kGrain, (length + kMaxBlocks - 1) / kMaxBlocks);
  const int64_t blocks = (length + per_block - 1) / per_block;
  T lows[kMaxBlocks], highs[kMaxBlocks];
  int64_t counts[kMaxBlocks];
  const RangeOfElements range = kernels().quantize->range_of_elements[real];
  parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      counts[b] = range(x, b * per_block, std::min(length, (b + 1) * per_block), &lows[b], &highs[b]);
    }
  });
  int64_t non_finite = 0;
  *low = std::numeric_limits<T>::infinity();
  *high = -std::numeric_limits<T>::infinity();
  for (int64_t b = 0; b < blocks; ++b) {
    *low = std::min(*low, lows[b]);
    *high = std::max(*high, highs[b]);
    non_finite += counts[b];
  }
  return non_finite;
}

int64_t range_per_channel(sprat_dtype real, const void* x, int64_t outer, int64_t channels, int64_t inner, void* low,
                          void* high) {
  constexpr int64_t kColumns = 64;  // whole vectors and whole cache lines where a channel is a column
  const int64_t per_channel = std::max(outer * inner, int64_t{1});
  const int64_t grain = (kGrain / per_channel / kColumns + 1) * kColumns;
  const RangeOfChannels range = kernels().quantize->range_of_channels[real];
  std::atomic<int64_t> non_finite{0};
  parallel_for(channels, grain, [&](int64_t begin, int64_t end) {
    non_finite += range(x, outer, channels, inner, begin, end, low, high);
  });
  return non_finite;
}

template <class T>
sprat_status check_ranges(int64_t n, const void* low, const void* high) {
  for (int64_t i = 0; i < n; ++i) {
    const T least = static_cast<const T*>(low)[i], most = static_cast<const T*>(high)[i];
    SPRAT_REQUIRE(std::isfinite(least) && std::isfinite(most) && least <= most,
                  "range[%lld]: wanted finite numbers, min <= max, got %g and %g", shown(i), static_cast<double>(least),
                  static_cast<double>(most));
  }
  return SPRAT_OK;
}

}  // namespace
}  // namespace sprat

using namespace sprat;

sprat_status sprat_quant_limits(sprat_dtype integer, int32_t* low, int32_t* high) noexcept {
  const QuantizeFormat* format = find_format(integer);
  SPRAT_REQUIRE(format, "integer: real numbers cannot be quantized to type %d", integer);
  SPRAT_REQUIRE(low && high, "low and high must not be NULL");
  *low = format->min;
  *high = format->max;
  return SPRAT_OK;
}

sprat_status sprat_quantize(const sprat_quantizer* quantizer, const void* x, void* q) noexcept {
  const Params taken(quantizer);
  const DefaultFloatMode mode;  // for the checks too: a denormal scale is not 0
  SPRAT_RETURN_IF_REFUSED(check_sides(quantizer, x, q));
  const QuantizeView view = view_of(*quantizer, item_size(quantizer->real) + 1);
  const QuantizeRange quantize = find_format(quantizer->integer)->quantize[quantizer->real];
  parallel_for(length_of(*quantizer), kGrain, [&](int64_t begin, int64_t end) { quantize(view, x, q, begin, end); });
  return SPRAT_OK;
}

sprat_status sprat_dequantize(const sprat_quantizer* quantizer, const void* q, void* x) noexcept {
  const Params taken(quantizer);
  const DefaultFloatMode mode;  // for the checks too: a denormal scale is not 0
  SPRAT_RETURN_IF_REFUSED(check_sides(quantizer, x, q));
  const QuantizeView view = view_of(*quantizer, item_size(quantizer->real) + 1);
  const DequantizeRange dequantize = find_format(quantizer->integer)->dequantize[quantizer->real];
  parallel_for(length_of(*quantizer), kGrain, [&](int64_t begin, int64_t end) { dequantize(view, q, x, begin, end); });
  return SPRAT_OK;
}

sprat_status sprat_fake_quantize(const sprat_quantizer* quantizer, const void* x, void* y, uint8_t* inside) noexcept {
  const Params taken(quantizer);
  const DefaultFloatMode mode;  // for the checks too: a denormal scale is not 0
  SPRAT_RETURN_IF_REFUSED(check_quantizer(quantizer));
  SPRAT_RETURN_IF_REFUSED(check_fake_quantize_sides(*quantizer, x, y, inside));
  const QuantizeView view = view_of(*quantizer, 2 * item_size(quantizer->real));
  const FakeQuantizeRange fake_quantize = find_format(quantizer->integer)->fake_quantize[quantizer->real];
  parallel_for(length_of(*quantizer), kGrain,
               [&](int64_t begin, int64_t end) { fake_quantize(view, x, y, inside, begin, end); });
  return SPRAT_OK;
}

sprat_status sprat_value_range(sprat_dtype real, int64_t outer, int64_t channels, int64_t inner, const void* x,
                               void* low, void* high, int64_t* non_finite) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_value_range(real, outer, channels, inner, x, low, high));
  const int64_t length = outer * channels * inner;
  int64_t found;
  if (channels > 1) {
    found = range_per_channel(real, x, outer, channels, inner, low, high);
  } else if (real == SPRAT_FLOAT32) {
    found = range_per_tensor(real, x, length, static_cast<float*>(low), static_cast<float*>(high));
  } else {
    found = range_per_tensor(real, x, length, static_cast<double*>(low), static_cast<double*>(high));
  }
  if (non_finite) *non_finite = found;
  return SPRAT_OK;
}

sprat_status sprat_choose_qparams(sprat_dtype real, int64_t n, const void* low, const void* high, int32_t quant_min,
                                  int32_t quant_max, int32_t symmetric, void* scales, int32_t* zero_points) noexcept {
  const DefaultFloatMode mode;  // for the checks too: a denormal scale is not 0
  SPRAT_RETURN_IF_REFUSED(check_choose_qparams(real, n, low, high, quant_min, quant_max, scales, zero_points));
  SPRAT_RETURN_IF_REFUSED(real == SPRAT_FLOAT32 ? check_ranges<float>(n, low, high)
                                                : check_ranges<double>(n, low, high));
  kernels().quantize->choose_qparams[real](low, high, n, quant_min, quant_max, symmetric != 0, scales, zero_points);
  return SPRAT_OK;
}
