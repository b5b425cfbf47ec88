// Predictors: the doors, and the one for float32 and float64 networks.
#include "api/predictor.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "api/dispatch.h"
#include "api/mlp_checks.h"
#include "api/mlp_forward.h"
#include "core/parallel.h"
#include "core/round_up.h"
#include "core/scratch.h"

namespace sprat {
namespace {

// Weights packed once, for the instruction set in use when it was made.
//
// Rows are A of products whose B is weight^T (k = inputs): outputs are the lanes, and the packed weights are read once
// for up to max_rows rows. Where too many lanes would have no output, a batch is B itself, in panels: rows are the
// lanes, so that ten outputs, or one, do not pay for sixteen. The packed weights serve as A there.
class MlpPredictor final : public sprat_predictor {
 public:
  MlpPredictor(const sprat_mlp& mlp, const KernelTable& kernels)
      : mlp_(mlp), kernels_(kernels), linear_(kernels.linear->of[mlp.dtype]), size_(mlp.element_size()) {
    dtype = mlp.dtype;
    in_features = mlp.layers.front().in_features;
    out_features = mlp.layers.back().out_features;
    multiply_adds = mlp.multiply_adds;
  }

  bool pack(const void* params) {
    weights_.resize(mlp_.layers.size());
    weights_of(mlp_, params, weights_.data());
    int64_t num_biases = 0, bytes = 0;
    for (const LayerWeights& layer : weights_) {
      bytes += packed_bytes(layer.weight);
      num_biases += layer.bias ? layer.weight.rows : 0;
    }
    if (!packed_.allocate(bytes) || !biases_.allocate(num_biases * size_)) return false;
    std::byte *weight = packed_.data(), *bias = biases_.data();
    for (LayerWeights& layer : weights_) {
      Factor& factor = layer.weight;
      pack_all(linear_, {factor.data, 1, factor.k}, factor.k, factor.rows, weight);
      factor = {weight, factor.rows, factor.k, true};
      weight += packed_bytes(factor);
      if (!layer.bias) continue;
      const auto bias_bytes = static_cast<size_t>(factor.rows * size_);
      std::memcpy(bias, layer.bias, bias_bytes);
      layer.bias = bias;
      bias += bias_bytes;
    }
    int64_t idle = 0;
    for (const LayerWeights& layer : weights_) idle += idle_lanes(linear_, layer.weight.k, layer.weight.rows);
    pays_in_panels_ = pays_in_panels(idle, in_features + out_features);
    return true;
  }

  const char* kernel(int64_t layer, int64_t rows) const noexcept override {
    if (layer < 0 || layer >= mlp_.num_layers()) return nullptr;
    return runs_in_panels(rows) ? "rows are the lanes: outputs would leave too many idle"
                                : "outputs are the lanes, weights packed once";
  }

  bool run(const void* x, int64_t rows, void* out) const noexcept override {
    if (runs_in_panels(rows)) {
      return forward({mlp_, kernels_, weights_.data(), nullptr}, x, rows, mlp_.num_layers() - 1, out);
    }
    const int64_t most = kChunkBytes / (2 * mlp_.widest * size_);
    const int64_t chunk = std::min(std::max(most / linear_.max_rows, int64_t{1}) * linear_.max_rows, rows);
    std::atomic<bool> has_memory{true};
    const int64_t grain = grain_of(mlp_.multiply_adds * linear_.max_rows) * linear_.max_rows;
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      Scratch scratch;
      void* activations[2] = {scratch.bytes(chunk * mlp_.widest * size_), scratch.bytes(chunk * mlp_.widest * size_)};
      if (!activations[0] || !activations[1]) {
        has_memory = false;
        return;
      }
      for (int64_t row = begin; row < end; row += chunk) {
        run_rows(advance(x, row * in_features, size_), std::min(chunk, end - row), activations,
                 advance(out, row * out_features, size_));
      }
    });
    return has_memory;
  }

 private:
  bool runs_in_panels(int64_t rows) const { return pays_in_panels_ && rows >= linear_.panel_columns; }

  int64_t packed_bytes(const Factor& weight) const {
    return round_up(linear_.packed_size(weight.k, weight.rows) * size_, kAlignment);
  }

  // All layers for some rows, row-major.
  void run_rows(const void* x, int64_t rows, void* const (&activations)[2], void* out) const {
    for (int64_t l = 0; l < mlp_.num_layers(); ++l) {
      const LayerWeights& layer = weights_[static_cast<size_t>(l)];
      const ActivationClass kind = mlp_.activations[static_cast<size_t>(l)];
      void* y = l + 1 == mlp_.num_layers() ? out : activations[l % 2];
      LinearProduct product{};
      product.a = {x, layer.weight.k, 1};
      product.b = layer.weight.data;
      product.k = layer.weight.k;
      product.n = layer.weight.rows;
      product.c = y;
      product.c_stride = layer.weight.rows;
      product.bias = layer.bias;
      product.epilogue = kind == ActivationClass::kRelu ? Epilogue::kRelu : Epilogue::kStore;
      // Where rows are few and layers large, the panels of weights are spread over threads.
      parallel_for(panel_count(linear_, product.n), grain_of(rows * product.k * linear_.panel_columns),
                   [&](int64_t begin, int64_t end) { linear_.multiply(product, 0, rows, begin, end); });
      if (kind == ActivationClass::kOther) {
        kernels_.activation->list[mlp_.layer(l).activation].forward[dtype](y, y, rows * product.n);
      }
      x = y;
    }
  }

  const sprat_mlp mlp_;
  const KernelTable& kernels_;
  const LinearKernel& linear_;
  const int64_t size_;
  std::vector<LayerWeights> weights_;  // packed
  bool pays_in_panels_ = false;
  AlignedBuffer<std::byte> packed_, biases_;
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

const char* sprat_predictor_kernel(const sprat_predictor* predictor, int64_t layer, int64_t rows) noexcept {
  return predictor ? predictor->kernel(layer, rows) : nullptr;
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
