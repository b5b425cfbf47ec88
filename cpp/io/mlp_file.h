// How a network lies in a file: python/sprat/io/mlp.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/align.h"
#include "io/container.h"
#include "io/head.h"
#include "sprat/sprat.h"

namespace sprat::io {

// More layers than any network that fits in a file, few enough to list in no time.
inline constexpr size_t kMaxFileLayers = 10000;

// A scale is a positive float32.
inline constexpr double kLeastScale = 1.401298464324817e-45, kMostScale = 3.4028234663852886e38;

struct MlpFile {
  sprat_dtype dtype = SPRAT_FLOAT32;
  std::vector<sprat_layer> layers;  // parameters in their order, without gaps
  int64_t num_params = 0;
  AlignedBuffer<std::byte> params;  // +0 where a mask is 0
  AlignedBuffer<uint8_t> mask;      // as long as the parameters; empty: there is none
  std::vector<uint8_t> frozen;      // two for each layer: weight and bias
  std::vector<sprat_fake_quant> quants;
  std::vector<const sprat_fake_quant*> input_quant;  // one for each layer, or none at all
  Head head;
};

// Throws FormatError, FileError, std::bad_alloc.
MlpFile read_mlp(const Container& container);

}  // namespace sprat::io
