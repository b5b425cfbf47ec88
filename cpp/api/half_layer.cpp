// Layers whose weights take two bytes (kernels/half.h), and those that multiply bfloat16 pairs (kernels/bfloat16.h).
#include <algorithm>

#include "api/packed_layer.h"
#include "api/product.h"
#include "core/align.h"
#include "core/cpu.h"
#include "core/round_up.h"
#include "core/scratch.h"

namespace sprat {
namespace {

class TwoByteLayer : public PackedLayer {
 public:
  using PackedLayer::PackedLayer;

  bool pack(const sprat_packed_layer& layer) {
    if (!bias_.allocate(layer.bias ? out_features() : 0)) return false;
    if (layer.bias) std::copy_n(layer.bias, out_features(), bias_.data());
    return pack_weight(static_cast<const uint16_t*>(layer.weight));
  }

  Form reads(int64_t /*rows*/) const override { return Form::kRows; }

  bool run(const Activations& in, int64_t rows, const Activations& out) const override {
    auto* y = static_cast<float*>(out.data);
    if (!multiply(static_cast<const float*>(in.data), rows, y)) return false;
    finish(y, rows * out_features());
    return true;
  }

 protected:
  virtual bool pack_weight(const uint16_t* weight) = 0;
  virtual bool multiply(const float* x, int64_t rows, float* y) const = 0;

  const float* bias() const { return bias_.empty() ? nullptr : bias_.data(); }

 private:
  AlignedBuffer<float> bias_;
};

// Weights of two bytes, products of float32.
class HalfLayer final : public TwoByteLayer {
 public:
  HalfLayer(const sprat_packed_layer& layer, const KernelTable& kernels)
      : TwoByteLayer(layer, kernels),
        half_(kernels.half->of[layer.weights == SPRAT_WEIGHTS_BFLOAT16]),
        rounds_input_(layer.input == SPRAT_INPUT_BFLOAT16) {}

  const char* kernel(int64_t /*rows*/) const override {
    return rounds_input_ ? "input rounded to bfloat16, products of float32: the CPU has no others"
                         : "outputs are the lanes, weights widened on their way to the product";
  }

 protected:
  bool pack_weight(const uint16_t* weight) override {
    if (!weight_.allocate(half_.packed_size(in_features(), out_features()))) return false;
    half_.pack(weight, in_features(), out_features(), weight_.data());
    return true;
  }

  bool multiply(const float* x, int64_t rows, float* y) const override {
    Scratch scratch;
    if (rounds_input_) {
      auto* rounded = scratch.array<float>(rows * in_features());
      if (!rounded) return false;
      kernels_.half->round_bfloat16(x, rows * in_features(), rounded);
      x = rounded;
    }
    if (rows > half_.direct_rows) return multiply_widened(x, rows, y, scratch);
    half_.multiply({in_features(), out_features(), weight_.data(), bias()}, x, rows, floor(), y);
    return true;
  }

 private:
  // Panel by panel: widened once, multiplied with all rows.
  bool multiply_widened(const float* x, int64_t rows, float* y, Scratch& scratch) const {
    const LinearKernel& linear = kernels_.linear->of[SPRAT_FLOAT32];
    const int64_t k = in_features(), n = out_features();
    auto* panel = scratch.array<float>(k * linear.panel_columns);
    if (!panel) return false;
    for (int64_t first = 0; first < n; first += linear.panel_columns) {
      const int64_t columns = std::min(n - first, linear.panel_columns);
      half_.widen(weight_.data() + first * k, k, columns, panel);
      LinearProduct product{};
      product.a = {x, k, 1};
      product.b = panel;
      product.k = k;
      product.n = columns;
      product.c = y + first;
      product.c_stride = n;
      product.bias = bias() ? bias() + first : nullptr;
      product.epilogue = activation() == ActivationClass::kRelu ? Epilogue::kRelu : Epilogue::kStore;
      linear.multiply(product, 0, rows, 0, 1);
    }
    return true;
  }

  const HalfKernel& half_;
  bool rounds_input_;
  AlignedBuffer<uint16_t> weight_;
};

// Weights and input of two bytes, products by the CPU's instruction for them.
class Bfloat16Layer final : public TwoByteLayer {
 public:
  using TwoByteLayer::TwoByteLayer;

  static bool is_possible(const KernelTable& kernels) {
    return kernels.bfloat16->multiply && cpu_features().avx512_bf16;
  }

  const char* kernel(int64_t /*rows*/) const override { return "pairs of bfloat16, by the CPU's own instruction"; }

 protected:
  bool pack_weight(const uint16_t* weight) override {
    const Bfloat16Kernels& kernels = *kernels_.bfloat16;
    if (!weight_.allocate(kernels.packed_size(in_features(), out_features()))) return false;
    kernels.pack(weight, in_features(), out_features(), weight_.data());
    return true;
  }

  bool multiply(const float* x, int64_t rows, float* y) const override {
    Scratch scratch;
    auto* pairs = scratch.array<int32_t>(rows * bfloat16_pairs(in_features()));
    if (!pairs) return false;
    kernels_.bfloat16->round(x, rows, in_features(), pairs);
    kernels_.bfloat16->multiply({in_features(), out_features(), weight_.data(), bias()}, pairs, rows, floor(), y);
    return true;
  }

 private:
  AlignedBuffer<int32_t> weight_;
};

}  // namespace

std::unique_ptr<PackedLayer> pack_half_layer(const sprat_packed_layer& layer, const KernelTable& kernels) {
  std::unique_ptr<TwoByteLayer> packed;
  if (layer.input == SPRAT_INPUT_BFLOAT16 && Bfloat16Layer::is_possible(kernels)) {
    packed = std::make_unique<Bfloat16Layer>(layer, kernels);
  } else {
    packed = std::make_unique<HalfLayer>(layer, kernels);
  }
  if (!packed->pack(layer)) return nullptr;
  return packed;
}

}  // namespace sprat
