// The C ABI of networks: making one, and the forward pass.
#include "api/mlp.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "api/dispatch.h"
#include "api/mlp_checks.h"
#include "api/mlp_forward.h"
#include "api/params.h"
#include "core/scratch.h"

namespace sprat {
namespace {

std::atomic<uint64_t> last_id{0};

}  // namespace

}  // namespace sprat

using namespace sprat;

sprat_status sprat_mlp_create(const sprat_layer* layers, int64_t num_layers, int64_t num_params, sprat_dtype dtype,
                              sprat_mlp** mlp) noexcept {
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_layers(layers, num_layers, num_params));
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  try {
    auto made = std::make_unique<sprat_mlp>();
    made->id = ++last_id;
    made->dtype = dtype;
    made->num_params = num_params;
    made->layers.assign(layers, layers + num_layers);
    SPRAT_RETURN_IF_REFUSED(check_spans(*made));
    for (const sprat_layer& layer : made->layers) {
      made->activations.push_back(activation_class(layer.activation));
      made->widest = std::max({made->widest, layer.in_features, layer.out_features});
      made->multiply_adds += layer.in_features * layer.out_features;
    }
    *mlp = made.release();
  } catch (const std::bad_alloc&) {
    return refuse(SPRAT_OUT_OF_MEMORY, "mlp: no memory");
  }
  return SPRAT_OK;
}

void sprat_mlp_destroy(sprat_mlp* mlp) noexcept { delete mlp; }

int64_t sprat_mlp_num_layers(const sprat_mlp* mlp) noexcept { return mlp->num_layers(); }
int64_t sprat_mlp_num_params(const sprat_mlp* mlp) noexcept { return mlp->num_params; }
sprat_dtype sprat_mlp_dtype(const sprat_mlp* mlp) noexcept { return mlp->dtype; }
const sprat_layer* sprat_mlp_layer(const sprat_mlp* mlp, int64_t layer) noexcept {
  return layer >= 0 && layer < mlp->num_layers() ? &mlp->layer(layer) : nullptr;
}

sprat_status sprat_mlp_forward(const sprat_mlp* mlp, const void* params, const void* x, int64_t rows, int64_t layer,
                               const sprat_mlp_options* options, void* out) noexcept {
  const Params taken(options);
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(mlp, params, x, rows, options));
  SPRAT_REQUIRE(layer >= 0 && layer < mlp->num_layers(), "layer: wanted 0 to %lld, got %lld",
                shown(mlp->num_layers() - 1), shown(layer));
  if (rows == 0) return SPRAT_OK;
  const int64_t size = mlp->element_size(), out_bytes = rows * mlp->layer(layer).out_features * size;
  SPRAT_RETURN_IF_REFUSED(check_array("out", out, size));
  SPRAT_REQUIRE(!overlap(out, out_bytes, x, rows * mlp->layer(0).in_features * size), "out must not overlap x");
  SPRAT_REQUIRE(!overlap(out, out_bytes, params, mlp->num_params * size), "out must not overlap the parameters");

  Scratch scratch;
  auto* weights = scratch.array<LayerWeights>(mlp->num_layers());
  if (weights) weights_of(*mlp, params, weights);
  const bool done = weights && forward({*mlp, kernels(), weights, options}, x, rows, layer, out);
  return done ? SPRAT_OK : refuse(SPRAT_OUT_OF_MEMORY, "forward: no memory for %lld rows", shown(rows));
}
