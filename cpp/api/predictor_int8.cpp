// The predictor of int8 networks: weights packed once, rows spread over threads, each range through all layers while it
// stays in its thread's cache.
#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <vector>

#include "api/dispatch.h"
#include "api/int8_layer.h"
#include "api/predictor.h"
#include "api/product.h"
#include "api/status.h"
#include "core/float_mode.h"
#include "core/parallel.h"
#include "core/round_up.h"
#include "core/scratch.h"

namespace sprat {
namespace {

constexpr int64_t kThreadWorth = int64_t{1} << 18;  // multiply-adds that pay for waking a thread
constexpr int64_t kRowUnit = 8;                     // the largest register tile of any instruction set

class Int8Predictor final : public sprat_predictor {
 public:
  // False: there was no memory.
  bool pack(const sprat_int8_layer* layers, int64_t num_layers) {
    dtype = SPRAT_FLOAT32;
    in_features = layers[0].in_features;
    out_features = layers[num_layers - 1].out_features;
    layers_.resize(static_cast<size_t>(num_layers));
    for (int64_t l = 0; l < num_layers; ++l) {
      if (!layers_[static_cast<size_t>(l)].pack(layers[l])) return false;
      multiply_adds += layers[l].in_features * layers[l].out_features;
      widest_ = std::max({widest_, layers[l].in_features, layers[l].out_features});
    }
    return true;
  }

  bool run(const void* x, int64_t rows, void* out) const noexcept override {
    const KernelTable& table = kernels();
    const int64_t grain = round_up(1 + kThreadWorth / multiply_adds, kRowUnit);
    const int64_t fitting = std::max(kChunkBytes / (widest_ * 5), int64_t{1});
    const int64_t chunk = std::min(round_up(fitting, kRowUnit), rows);
    std::atomic<bool> has_memory{true};
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      Scratch scratch;
      const int64_t most = std::min(chunk, end - begin);
      auto* activations = scratch.array<float>(most * widest_);
      auto* q = scratch.array<uint8_t>(most * int8_row_stride(widest_));
      auto* scales = scratch.array<float>(most);
      auto* zero_points = scratch.array<int32_t>(most);
      if (!activations || !q || !scales || !zero_points) {
        has_memory = false;
        return;
      }
      for (int64_t row = begin; row < end; row += chunk) {
        const int64_t count = std::min(chunk, end - row);
        const float* in = static_cast<const float*>(x) + row * in_features;
        for (const Int8Layer& layer : layers_) {
          float* y = &layer == &layers_.back() ? static_cast<float*>(out) + row * out_features : activations;
          layer.run(table, in, count, q, scales, zero_points, y);
          in = y;
        }
      }
    });
    return has_memory;
  }

 private:
  std::vector<Int8Layer> layers_;
  int64_t widest_ = 0;
};

sprat_status check_layers(const sprat_int8_layer* layers, int64_t num_layers) {
  SPRAT_REQUIRE(layers && num_layers >= 1 && num_layers <= kMaxLayers, "layers: wanted 1 to %lld, got %lld",
                shown(kMaxLayers), shown(num_layers));
  for (int64_t l = 0; l < num_layers; ++l) {
    SPRAT_RETURN_IF_REFUSED(check_int8_layer(layers[l], l));
    SPRAT_REQUIRE(l == 0 || layers[l].in_features == layers[l - 1].out_features,
                  "layers[%lld].in_features: wanted %lld, the out_features before it, got %lld", shown(l),
                  shown(layers[l - 1].out_features), shown(layers[l].in_features));
  }
  return SPRAT_OK;
}

}  // namespace
}  // namespace sprat

using namespace sprat;

sprat_status sprat_predictor_create_int8(const sprat_int8_layer* layers, int64_t num_layers,
                                         sprat_predictor** predictor) noexcept {
  const DefaultFloatMode mode;  // a denormal scale is not 0
  SPRAT_REQUIRE(predictor, "predictor must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_layers(layers, num_layers));
  try {
    auto made = std::make_unique<Int8Predictor>();
    if (!made->pack(layers, num_layers)) throw std::bad_alloc();
    *predictor = made.release();
  } catch (const std::bad_alloc&) {
    return refuse(SPRAT_OUT_OF_MEMORY, "predictor: no memory");
  }
  return SPRAT_OK;
}
