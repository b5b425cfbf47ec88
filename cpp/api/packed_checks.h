// What a packed network asks of its layers, on every device.
#pragma once

#include "sprat/sprat.h"

namespace sprat {

// Whether each is one that can be, and takes what the one before it gives.
sprat_status check_packed_layers(const sprat_packed_layer* layers, int64_t num_layers);

}  // namespace sprat
