#include "api/mlp_forward.h"

#include <algorithm>
#include <atomic>

#include "core/parallel.h"
#include "core/round_up.h"
#include "core/scratch.h"

namespace sprat {
namespace {

int64_t packed_layer_bytes(const sprat_mlp& mlp, const LinearKernel& kernel, int64_t l) {
  const int64_t elements = kernel.packed_size(mlp.layer(l).in_features, mlp.layer(l).out_features);
  return round_up(elements * mlp.element_size(), kAlignment);
}

}  // namespace

int64_t packed_bytes(const sprat_mlp& mlp, const LinearKernel& kernel, int64_t num_layers) {
  int64_t bytes = 0;
  for (int64_t l = 0; l < num_layers; ++l) bytes += packed_layer_bytes(mlp, kernel, l);
  return bytes;
}

void pack_weights(const sprat_mlp& mlp, const LinearKernel& kernel, int64_t num_layers, const void* params,
                  void* memory, PackedLayer* packed) {
  char* at = static_cast<char*>(memory);
  for (int64_t l = 0; l < num_layers; ++l) {
    const sprat_layer& layer = mlp.layer(l);
    const Matrix weight_t{advance(params, layer.weight_offset, mlp.element_size()), 1, layer.in_features};
    pack_all(kernel, weight_t, layer.in_features, layer.out_features, at);
    packed[l] = {at, layer.has_bias ? advance(params, layer.bias_offset, mlp.element_size()) : nullptr};
    at += packed_layer_bytes(mlp, kernel, l);
  }
}

Dropout dropout_of(const sprat_layer& layer, int64_t l, const sprat_mlp_options* options) {
  const uint64_t step = options ? static_cast<uint64_t>(options->step) : 0;
  const uint64_t stream = uint64_t{0xD0} << 56 | step << 16 | static_cast<uint64_t>(l);
  return {options ? options->dropout_seed : 0, stream, layer.dropout, layer.out_features};
}

const void* ForwardPass::layer(int64_t l, const void* x, int64_t row, int64_t rows, const LayerMemory& memory) const {
  const sprat_layer& shape = mlp.layer(l);
  if (const sprat_fake_quant* quant = input_quant(options, l)) {
    elementwise().fake_quantize(*quant, x, memory.input, rows * shape.in_features);
    x = memory.input;
  }
  const Matrix input{x, shape.in_features, 1};
  multiply_all(linear(),
               LinearProduct{input, packed[l].weight, shape.in_features, shape.out_features, memory.z,
                             shape.out_features, packed[l].bias},
               rows);
  if (!mlp.is_identity[static_cast<size_t>(l)]) {
    kernels.activation->list[shape.activation].forward[mlp.dtype](memory.z, memory.y, rows * shape.out_features);
  }
  if (!memory.dropped) return memory.y;
  const int64_t first_row = options ? options->first_row : 0;
  elementwise().dropout(dropout_of(shape, l, options), first_row + row, rows, memory.y, memory.dropped);
  return memory.dropped;
}

int64_t grain_rows(const sprat_mlp& mlp, const LinearKernel& kernel) {
  return grain_of(mlp.multiply_adds * kernel.max_rows) * kernel.max_rows;
}

int64_t chunk_rows(const sprat_mlp& mlp, const LinearKernel& kernel) {
  const int64_t rows = kChunkBytes / (2 * mlp.widest * mlp.element_size());
  return std::max(rows / kernel.max_rows, int64_t{1}) * kernel.max_rows;
}

bool forward(const ForwardPass& pass, const void* x, int64_t rows, int64_t last, void* out) {
  const sprat_mlp& mlp = pass.mlp;
  const int64_t size = mlp.element_size(), chunk = std::min(chunk_rows(mlp, pass.linear()), rows);
  std::atomic<bool> has_memory{true};
  parallel_for(rows, grain_rows(mlp, pass.linear()), [&](int64_t begin, int64_t end) {
    Scratch scratch;
    void* activations[2] = {scratch.bytes(chunk * mlp.widest * size), scratch.bytes(chunk * mlp.widest * size)};
    void* quantized = pass.options && pass.options->input_quant ? scratch.bytes(chunk * mlp.widest * size) : nullptr;
    if (!activations[0] || !activations[1] || (pass.options && pass.options->input_quant && !quantized)) {
      has_memory = false;
      return;
    }
    for (int64_t row = begin; row < end; row += chunk) {
      const int64_t count = std::min(chunk, end - row);
      const void* in = advance(x, row * mlp.layer(0).in_features, size);
      for (int64_t l = 0; l <= last; ++l) {
        void* y = l == last ? advance(out, row * mlp.layer(l).out_features, size) : activations[l % 2];
        in = pass.layer(l, in, row, count, {quantized, y, y, nullptr});
      }
    }
  });
  return has_memory;
}

}  // namespace sprat
