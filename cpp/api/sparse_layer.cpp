// Layers of sparse float32 weights (kernels/sparse.h).
#include "api/packed_layer.h"
#include "api/product.h"
#include "api/sparse_pack.h"
#include "core/scratch.h"

namespace sprat {
namespace {

class SparseLayer : public PackedLayer {
 public:
  using PackedLayer::PackedLayer;
  virtual bool pack(const WeightMatrix& weight) = 0;

 protected:
  const SparseKernels& sparse() const { return *kernels_.sparse; }
};

// Any zeros: few rows as they are, more of them in panels, each with its own way to lay the weight down.
class UnstructuredLayer final : public SparseLayer {
 public:
  using SparseLayer::SparseLayer;

  bool pack(const WeightMatrix& weight) override { return steps_.pack(weight) && lists_.pack(weight); }

  const char* kernel(int64_t rows) const override {
    return reads(rows) == Form::kPanels ? "rows are the lanes, each output has a list of its inputs"
                                        : "outputs are the lanes, inputs looked up in windows of 32";
  }

  Form reads(int64_t rows) const override { return rows >= sparse().rows_in_panels ? Form::kPanels : Form::kRows; }
  bool writes(Form out, Form in) const override { return out == Form::kPanels && in == Form::kPanels; }

  bool run(const Activations& in, int64_t rows, const Activations& out) const override {
    const auto* x = static_cast<const float*>(in.data);
    auto* y = static_cast<float*>(out.data);
    Scratch scratch;
    if (in.form == Form::kRows) {
      auto* memory = scratch.array<float>(kSparseRows * sparse_row_size(in_features()));
      if (!memory) return false;
      sparse().multiply_steps(steps_.packed(), x, rows, floor(), memory, y);
      finish(y, rows * out_features());
      return true;
    }
    const LinearKernel& linear = kernels_.linear->of[SPRAT_FLOAT32];
    const int64_t panels = panel_count(linear, rows), elements = panels * linear.panel_columns * out_features();
    float* z = out.form == Form::kPanels ? y : scratch.array<float>(elements);
    if (!z) return false;
    sparse().multiply_lists(lists_.packed(), x, rows, floor(), z);
    finish(z, elements);
    if (z != y) kernels_.batch->of[SPRAT_FLOAT32].from_panels(z, rows, out_features(), 0, panels, y);
    return true;
  }

 private:
  PackedSteps steps_;
  PackedLists lists_;
};

class BlocksLayer final : public SparseLayer {
 public:
  using SparseLayer::SparseLayer;

  bool pack(const WeightMatrix& weight) override { return blocks_.pack(weight); }

  const char* kernel(int64_t /*rows*/) const override {
    return "16 outputs are the lanes, inputs of zero blocks left out";
  }

  Form reads(int64_t /*rows*/) const override { return Form::kRows; }

  bool run(const Activations& in, int64_t rows, const Activations& out) const override {
    auto* y = static_cast<float*>(out.data);
    sparse().multiply_blocks(blocks_.packed(), static_cast<const float*>(in.data), rows, floor(), y);
    finish(y, rows * out_features());
    return true;
  }

 private:
  PackedBlocks blocks_;
};

}  // namespace

std::unique_ptr<PackedLayer> pack_sparse_layer(const sprat_packed_layer& layer, const KernelTable& kernels) {
  std::unique_ptr<SparseLayer> packed;
  if (layer.zeros == SPRAT_ZEROS_BLOCKS) {
    packed = std::make_unique<BlocksLayer>(layer, kernels);
  } else {
    packed = std::make_unique<UnstructuredLayer>(layer, kernels);
  }
  if (!packed->pack({static_cast<const float*>(layer.weight), layer.bias, layer.in_features, layer.out_features})) {
    return nullptr;
  }
  return packed;
}

}  // namespace sprat
