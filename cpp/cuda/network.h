// A network on the device: the structure of api/mlp.h, passes over row-major batches, and what they keep between.
#pragma once

#include <vector>

#include "api/mlp.h"
#include "core/round_up.h"
#include "cuda/loss.h"
#include "cuda/product.h"
#include "cuda/status.h"
#include "kernels/batch.h"

struct sprat_cuda_mlp {
  sprat_mlp structure;
};

namespace sprat::cuda {

// Where a layer writes, (rows, features) each. Pointers may be equal where nothing needs the value before.
struct LayerMemory {
  void* input;    // fake-quantized input; NULL: the layer multiplies what it reads
  void* z;        // sum + bias
  void* y;        // activation(z)
  void* dropped;  // dropout(y); NULL: no dropout
};

// What a training pass keeps of a layer.
struct LayerTrace {
  const void* x = nullptr;  // what the layer read, before fake quantization
  LayerMemory memory = {};
  void* grad = nullptr;  // gradient with respect to dropped, y and at last z
  const void* input() const { return memory.input ? memory.input : x; }
  const void* output() const { return memory.dropped ? memory.dropped : memory.y; }
};

// What a product may have besides its factors: see Product.
struct ProductExtras {
  const void* bias = nullptr;
  bool relu = false;
  const void* gate = nullptr;
  void* parts = nullptr;
};

// The calls of one network with one array of parameters on one stream.
struct NetworkCall {
  const sprat_mlp& mlp;
  const void* params;
  const sprat_mlp_options* options;
  void* stream;

  const sprat_layer& layer(int64_t l) const { return mlp.layer(l); }
  ActivationClass activation(int64_t l) const { return mlp.activations[static_cast<size_t>(l)]; }
  const void* weight(int64_t l) const { return advance(params, layer(l).weight_offset, mlp.element_size()); }
  const void* bias(int64_t l) const {
    return layer(l).has_bias ? advance(params, layer(l).bias_offset, mlp.element_size()) : nullptr;
  }
  Dropout dropout(int64_t l) const;
  int64_t first_row() const { return options ? options->first_row : 0; }

  sprat_status multiply(ProductForm form, const void* a, const void* b, void* c, int64_t m, int64_t n, int64_t k,
                        const ProductExtras& extras) const;
  // activation(input weight^T + bias) for all rows of x, and what goes before and comes after.
  sprat_status forward(int64_t l, const void* x, int64_t rows, const LayerMemory& memory) const;
};

}  // namespace sprat::cuda

struct sprat_cuda_workspace {
  ~sprat_cuda_workspace();
  // Memory for `rows` rows, kept if it is enough already. A pass that was held is gone.
  sprat_status prepare(const sprat_mlp& mlp, const void* x, int64_t rows, const sprat_mlp_options* options,
                       void* stream);

  uint64_t mlp_id = 0;  // of the network whose forward pass it holds; 0: none
  int64_t rows = 0;
  const void* x = nullptr;      // the batch, as the caller has it
  void* output_grad = nullptr;  // (rows, out_features)
  void* parts = nullptr;        // of weight gradients
  void* loss = nullptr;         // LossRun's memory
  bool has_loss = false;        // and whether it holds one
  std::vector<sprat::cuda::LayerTrace> layers;
  sprat_mlp_options options = {};  // of the forward pass; input_quant points to quants

 private:
  void* memory_ = nullptr;
  int64_t bytes_ = 0;
  std::vector<sprat_fake_quant> quants_;
  std::vector<const sprat_fake_quant*> quant_pointers_;
};

namespace sprat::cuda {

sprat_status backward(const sprat_mlp& mlp, const void* params, sprat_cuda_workspace& workspace,
                      const void* grad_output, const sprat_mlp_gradients& gradients, void* stream);

}  // namespace sprat::cuda
