// The forward pass, for training, for evaluation and for predictors.
#pragma once

#include "api/mlp.h"
#include "api/product.h"

namespace sprat {

struct PackedLayer {
  const void* weight;  // weight^T as B of the forward product
  const void* bias;    // NULL: none
};

// Bytes for the packed weights of the first layers.
int64_t packed_bytes(const sprat_mlp& mlp, const LinearKernel& kernel, int64_t num_layers);

// Packs the weights of the first layers into `memory` (64-byte aligned); packed[l] tells where. Biases stay in params.
void pack_weights(const sprat_mlp& mlp, const LinearKernel& kernel, int64_t num_layers, const void* params,
                  void* memory, PackedLayer* packed);

// Where a layer writes for the rows at hand. Pointers may be equal where nothing needs the value before.
struct LayerMemory {
  void* input;    // fake-quantized input; used only if the layer has one
  void* z;        // sum + bias
  void* y;        // activation(z)
  void* dropped;  // dropout(y); NULL: no dropout
};

struct ForwardPass {
  const sprat_mlp& mlp;
  const KernelTable& kernels;
  const PackedLayer* packed;
  const sprat_mlp_options* options;

  const LinearKernel& linear() const { return kernels.linear->of[mlp.dtype]; }
  const LayerKernel& elementwise() const { return kernels.layer->of[mlp.dtype]; }

  // One layer for `rows` rows, the first being `row` of this call. Returns what the next layer reads.
  const void* layer(int64_t l, const void* x, int64_t row, int64_t rows, const LayerMemory& memory) const;
};

// The dropout of a layer in this pass.
Dropout dropout_of(const sprat_layer& layer, int64_t l, const sprat_mlp_options* options);

// Rows that are worth a thread, and rows that one thread takes through all layers while they stay in its cache.
int64_t grain_rows(const sprat_mlp& mlp, const LinearKernel& kernel);
int64_t chunk_rows(const sprat_mlp& mlp, const LinearKernel& kernel);

// Activations after layer `last` for all rows, without dropout. False: there was no memory.
bool forward(const ForwardPass& pass, const void* x, int64_t rows, int64_t last, void* out);

}  // namespace sprat
