// The quantize and int8 sections of the C ABI refuse what cannot be, in one line, and touch nothing.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "sprat/sprat.h"

namespace {

bool refused(sprat_status status, const char* part) {
  const std::string line = sprat_last_error();
  const bool right =
      status == SPRAT_INVALID_ARGUMENT && line.find(part) != std::string::npos && line.find('\n') == std::string::npos;
  if (!right) std::cerr << "wanted a refusal with '" << part << "', got " << status << ": " << line << '\n';
  return right;
}

struct Arrays {
  float x[6] = {1, 2, 3, -4, 5, 6};
  int8_t q[6] = {9, 9, 9, 9, 9, 9};
  float scales[3] = {0.5f, 1, 2};
  int8_t zeros[3] = {0, 1, 2};
  sprat_quantizer quantizer{sizeof(sprat_quantizer), SPRAT_FLOAT32, SPRAT_INT8, -128, 127, 2, 3, 1, scales, zeros};

  bool untouched() const {
    for (const int8_t code : q) {
      if (code != 9) return false;
    }
    return true;
  }
};

template <class Change>
void check_refusal(const char* part, Change change) {
  Arrays a;
  change(a);
  CHECK(refused(sprat_quantize(&a.quantizer, a.x, a.q), part));
  CHECK(a.untouched());
  CHECK(refused(sprat_fake_quantize(&a.quantizer, a.x, a.x, nullptr), part));
  CHECK_EQ(a.x[3], -4.0f);
}

void check_quantizer() {
  Arrays good;
  CHECK_EQ(sprat_quantize(&good.quantizer, good.x, good.q), SPRAT_OK);
  const int8_t wanted[] = {2, 3, 4, -8, 6, 5};
  CHECK(std::memcmp(good.q, wanted, sizeof wanted) == 0);
  good.quantizer.zero_points = nullptr;
  CHECK_EQ(sprat_quantize(&good.quantizer, good.x, good.q), SPRAT_OK);
  CHECK_EQ(good.q[1], 2);

  check_refusal("quantizer.size", [](Arrays& a) { a.quantizer.size = 8; });
  check_refusal("quantizer.real", [](Arrays& a) { a.quantizer.real = SPRAT_UINT8; });
  check_refusal("quantizer.integer", [](Arrays& a) { a.quantizer.integer = SPRAT_FLOAT32; });
  check_refusal("quantizer.integer", [](Arrays& a) { a.quantizer.integer = static_cast<sprat_dtype>(77); });
  check_refusal("quant_min", [](Arrays& a) { a.quantizer.quant_min = -129; });
  check_refusal("quant_min", [](Arrays& a) { a.quantizer.quant_min = a.quantizer.quant_max; });
  check_refusal("outer", [](Arrays& a) { a.quantizer.outer = -1; });
  check_refusal("channels", [](Arrays& a) { a.quantizer.channels = 0; });
  check_refusal("too large", [](Arrays& a) { a.quantizer.outer = int64_t{1} << 61; });
  check_refusal("scale", [](Arrays& a) { a.quantizer.scales = nullptr; });
  check_refusal("scale", [](Arrays& a) { a.quantizer.scales = reinterpret_cast<char*>(a.scales) + 1; });
  check_refusal("scale[1]", [](Arrays& a) { a.scales[1] = 0; });
  check_refusal("scale[2]", [](Arrays& a) { a.scales[2] = NAN; });
  check_refusal("scale[0]", [](Arrays& a) { a.scales[0] = INFINITY; });
  check_refusal("zero_point[2]", [](Arrays& a) { a.quantizer.quant_max = 1; });

  Arrays a;
  CHECK(refused(sprat_quantize(nullptr, a.x, a.q), "quantizer"));
  CHECK(refused(sprat_quantize(&a.quantizer, nullptr, a.q), "NULL"));
  CHECK(refused(sprat_quantize(&a.quantizer, a.x, nullptr), "NULL"));
  CHECK(refused(sprat_quantize(&a.quantizer, a.x, a.x), "overlap"));
  CHECK(refused(sprat_quantize(&a.quantizer, reinterpret_cast<char*>(a.x) + 1, a.q), "aligned"));
  CHECK(refused(sprat_dequantize(&a.quantizer, a.q, nullptr), "NULL"));
  CHECK(refused(sprat_fake_quantize(&a.quantizer, a.x, a.x + 1, nullptr), "overlap"));
  CHECK(refused(sprat_fake_quantize(&a.quantizer, a.x, a.x, reinterpret_cast<uint8_t*>(a.x)), "overlap"));
  CHECK(a.untouched());
  a.quantizer.outer = 0;
  CHECK_EQ(sprat_quantize(&a.quantizer, nullptr, nullptr), SPRAT_OK);
}

void check_ranges() {
  float x[4] = {1, -2, NAN, 3}, low = 0, high = 0;
  int64_t non_finite = 0;
  CHECK_EQ(sprat_value_range(SPRAT_FLOAT32, 1, 1, 4, x, &low, &high, &non_finite), SPRAT_OK);
  CHECK(low == -2 && high == 3 && non_finite == 1);
  CHECK(refused(sprat_value_range(SPRAT_INT8, 1, 1, 4, x, &low, &high, nullptr), "real"));
  CHECK(refused(sprat_value_range(SPRAT_FLOAT32, 1, 1, 4, nullptr, &low, &high, nullptr), "x"));
  CHECK(refused(sprat_value_range(SPRAT_FLOAT32, 1, 1, 4, x, nullptr, &high, nullptr), "low"));
  CHECK(refused(sprat_value_range(SPRAT_FLOAT32, 1, -1, 4, x, &low, &high, nullptr), "channels"));
  float scale = 7;
  int32_t zero = 7;
  CHECK_EQ(sprat_choose_qparams(SPRAT_FLOAT32, 1, &low, &high, 0, 255, 0, &scale, &zero), SPRAT_OK);
  CHECK_EQ(zero, 102);
  CHECK(refused(sprat_choose_qparams(SPRAT_FLOAT32, 1, &high, &low, 0, 255, 0, &scale, &zero), "range[0]"));
  CHECK(refused(sprat_choose_qparams(SPRAT_FLOAT32, 1, &low, &high, 5, 5, 0, &scale, &zero), "quant_min"));
  CHECK(refused(sprat_choose_qparams(SPRAT_FLOAT32, 1, &low, nullptr, 0, 255, 0, &scale, &zero), "NULL"));
  CHECK_EQ(zero, 102);
  int32_t first = 0, last = 0;
  CHECK_EQ(sprat_quant_limits(SPRAT_UINT8, &first, &last), SPRAT_OK);
  CHECK(first == 0 && last == 255);
  CHECK(refused(sprat_quant_limits(SPRAT_FLOAT64, &first, &last), "integer"));
}

struct Network {
  int8_t weight[6] = {1, 2, 3, 4, 5, 6};
  float scales[2] = {0.5f, 0.25f}, bias[2] = {1, 2};
  sprat_packed_layer layer{sizeof(sprat_packed_layer),
                           3,
                           2,
                           SPRAT_WEIGHTS_INT8,
                           SPRAT_ZEROS_DENSE,
                           SPRAT_INPUT_STATIC,
                           sprat_activation_find("relu"),
                           weight,
                           scales,
                           0,
                           bias,
                           0.1f,
                           5};
};

template <class Change>
void check_network_refusal(const char* part, Change change) {
  Network n;
  change(n.layer, n);
  sprat_predictor* predictor = nullptr;
  CHECK(refused(sprat_predictor_create_packed(&n.layer, 1, &predictor), part));
  CHECK(predictor == nullptr);
}

void check_networks() {
  Network n;
  sprat_predictor* predictor = nullptr;
  CHECK_EQ(sprat_predictor_create_packed(&n.layer, 1, &predictor), SPRAT_OK);
  CHECK_EQ(sprat_predictor_in_features(predictor), 3);
  CHECK_EQ(sprat_predictor_out_features(predictor), 2);
  const float x[3] = {1, 0, -0.5f};
  float y[2] = {0, 0};
  CHECK_EQ(sprat_predictor_run(predictor, x, 1, y), SPRAT_OK);
  // Codes 15, 5, 0: (10 * 1 + 0 * 2 - 5 * 3) * 0.05 + 1, and (10 * 4 + 0 * 5 - 5 * 6) * 0.025 + 2.
  CHECK_NEAR(y[0], 0.75, 1e-6);
  CHECK_NEAR(y[1], 2.25, 1e-6);
  sprat_predictor_destroy(predictor);

  // Of a dynamic layer the numbers of a static input may be anything.
  Network dynamic;
  dynamic.layer.input = SPRAT_INPUT_DYNAMIC;
  float expected[2], given[2];
  for (float* out : {expected, given}) {
    CHECK_EQ(sprat_predictor_create_packed(&dynamic.layer, 1, &predictor), SPRAT_OK);
    CHECK_EQ(sprat_predictor_run(predictor, x, 1, out), SPRAT_OK);
    sprat_predictor_destroy(predictor);
    dynamic.layer.input_scale = NAN;
    dynamic.layer.input_zero_point = INT32_MIN;
  }
  CHECK_SAME_BITS(given[0], expected[0]);
  CHECK_SAME_BITS(given[1], expected[1]);

  check_network_refusal("size", [](sprat_packed_layer& l, Network&) { l.size = 0; });
  check_network_refusal("in_features", [](sprat_packed_layer& l, Network&) { l.in_features = 0; });
  check_network_refusal("in_features", [](sprat_packed_layer& l, Network&) { l.in_features = 65794; });
  check_network_refusal("out_features", [](sprat_packed_layer& l, Network&) { l.out_features = 0; });
  check_network_refusal("out_features", [](sprat_packed_layer& l, Network&) { l.out_features = INT64_MAX; });
  check_network_refusal("weights", [](sprat_packed_layer& l, Network&) { l.weights = 5; });
  check_network_refusal("zeros", [](sprat_packed_layer& l, Network&) { l.zeros = -1; });
  check_network_refusal("zeros", [](sprat_packed_layer& l, Network&) { l.zeros = SPRAT_ZEROS_UNSTRUCTURED; });
  check_network_refusal("input", [](sprat_packed_layer& l, Network&) { l.input = 4; });
  check_network_refusal("input", [](sprat_packed_layer& l, Network&) { l.input = SPRAT_INPUT_FLOAT; });
  check_network_refusal("input", [](sprat_packed_layer& l, Network&) { l.input = SPRAT_INPUT_BFLOAT16; });
  check_network_refusal("group_size", [](sprat_packed_layer& l, Network&) { l.group_size = 32; });
  check_network_refusal("group_size", [](sprat_packed_layer& l, Network&) { l.weights = SPRAT_WEIGHTS_INT4; });
  check_network_refusal("activation", [](sprat_packed_layer& l, Network&) { l.activation = 999; });
  check_network_refusal("weight", [](sprat_packed_layer& l, Network&) { l.weight = nullptr; });
  check_network_refusal("weight_scales", [](sprat_packed_layer& l, Network&) { l.weight_scales = nullptr; });
  check_network_refusal("weight_scales[1]", [](sprat_packed_layer&, Network& m) { m.scales[1] = -1; });
  check_network_refusal("bias[0]", [](sprat_packed_layer&, Network& m) { m.bias[0] = NAN; });
  check_network_refusal("input_scale", [](sprat_packed_layer& l, Network&) { l.input_scale = 0; });
  check_network_refusal("input_scale", [](sprat_packed_layer& l, Network& m) {
    l.input_scale = 1e30f;
    m.scales[1] = 1e30f;
  });
  check_network_refusal("input_zero_point", [](sprat_packed_layer& l, Network&) { l.input_zero_point = 256; });
  predictor = nullptr;
  CHECK(refused(sprat_predictor_create_packed(&n.layer, 0, &predictor), "layers"));
  CHECK(refused(sprat_predictor_create_packed(nullptr, 1, &predictor), "layers"));
  CHECK(refused(sprat_predictor_create_packed(&n.layer, 1, nullptr), "predictor"));
  const sprat_packed_layer two[2] = {n.layer, n.layer};
  CHECK(refused(sprat_predictor_create_packed(two, 2, &predictor), "layers[1].in_features: wanted 2"));
}

}  // namespace

int main() {
  check_quantizer();
  check_ranges();
  check_networks();
  return check::report();
}
