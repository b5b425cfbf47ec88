#include "api/quantize_checks.h"

#include <limits>

#include "api/checks.h"

namespace sprat {
namespace {

sprat_status check_shape(int64_t outer, int64_t channels, int64_t inner) {
  SPRAT_REQUIRE(outer >= 0 && channels >= 1 && inner >= 0,
                "shape (outer, channels, inner): wanted outer >= 0, channels >= 1, inner >= 0, got (%lld, %lld, %lld)",
                shown(outer), shown(channels), shown(inner));
  int64_t length;
  SPRAT_REQUIRE(!__builtin_mul_overflow(outer, channels, &length) && !__builtin_mul_overflow(length, inner, &length) &&
                    length <= std::numeric_limits<int64_t>::max() / 8,
                "shape (outer, channels, inner): too large for memory");
  return SPRAT_OK;
}

}  // namespace

sprat_status check_quantizer_fields(const sprat_quantizer* quantizer, bool is_format, int32_t min, int32_t max) {
  SPRAT_REQUIRE(quantizer, "quantizer: must not be NULL");
  SPRAT_REQUIRE(quantizer->size == sizeof *quantizer, "quantizer.size: wanted %zu, got %zu", sizeof *quantizer,
                quantizer->size);
  SPRAT_REQUIRE(is_float(quantizer->real), "quantizer.real: wanted float32 or float64");
  SPRAT_REQUIRE(is_format, "quantizer.integer: real numbers cannot be quantized to type %d", quantizer->integer);
  SPRAT_REQUIRE(
      min <= quantizer->quant_min && quantizer->quant_min < quantizer->quant_max && quantizer->quant_max <= max,
      "quant_min and quant_max: wanted %d <= quant_min < quant_max <= %d, got %d and %d", min, max,
      quantizer->quant_min, quantizer->quant_max);
  SPRAT_RETURN_IF_REFUSED(check_shape(quantizer->outer, quantizer->channels, quantizer->inner));
  return check_array("scale", quantizer->scales, item_size(quantizer->real));
}

sprat_status check_quantize_sides(const sprat_quantizer& quantizer, const void* real, const void* codes) {
  const int64_t length = length_of(quantizer);
  if (length == 0) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array("x", real, item_size(quantizer.real)));
  SPRAT_REQUIRE(codes, "q must not be NULL");
  SPRAT_REQUIRE(!overlap(real, length * item_size(quantizer.real), codes, length), "x and q must not overlap");
  return SPRAT_OK;
}

sprat_status check_fake_quantize_sides(const sprat_quantizer& quantizer, const void* x, const void* y,
                                       const uint8_t* inside) {
  const int64_t length = length_of(quantizer), item = item_size(quantizer.real), bytes = length * item;
  if (length == 0) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array("x", x, item));
  SPRAT_RETURN_IF_REFUSED(check_array("y", y, item));
  SPRAT_REQUIRE(x == y || !overlap(x, y, bytes), "x and y: wanted the same array or two that do not overlap");
  SPRAT_REQUIRE(!inside || !(overlap(x, bytes, inside, length) || overlap(y, bytes, inside, length)),
                "inside must not overlap x or y");
  return SPRAT_OK;
}

sprat_status check_value_range(sprat_dtype real, int64_t outer, int64_t channels, int64_t inner, const void* x,
                               const void* low, const void* high) {
  SPRAT_REQUIRE(is_float(real), "real: wanted float32 or float64");
  SPRAT_RETURN_IF_REFUSED(check_shape(outer, channels, inner));
  if (outer * channels * inner > 0) SPRAT_RETURN_IF_REFUSED(check_array("x", x, item_size(real)));
  SPRAT_RETURN_IF_REFUSED(check_array("low", low, item_size(real)));
  return check_array("high", high, item_size(real));
}

sprat_status check_choose_qparams(sprat_dtype real, int64_t n, const void* low, const void* high, int32_t quant_min,
                                  int32_t quant_max, const void* scales, const int32_t* zero_points) {
  SPRAT_REQUIRE(is_float(real), "real: wanted float32 or float64");
  SPRAT_REQUIRE(n >= 0 && (n == 0 || (low && high && scales && zero_points)),
                "low, high, scales, zero_points: must not be NULL");
  SPRAT_REQUIRE(-32768 <= quant_min && quant_min < quant_max && quant_max <= 65535,
                "quant_min and quant_max: wanted quant_min < quant_max within 16 bits, got %d and %d", quant_min,
                quant_max);
  return SPRAT_OK;
}

}  // namespace sprat
