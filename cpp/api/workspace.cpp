#include "api/workspace.h"

#include <new>

#include "api/checks.h"
#include "core/round_up.h"

namespace sprat {
namespace {

// Hands out arrays one behind the other; without memory it only counts.
class Layout {
 public:
  explicit Layout(std::byte* memory) : memory_(memory) {}

  void* take(int64_t bytes) {
    void* at = memory_ ? memory_ + used_ : nullptr;
    used_ += round_up(bytes, kAlignment);
    return at;
  }
  int64_t used() const { return used_; }

 private:
  std::byte* memory_;
  int64_t used_ = 0;
};

void lay_out(const sprat_mlp& mlp, const KernelTable& kernels, int64_t rows, const sprat_mlp_options* options,
             sprat_workspace& workspace, Layout& layout) {
  const int64_t size = mlp.element_size();
  const LinearKernel& linear = kernels.linear->of[mlp.dtype];
  const auto take = [&](int64_t features) {
    return layout.take(panel_count(linear, rows) * linear.panel_columns * features * size);
  };
  const void* x = workspace.panels = take(mlp.layer(0).in_features);
  for (int64_t l = 0; l < mlp.num_layers(); ++l) {
    const sprat_layer& layer = mlp.layer(l);
    LayerTrace& trace = workspace.layers[static_cast<size_t>(l)];
    trace.x = x;
    trace.memory.input = input_quant(options, l) ? take(layer.in_features) : nullptr;
    trace.memory.y = take(layer.out_features);
    const bool needs_z = mlp.activations[static_cast<size_t>(l)] == ActivationClass::kOther &&
                         kernels.activation->list[layer.activation].needs_input;
    trace.memory.z = needs_z ? take(layer.out_features) : trace.memory.y;
    trace.memory.dropped =
        layer.dropout > 0 && !(options && options->without_dropout) ? take(layer.out_features) : nullptr;
    trace.grad = take(layer.out_features);
    x = trace.memory.dropped ? trace.memory.dropped : trace.memory.y;
  }
  workspace.output = layout.take(rows * mlp.layers.back().out_features * size);
  workspace.output_grad = layout.take(rows * mlp.layers.back().out_features * size);
}

}  // namespace
}  // namespace sprat

using namespace sprat;

bool sprat_workspace::prepare(const sprat_mlp& network, const KernelTable& table, const void* batch_x, int64_t num_rows,
                              const sprat_mlp_options* pass_options) {
  mlp_id = 0;
  rows = num_rows;
  x = batch_x;
  kernels = &table;
  try {
    const auto num_layers = static_cast<size_t>(network.num_layers());
    layers.assign(num_layers, {});
    quants_.assign(num_layers, {});
    quant_pointers_.assign(num_layers, nullptr);
  } catch (const std::bad_alloc&) {
    return false;
  }
  options = pass_options ? *pass_options : sprat_mlp_options{sizeof(sprat_mlp_options), 0, 0, 0, nullptr, 0};
  if (options.input_quant) {
    for (size_t l = 0; l < layers.size(); ++l) {
      if (!options.input_quant[l]) continue;
      quants_[l] = *options.input_quant[l];
      quant_pointers_[l] = &quants_[l];
    }
    options.input_quant = quant_pointers_.data();
  }
  Layout count(nullptr);
  lay_out(network, table, rows, &options, *this, count);
  if (!memory_.reserve(count.used())) return false;
  Layout layout(memory_.data());
  lay_out(network, table, rows, &options, *this, layout);
  return true;
}

sprat_status sprat_workspace_create(sprat_workspace** workspace) noexcept {
  SPRAT_REQUIRE(workspace, "workspace must not be NULL");
  sprat_workspace* made = new (std::nothrow) sprat_workspace;
  if (!made) return refuse(SPRAT_OUT_OF_MEMORY, "workspace: no memory");
  *workspace = made;
  return SPRAT_OK;
}

void sprat_workspace_destroy(sprat_workspace* workspace) noexcept { delete workspace; }
