#include "api/mlp_backward.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "core/round_up.h"
#include "core/scratch.h"

namespace sprat {
namespace {

class BackwardPass {
 public:
  BackwardPass(const sprat_mlp& mlp, const KernelTable& kernels, const void* params, sprat_workspace& workspace,
               const void* grad_output, const sprat_mlp_gradients& gradients)
      : mlp_(mlp),
        kernels_(kernels),
        linear_(kernels.linear->of[mlp.dtype]),
        layer_(kernels.layer->of[mlp.dtype]),
        size_(mlp.element_size()),
        params_(params),
        workspace_(workspace),
        grad_output_(grad_output),
        gradients_(gradients),
        lowest_(lowest_layer()) {}

  bool run() {
    if (!mlp_.params_are_covered || gradients_.frozen || workspace_.rows == 0) {
      std::memset(gradients_.params, 0, static_cast<size_t>(mlp_.num_params * size_));
    }
    if (workspace_.rows == 0 || lowest_ == mlp_.num_layers()) return true;
    Scratch scratch;
    packed_ = scratch.array<const void*>(mlp_.num_layers());
    if (!packed_ || !pack_weights(scratch)) return false;
    const int64_t chunk = chunk_rows(mlp_, linear_);
    parallel_for(workspace_.rows, grain_rows(mlp_, linear_), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row += chunk) propagate(row, std::min(chunk, end - row));
    });
    for (int64_t l = lowest_; l < mlp_.num_layers(); ++l) {
      if (!parameter_gradients(l)) return false;
    }
    return true;
  }

 private:
  bool is_frozen(int64_t l, int64_t which) const { return gradients_.frozen && gradients_.frozen[2 * l + which]; }

  // The lowest layer whose dz is needed.
  int64_t lowest_layer() const {
    if (gradients_.x) return 0;
    for (int64_t l = 0; l < mlp_.num_layers(); ++l) {
      if (!is_frozen(l, 0) || (mlp_.layer(l).has_bias && !is_frozen(l, 1))) return l;
    }
    return mlp_.num_layers();
  }

  const LayerTrace& trace(int64_t l) const { return workspace_.layers[static_cast<size_t>(l)]; }
  char* rows_of(void* array, int64_t row, int64_t columns) const { return advance(array, row * columns, size_); }
  const char* rows_of(const void* array, int64_t row, int64_t columns) const {
    return advance(array, row * columns, size_);
  }

  // The layer passes a gradient down to what it read.
  bool passes_down(int64_t l) const { return l > lowest_ || (l == 0 && gradients_.x); }

  // weight (out, in) is B of the input gradient as it lies.
  bool pack_weights(Scratch& scratch) {
    for (int64_t l = lowest_; l < mlp_.num_layers(); ++l) {
      if (!passes_down(l)) continue;
      const sprat_layer& layer = mlp_.layer(l);
      void* memory = scratch.bytes(linear_.packed_size(layer.out_features, layer.in_features) * size_);
      if (!memory) return false;
      const Matrix weight{advance(params_, layer.weight_offset, size_), layer.in_features, 1};
      pack_all(linear_, weight, layer.out_features, layer.in_features, memory);
      packed_[l] = memory;
    }
    return true;
  }

  // dz of all layers for some rows, from the last layer to the lowest.
  void propagate(int64_t row, int64_t rows) const {
    const void* grad_y = rows_of(grad_output_, row, mlp_.layers.back().out_features);
    for (int64_t l = mlp_.num_layers() - 1; l >= lowest_; --l) {
      const sprat_layer& layer = mlp_.layer(l);
      const LayerTrace& at = trace(l);
      const int64_t n = rows * layer.out_features;
      char* grad = rows_of(at.grad, row, layer.out_features);
      if (at.memory.dropped) {
        const Dropout dropout = dropout_of(layer, l, &workspace_.options);
        layer_.dropout(dropout, workspace_.options.first_row + row, rows, grad, grad);
      }
      if (gradients_.hidden && gradients_.hidden[l])
        layer_.add(rows_of(gradients_.hidden[l], row, layer.out_features), grad, n);
      if (mlp_.is_identity[static_cast<size_t>(l)]) {
        if (grad_y != grad) std::memcpy(grad, grad_y, static_cast<size_t>(n * size_));
      } else {
        kernels_.activation->list[layer.activation].backward[mlp_.dtype](rows_of(at.memory.z, row, layer.out_features),
                                                                         rows_of(at.memory.y, row, layer.out_features),
                                                                         grad_y, grad, n);
      }
      if (!passes_down(l)) return;
      char* grad_x = rows_of(l == 0 ? gradients_.x : trace(l - 1).grad, row, layer.in_features);
      const Matrix grad_z{grad, layer.out_features, 1};
      multiply_all(
          linear_,
          LinearProduct{grad_z, packed_[l], layer.out_features, layer.in_features, grad_x, layer.in_features, nullptr},
          rows);
      if (const sprat_fake_quant* quant = input_quant(&workspace_.options, l)) {
        layer_.fake_quantize_gradient(*quant, rows_of(at.x, row, layer.in_features), grad_x, rows * layer.in_features);
      }
      grad_y = grad_x;
    }
  }

  bool parameter_gradients(int64_t l) const {
    const sprat_layer& layer = mlp_.layer(l);
    const LayerTrace& at = trace(l);
    if (layer.has_bias && !is_frozen(l, 1)) {
      void* out = advance(gradients_.params, layer.bias_offset, size_);
      const Matrix grad_z{at.grad, layer.out_features, 1};
      const int64_t grain = round_up(1 + kProductGrain / workspace_.rows, 64);
      parallel_for(layer.out_features, grain,
                   [&](int64_t begin, int64_t end) { linear_.sum_rows(grad_z, workspace_.rows, begin, end, out); });
    }
    if (is_frozen(l, 0)) return true;
    const Matrix grad_z_t{at.grad, 1, layer.out_features};
    const Matrix input{at.input(), layer.in_features, 1};
    return multiply_unpacked(linear_, size_, grad_z_t, input, layer.out_features, workspace_.rows, layer.in_features,
                             advance(gradients_.params, layer.weight_offset, size_));
  }

  const sprat_mlp& mlp_;
  const KernelTable& kernels_;
  const LinearKernel& linear_;
  const LayerKernel& layer_;
  const int64_t size_;
  const void* params_;
  sprat_workspace& workspace_;
  const void* grad_output_;
  const sprat_mlp_gradients& gradients_;
  const int64_t lowest_;
  const void** packed_ = nullptr;
};

}  // namespace

bool backward(const sprat_mlp& mlp, const KernelTable& kernels, const void* params, sprat_workspace& workspace,
              const void* grad_output, const sprat_mlp_gradients& gradients) {
  return BackwardPass(mlp, kernels, params, workspace, grad_output, gradients).run();
}

}  // namespace sprat
