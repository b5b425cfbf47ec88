// What a training pass on the device keeps between forward and backward: one piece of memory, grown when a batch needs
// more, laid out anew for each pass.
#include <algorithm>
#include <new>

#include "cuda/network.h"
#include "cuda/scratch.h"

namespace sprat::cuda {
namespace {

// Hands out arrays one behind the other; without memory it only counts.
class Layout {
 public:
  explicit Layout(void* memory) : memory_(static_cast<char*>(memory)) {}

  void* take(int64_t bytes) {
    void* at = memory_ ? memory_ + used_ : nullptr;
    used_ += round_up(bytes, kDeviceAlignment);
    return at;
  }
  int64_t used() const { return used_; }

 private:
  static constexpr int64_t kDeviceAlignment = 256;  // as cudaMalloc's
  char* memory_;
  int64_t used_ = 0;
};

bool needs_input(int32_t activation) { return sprat_activation_needs_input(activation) > 0; }

void lay_out(const sprat_mlp& mlp, int64_t rows, const sprat_mlp_options& options, sprat_cuda_workspace& workspace,
             Layout& layout) {
  const int64_t size = mlp.element_size();
  const auto take = [&](int64_t features) { return layout.take(rows * features * size); };
  const void* x = workspace.x;
  int64_t parts = 0;
  for (int64_t l = 0; l < mlp.num_layers(); ++l) {
    const sprat_layer& layer = mlp.layer(l);
    LayerTrace& trace = workspace.layers[static_cast<size_t>(l)];
    trace.x = x;
    trace.memory.input = input_quant(&options, l) ? take(layer.in_features) : nullptr;
    trace.memory.y = take(layer.out_features);
    const bool is_other = mlp.activations[static_cast<size_t>(l)] == ActivationClass::kOther;
    trace.memory.z = is_other && needs_input(layer.activation) ? take(layer.out_features) : trace.memory.y;
    trace.memory.dropped = layer.dropout > 0 && !options.without_dropout ? take(layer.out_features) : nullptr;
    trace.grad = take(layer.out_features);
    x = trace.output();
    parts = std::max(parts, product_parts(layer.out_features, layer.in_features, rows));
  }
  const int64_t outputs = mlp.layers.back().out_features;
  workspace.output_grad = take(outputs);
  workspace.parts = layout.take(parts * size);
  workspace.loss = layout.take(LossRun::bytes(rows, outputs));
}

}  // namespace
}  // namespace sprat::cuda

using namespace sprat;

sprat_cuda_workspace::~sprat_cuda_workspace() {
  if (memory_) cudaFree(memory_);  // waits for the device, which may still use it
}

sprat_status sprat_cuda_workspace::prepare(const sprat_mlp& network, const void* batch_x, int64_t num_rows,
                                           const sprat_mlp_options* pass_options, void* stream) {
  mlp_id = 0;
  has_loss = false;
  rows = num_rows;
  x = batch_x;
  const auto num_layers = static_cast<size_t>(network.num_layers());
  try {
    layers.assign(num_layers, {});
    quants_.assign(num_layers, {});
    quant_pointers_.assign(num_layers, nullptr);
  } catch (const std::bad_alloc&) {
    return refuse(SPRAT_OUT_OF_MEMORY, "training: no memory for %lld layers", shown(network.num_layers()));
  }
  options = pass_options ? *pass_options : sprat_mlp_options{sizeof(sprat_mlp_options), 0, 0, 0, nullptr, 0};
  if (options.input_quant) {
    for (size_t l = 0; l < num_layers; ++l) {
      if (!options.input_quant[l]) continue;
      quants_[l] = *options.input_quant[l];
      quant_pointers_[l] = &quants_[l];
    }
    options.input_quant = quant_pointers_.data();
  }
  cuda::Layout count(nullptr);
  cuda::lay_out(network, rows, options, *this, count);
  if (count.used() > bytes_) {
    SPRAT_RETURN_IF_REFUSED(sprat_cuda_free(memory_, stream));
    memory_ = nullptr;
    bytes_ = 0;
    SPRAT_RETURN_IF_REFUSED(sprat_cuda_malloc(count.used(), &memory_, stream));
    bytes_ = count.used();
  }
  cuda::Layout layout(memory_);
  cuda::lay_out(network, rows, options, *this, layout);
  return SPRAT_OK;
}

sprat_status sprat_cuda_workspace_create(sprat_cuda_workspace** workspace) noexcept {
  SPRAT_REQUIRE(workspace, "workspace must not be NULL");
  auto* made = new (std::nothrow) sprat_cuda_workspace;
  if (!made) return refuse(SPRAT_OUT_OF_MEMORY, "workspace: no memory");
  *workspace = made;
  return SPRAT_OK;
}

void sprat_cuda_workspace_destroy(sprat_cuda_workspace* workspace) noexcept { delete workspace; }
