// Predictors: the doors, and the one for float32 and float64 networks.
#include "api/predictor.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "api/dispatch.h"
#include "api/mlp_checks.h"
#include "api/mlp_forward.h"

namespace sprat {
namespace {

// Weights packed once, for the instruction set in use when it was made.
class MlpPredictor final : public sprat_predictor {
 public:
  MlpPredictor(const sprat_mlp& mlp, const KernelTable& kernels)
      : mlp_(mlp), kernels_(kernels), packed_(static_cast<size_t>(mlp.num_layers())) {
    dtype = mlp.dtype;
    in_features = mlp.layers.front().in_features;
    out_features = mlp.layers.back().out_features;
    multiply_adds = mlp.multiply_adds;
  }

  bool pack(const void* params) {
    const LinearKernel& linear = kernels_.linear->of[mlp_.dtype];
    const int64_t size = mlp_.element_size();
    int64_t num_biases = 0;
    for (const sprat_layer& layer : mlp_.layers) num_biases += layer.has_bias ? layer.out_features : 0;
    if (!weights_.allocate(packed_bytes(mlp_, linear, mlp_.num_layers())) || !biases_.allocate(num_biases * size))
      return false;
    pack_weights(mlp_, linear, mlp_.num_layers(), params, weights_.data(), packed_.data());
    std::byte* at = biases_.data();
    for (int64_t l = 0; l < mlp_.num_layers(); ++l) {
      PackedLayer& layer = packed_[static_cast<size_t>(l)];
      if (!layer.bias) continue;
      const auto bytes = static_cast<size_t>(mlp_.layer(l).out_features * size);
      std::memcpy(at, layer.bias, bytes);
      layer.bias = at;
      at += bytes;
    }
    return true;
  }

  bool run(const void* x, int64_t rows, void* out) const noexcept override {
    return forward({mlp_, kernels_, packed_.data(), nullptr}, x, rows, mlp_.num_layers() - 1, out);
  }

 private:
  const sprat_mlp mlp_;
  const KernelTable& kernels_;
  std::vector<PackedLayer> packed_;
  AlignedBuffer<std::byte> weights_, biases_;
};

}  // namespace
}  // namespace sprat

using namespace sprat;

sprat_status sprat_predictor_create_mlp(const sprat_mlp* mlp, const void* params,
                                        sprat_predictor** predictor) noexcept {
  SPRAT_REQUIRE(predictor, "predictor must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(mlp, params, nullptr, 0, nullptr));
  try {
    auto made = std::make_unique<MlpPredictor>(*mlp, kernels());
    if (!made->pack(params)) throw std::bad_alloc();
    *predictor = made.release();
  } catch (const std::bad_alloc&) {
    return refuse(SPRAT_OUT_OF_MEMORY, "predictor: no memory");
  }
  return SPRAT_OK;
}

void sprat_predictor_destroy(sprat_predictor* predictor) noexcept { delete predictor; }

int64_t sprat_predictor_in_features(const sprat_predictor* predictor) noexcept {
  return predictor ? predictor->in_features : -1;
}

int64_t sprat_predictor_out_features(const sprat_predictor* predictor) noexcept {
  return predictor ? predictor->out_features : -1;
}

int64_t sprat_predictor_multiply_adds(const sprat_predictor* predictor) noexcept {
  return predictor ? predictor->multiply_adds : -1;
}

sprat_dtype sprat_predictor_dtype(const sprat_predictor* predictor) noexcept {
  return predictor ? predictor->dtype : SPRAT_FLOAT32;
}

sprat_status sprat_predictor_run(const sprat_predictor* predictor, const void* x, int64_t rows, void* out) noexcept {
  SPRAT_REQUIRE(predictor, "predictor must not be NULL");
  SPRAT_REQUIRE(rows >= 0, "rows: wanted at least 0, got %lld", shown(rows));
  if (rows == 0) return SPRAT_OK;
  SPRAT_REQUIRE(size_fits(rows, std::max(predictor->in_features, predictor->out_features)),
                "rows: %lld rows are more than there is memory for", shown(rows));
  const int64_t size = item_size(predictor->dtype);
  SPRAT_RETURN_IF_REFUSED(check_array("x", x, size));
  SPRAT_RETURN_IF_REFUSED(check_array("out", out, size));
  SPRAT_REQUIRE(!overlap(out, rows * predictor->out_features * size, x, rows * predictor->in_features * size),
                "out must not overlap x");
  if (!predictor->run(x, rows, out)) {
    return refuse(SPRAT_OUT_OF_MEMORY, "predictor: no memory for %lld rows", shown(rows));
  }
  return SPRAT_OK;
}
