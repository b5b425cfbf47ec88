// How a packed network lies in a file: python/sprat/io/packed_mlp.py and python/sprat/packing/storage.py.
#pragma once

#include <cstddef>
#include <vector>

#include "core/align.h"
#include "io/container.h"
#include "io/head.h"
#include "sprat/sprat.h"

namespace sprat::io {

struct PackedFile {
  std::vector<sprat_packed_layer> layers;  // point into arrays
  std::vector<AlignedBuffer<std::byte>> arrays;
  Head head;
};

// Proves all but what sprat_predictor_create_packed asks of the layers. Throws FormatError, FileError, std::bad_alloc.
PackedFile read_packed(const Container& container);

}  // namespace sprat::io
