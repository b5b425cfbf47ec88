#include "api/mlp_backward.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/parallel.h"
#include "core/scratch.h"

namespace sprat {
namespace {

class BackwardPass {
 public:
  BackwardPass(const sprat_mlp& mlp, const void* params, sprat_workspace& workspace, const void* grad_output,
               const sprat_mlp_gradients& gradients)
      : mlp_(mlp),
        kernels_(*workspace.kernels),
        linear_(kernels_.linear->of[mlp.dtype]),
        batch_(kernels_.batch->of[mlp.dtype]),
        layer_(kernels_.layer->of[mlp.dtype]),
        size_(mlp.element_size()),
        width_(linear_.panel_columns),
        params_(params),
        workspace_(workspace),
        grad_output_(grad_output),
        gradients_(gradients),
        lowest_(lowest_layer()) {}

  bool run() {
    const bool passes = workspace_.rows > 0 && lowest_ < mlp_.num_layers();
    Scratch scratch;
    if (passes && !take_memory(scratch)) return false;
    if (!mlp_.params_are_covered || gradients_.frozen || workspace_.rows == 0) {
      std::memset(gradients_.params, 0, static_cast<size_t>(mlp_.num_params * size_));
    }
    if (!passes) return true;
    if (!propagate()) return false;
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
  // Panels of a whole batch, moved to those of a part.
  char* at(void* panels, const BatchPart& part, int64_t features) const {
    return advance(panels, part.row * features, size_);
  }
  const char* at(const void* panels, const BatchPart& part, int64_t features) const {
    return advance(panels, part.row * features, size_);
  }
  int64_t panels(const BatchPart& part) const { return panel_count(linear_, part.rows); }

  // The layer passes a gradient down to what it read.
  bool passes_down(int64_t l) const { return l > lowest_ || (l == 0 && gradients_.x); }

  // Nothing but relu lies between layer l's sums and what layer l + 1 read: the product on the way back applies its
  // derivative.
  bool is_fused(int64_t l) const {
    return mlp_.activations[static_cast<size_t>(l)] == ActivationClass::kRelu && !trace(l).memory.dropped &&
           !(gradients_.hidden && gradients_.hidden[l]) && !input_quant(&workspace_.options, l + 1);
  }

  // What all parts of the batch share.
  bool take_memory(Scratch& scratch) {
    weights_ = scratch.array<Factor>(mlp_.num_layers());
    if (!weights_ || !pack_weights(scratch)) return false;
    if (!gradients_.x) return true;
    grad_x_ = scratch.bytes(panels({0, workspace_.rows}) * width_ * mlp_.layer(0).in_features * size_);
    return grad_x_ != nullptr;
  }

  // weight^T (in, out), the left factor on the way back, is what packing weight as B (k = out) gives.
  bool pack_weights(Scratch& scratch) {
    for (int64_t l = lowest_; l < mlp_.num_layers(); ++l) {
      if (!passes_down(l)) continue;
      const sprat_layer& layer = mlp_.layer(l);
      void* memory = scratch.bytes(linear_.packed_size(layer.out_features, layer.in_features) * size_);
      if (!memory) return false;
      const Matrix weight{advance(params_, layer.weight_offset, size_), layer.in_features, 1};
      pack_all(linear_, weight, layer.out_features, layer.in_features, memory);
      weights_[l] = {memory, layer.in_features, layer.out_features, true};
    }
    return true;
  }

  // dz of all layers, from the last to the lowest.
  bool propagate() {
    const BatchSplit split(mlp_, linear_, workspace_.rows);
    if (split.by_panels) {
      std::atomic<bool> has_memory{true};
      parallel_for(split.panels, split.grain, [&](int64_t begin, int64_t end) {
        for (int64_t panel = begin; panel < end; panel += split.panels_at_once) {
          const int64_t row = panel * width_, stop = std::min(end, panel + split.panels_at_once) * width_;
          if (!propagate({row, std::min(workspace_.rows, stop) - row}, false)) has_memory = false;
        }
      });
      return has_memory;
    }
    return propagate({0, workspace_.rows}, true);
  }

  bool propagate(const BatchPart& part, bool share_products) {
    const int64_t last = mlp_.num_layers() - 1, outputs = mlp_.layer(last).out_features;
    batch_.to_panels(advance(grad_output_, part.row * outputs, size_), part.rows, outputs, 0, panels(part),
                     at(trace(last).grad, part, outputs));
    for (int64_t l = last; l >= lowest_; --l) {
      if (!(l < last && is_fused(l)) && !through_activation(l, part)) return false;
      if (passes_down(l)) pass_down(l, part, share_products);
    }
    if (gradients_.x) {
      const int64_t inputs = mlp_.layer(0).in_features;
      batch_.from_panels(at(grad_x_, part, inputs), part.rows, inputs, 0, panels(part),
                         advance(gradients_.x, part.row * inputs, size_));
    }
    return true;
  }

  // The gradient of what the layer gave becomes that of its sums.
  bool through_activation(int64_t l, const BatchPart& part) const {
    const sprat_layer& layer = mlp_.layer(l);
    const LayerMemory& memory = trace(l).memory;
    const int64_t features = layer.out_features, n = panels(part) * width_ * features;
    char* grad = at(trace(l).grad, part, features);
    if (memory.dropped) {
      const Dropout dropout = dropout_of(layer, l, &workspace_.options);
      batch_.dropout(dropout, workspace_.options.first_row + part.row, 0, panels(part), grad, grad);
    }
    if (gradients_.hidden && gradients_.hidden[l]) {
      Scratch scratch;
      void* hidden = scratch.bytes(n * size_);
      if (!hidden) return false;
      batch_.to_panels(advance(gradients_.hidden[l], part.row * features, size_), part.rows, features, 0, panels(part),
                       hidden);
      layer_.add(hidden, grad, n);
    }
    if (mlp_.activations[static_cast<size_t>(l)] == ActivationClass::kIdentity) return true;
    kernels_.activation->list[layer.activation].backward[mlp_.dtype](at(memory.z, part, features),
                                                                     at(memory.y, part, features), grad, grad, n);
    return true;
  }

  // dy of the layer below; dz if that layer is fused.
  void pass_down(int64_t l, const BatchPart& part, bool share) const {
    const sprat_layer& layer = mlp_.layer(l);
    const Factor& weight = weights_[l];
    char* grad_x = at(l == 0 ? grad_x_ : trace(l - 1).grad, part, layer.in_features);
    LinearProduct product{};
    product.b = at(trace(l).grad, part, layer.out_features);
    product.n = part.rows;
    product.c = grad_x;
    if (l > 0 && is_fused(l - 1)) {
      product.epilogue = Epilogue::kReluGradient;
      product.gate = at(trace(l - 1).memory.y, part, layer.in_features);
    }
    const auto multiply = [&](int64_t begin, int64_t end) {
      multiply_batch(linear_, size_, weight, product, begin, end);
    };
    const int64_t units = weight.units(linear_);
    if (share) {
      parallel_for(units, grain_of(weight.unit(linear_) * weight.k * panels(part) * width_), multiply);
    } else {
      multiply(0, units);
    }
    if (const sprat_fake_quant* quant = input_quant(&workspace_.options, l)) {
      layer_.fake_quantize_gradient(*quant, at(trace(l).x, part, layer.in_features), grad_x,
                                    panels(part) * width_ * layer.in_features);
    }
  }

  bool parameter_gradients(int64_t l) const {
    const sprat_layer& layer = mlp_.layer(l);
    const int64_t rows = workspace_.rows;
    if (layer.has_bias && !is_frozen(l, 1)) {
      void* out = advance(gradients_.params, layer.bias_offset, size_);
      parallel_for(layer.out_features, 1 + kMoveGrain / rows, [&](int64_t begin, int64_t end) {
        batch_.sum_rows(trace(l).grad, rows, layer.out_features, begin, end, out);
      });
    }
    return is_frozen(l, 0) || weight_gradient(l);
  }

  // dz^T x: B is x, whose k counts rows, and A is dz, whose rows are its columns.
  bool weight_gradient(int64_t l) const {
    const sprat_layer& layer = mlp_.layer(l);
    const int64_t rows = workspace_.rows, in = layer.in_features, out = layer.out_features;
    const int64_t columns = panel_count(linear_, in), tiles = (out + linear_.max_rows - 1) / linear_.max_rows;
    LinearProduct product{};
    product.a = {trace(l).grad, width_, 1};
    product.segment = width_;
    product.segment_stride = out * width_;
    product.k = rows;
    product.n = in;
    product.c = advance(gradients_.params, layer.weight_offset, size_);
    product.c_stride = in;
    product.block = kReduceBlock;
    if (columns < 4 && tiles > columns) {
      // A narrow B: packed once, and the rows of C spread over the threads.
      Scratch scratch;
      void* packed = scratch.bytes(linear_.packed_size(rows, in) * size_);
      if (!packed) return false;
      parallel_for(columns, 1 + kMoveGrain / (rows * width_), [&](int64_t begin, int64_t end) {
        pack_input(l, begin, end, advance(packed, begin * width_ * rows, size_));
      });
      product.b = packed;
      parallel_for(out, grain_of(rows * in * linear_.max_rows) * linear_.max_rows,
                   [&](int64_t begin, int64_t end) { linear_.multiply(product, begin, end, 0, columns); });
      return true;
    }
    std::atomic<bool> has_memory{true};
    parallel_for(columns, grain_of(out * rows * width_), [&](int64_t begin, int64_t end) {
      Scratch scratch;
      void* packed = scratch.bytes(linear_.packed_size(rows, kPanelsAtOnce * width_) * size_);
      if (!packed) {
        has_memory = false;
        return;
      }
      LinearProduct part = product;
      part.b = packed;
      for (int64_t panel = begin; panel < end; panel += kPanelsAtOnce) {
        const int64_t stop = std::min(end, panel + kPanelsAtOnce);
        pack_input(l, panel, stop, packed);
        part.n = std::min(in, stop * width_) - panel * width_;
        part.c = advance(product.c, panel * width_, size_);
        linear_.multiply(part, 0, out, 0, stop - panel);
      }
    });
    return has_memory;
  }

  // Panels [begin, end) of what layer l multiplied, as B whose k counts rows.
  void pack_input(int64_t l, int64_t begin, int64_t end, void* packed) const {
    const int64_t in = mlp_.layer(l).in_features;
    if (l == 0 && !trace(0).memory.input) {
      const Matrix x{advance(workspace_.x, begin * width_, size_), in, 1};
      linear_.pack(x, workspace_.rows, std::min(in, end * width_) - begin * width_, 0, end - begin, packed);
    } else {
      batch_.pack_rows(trace(l).input(), workspace_.rows, in, begin, end, packed);
    }
  }

  // Panels of inputs that meet a tile of dz while it is in the first-level cache.
  static constexpr int64_t kPanelsAtOnce = 4;
  // Elements that are worth handing to another thread, to be moved or added.
  static constexpr int64_t kMoveGrain = int64_t{1} << 14;

  const sprat_mlp& mlp_;
  const KernelTable& kernels_;
  const LinearKernel& linear_;
  const BatchKernel& batch_;
  const LayerKernel& layer_;
  const int64_t size_, width_;
  const void* params_;
  sprat_workspace& workspace_;
  const void* grad_output_;
  const sprat_mlp_gradients& gradients_;
  const int64_t lowest_;
  Factor* weights_ = nullptr;  // weight^T of each layer that passes a gradient down
  void* grad_x_ = nullptr;     // panels
};

}  // namespace

bool backward(const sprat_mlp& mlp, const void* params, sprat_workspace& workspace, const void* grad_output,
              const sprat_mlp_gradients& gradients) {
  return BackwardPass(mlp, params, workspace, grad_output, gradients).run();
}

}  // namespace sprat
