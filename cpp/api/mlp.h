// The structure of a network.
#pragma once

#include <cstdint>
#include <vector>

#include "api/checks.h"
#include "kernels/batch.h"
#include "sprat/sprat.h"

namespace sprat {

// Who applies a layer's activation: nobody, the product on its way to memory, or a pass of its own.
enum class ActivationClass { kIdentity, kRelu, kOther };
ActivationClass activation_class(int32_t activation);

}  // namespace sprat

// Checked by sprat_mlp_create; never changes afterwards.
struct sprat_mlp {
  uint64_t id = 0;  // of no other network of the process; addresses come back
  sprat_dtype dtype = SPRAT_FLOAT32;
  int64_t num_params = 0;
  std::vector<sprat_layer> layers;
  std::vector<sprat::ActivationClass> activations;
  bool params_are_covered = false;  // every parameter belongs to a layer
  int64_t widest = 0;               // largest in_features or out_features
  int64_t multiply_adds = 0;        // of one row, forward

  int64_t num_layers() const { return static_cast<int64_t>(layers.size()); }
  const sprat_layer& layer(int64_t l) const { return layers[static_cast<size_t>(l)]; }
  int64_t element_size() const { return sprat::item_size(dtype); }
};

namespace sprat {

inline constexpr int64_t kMaxLayers = 65535;  // the number of a layer is 16 bits of the stream of its dropout

inline const sprat_fake_quant* input_quant(const sprat_mlp_options* options, int64_t layer) {
  return options && options->input_quant ? options->input_quant[layer] : nullptr;
}

// The dropout of a layer in a pass: see sprat_mlp_options.
inline Dropout dropout_of(const sprat_layer& layer, int64_t l, const sprat_mlp_options* options) {
  const uint64_t step = options ? static_cast<uint64_t>(options->step) : 0;
  const uint64_t stream = uint64_t{0xD0} << 56 | step << 16 | static_cast<uint64_t>(l);
  return {options ? options->dropout_seed : 0, stream, layer.dropout, layer.out_features};
}

}  // namespace sprat
