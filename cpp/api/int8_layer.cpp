#include "api/int8_layer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "api/dispatch.h"
#include "api/status.h"

namespace sprat {
sprat_status check_int8_layer(const sprat_int8_layer& layer, int64_t index) {
  const long long i = index;
  SPRAT_REQUIRE(layer.size == sizeof layer, "layers[%lld].size: wanted %zu, got %zu", i, sizeof layer, layer.size);
  SPRAT_REQUIRE(layer.in_features >= 1 && layer.in_features <= kInt8MaxK,
                "layers[%lld].in_features: wanted 1 to %lld, beyond which 32-bit sums could overflow, got %lld", i,
                shown(kInt8MaxK), shown(layer.in_features));
  SPRAT_REQUIRE(layer.out_features >= 1 && layer.out_features <= INT64_MAX / 8 / kInt8MaxK - kInt8Panel,
                "layers[%lld].out_features: wanted at least 1 and what fits memory, got %lld", i,
                shown(layer.out_features));
  SPRAT_REQUIRE(sprat_activation_name(layer.activation), "layers[%lld].activation: there is no activation %d", i,
                layer.activation);
  SPRAT_REQUIRE(layer.weight && layer.weight_scales, "layers[%lld]: weight and weight_scales must not be NULL", i);
  SPRAT_REQUIRE(is_aligned(layer.weight_scales, 4) && is_aligned(layer.bias, 4),
                "layers[%lld]: weight_scales and bias must be aligned to their elements", i);
  float largest = 0;
  for (int64_t n = 0; n < layer.out_features; ++n) {
    const float scale = layer.weight_scales[n];
    SPRAT_REQUIRE(std::isfinite(scale) && scale > 0,
                  "layers[%lld].weight_scales[%lld]: wanted a finite positive number, got %g", i, shown(n),
                  static_cast<double>(scale));
    SPRAT_REQUIRE(!layer.bias || std::isfinite(layer.bias[n]),
                  "layers[%lld].bias[%lld]: wanted a finite number, got %g", i, shown(n),
                  static_cast<double>(layer.bias[n]));
    largest = std::max(largest, scale);
  }
  if (!layer.is_static) return SPRAT_OK;
  SPRAT_REQUIRE(std::isfinite(layer.input_scale) && layer.input_scale > 0 && std::isfinite(layer.input_scale * largest),
                "layers[%lld].input_scale: wanted a finite positive number, also times every weight scale, got %g", i,
                static_cast<double>(layer.input_scale));
  SPRAT_REQUIRE(layer.input_zero_point >= 0 && layer.input_zero_point <= 255,
                "layers[%lld].input_zero_point: wanted 0 to 255, got %d", i, layer.input_zero_point);
  return SPRAT_OK;
}

bool Int8Layer::pack(const sprat_int8_layer& layer) {
  const int64_t k = layer.in_features, n = layer.out_features, padded = round_up(n, kInt8Panel);
  if (!weight_.allocate(int8_packed_size(k, n)) || !weight_sums_.allocate(padded) || !numbers_.allocate(2 * padded)) {
    return false;
  }
  kernels().linear_int8->pack(layer.weight, k, n, weight_.data(), weight_sums_.data());
  numbers_.fill_zero();
  std::copy_n(layer.weight_scales, n, numbers_.data());
  if (layer.bias) std::copy_n(layer.bias, n, numbers_.data() + padded);
  native_ = {k, n, weight_.data(), weight_sums_.data(), numbers_.data(), numbers_.data() + padded};
  activation_ = layer.activation;
  is_identity_ = std::strcmp(sprat_activation_name(activation_), "identity") == 0;
  is_static_ = layer.is_static != 0;
  input_scale_ = layer.input_scale;
  input_zero_point_ = layer.input_zero_point;
  return true;
}

void Int8Layer::run(const KernelTable& kernels, const float* x, int64_t rows, uint8_t* q, float* scales,
                    int32_t* zero_points, float* y) const {
  const LinearInt8Kernels& int8 = *kernels.linear_int8;
  if (is_static_) {
    int8.quantize_static(x, rows, native_.k, input_scale_, input_zero_point_, q, scales, zero_points);
  } else {
    int8.quantize_dynamic(x, rows, native_.k, q, scales, zero_points);
  }
  int8.multiply(native_, {q, scales, zero_points}, rows, y);
  if (!is_identity_) kernels.activation->list[activation_].forward[SPRAT_FLOAT32](y, y, rows * native_.n);
}

}  // namespace sprat
