// Networks on the device: making one, and the forward pass.
#include "cuda/network.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "api/mlp_checks.h"
#include "cuda/between.h"
#include "cuda/scratch.h"

namespace sprat {
namespace {

std::atomic<uint64_t> last_id{0};

}  // namespace

namespace cuda {
namespace {

template <class T>
Product<T> product_of(const void* a, const void* b, void* c, int64_t m, int64_t n, int64_t k,
                      const ProductExtras& extras) {
  return {static_cast<const T*>(a),
          static_cast<const T*>(b),
          static_cast<T*>(c),
          m,
          n,
          k,
          static_cast<const T*>(extras.bias),
          extras.relu,
          static_cast<const T*>(extras.gate),
          static_cast<T*>(extras.parts)};
}

}  // namespace

Dropout NetworkCall::dropout(int64_t l) const { return dropout_of(layer(l), l, options); }

sprat_status NetworkCall::multiply(ProductForm form, const void* a, const void* b, void* c, int64_t m, int64_t n,
                                   int64_t k, const ProductExtras& extras) const {
  if (mlp.dtype == SPRAT_FLOAT64) {
    return cuda::multiply(form, product_of<double>(a, b, c, m, n, k, extras), stream);
  }
  return cuda::multiply(form, product_of<float>(a, b, c, m, n, k, extras), stream);
}

sprat_status NetworkCall::forward(int64_t l, const void* x, int64_t rows, const LayerMemory& memory) const {
  const sprat_layer& shape = layer(l);
  const sprat_fake_quant* quant = input_quant(options, l);
  if (quant) {
    SPRAT_RETURN_IF_REFUSED(fake_quantize(mlp.dtype, *quant, x, memory.input, rows * shape.in_features, stream));
    x = memory.input;
  }
  const bool other = activation(l) == ActivationClass::kOther;
  ProductExtras extras;
  extras.bias = bias(l);
  extras.relu = activation(l) == ActivationClass::kRelu;
  SPRAT_RETURN_IF_REFUSED(multiply(ProductForm::kForward, x, weight(l), other ? memory.z : memory.y, rows,
                                   shape.out_features, shape.in_features, extras));
  if (other) {
    SPRAT_RETURN_IF_REFUSED(sprat_cuda_activation_forward(shape.activation, mlp.dtype, memory.z, memory.y,
                                                          rows * shape.out_features, stream));
  }
  if (!memory.dropped) return SPRAT_OK;
  return apply_dropout(mlp.dtype, dropout(l), first_row(), rows, memory.y, memory.dropped, stream);
}

}  // namespace cuda
}  // namespace sprat

using namespace sprat;

sprat_status sprat_cuda_mlp_create(const sprat_layer* layers, int64_t num_layers, int64_t num_params, sprat_dtype dtype,
                                   sprat_cuda_mlp** mlp) noexcept {
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_layers(layers, num_layers, num_params));
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  try {
    auto made = std::make_unique<sprat_cuda_mlp>();
    sprat_mlp& structure = made->structure;
    structure.id = ++last_id;
    structure.dtype = dtype;
    structure.num_params = num_params;
    structure.layers.assign(layers, layers + num_layers);
    SPRAT_RETURN_IF_REFUSED(check_spans(structure));
    for (const sprat_layer& layer : structure.layers) {
      structure.activations.push_back(activation_class(layer.activation));
      structure.widest = std::max({structure.widest, layer.in_features, layer.out_features});
      structure.multiply_adds += layer.in_features * layer.out_features;
    }
    *mlp = made.release();
  } catch (const std::bad_alloc&) {
    return refuse(SPRAT_OUT_OF_MEMORY, "mlp: no memory");
  }
  return SPRAT_OK;
}

void sprat_cuda_mlp_destroy(sprat_cuda_mlp* mlp) noexcept { delete mlp; }

sprat_status sprat_cuda_mlp_forward(const sprat_cuda_mlp* handle, const void* params, const void* x, int64_t rows,
                                    int64_t layer, const sprat_mlp_options* options, void* out, void* stream) noexcept {
  SPRAT_REQUIRE(handle, "mlp must not be NULL");
  const sprat_mlp& mlp = handle->structure;
  SPRAT_RETURN_IF_REFUSED(check_mlp_call(&mlp, params, x, rows, options));
  SPRAT_REQUIRE(layer >= 0 && layer < mlp.num_layers(), "layer: wanted 0 to %lld, got %lld",
                shown(mlp.num_layers() - 1), shown(layer));
  if (rows == 0) return SPRAT_OK;
  const int64_t size = mlp.element_size(), out_bytes = rows * mlp.layer(layer).out_features * size;
  SPRAT_RETURN_IF_REFUSED(check_array("out", out, size));
  SPRAT_REQUIRE(!overlap(out, out_bytes, x, rows * mlp.layer(0).in_features * size), "out must not overlap x");
  SPRAT_REQUIRE(!overlap(out, out_bytes, params, mlp.num_params * size), "out must not overlap the parameters");

  const bool quantizes = options && options->input_quant;
  const int64_t bytes = round_up(rows * mlp.widest * size, kAlignment), arrays = (layer > 0 ? 2 : 0) + quantizes;
  cuda::Scratch scratch(stream);
  SPRAT_RETURN_IF_REFUSED(scratch.allocate(arrays * bytes));
  const auto array = [&](int64_t i) { return static_cast<void*>(scratch.as<char>() + i * bytes); };
  const cuda::NetworkCall call{mlp, params, options, stream};
  for (int64_t l = 0; l <= layer; ++l) {
    void* y = l == layer ? out : array(l % 2);
    SPRAT_RETURN_IF_REFUSED(call.forward(l, x, rows, {quantizes ? array(arrays - 1) : nullptr, y, y, nullptr}));
    x = y;
  }
  return SPRAT_OK;
}
