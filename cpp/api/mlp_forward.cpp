#include "api/mlp_forward.h"

#include <algorithm>
#include <atomic>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/threads.h"

namespace sprat {
namespace {

// Bytes of the widest layer's input that a thread takes through all layers at once: a quarter of a second-level cache.
constexpr int64_t kPartBytes = 256 << 10;

}  // namespace

void weights_of(const sprat_mlp& mlp, const void* params, LayerWeights* weights) {
  const int64_t size = mlp.element_size();
  for (int64_t l = 0; l < mlp.num_layers(); ++l) {
    const sprat_layer& layer = mlp.layer(l);
    weights[l] = {{advance(params, layer.weight_offset, size), layer.out_features, layer.in_features, false},
                  layer.has_bias ? advance(params, layer.bias_offset, size) : nullptr};
  }
}

const void* ForwardPass::input(int64_t l, const void* x, const BatchPart& part, const LayerMemory& memory) const {
  const sprat_fake_quant* quant = input_quant(options, l);
  if (!quant) return x;
  elementwise().fake_quantize(*quant, x, memory.input, elements(part.rows, mlp.layer(l).in_features));
  return memory.input;
}

void ForwardPass::outputs(int64_t l, const void* input, const BatchPart& part, const LayerMemory& memory, int64_t begin,
                          int64_t end) const {
  const sprat_layer& shape = mlp.layer(l);
  const Factor& weight = weights[l].weight;
  LinearProduct product{};
  product.b = input;
  product.n = part.rows;
  product.bias = weights[l].bias;
  const ActivationClass kind = mlp.activations[static_cast<size_t>(l)];
  product.c = kind == ActivationClass::kOther ? memory.z : memory.y;
  product.epilogue = kind == ActivationClass::kRelu ? Epilogue::kRelu : Epilogue::kStore;
  multiply_batch(linear(), mlp.element_size(), weight, product, begin, end);
  if (kind != ActivationClass::kOther) return;
  const ActivationForward activation = kernels.activation->list[shape.activation].forward[mlp.dtype];
  const int64_t unit = weight.unit(linear()), first = begin * unit, last = std::min(end * unit, weight.rows);
  for (int64_t panel = 0; panel < panel_count(linear(), part.rows); ++panel) {
    const int64_t place = (panel * weight.rows + first) * width(), size = mlp.element_size();
    activation(advance(memory.z, place, size), advance(memory.y, place, size), (last - first) * width());
  }
}

void ForwardPass::shared_outputs(int64_t l, const void* input, const BatchPart& part, const LayerMemory& memory) const {
  const Factor& weight = weights[l].weight;
  parallel_for(weight.units(linear()), grain_of(weight.unit(linear()) * elements(part.rows, weight.k)),
               [&](int64_t begin, int64_t end) { outputs(l, input, part, memory, begin, end); });
}

const void* ForwardPass::dropped(int64_t l, const BatchPart& part, const LayerMemory& memory) const {
  if (!memory.dropped) return memory.y;
  const int64_t first_row = options ? options->first_row : 0;
  batch().dropout(dropout_of(mlp.layer(l), l, options), first_row + part.row, 0, panel_count(linear(), part.rows),
                  memory.y, memory.dropped);
  return memory.dropped;
}

BatchSplit::BatchSplit(const sprat_mlp& mlp, const LinearKernel& kernel, int64_t rows)
    : panels(panel_count(kernel, rows)), grain(grain_of(mlp.multiply_adds * kernel.panel_columns)) {
  const int64_t threads = num_threads();
  by_panels = threads == 1 || panels % threads == 0 || panels >= 4 * threads;
  const int64_t bytes = mlp.widest * kernel.panel_columns * mlp.element_size();

  panels_at_once = std::clamp(kPartBytes / bytes, int64_t{1}, panels);
}

bool forward(const ForwardPass& pass, const void* x, int64_t rows, int64_t last, void* out) {
  const sprat_mlp& mlp = pass.mlp;
  const BatchSplit split(mlp, pass.linear(), rows);
  const int64_t size = mlp.element_size(), width = pass.width(), in = mlp.layer(0).in_features;
  const bool quantizes = pass.options && pass.options->input_quant;
  std::atomic<bool> has_memory{true};
  // All layers for panels [begin, end).
  const auto run = [&](int64_t begin, int64_t end) {
    Scratch scratch;
    const int64_t at_once = split.by_panels ? split.panels_at_once : split.panels;
    const auto array = [&] { return scratch.bytes(at_once * width * mlp.widest * size); };
    void* activations[2] = {array(), array()};
    void* quantized = quantizes ? array() : nullptr;
    if (!activations[0] || !activations[1] || (quantizes && !quantized)) {
      has_memory = false;
      return;
    }
    for (int64_t panel = begin; panel < end; panel += at_once) {
      const int64_t stop = std::min(end, panel + at_once) * width;
      const BatchPart part{panel * width, std::min(rows, stop) - panel * width};
      const int64_t panels = panel_count(pass.linear(), part.rows);
      pass.batch().to_panels(advance(x, part.row * in, size), part.rows, in, 0, panels, activations[1]);
      const void* at = activations[1];
      for (int64_t l = 0; l <= last; ++l) {
        void* y = activations[l % 2];
        const LayerMemory memory{quantized, y, y, nullptr};
        at = pass.input(l, at, part, memory);
        if (split.by_panels) {
          pass.outputs(l, at, part, memory, 0, pass.weights[l].weight.units(pass.linear()));
        } else {
          pass.shared_outputs(l, at, part, memory);
        }
        at = y;
      }
      const int64_t columns = mlp.layer(last).out_features;
      pass.batch().from_panels(at, part.rows, columns, 0, panels, advance(out, part.row * columns, size));
    }
  };
  if (split.by_panels) {
    parallel_for(split.panels, split.grain, run);
  } else {
    run(0, split.panels);
  }
  return has_memory;
}

}  // namespace sprat
