#include "api/mlp_checks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace sprat {

ActivationClass activation_class(int32_t activation) {
  const char* name = sprat_activation_name(activation);
  if (std::strcmp(name, "identity") == 0) return ActivationClass::kIdentity;
  return std::strcmp(name, "relu") == 0 ? ActivationClass::kRelu : ActivationClass::kOther;
}

namespace {

struct Span {
  int64_t begin, length;
};

bool fits(const Span& span, int64_t num_params) {
  return span.begin >= 0 && span.begin <= num_params && span.length <= num_params - span.begin;
}

sprat_status check_layer(const sprat_layer* layers, int64_t l, int64_t num_layers, int64_t num_params) {
  const sprat_layer& layer = layers[l];
  const auto index = shown(l);
  SPRAT_REQUIRE(layer.size == sizeof layer, "layers[%lld].size: wanted %zu, got %zu", index, sizeof layer, layer.size);
  SPRAT_REQUIRE(layer.in_features >= 1 && layer.out_features >= 1,
                "layers[%lld]: wanted at least 1 feature, got %lld -> %lld", index, shown(layer.in_features),
                shown(layer.out_features));
  SPRAT_REQUIRE(l == 0 || layer.in_features == layers[l - 1].out_features,
                "layers[%lld].in_features: wanted %lld, what the layer before gives, got %lld", index,
                shown(layers[l - 1].out_features), shown(layer.in_features));
  SPRAT_REQUIRE(sprat_activation_name(layer.activation), "layers[%lld].activation: there is no activation %d", index,
                layer.activation);
  SPRAT_REQUIRE(layer.dropout >= 0 && layer.dropout < 1, "layers[%lld].dropout: wanted [0, 1), got %g", index,
                layer.dropout);
  SPRAT_REQUIRE(l + 1 < num_layers || layer.dropout == 0, "layers[%lld].dropout: the last layer has none, got %g",
                index, layer.dropout);
  SPRAT_REQUIRE(layer.in_features <= num_params / layer.out_features &&
                    fits({layer.weight_offset, layer.in_features * layer.out_features}, num_params),
                "layers[%lld].weight_offset: the weight reaches beyond the %lld parameters", index, shown(num_params));
  SPRAT_REQUIRE(!layer.has_bias || fits({layer.bias_offset, layer.out_features}, num_params),
                "layers[%lld].bias_offset: the bias reaches beyond the %lld parameters", index, shown(num_params));
  return SPRAT_OK;
}

sprat_status check_written(const char* name, const void* written, int64_t bytes, int64_t element_size, Reads reads) {
  SPRAT_REQUIRE(is_aligned(written, element_size), "%s: wanted an array aligned to its element", name);
  for (const Read& read : reads) {
    SPRAT_REQUIRE(!overlap(written, bytes, read.array, read.bytes), "%s must not overlap %s", name, read.name);
  }
  return SPRAT_OK;
}

}  // namespace

sprat_status check_layers(const sprat_layer* layers, int64_t num_layers, int64_t num_params) {
  SPRAT_REQUIRE(layers, "layers must not be NULL");
  SPRAT_REQUIRE(num_layers >= 1 && num_layers <= kMaxLayers, "num_layers: wanted 1 to %lld, got %lld",
                shown(kMaxLayers), shown(num_layers));
  SPRAT_REQUIRE(num_params >= 0, "num_params: wanted at least 0, got %lld", shown(num_params));
  for (int64_t l = 0; l < num_layers; ++l) SPRAT_RETURN_IF_REFUSED(check_layer(layers, l, num_layers, num_params));
  return SPRAT_OK;
}

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
                  "layers: two parameters share element %lld", shown(spans[i].begin));
    covered += spans[i].length;
  }
  mlp.params_are_covered = covered == mlp.num_params;
  return SPRAT_OK;
}

sprat_status check_mlp_call(const sprat_mlp* mlp, const void* params, const void* x, int64_t rows,
                            const sprat_mlp_options* options) {
  SPRAT_REQUIRE(mlp, "mlp must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_array("params", params, mlp->element_size()));
  SPRAT_REQUIRE(rows >= 0, "rows: wanted at least 0, got %lld", shown(rows));
  // With a last panel of whole width, and a few arrays for each layer.
  const int64_t most = int64_t{1} << 40, arrays = 8 * (mlp->num_layers() + 1);
  SPRAT_REQUIRE(rows < most && size_fits((rows + 64) * arrays, mlp->widest),
                "rows: %lld rows are more than there is memory for", shown(rows));
  if (rows > 0) SPRAT_RETURN_IF_REFUSED(check_array("x", x, mlp->element_size()));
  if (!options) return SPRAT_OK;
  SPRAT_REQUIRE(options->size == sizeof *options, "options.size: wanted %zu, got %zu", sizeof *options, options->size);
  SPRAT_REQUIRE(options->step >= 0 && options->step < int64_t{1} << 40, "options.step: wanted [0, 2^40), got %lld",
                shown(options->step));
  SPRAT_REQUIRE(options->first_row >= 0, "options.first_row: wanted at least 0, got %lld", shown(options->first_row));
  for (int64_t l = 0; l < mlp->num_layers(); ++l) {
    const sprat_fake_quant* quant = input_quant(options, l);
    if (!quant) continue;
    const auto index = shown(l);
    SPRAT_REQUIRE(quant->size == sizeof *quant, "input_quant[%lld].size: wanted %zu, got %zu", index, sizeof *quant,
                  quant->size);
    SPRAT_REQUIRE(quant->scale > 0 && quant->scale < HUGE_VAL,
                  "input_quant[%lld].scale: wanted a positive number, got %g", index, quant->scale);
    SPRAT_REQUIRE(quant->quant_min < quant->quant_max, "input_quant[%lld]: wanted quant_min < quant_max, got %d and %d",
                  index, quant->quant_min, quant->quant_max);
    SPRAT_REQUIRE(quant->quant_min <= quant->zero_point && quant->zero_point <= quant->quant_max,
                  "input_quant[%lld].zero_point: wanted %d to %d, got %d", index, quant->quant_min, quant->quant_max,
                  quant->zero_point);
  }
  return SPRAT_OK;
}

sprat_status check_gradients(const sprat_mlp& mlp, int64_t rows, Reads reads, const sprat_mlp_gradients* gradients) {
  const int64_t size = mlp.element_size(), bytes = mlp.num_params * size;
  const int64_t x_bytes = rows * mlp.layers.front().in_features * size;
  SPRAT_REQUIRE(gradients && gradients->size == sizeof *gradients, "gradients.size: wanted %zu", sizeof *gradients);
  SPRAT_REQUIRE(gradients->params, "gradients.params must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_written("gradients.params", gradients->params, bytes, size, reads));
  SPRAT_RETURN_IF_REFUSED(check_written("gradients.x", gradients->x, x_bytes, size, reads));
  SPRAT_REQUIRE(!overlap(gradients->x, x_bytes, gradients->params, bytes),
                "gradients.x must not overlap gradients.params");
  SPRAT_REQUIRE(!overlap(gradients->frozen, 2 * mlp.num_layers(), gradients->params, bytes) &&
                    !overlap(gradients->frozen, 2 * mlp.num_layers(), gradients->x, x_bytes),
                "gradients.frozen must not overlap what is written");
  if (!gradients->hidden) return SPRAT_OK;
  SPRAT_REQUIRE(!gradients->hidden[mlp.num_layers() - 1], "gradients.hidden: the last layer's is grad_output");
  for (int64_t l = 0; l < mlp.num_layers(); ++l) {
    const void* hidden = gradients->hidden[l];
    const int64_t hidden_bytes = rows * mlp.layer(l).out_features * size;
    SPRAT_REQUIRE(is_aligned(hidden, size), "gradients.hidden[%lld]: wanted an array aligned to its element", shown(l));
    SPRAT_REQUIRE(!overlap(hidden, hidden_bytes, gradients->params, bytes) &&
                      !overlap(hidden, hidden_bytes, gradients->x, x_bytes),
                  "gradients.hidden[%lld] must not overlap what is written", shown(l));
  }
  return SPRAT_OK;
}

}  // namespace sprat
