#include "api/packed_checks.h"

#include <algorithm>
#include <cmath>

#include "api/checks.h"
#include "api/mlp.h"
#include "core/round_up.h"
#include "kernels/linear_int4.h"

namespace sprat {
namespace {

bool is_integer(int32_t weights) { return weights == SPRAT_WEIGHTS_INT8 || weights == SPRAT_WEIGHTS_INT4; }

int64_t weight_alignment(int32_t weights) { return weights == SPRAT_WEIGHTS_FLOAT32 ? 4 : is_integer(weights) ? 1 : 2; }

// Scales of an output.
int64_t groups_of(const sprat_packed_layer& layer) {
  return layer.weights == SPRAT_WEIGHTS_INT4 ? int4_groups(layer.in_features, layer.group_size) : 1;
}

// Whether there is such a layer: how numbers are stored, multiplied, and left out.
sprat_status check_kind(const sprat_packed_layer& layer, long long i) {
  const int32_t weights = layer.weights;
  SPRAT_REQUIRE(weights >= SPRAT_WEIGHTS_FLOAT32 && weights <= SPRAT_WEIGHTS_INT4,
                "layers[%lld].weights: there is no format %d", i, weights);
  SPRAT_REQUIRE(layer.zeros >= SPRAT_ZEROS_DENSE && layer.zeros <= SPRAT_ZEROS_BLOCKS,
                "layers[%lld].zeros: there is no way %d to leave them out", i, layer.zeros);
  SPRAT_REQUIRE(layer.input >= SPRAT_INPUT_FLOAT && layer.input <= SPRAT_INPUT_BFLOAT16,
                "layers[%lld].input: there is no form %d", i, layer.input);
  const bool sparse = layer.zeros != SPRAT_ZEROS_DENSE;
  SPRAT_REQUIRE(!sparse || weights == SPRAT_WEIGHTS_FLOAT32 ||
                    (weights == SPRAT_WEIGHTS_INT8 && layer.zeros == SPRAT_ZEROS_BLOCKS),
                "layers[%lld].zeros: wanted dense, but for float32, and blocks for int8", i);
  const bool codes = layer.input == SPRAT_INPUT_STATIC || layer.input == SPRAT_INPUT_DYNAMIC;
  SPRAT_REQUIRE(codes == is_integer(weights),
                "layers[%lld].input: wanted static or dynamic for int8 and int4, and for no others", i);
  SPRAT_REQUIRE(layer.input != SPRAT_INPUT_BFLOAT16 || weights == SPRAT_WEIGHTS_BFLOAT16,
                "layers[%lld].input: wanted bfloat16 weights for bfloat16 products", i);
  return SPRAT_OK;
}

sprat_status check_sizes(const sprat_packed_layer& layer, long long i) {
  const bool integer = is_integer(layer.weights);
  SPRAT_REQUIRE(
      layer.in_features >= 1 && (!integer || layer.in_features <= kInt8MaxK),
      "layers[%lld].in_features: wanted 1 to %lld with integers, beyond which 32-bit sums could overflow, got %lld", i,
      shown(kInt8MaxK), shown(layer.in_features));
  // What is packed is padded to 64 outputs and inputs at most.
  SPRAT_REQUIRE(
      layer.out_features >= 1 && layer.in_features <= INT64_MAX / 64 && layer.out_features <= INT64_MAX / 64 &&
          size_fits(round_up(layer.in_features, 64), round_up(layer.out_features, 64)),
      "layers[%lld].out_features: wanted at least 1 and what fits memory, got %lld", i, shown(layer.out_features));
  SPRAT_REQUIRE(layer.zeros == SPRAT_ZEROS_DENSE || layer.in_features <= INT32_MAX,
                "layers[%lld].in_features: wanted at most %lld where zeros are left out, got %lld", i,
                shown(int64_t{INT32_MAX}), shown(layer.in_features));
  SPRAT_REQUIRE(layer.zeros == SPRAT_ZEROS_DENSE || layer.out_features <= INT32_MAX,
                "layers[%lld].out_features: wanted at most %lld where zeros are left out, got %lld", i,
                shown(int64_t{INT32_MAX}), shown(layer.out_features));
  const bool grouped = layer.weights == SPRAT_WEIGHTS_INT4;
  SPRAT_REQUIRE(grouped ? layer.group_size >= 32 && layer.group_size % 32 == 0 : layer.group_size == 0,
                "layers[%lld].group_size: wanted a multiple of 32 for int4, and 0 for others, got %lld", i,
                shown(layer.group_size));
  return SPRAT_OK;
}

sprat_status check_arrays(const sprat_packed_layer& layer, long long i) {
  SPRAT_REQUIRE(layer.weight && is_aligned(layer.weight, weight_alignment(layer.weights)),
                "layers[%lld].weight must not be NULL, and aligned to its element", i);
  SPRAT_REQUIRE(is_integer(layer.weights) == (layer.weight_scales != nullptr) && is_aligned(layer.weight_scales, 4),
                "layers[%lld].weight_scales: wanted aligned numbers for int8 and int4, and NULL for others", i);
  SPRAT_REQUIRE(is_aligned(layer.bias, 4), "layers[%lld].bias must be aligned to its element", i);
  for (int64_t n = 0; layer.bias && n < layer.out_features; ++n) {
    SPRAT_REQUIRE(std::isfinite(layer.bias[n]), "layers[%lld].bias[%lld]: wanted a finite number, got %g", i, shown(n),
                  static_cast<double>(layer.bias[n]));
  }
  return SPRAT_OK;
}

sprat_status check_scales(const sprat_packed_layer& layer, long long i) {
  if (!is_integer(layer.weights)) return SPRAT_OK;
  float largest = 0;
  for (int64_t n = 0; n < layer.out_features * groups_of(layer); ++n) {
    const float scale = layer.weight_scales[n];
    SPRAT_REQUIRE(std::isfinite(scale) && scale > 0,
                  "layers[%lld].weight_scales[%lld]: wanted a finite positive number, got %g", i, shown(n),
                  static_cast<double>(scale));
    largest = std::max(largest, scale);
  }
  if (layer.input != SPRAT_INPUT_STATIC) return SPRAT_OK;
  SPRAT_REQUIRE(std::isfinite(layer.input_scale) && layer.input_scale > 0 && std::isfinite(layer.input_scale * largest),
                "layers[%lld].input_scale: wanted a finite positive number, also times every weight scale, got %g", i,
                static_cast<double>(layer.input_scale));
  SPRAT_REQUIRE(layer.input_zero_point >= 0 && layer.input_zero_point <= 255,
                "layers[%lld].input_zero_point: wanted 0 to 255, got %d", i, layer.input_zero_point);
  return SPRAT_OK;
}

sprat_status check_packed_layer(const sprat_packed_layer& layer, long long i) {
  SPRAT_REQUIRE(layer.size == sizeof layer, "layers[%lld].size: wanted %zu, got %zu", i, sizeof layer, layer.size);
  SPRAT_RETURN_IF_REFUSED(check_kind(layer, i));
  SPRAT_RETURN_IF_REFUSED(check_sizes(layer, i));
  SPRAT_REQUIRE(sprat_activation_name(layer.activation), "layers[%lld].activation: there is no activation %d", i,
                layer.activation);
  SPRAT_RETURN_IF_REFUSED(check_arrays(layer, i));
  SPRAT_RETURN_IF_REFUSED(check_scales(layer, i));
  return SPRAT_OK;
}

}  // namespace

sprat_status check_packed_layers(const sprat_packed_layer* layers, int64_t num_layers) {
  SPRAT_REQUIRE(layers && num_layers >= 1 && num_layers <= kMaxLayers, "layers: wanted 1 to %lld, got %lld",
                shown(kMaxLayers), shown(num_layers));
  for (int64_t l = 0; l < num_layers; ++l) {
    SPRAT_RETURN_IF_REFUSED(check_packed_layer(layers[l], l));
    SPRAT_REQUIRE(l == 0 || layers[l].in_features == layers[l - 1].out_features,
                  "layers[%lld].in_features: wanted %lld, the out_features before it, got %lld", shown(l),
                  shown(layers[l - 1].out_features), shown(layers[l].in_features));
  }
  return SPRAT_OK;
}

}  // namespace sprat
