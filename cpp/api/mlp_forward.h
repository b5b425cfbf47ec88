// The forward pass over a batch in panels (kernels/batch.h), for training, for evaluation and for predictors.
#pragma once

#include "api/mlp.h"
#include "api/product.h"

namespace sprat {

struct LayerWeights {
  Factor weight;
  const void* bias;  // NULL: none
};

// The weights where they lie in an array of parameters.
void weights_of(const sprat_mlp& mlp, const void* params, LayerWeights* weights);

// Where a layer writes, in panels. Pointers may be equal where nothing needs the value before.
struct LayerMemory {
  void* input;    // fake-quantized input; used only if the layer has one
  void* z;        // sum + bias
  void* y;        // activation(z)
  void* dropped;  // dropout(y); NULL: no dropout
};

// A batch, or a part of one that begins with a panel.
struct BatchPart {
  int64_t row, rows;
};

// A layer is these three steps, each for all rows of a part; pointers are those of the part's first panel.
struct ForwardPass {
  const sprat_mlp& mlp;
  const KernelTable& kernels;
  const LayerWeights* weights;
  const sprat_mlp_options* options;

  const LinearKernel& linear() const { return kernels.linear->of[mlp.dtype]; }
  const BatchKernel& batch() const { return kernels.batch->of[mlp.dtype]; }
  const LayerKernel& elementwise() const { return kernels.layer->of[mlp.dtype]; }
  int64_t width() const { return linear().panel_columns; }
  // Elements of `rows` rows in panels.
  int64_t elements(int64_t rows, int64_t features) const { return panel_count(linear(), rows) * width() * features; }

  // What the layer multiplies: x, or x fake-quantized into memory.input.
  const void* input(int64_t l, const void* x, const BatchPart& part, const LayerMemory& memory) const;
  // activation(input weight^T + bias) of units [begin, end) of the layer's outputs.
  void outputs(int64_t l, const void* input, const BatchPart& part, const LayerMemory& memory, int64_t begin,
               int64_t end) const;
  // The same for all units, spread over threads.
  void shared_outputs(int64_t l, const void* input, const BatchPart& part, const LayerMemory& memory) const;
  // What the next layer reads: y, or y after dropout.
  const void* dropped(int64_t l, const BatchPart& part, const LayerMemory& memory) const;

  // All three.
  const void* layer(int64_t l, const void* x, const BatchPart& part, const LayerMemory& memory) const {
    outputs(l, input(l, x, part, memory), part, memory, 0, weights[l].weight.units(linear()));
    return dropped(l, part, memory);
  }
};

// How a pass over a batch is spread over threads: each thread takes its panels through all layers, a few at a time so
// that they stay in its cache; or, where there are too few panels to go round, all threads share each layer's outputs.
struct BatchSplit {
  BatchSplit(const sprat_mlp& mlp, const LinearKernel& kernel, int64_t rows);

  bool by_panels;
  int64_t panels;
  int64_t panels_at_once;
  int64_t grain;  // panels that are worth a thread
};

// Activations after layer `last` for all rows of row-major x into row-major out, without dropout. False: there was no
// memory.
bool forward(const ForwardPass& pass, const void* x, int64_t rows, int64_t last, void* out);

}  // namespace sprat
