#include "api/packed_layer.h"

namespace sprat {

std::unique_ptr<PackedLayer> pack_layer(const sprat_packed_layer& layer, const KernelTable& kernels) {
  switch (layer.weights) {
    case SPRAT_WEIGHTS_FLOAT32:
      return layer.zeros == SPRAT_ZEROS_DENSE ? pack_float_layer(layer, kernels) : pack_sparse_layer(layer, kernels);
    case SPRAT_WEIGHTS_FLOAT16:
    case SPRAT_WEIGHTS_BFLOAT16:
      return pack_half_layer(layer, kernels);
    case SPRAT_WEIGHTS_INT8:
      return pack_int8_layer(layer, kernels);
    case SPRAT_WEIGHTS_INT4:
      return pack_int4_layer(layer, kernels);
    default:
      return nullptr;
  }
}

}  // namespace sprat
