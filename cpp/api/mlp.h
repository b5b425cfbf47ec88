// The structure of a network, and how arrays of either dtype are addressed.
#pragma once

#include <cstdint>
#include <vector>

#include "sprat/sprat.h"

// Checked by sprat_mlp_create; never changes afterwards.
struct sprat_mlp {
  uint64_t id = 0;  // of no other network of the process; addresses come back
  sprat_dtype dtype = SPRAT_FLOAT32;
  int64_t num_params = 0;
  std::vector<sprat_layer> layers;
  std::vector<bool> is_identity;    // the layer's activation
  bool params_are_covered = false;  // every parameter belongs to a layer
  int64_t widest = 0;               // largest in_features or out_features
  int64_t multiply_adds = 0;        // of one row, forward

  int64_t num_layers() const { return static_cast<int64_t>(layers.size()); }
  const sprat_layer& layer(int64_t l) const { return layers[static_cast<size_t>(l)]; }
  int64_t element_size() const { return dtype == SPRAT_FLOAT32 ? 4 : 8; }
};

namespace sprat {

inline const char* advance(const void* array, int64_t elements, int64_t element_size) {
  return static_cast<const char*>(array) + elements * element_size;
}
inline char* advance(void* array, int64_t elements, int64_t element_size) {
  return static_cast<char*>(array) + elements * element_size;
}

inline const sprat_fake_quant* input_quant(const sprat_mlp_options* options, int64_t layer) {
  return options && options->input_quant ? options->input_quant[layer] : nullptr;
}

}  // namespace sprat
