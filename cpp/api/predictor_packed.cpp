// The predictor of packed networks: a chain of layers, each of which reads activations in the form it likes best. Rows
// are spread over threads; each takes some of them through all layers while they stay in its cache.
#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "api/dispatch.h"
#include "api/packed_checks.h"
#include "api/packed_layer.h"
#include "api/predictor.h"
#include "api/product.h"
#include "api/status.h"
#include "core/float_mode.h"
#include "core/parallel.h"
#include "core/round_up.h"
#include "core/scratch.h"

namespace sprat {
namespace {

// Rows come in multiples of this: whole panels and whole register tiles of every instruction set.
constexpr int64_t kRowUnit = 64;

class PackedPredictor final : public sprat_predictor {
 public:
  explicit PackedPredictor(const KernelTable& kernels) : kernels_(kernels) {}

  // False: there was no memory.
  bool pack(const sprat_packed_layer* layers, int64_t num_layers) {
    dtype = SPRAT_FLOAT32;
    in_features = layers[0].in_features;
    out_features = layers[num_layers - 1].out_features;
    for (int64_t l = 0; l < num_layers; ++l) {
      layers_.push_back(pack_layer(layers[l], kernels_));
      if (!layers_.back()) return false;
      if (l > 0 && !layers_[static_cast<size_t>(l - 1)]->precede(layers_.back()->codes())) return false;
      multiply_adds += layers[l].in_features * layers[l].out_features;
      widest_ = std::max({widest_, layers[l].in_features, layers[l].out_features});
    }
    choose_panels();
    return true;
  }

  const char* kernel(int64_t layer, int64_t rows) const noexcept override {
    if (layer < 0 || layer >= static_cast<int64_t>(layers_.size())) return nullptr;
    return layers_[static_cast<size_t>(layer)]->kernel(rows);
  }

  bool run(const void* x, int64_t rows, void* out) const noexcept override {
    const int64_t fitting = kChunkBytes * 2 / (widest_ * static_cast<int64_t>(sizeof(float)));
    const int64_t chunk = std::min(std::max(fitting / kRowUnit, int64_t{1}) * kRowUnit, rows);
    std::atomic<bool> has_memory{true};
    parallel_for(rows, round_up(grain_of(multiply_adds), kRowUnit), [&](int64_t begin, int64_t end) {
      Scratch scratch;
      const int64_t most = round_up(std::min(chunk, end - begin), kernels_.linear->of[SPRAT_FLOAT32].panel_columns);
      const Buffer buffers[2] = {Buffer(scratch, most, widest_), Buffer(scratch, most, widest_)};
      for (int64_t row = begin; row < end; row += chunk) {
        const auto* in = static_cast<const float*>(x) + row * in_features;
        auto* y = static_cast<float*>(out) + row * out_features;
        if (!buffers[0] || !buffers[1] || !run_rows(in, std::min(chunk, end - row), buffers, y)) has_memory = false;
      }
    });
    return has_memory;
  }

 private:
  // Neighbours that can compute in panels do so together, where that pays for turning their input and output.
  void choose_panels() {
    for (size_t begin = 0; begin < layers_.size();) {
      size_t end = begin;
      int64_t idle = 0;
      for (; end < layers_.size() && layers_[end]->idle_in_rows() >= 0; ++end) idle += layers_[end]->idle_in_rows();
      if (end > begin && pays_in_panels(idle, layers_[begin]->in_features() + layers_[end - 1]->out_features())) {
        for (size_t l = begin; l < end; ++l) layers_[l]->prefer_panels();
      }
      begin = end + 1;
    }
  }

  // Room for the activations of so many rows, in any form.
  struct Buffer {
    Buffer(Scratch& scratch, int64_t rows, int64_t features)
        : data(scratch.bytes(rows * features * static_cast<int64_t>(sizeof(float)) + kCodesRoom)),
          scales(scratch.array<float>(rows)),
          zero_points(scratch.array<int32_t>(rows)) {}
    explicit operator bool() const { return data && scales && zero_points; }
    Activations in(Form form) const { return {form, data, scales, zero_points}; }

    void* data;
    float* scales;
    int32_t* zero_points;
  };

  bool run_rows(const float* x, int64_t rows, const Buffer (&buffers)[2], float* out) const {
    Activations at{Form::kRows, const_cast<float*>(x), nullptr, nullptr};  // only read: every layer writes elsewhere
    int next = 0;                                                          // the buffer that is free
    for (size_t l = 0; l < layers_.size(); ++l) {
      const PackedLayer& layer = *layers_[l];
      while (!layer.takes(at.form, rows)) {
        const Activations turned = buffers[next].in(at.form == Form::kRows ? layer.reads(rows) : Form::kRows);
        turn(layer, at, rows, turned);
        at = turned;
        next ^= 1;
      }
      Activations y = buffers[next].in(Form::kRows);
      if (l + 1 == layers_.size()) {
        y.data = out;
      } else {
        y.form = form_between(layer, at.form, *layers_[l + 1], rows);
      }
      if (!layer.run(at, rows, y)) return false;
      at = y;
      next ^= 1;
    }
    return true;
  }

  // What the next layer likes best, if this one can write it; else the form there is, if both can stay in it.
  static Form form_between(const PackedLayer& layer, Form in, const PackedLayer& next, int64_t rows) {
    if (layer.writes(next.reads(rows), in)) return next.reads(rows);
    return next.takes(in, rows) && layer.writes(in, in) ? in : Form::kRows;
  }

  // Between float rows and another form.
  void turn(const PackedLayer& layer, const Activations& in, int64_t rows, const Activations& out) const {
    const BatchKernel& batch = kernels_.batch->of[SPRAT_FLOAT32];
    const int64_t features = layer.in_features();
    if (in.form == Form::kPanels) {
      const int64_t panels = panel_count(kernels_.linear->of[SPRAT_FLOAT32], rows);
      batch.from_panels(in.data, rows, features, 0, panels, out.data);
    } else if (out.form == Form::kPanels) {
      const int64_t panels = panel_count(kernels_.linear->of[SPRAT_FLOAT32], rows);
      batch.to_panels(in.data, rows, features, 0, panels, out.data);
    } else {
      const auto* x = static_cast<const float*>(in.data);
      auto* q = static_cast<uint8_t*>(out.data);
      const InputCodes& codes = *layer.codes();
      if (codes.is_static) {
        kernels_.linear_int8->quantize_static(x, rows, features, codes.scale, codes.zero_point, q);
      } else {
        kernels_.linear_int8->quantize_dynamic(x, rows, features, q, out.scales, out.zero_points);
      }
    }
  }

  const KernelTable& kernels_;
  std::vector<std::unique_ptr<PackedLayer>> layers_;
  int64_t widest_ = 0;
};

}  // namespace
}  // namespace sprat

using namespace sprat;

sprat_status sprat_predictor_create_packed(const sprat_packed_layer* layers, int64_t num_layers,
                                           sprat_predictor** predictor) noexcept {
  const DefaultFloatMode mode;  // a denormal scale is not 0
  SPRAT_REQUIRE(predictor, "predictor must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_packed_layers(layers, num_layers));
  try {
    auto made = std::make_unique<PackedPredictor>(kernels());
    if (!made->pack(layers, num_layers)) throw std::bad_alloc();
    *predictor = made.release();
  } catch (const std::bad_alloc&) {
    return refuse(SPRAT_OUT_OF_MEMORY, "predictor: no memory");
  }
  return SPRAT_OK;
}
