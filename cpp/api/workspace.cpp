#include "api/workspace.h"

#include <new>

#include "api/status.h"
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

void lay_out(const sprat_mlp& mlp, const KernelTable& kernels, const void* x, int64_t rows,
             const sprat_mlp_options* options, std::vector<LayerTrace>& layers, Layout& layout) {
  const int64_t size = mlp.element_size();
  for (int64_t l = 0; l < mlp.num_layers(); ++l) {
    const sprat_layer& layer = mlp.layer(l);
    LayerTrace& trace = layers[static_cast<size_t>(l)];
    const int64_t bytes = rows * layer.out_features * size;
    trace.x = x;
    trace.memory.input = input_quant(options, l) ? layout.take(rows * layer.in_features * size) : nullptr;
    trace.memory.y = layout.take(bytes);
    const bool needs_z =
        !mlp.is_identity[static_cast<size_t>(l)] && kernels.activation->list[layer.activation].needs_input;
    trace.memory.z = needs_z ? layout.take(bytes) : trace.memory.y;
    trace.memory.dropped = layer.dropout > 0 && !(options && options->without_dropout) ? layout.take(bytes) : nullptr;
    trace.grad = layout.take(bytes);
    x = trace.memory.dropped ? trace.memory.dropped : trace.memory.y;
  }
}

}  // namespace
}  // namespace sprat

using namespace sprat;

bool sprat_workspace::prepare(const sprat_mlp& network, const KernelTable& kernels, const void* x, int64_t num_rows,
                              const sprat_mlp_options* pass_options) {
  mlp_id = 0;
  rows = num_rows;
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
  lay_out(network, kernels, x, rows, &options, layers, count);
  if (!memory_.reserve(count.used())) return false;
  Layout layout(memory_.data());
  lay_out(network, kernels, x, rows, &options, layers, layout);
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

const void* sprat_workspace_activations(const sprat_workspace* workspace, int64_t layer) noexcept {
  if (!workspace || workspace->mlp_id == 0 || layer < 0) return nullptr;
  if (layer >= static_cast<int64_t>(workspace->layers.size())) return nullptr;
  return workspace->layers[static_cast<size_t>(layer)].memory.y;
}
