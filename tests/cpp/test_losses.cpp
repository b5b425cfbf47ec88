// Losses through the C ABI: the same bits on every instruction set of every architecture, and what is refused.
#include <string>
#include <vector>

#include "check.h"
#include "fingerprint.h"
#include "sprat/sprat.h"

namespace {

sprat_loss_params params_of(const char* loss) {
  sprat_loss_params params{};
  params.size = sizeof params;
  params.loss = sprat_loss_find(loss);
  params.label_smoothing = 0.1;
  params.delta = 0.7;
  params.temperature = 3;
  params.alpha = 0.6;
  return params;
}

// Value and gradient, for class ids where the loss takes them and for numbers, with and without a teacher.
template <class T>
uint64_t fingerprint_of(const char* loss, sprat_dtype dtype, int64_t rows, int64_t columns) {
  const sprat_loss_params params = params_of(loss);
  const int64_t n = rows * columns;
  const std::vector<T> output = check::spread<T>(n, 9), teacher = check::spread<T>(n + 5, 8);
  std::vector<T> weight = check::spread<T>(rows, 1), numbers = check::spread<T>(n, 1), grad(output.size());
  for (T& x : weight) x = x < 0 ? -x : x;
  for (T& x : numbers) x = x < 0 ? -x : x;
  std::vector<int64_t> ids;
  for (int64_t row = 0; row < rows; ++row) ids.push_back(row * 7 % columns);

  uint64_t hash = check::fingerprint(std::vector<T>{});
  for (int kind = 0; kind < (std::string(loss) == "cross_entropy" ? 2 : 1); ++kind) {
    const void* target = kind ? static_cast<const void*>(ids.data()) : numbers.data();
    for (const T* taught : {static_cast<const T*>(nullptr), teacher.data() + 5}) {
      double value = 0;
      CHECK_EQ(sprat_loss(&params, dtype, output.data(), target, static_cast<sprat_target>(kind), taught, weight.data(),
                          rows, columns, grad.data(), &value),
               SPRAT_OK);
      hash = check::fingerprint(grad, check::fingerprint(std::vector<double>{value}, hash));
    }
  }
  return hash;
}

uint64_t fingerprint_of_all() {
  uint64_t all = 0;
  for (const char* loss : {"cross_entropy", "bce_with_logits", "mse", "mae", "huber"}) {
    for (int64_t columns : {1, 2, 10, 37}) {
      if (columns == 1 && std::string(loss) == "cross_entropy") continue;
      all = all * 31 + fingerprint_of<float>(loss, SPRAT_FLOAT32, 600, columns);
      all = all * 31 + fingerprint_of<double>(loss, SPRAT_FLOAT64, 600, columns);
    }
  }
  std::vector<float> x = check::spread<float>(70 * 11, 20), y = x;
  CHECK_EQ(sprat_softmax(SPRAT_FLOAT32, x.data(), x.data(), 70, 11), SPRAT_OK);
  CHECK_EQ(sprat_log_softmax(SPRAT_FLOAT32, y.data(), y.data(), 70, 11), SPRAT_OK);
  return all * 31 + check::fingerprint(y, check::fingerprint(x));
}

void test_bits() {
  // A formula, a sum or math.h that changes a bit on purpose changes this.
  constexpr uint64_t kFingerprint = 1032695004333564096u;
  for (int32_t i = 0; i < sprat_isa_count(); ++i) {
    if (!sprat_isa_supported(sprat_isa_name(i))) continue;
    CHECK_EQ(sprat_set_isa(sprat_isa_name(i)), SPRAT_OK);
    CHECK_EQ(fingerprint_of_all(), kFingerprint);
  }
}

// Rows as lanes (kernels/few_classes.h) against one row at a time, which class weights of 1 ask for.
template <class T>
void check_few_classes(sprat_dtype dtype) {
  for (int64_t columns : {2, 3, 8, 10, 15, 16}) {
    for (int64_t rows : {1, 2, 7, 16, 33, 150}) {
      sprat_loss_params params = params_of("cross_entropy");
      params.label_smoothing = 0;
      const std::vector<T> output = check::spread<T>(rows * columns, 30), ones(static_cast<size_t>(columns), T(1));
      std::vector<T> weight = check::spread<T>(rows, 1), few = output, single(output.size());
      for (T& w : weight) w = w * w + T(0.01);
      std::vector<int64_t> ids;
      for (int64_t row = 0; row < rows; ++row) ids.push_back(row * 5 % columns);
      double few_value = 0, single_value = 0;
      CHECK_EQ(sprat_loss(&params, dtype, few.data(), ids.data(), SPRAT_TARGET_CLASSES, nullptr, weight.data(), rows,
                          columns, few.data(), &few_value),
               SPRAT_OK);
      params.class_weight = ones.data();
      CHECK_EQ(sprat_loss(&params, dtype, output.data(), ids.data(), SPRAT_TARGET_CLASSES, nullptr, weight.data(), rows,
                          columns, single.data(), &single_value),
               SPRAT_OK);
      CHECK_SAME_BITS(few_value, single_value);
      for (size_t i = 0; i < few.size(); ++i) CHECK_SAME_BITS(few[i], single[i]);
    }
  }
}

void test_few_classes() {
  for (int32_t i = 0; i < sprat_isa_count(); ++i) {
    if (!sprat_isa_supported(sprat_isa_name(i))) continue;
    CHECK_EQ(sprat_set_isa(sprat_isa_name(i)), SPRAT_OK);
    check_few_classes<float>(SPRAT_FLOAT32);
    check_few_classes<double>(SPRAT_FLOAT64);
  }
}

void test_refusals() {
  float z[6] = {1, 2, 3, 4, 5, 6}, grad[6] = {7, 7, 7, 7, 7, 7};
  const float weight[2] = {0, 0};
  const int64_t ids[2] = {0, 3};
  double value = -1;
  sprat_loss_params params = params_of("cross_entropy");
  const auto loss = [&](sprat_dtype dtype, const void* target, sprat_target kind, const void* teacher,
                        const void* sample_weight, int64_t rows, void* out) {
    return sprat_loss(&params, dtype, z, target, kind, teacher, sample_weight, rows, 3, out, &value);
  };
  const auto refused = [&](sprat_status status, const char* line) {
    CHECK_EQ(status, SPRAT_INVALID_ARGUMENT);
    CHECK_EQ(std::string(sprat_last_error()), std::string(line));
    CHECK_EQ(value, -1);
    for (float g : grad) CHECK_EQ(g, 7);
  };
  refused(loss(SPRAT_FLOAT32, ids, SPRAT_TARGET_CLASSES, nullptr, nullptr, 2, grad),
          "target: wanted class ids in [0, 3), got 3 in row 1");
  refused(loss(SPRAT_FLOAT32, nullptr, SPRAT_TARGET_CLASSES, nullptr, nullptr, 2, grad), "target must not be NULL");
  refused(loss(SPRAT_INT8, z, SPRAT_TARGET_NUMBERS, nullptr, nullptr, 2, grad), "dtype: wanted float32 or float64");
  refused(loss(SPRAT_FLOAT32, z, SPRAT_TARGET_NUMBERS, nullptr, nullptr, 0, grad),
          "output: wanted at least one row, got 0");
  refused(loss(SPRAT_FLOAT32, z, static_cast<sprat_target>(5), nullptr, nullptr, 2, grad),
          "target_kind: wanted numbers or classes, got 5");
  refused(loss(SPRAT_FLOAT32, z, SPRAT_TARGET_NUMBERS, nullptr, weight, 2, grad),
          "sample_weight: the weights of these rows sum to 0");
  refused(loss(SPRAT_FLOAT32, z, SPRAT_TARGET_NUMBERS, z, nullptr, 2, z), "grad_output overlaps output");
  refused(loss(SPRAT_FLOAT32, z, SPRAT_TARGET_NUMBERS, nullptr, nullptr, 2, reinterpret_cast<char*>(grad) + 2),
          "grad_output: wanted an array aligned to its element");
  refused(loss(SPRAT_FLOAT32, z, SPRAT_TARGET_NUMBERS, nullptr, nullptr, INT64_MAX / 2, grad), "output: too large");
  params.alpha = 2;
  refused(loss(SPRAT_FLOAT32, z, SPRAT_TARGET_NUMBERS, z, nullptr, 2, grad), "alpha: wanted a number in [0, 1], got 2");
  params.size = 8;
  CHECK_EQ(loss(SPRAT_FLOAT32, z, SPRAT_TARGET_NUMBERS, nullptr, nullptr, 2, grad), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_loss_find("hinge"), -1);
  CHECK(sprat_loss_name(sprat_loss_count()) == nullptr);
}

}  // namespace

int main() {
  test_bits();
  test_few_classes();
  test_refusals();
  return check::report();
}
