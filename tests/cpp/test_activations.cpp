// Activations through the C ABI: the same bits on every instruction set of every architecture, and what is refused.
#include <string>
#include <vector>

#include "check.h"
#include "fingerprint.h"
#include "sprat/sprat.h"

namespace {

template <class T>
uint64_t fingerprint_of(int32_t activation, sprat_dtype dtype) {
  uint64_t hash = check::fingerprint(std::vector<T>{});
  for (double scale : {0.01, 3.0, 90.0}) {
    const std::vector<T> z = check::spread<T>(1003, scale), grad_y = check::spread<T>(1003, 1);
    std::vector<T> y(z.size()), grad_z(z.size());
    const int64_t n = static_cast<int64_t>(z.size());
    CHECK_EQ(sprat_activation_forward(activation, dtype, z.data(), y.data(), n), SPRAT_OK);
    CHECK_EQ(sprat_activation_backward(activation, dtype, z.data(), y.data(), grad_y.data(), grad_z.data(), n),
             SPRAT_OK);
    hash = check::fingerprint(grad_z, check::fingerprint(y, hash));
  }
  return hash;
}

void test_bits() {
  uint64_t all = 0;
  for (int32_t activation = 0; activation < sprat_activation_count(); ++activation) {
    const uint64_t single = fingerprint_of<float>(activation, SPRAT_FLOAT32);
    const uint64_t real = fingerprint_of<double>(activation, SPRAT_FLOAT64);
    for (int32_t i = 0; i < sprat_isa_count(); ++i) {
      if (!sprat_isa_supported(sprat_isa_name(i))) continue;
      CHECK_EQ(sprat_set_isa(sprat_isa_name(i)), SPRAT_OK);
      CHECK_EQ(fingerprint_of<float>(activation, SPRAT_FLOAT32), single);
      CHECK_EQ(fingerprint_of<double>(activation, SPRAT_FLOAT64), real);
    }
    if (activation < 11) all ^= single * 31 + real;
  }
  CHECK_EQ(
      all,
      6212480765230579058u);  // of the first eleven; a formula or math.h that changes a bit on purpose changes this
}

void test_refusals() {
  float x[4] = {1, 2, 3, 4};
  const int32_t relu = sprat_activation_find("relu"), gelu = sprat_activation_find("gelu");
  const auto refused = [](sprat_status status, const char* line) {
    CHECK_EQ(status, SPRAT_INVALID_ARGUMENT);
    CHECK_EQ(std::string(sprat_last_error()), std::string(line));
  };
  CHECK_EQ(sprat_activation_find("swish"), -1);
  CHECK_EQ(sprat_activation_needs_input(-1), -1);
  CHECK(sprat_activation_name(sprat_activation_count()) == nullptr);
  refused(sprat_activation_forward(99, SPRAT_FLOAT32, x, x, 4), "activation: there is no activation 99");
  refused(sprat_activation_forward(relu, SPRAT_INT8, x, x, 4), "dtype: wanted float32 or float64");
  refused(sprat_activation_forward(relu, SPRAT_FLOAT32, x, x, -1), "length: wanted at least 0, got -1");
  refused(sprat_activation_forward(relu, SPRAT_FLOAT32, nullptr, x, 4), "z must not be NULL");
  refused(sprat_activation_forward(relu, SPRAT_FLOAT32, x, reinterpret_cast<char*>(x) + 1, 1),
          "y: wanted an array aligned to its element");
  refused(sprat_activation_forward(relu, SPRAT_FLOAT32, x, x + 1, 3), "y overlaps a part of z");
  refused(sprat_activation_backward(gelu, SPRAT_FLOAT32, nullptr, x, x, x, 4),
          "z must not be NULL: the gradient of gelu needs it");
  CHECK_EQ(sprat_activation_backward(relu, SPRAT_FLOAT32, nullptr, nullptr, nullptr, nullptr, 0), SPRAT_OK);
  for (int i = 0; i < 4; ++i) CHECK_EQ(x[i], float(i + 1));
}

}  // namespace

int main() {
  test_bits();
  test_refusals();
  return check::report();
}
