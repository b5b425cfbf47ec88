// The C ABI of networks: checks, then api/mlp_forward.h and api/mlp_train.h.
#include "api/mlp.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>

#include "api/checks.h"
#include "api/dispatch.h"
#include "api/mlp_checks.h"
#include "api/mlp_forward.h"
#include "core/scratch.h"

namespace sprat {
namespace {

constexpr int64_t kMaxLayers = 65535;

std::atomic<uint64_t> last_id{0};

struct Span {
  int64_t begin, length;
};

bool fits(const Span& span, int64_t num_params) {
  return span.begin >= 0 && span.begin <= num_params && span.length <= num_params - span.begin;
}

sprat_status check_layer(const sprat_layer* layers, int64_t l, int64_t num_layers, int64_t num_params) {
  const sprat_layer& layer = layers[l];
  const auto index = static_cast<long long>(l);
  SPRAT_REQUIRE(layer.size == sizeof layer, "layers[%lld].size: wanted %zu, got %zu", index, sizeof layer, layer.size);
  SPRAT_REQUIRE(layer.in_features >= 1 && layer.out_features >= 1,
                "layers[%lld]: wanted at least 1 feature, got %lld -> %lld", index,
                static_cast<long long>(layer.in_features), static_cast<long long>(layer.out_features));
  SPRAT_REQUIRE(l == 0 || layer.in_features == layers[l - 1].out_features,
                "layers[%lld].in_features: wanted %lld, what the layer before gives, got %lld", index,
                static_cast<long long>(layers[l - 1].out_features), static_cast<long long>(layer.in_features));
  SPRAT_REQUIRE(sprat_activation_name(layer.activation), "layers[%lld].activation: there is no activation %d", index,
                layer.activation);
  SPRAT_REQUIRE(layer.dropout >= 0 && layer.dropout < 1, "layers[%lld].dropout: wanted [0, 1), got %g", index,
                layer.dropout);
  SPRAT_REQUIRE(l + 1 < num_layers || layer.dropout == 0, "layers[%lld].dropout: the last layer has none, got %g",
                index, layer.dropout);
  SPRAT_REQUIRE(layer.in_features <= num_params / layer.out_features &&
                    fits({layer.weight_offset, layer.in_features * layer.out_features}, num_params),
                "layers[%lld].weight_offset: the weight reaches beyond the %lld parameters", index,
                static_cast<long long>(num_params));
  SPRAT_REQUIRE(!layer.has_bias || fits({layer.bias_offset, layer.out_features}, num_params),
                "layers[%lld].bias_offset: the bias reaches beyond the %lld parameters", index,
                static_cast<long long>(num_params));
  return SPRAT_OK;
}

// No two parameters may share an element. Sets whether they leave no hole.
sprat_status check_spans(sprat_mlp& mlp) {
  std::vector<Span> spans;
  int64_t covered = 0;
  for (const sprat_layer& layer : mlp.layers) {
    spans.push_back({layer.weight_offset, layer.in_features * layer.out_features});
    if (layer.has_bias) spans.push_back({layer.bias_offset, layer.out_features});
  }
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
  for (size_t i = 0; i < spans.size(); ++i) {
    SPRAT_REQUIRE(i == 0 || spans[i - 1].begin + spans[i - 1].length <= spans[i].begin,
                  "layers: two parameters share element %lld", static_cast<long long>(spans[i].begin));
    covered += spans[i].length;
  }
  mlp.params_are_covered = covered == mlp.num_params;
  return SPRAT_OK;
}

}  // namespace

sprat_status check_call(const sprat_mlp* mlp, const void* params, const void* x, int64_t rows,
                        const sprat_mlp_options* options) {
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_REQUIRE(params, "params must not be NULL");
  SPRAT_REQUIRE(is_aligned(params, mlp->element_size()), "params: not aligned to its elements");
  SPRAT_REQUIRE(rows >= 0, "rows: wanted at least 0, got %lld", static_cast<long long>(rows));
  SPRAT_REQUIRE(size_fits(rows, mlp->widest), "rows: %lld rows are more than there is memory for",
                static_cast<long long>(rows));
  SPRAT_REQUIRE(x || rows == 0, "x must not be NULL");
  SPRAT_REQUIRE(is_aligned(x, mlp->element_size()), "x: not aligned to its elements");
  if (!options) return SPRAT_OK;
  SPRAT_REQUIRE(options->size == sizeof *options, "options.size: wanted %zu, got %zu", sizeof *options, options->size);
  SPRAT_REQUIRE(options->step >= 0 && options->step < int64_t{1} << 40, "options.step: wanted [0, 2^40), got %lld",
                static_cast<long long>(options->step));
  SPRAT_REQUIRE(options->first_row >= 0, "options.first_row: wanted at least 0, got %lld",
                static_cast<long long>(options->first_row));
  for (int64_t l = 0; l < mlp->num_layers(); ++l) {
    const sprat_fake_quant* quant = input_quant(options, l);
    if (!quant) continue;
    const auto index = static_cast<long long>(l);
    SPRAT_REQUIRE(quant->size == sizeof *quant, "input_quant[%lld].size: wanted %zu, got %zu", index, sizeof *quant,
                  quant->size);
    SPRAT_REQUIRE(quant->scale > 0 && quant->scale < HUGE_VAL,
                  "input_quant[%lld].scale: wanted a positive number, got %g", index, quant->scale);
    SPRAT_REQUIRE(quant->quant_min < quant->quant_max, "input_quant[%lld]: wanted quant_min < quant_max, got %d and %d",
                  index, quant->quant_min, quant->quant_max);
  }
  return SPRAT_OK;
}

}  // namespace sprat

using namespace sprat;

sprat_status sprat_mlp_create(const sprat_layer* layers, int64_t num_layers, int64_t num_params, sprat_dtype dtype,
                              sprat_mlp** mlp) noexcept {
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_REQUIRE(layers, "layers must not be NULL");
  SPRAT_REQUIRE(num_layers >= 1 && num_layers <= kMaxLayers, "num_layers: wanted 1 to %lld, got %lld",
                static_cast<long long>(kMaxLayers), static_cast<long long>(num_layers));
  SPRAT_REQUIRE(num_params >= 0, "num_params: wanted at least 0, got %lld", static_cast<long long>(num_params));
  SPRAT_REQUIRE(dtype == SPRAT_FLOAT32 || dtype == SPRAT_FLOAT64, "dtype: wanted float32 or float64");
  for (int64_t l = 0; l < num_layers; ++l) SPRAT_RETURN_IF_REFUSED(check_layer(layers, l, num_layers, num_params));
  try {
    auto made = std::make_unique<sprat_mlp>();
    made->id = ++last_id;
    made->dtype = dtype;
    made->num_params = num_params;
    made->layers.assign(layers, layers + num_layers);
    SPRAT_RETURN_IF_REFUSED(check_spans(*made));
    for (const sprat_layer& layer : made->layers) {
      made->is_identity.push_back(std::strcmp(sprat_activation_name(layer.activation), "identity") == 0);
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

sprat_status sprat_mlp_forward(const sprat_mlp* mlp, const void* params, const void* x, int64_t rows, int64_t layer,
                               const sprat_mlp_options* options, void* out) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_call(mlp, params, x, rows, options));
  SPRAT_REQUIRE(layer >= 0 && layer < mlp->num_layers(), "layer: wanted 0 to %lld, got %lld",
                static_cast<long long>(mlp->num_layers() - 1), static_cast<long long>(layer));
  if (rows == 0) return SPRAT_OK;
  const int64_t size = mlp->element_size(), out_bytes = rows * mlp->layer(layer).out_features * size;
  SPRAT_REQUIRE(out, "out must not be NULL");
  SPRAT_REQUIRE(is_aligned(out, size), "out: not aligned to its elements");
  SPRAT_REQUIRE(!overlap(out, out_bytes, x, rows * mlp->layer(0).in_features * size), "out must not overlap x");
  SPRAT_REQUIRE(!overlap(out, out_bytes, params, mlp->num_params * size), "out must not overlap the parameters");

  const KernelTable& table = kernels();
  const LinearKernel& linear = table.linear->of[mlp->dtype];
  Scratch scratch;
  void* memory = scratch.bytes(packed_bytes(*mlp, linear, layer + 1));
  auto* packed = scratch.array<PackedLayer>(layer + 1);
  bool done = memory && packed;
  if (done) {
    pack_weights(*mlp, linear, layer + 1, params, memory, packed);
    done = forward({*mlp, table, packed, options}, x, rows, layer, out);
  }
  return done ? SPRAT_OK
              : refuse(SPRAT_OUT_OF_MEMORY, "forward: no memory for %lld rows", static_cast<long long>(rows));
}
