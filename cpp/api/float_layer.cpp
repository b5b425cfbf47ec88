// A dense layer of float32 weights, packed as B of its product: outputs are the lanes. A batch in panels is B itself,
// and the packed weights are A.
#include <algorithm>
#include <cstddef>

#include "api/packed_layer.h"
#include "api/product.h"
#include "core/align.h"
#include "core/scratch.h"

namespace sprat {
namespace {

class FloatLayer final : public PackedLayer {
 public:
  FloatLayer(const sprat_packed_layer& layer, const KernelTable& kernels)
      : PackedLayer(layer, kernels), linear_(kernels.linear->of[SPRAT_FLOAT32]) {}

  bool pack(const sprat_packed_layer& layer) {
    const int64_t k = in_features(), n = out_features();
    if (!weight_.allocate(linear_.packed_size(k, n)) || !bias_.allocate(layer.bias ? n : 0)) return false;
    pack_all(linear_, {layer.weight, 1, k}, k, n, weight_.data());
    if (layer.bias) std::copy_n(layer.bias, n, bias_.data());
    return true;
  }

  const char* kernel(int64_t rows) const override {
    return reads(rows) == Form::kPanels ? "rows are the lanes: outputs would leave too many idle"
                                        : "outputs are the lanes, weights packed once";
  }

  int64_t idle_in_rows() const override { return idle_lanes(linear_, in_features(), out_features()); }
  void prefer_panels() override { prefers_panels_ = true; }
  Form reads(int64_t rows) const override {
    return prefers_panels_ && rows >= linear_.panel_columns ? Form::kPanels : Form::kRows;
  }
  bool takes(Form form, int64_t rows) const override { return form == Form::kPanels || form == reads(rows); }
  bool writes(Form out, Form in) const override { return out == Form::kPanels && in == Form::kPanels; }

  bool run(const Activations& in, int64_t rows, const Activations& out) const override {
    if (in.form == Form::kRows) {
      multiply_rows(in.data, rows, static_cast<float*>(out.data));
      return true;
    }
    const int64_t panels = panel_count(linear_, rows);
    Scratch scratch;
    const bool turns = out.form == Form::kRows;
    auto* y =
        turns ? scratch.array<float>(panels * linear_.panel_columns * out_features()) : static_cast<float*>(out.data);
    if (!y) return false;
    multiply_panels(in.data, rows, y);
    if (turns) kernels_.batch->of[SPRAT_FLOAT32].from_panels(y, rows, out_features(), 0, panels, out.data);
    return true;
  }

 private:
  LinearProduct product(float* y) const {
    LinearProduct product{};
    product.bias = bias_.empty() ? nullptr : bias_.data();
    product.epilogue = activation() == ActivationClass::kRelu ? Epilogue::kRelu : Epilogue::kStore;
    product.c = y;
    return product;
  }

  void multiply_rows(const void* x, int64_t rows, float* y) const {
    LinearProduct p = product(y);
    p.a = {x, in_features(), 1};
    p.b = weight_.data();
    p.k = in_features();
    p.n = p.c_stride = out_features();
    linear_.multiply(p, 0, rows, 0, panel_count(linear_, p.n));
    finish(y, rows * p.n);
  }

  void multiply_panels(const void* x, int64_t rows, float* y) const {
    const Factor weight{weight_.data(), out_features(), in_features(), true};
    LinearProduct p = product(y);
    p.b = x;
    p.n = rows;
    multiply_batch(linear_, sizeof(float), weight, p, 0, weight.units(linear_));
    finish(y, panel_count(linear_, rows) * linear_.panel_columns * out_features());
  }

  const LinearKernel& linear_;
  AlignedBuffer<float> weight_, bias_;
  bool prefers_panels_ = false;
};

}  // namespace

std::unique_ptr<PackedLayer> pack_float_layer(const sprat_packed_layer& layer, const KernelTable& kernels) {
  auto packed = std::make_unique<FloatLayer>(layer, kernels);
  return packed->pack(layer) ? std::move(packed) : nullptr;
}

}  // namespace sprat
