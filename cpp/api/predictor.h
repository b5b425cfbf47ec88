// The base of every predictor: a frozen network that any number of threads may run.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

struct sprat_predictor {
  virtual ~sprat_predictor() = default;

  // out (rows, out_features) for x (rows, in_features), rows >= 1, checked by the caller. False: there was no memory.
  // Keeps no state and takes no lock; memory comes from core/scratch.h.
  virtual bool run(const void* x, int64_t rows, void* out) const noexcept = 0;

  // How a layer is computed for so many rows, in a few words; NULL where there is no such layer.
  virtual const char* kernel(int64_t layer, int64_t rows) const noexcept = 0;

  sprat_dtype dtype = SPRAT_FLOAT32;  // of x and out
  int64_t in_features = 0, out_features = 0;
  int64_t multiply_adds = 0;  // of one row
};

namespace sprat {

// Bytes of activations that a thread takes through all layers of a predictor at once: half of a small second-level
// cache.
inline constexpr int64_t kChunkBytes = 128 << 10;

}  // namespace sprat
