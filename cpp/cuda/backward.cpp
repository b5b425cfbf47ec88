// The backward pass on the device, as api/mlp_backward.h has it: dz of all layers from the last to the lowest, each
// followed by the gradients of its parameters while it is in the cache.
#include "cuda/between.h"
#include "cuda/network.h"

namespace sprat::cuda {
namespace {

class BackwardPass {
 public:
  BackwardPass(const sprat_mlp& mlp, const void* params, sprat_cuda_workspace& workspace, const void* grad_output,
               const sprat_mlp_gradients& gradients, void* stream)
      : mlp_(mlp),
        call_{mlp, params, &workspace.options, stream},
        workspace_(workspace),
        gradients_(gradients),
        dy_(grad_output),
        lowest_(lowest_layer()) {}

  sprat_status run() {
    if (!mlp_.params_are_covered || gradients_.frozen || workspace_.rows == 0) {
      SPRAT_RETURN_IF_REFUSED(
          sprat_cuda_fill(gradients_.params, 0, mlp_.num_params * mlp_.element_size(), call_.stream));
    }
    for (int64_t l = mlp_.num_layers() - 1; workspace_.rows > 0 && l >= lowest_; --l) {
      if (!(l + 1 < mlp_.num_layers() && is_fused(l))) SPRAT_RETURN_IF_REFUSED(through_activation(l));
      const void* dz = dy_;
      if (passes_down(l)) SPRAT_RETURN_IF_REFUSED(pass_down(l));
      SPRAT_RETURN_IF_REFUSED(parameter_gradients(l, dz));
    }
    return SPRAT_OK;
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
  bool passes_down(int64_t l) const { return l > lowest_ || (l == 0 && gradients_.x); }
  const void* hidden(int64_t l) const { return gradients_.hidden ? gradients_.hidden[l] : nullptr; }

  // Nothing but relu lies between layer l's sums and what layer l + 1 read: the product on the way back applies its
  // derivative.
  bool is_fused(int64_t l) const {
    return call_.activation(l) == ActivationClass::kRelu && !trace(l).memory.dropped && !hidden(l) &&
           !input_quant(&workspace_.options, l + 1);
  }

  // dy of what the layer gave becomes dz of its sums.
  sprat_status through_activation(int64_t l) {
    const sprat_layer& layer = mlp_.layer(l);
    const LayerMemory& memory = trace(l).memory;
    void* grad = trace(l).grad;
    const int64_t n = workspace_.rows * layer.out_features;
    if (memory.dropped) {
      SPRAT_RETURN_IF_REFUSED(
          apply_dropout(mlp_.dtype, call_.dropout(l), call_.first_row(), workspace_.rows, dy_, grad, call_.stream));
      dy_ = grad;
    }
    if (hidden(l)) {
      SPRAT_RETURN_IF_REFUSED(add(mlp_.dtype, dy_, hidden(l), grad, n, call_.stream));
      dy_ = grad;
    }
    if (call_.activation(l) == ActivationClass::kIdentity) return SPRAT_OK;
    SPRAT_RETURN_IF_REFUSED(
        sprat_cuda_activation_backward(layer.activation, mlp_.dtype, memory.z, memory.y, dy_, grad, n, call_.stream));
    dy_ = grad;
    return SPRAT_OK;
  }

  // dy of the layer below; dz if that layer is fused.
  sprat_status pass_down(int64_t l) {
    const sprat_layer& layer = mlp_.layer(l);
    void* grad_x = l == 0 ? gradients_.x : trace(l - 1).grad;
    ProductExtras extras;
    if (l > 0 && is_fused(l - 1)) extras.gate = trace(l - 1).memory.y;
    SPRAT_RETURN_IF_REFUSED(call_.multiply(ProductForm::kInputGradient, dy_, call_.weight(l), grad_x, workspace_.rows,
                                           layer.in_features, layer.out_features, extras));
    dy_ = grad_x;
    const sprat_fake_quant* quant = input_quant(&workspace_.options, l);
    if (!quant) return SPRAT_OK;
    return fake_quantize_gradient(mlp_.dtype, *quant, trace(l).x, grad_x, workspace_.rows * layer.in_features,
                                  call_.stream);
  }

  sprat_status parameter_gradients(int64_t l, const void* dz) const {
    const sprat_layer& layer = mlp_.layer(l);
    const int64_t rows = workspace_.rows, size = mlp_.element_size();
    if (layer.has_bias && !is_frozen(l, 1)) {
      void* db = advance(gradients_.params, layer.bias_offset, size);
      SPRAT_RETURN_IF_REFUSED(mlp_.dtype == SPRAT_FLOAT64
                                  ? sum_rows(static_cast<const double*>(dz), rows, layer.out_features,
                                             static_cast<double*>(db), call_.stream)
                                  : sum_rows(static_cast<const float*>(dz), rows, layer.out_features,
                                             static_cast<float*>(db), call_.stream));
    }
    if (is_frozen(l, 0)) return SPRAT_OK;
    ProductExtras extras;
    extras.parts = workspace_.parts;
    return call_.multiply(ProductForm::kWeightGradient, dz, trace(l).input(),
                          advance(gradients_.params, layer.weight_offset, size), layer.out_features, layer.in_features,
                          rows, extras);
  }

  const sprat_mlp& mlp_;
  const NetworkCall call_;
  sprat_cuda_workspace& workspace_;
  const sprat_mlp_gradients& gradients_;
  const void* dy_;  // the gradient on its way down
  const int64_t lowest_;
};

}  // namespace

sprat_status backward(const sprat_mlp& mlp, const void* params, sprat_cuda_workspace& workspace,
                      const void* grad_output, const sprat_mlp_gradients& gradients, void* stream) {
  return BackwardPass(mlp, params, workspace, grad_output, gradients, stream).run();
}

}  // namespace sprat::cuda
