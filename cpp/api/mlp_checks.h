// Checks that the functions of a network share.
#pragma once

#include <initializer_list>

#include "api/checks.h"
#include "api/mlp.h"

namespace sprat {

sprat_status check_layers(const sprat_layer* layers, int64_t num_layers, int64_t num_params);

// No two parameters may share an element. Sets whether they leave no hole.
sprat_status check_spans(sprat_mlp& mlp);

// What every pass is given. x may be NULL if rows is 0, and options always.
sprat_status check_mlp_call(const sprat_mlp* mlp, const void* params, const void* x, int64_t rows,
                            const sprat_mlp_options* options);

// Arrays that a call reads.
struct Read {
  const char* name;
  const void* array;
  int64_t bytes;
};
using Reads = std::initializer_list<Read>;

// What gradients are written to must overlap nothing that is read: `reads`, and what gradients itself tells.
sprat_status check_gradients(const sprat_mlp& mlp, int64_t rows, Reads reads, const sprat_mlp_gradients* gradients);

}  // namespace sprat
