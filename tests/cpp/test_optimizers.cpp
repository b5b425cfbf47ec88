// Optimizer steps through the C ABI: the same bits on every instruction set of every architecture, and what is refused.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "core/threads.h"
#include "fingerprint.h"
#include "sprat/sprat.h"

namespace {

sprat_optimizer_params hyperparameters() {
  sprat_optimizer_params p{};
  p.size = sizeof p;
  p.step = 1;
  p.lr = 0.01;
  p.beta1 = 0.9;
  p.beta2 = 0.99;
  p.eps = 1e-8;
  p.weight_decay = 0.1;
  p.momentum = 0.8;
  p.dampening = 0.1;
  p.alpha = 0.95;
  p.lr_decay = 0.01;
  p.momentum_decay = 0.004;
  p.mu_product = 1;
  p.decoupled_weight_decay = 1;
  return p;
}

// One tensor and what belongs to it.
template <class T>
struct Problem {
  std::vector<T> param, grad, ema, states[SPRAT_OPTIMIZER_MAX_STATES];
  std::vector<uint8_t> mask;
  sprat_optimizer_tensor tensor{};
  sprat_optimizer_group group{};
  sprat_optimizer_options options{};

  Problem(int32_t optimizer, sprat_dtype dtype, int64_t n)
      : param(check::spread<T>(n, 1)), grad(check::spread<T>(n, 3)), ema(param), mask(static_cast<size_t>(n), 1) {
    for (size_t i = 0; i < mask.size(); i += 5) mask[i] = 0;
    tensor.size = sizeof tensor;
    tensor.length = n;
    tensor.param = param.data();
    tensor.grad = grad.data();
    for (int s = 0; s < SPRAT_OPTIMIZER_MAX_STATES; ++s) {
      states[s].assign(static_cast<size_t>(n), T(0));
      tensor.states[s] = states[s].data();
    }
    tensor.mask = mask.data();
    tensor.ema = ema.data();
    group.size = sizeof group;
    group.optimizer = optimizer;
    group.dtype = dtype;
    group.params = hyperparameters();
    group.tensors = &tensor;
    group.num_tensors = 1;
    options.size = sizeof options;
    options.clip_norm = 10;
    options.clip_value = 0.5;
    options.ema_decay = 0.9;
  }
  Problem(const Problem&) = delete;

  sprat_status step() { return sprat_optimizer_step(&group, 1, &options, nullptr); }

  uint64_t after(int steps) {
    for (int i = 0; i < steps; ++i) {
      CHECK_EQ(step(), SPRAT_OK);
      CHECK_EQ(sprat_optimizer_advance(group.optimizer, &group.params), SPRAT_OK);
      std::rotate(grad.begin(), grad.begin() + 1, grad.end());
    }
    uint64_t hash = check::fingerprint(ema, check::fingerprint(param));
    for (const auto& state : states) hash = check::fingerprint(state, hash);
    return hash;
  }
};

// Two steps of denormal flushing among 33, on more elements than one block of the norm has.
void test_bits() {
  const struct {
    const char* name;
    uint64_t float32, float64;
  } expected[] = {
      {"sgd", 0xa692b75894c5cf07, 0xcb8f5c5566be0aea},
      {"sgd_momentum", 0x7581d778b9cab2ff, 0x572c6c299ad4678e},
      {"adagrad", 0xb47600b0adcc1bac, 0xf3d64119591d4484},
      {"rmsprop", 0x58e1208f34e6b33c, 0x9e1d1968a55bcbab},
      {"rmsprop_momentum", 0xca295b669f3e1551, 0x34335ab7083a7905},
      {"rmsprop_centered", 0xe71ab6fc059bf576, 0xb7a3214f1da498a0},
      {"rmsprop_centered_momentum", 0x5c06f0bb9527a9f6, 0x18d06c495e3f1544},
      {"adam", 0x57b2b729092f2a6b, 0x98d50295db2072ea},
      {"adam_amsgrad", 0xa2ceb7729b6d791b, 0x2c32b198c0eddb38},
      {"adamw", 0x66fdd27863e130f2, 0xec598c24cc726990},
      {"adamw_amsgrad", 0x4e5eb29c75f551a2, 0x98384021cba37dd3},
      {"nadam", 0xcb52dec12e6cb691, 0x1b327e9072b4baea},
      {"lion", 0xbbc8191118682731, 0xaddb776cb57dd0e7},
  };
  for (const auto& row : expected) {
    const int32_t optimizer = sprat_optimizer_find(row.name);
    CHECK(optimizer >= 0);
    for (int32_t i = 0; i < sprat_isa_count(); ++i) {
      if (!sprat_isa_supported(sprat_isa_name(i))) continue;
      CHECK_EQ(sprat_set_isa(sprat_isa_name(i)), SPRAT_OK);
      for (const int threads : {1, 3}) {
        sprat::set_num_threads(threads);
        CHECK_EQ(Problem<float>(optimizer, SPRAT_FLOAT32, 17003).after(33), row.float32);
        CHECK_EQ(Problem<double>(optimizer, SPRAT_FLOAT64, 17003).after(33), row.float64);
      }
    }
  }
}

void test_list() {
  CHECK(sprat_optimizer_name(-1) == nullptr);
  CHECK(sprat_optimizer_name(sprat_optimizer_count()) == nullptr);
  CHECK_EQ(sprat_optimizer_find("no such optimizer"), -1);
  CHECK_EQ(sprat_optimizer_find(nullptr), -1);
  CHECK_EQ(sprat_optimizer_num_states(-1), -1);
  for (int32_t i = 0; i < sprat_optimizer_count(); ++i) {
    CHECK_EQ(sprat_optimizer_find(sprat_optimizer_name(i)), i);
    for (int32_t s = 0; s < sprat_optimizer_num_states(i); ++s) CHECK(sprat_optimizer_state_name(i, s) != nullptr);
    CHECK(sprat_optimizer_state_name(i, sprat_optimizer_num_states(i)) == nullptr);
  }
}

void test_norm_and_policy() {
  const int32_t sgd = sprat_optimizer_find("sgd");
  Problem<float> p(sgd, SPRAT_FLOAT32, 2);
  p.mask = {1, 1};
  p.grad = {3, 4};
  double norm = 0;
  CHECK_EQ(sprat_optimizer_step(&p.group, 1, &p.options, &norm), SPRAT_OK);
  CHECK_EQ(norm, 5.0);
  // No group, no tensor, no element: a step all the same.
  CHECK_EQ(sprat_optimizer_step(nullptr, 0, &p.options, &norm), SPRAT_OK);
  CHECK_EQ(norm, 0.0);
  p.group.num_tensors = 0;
  CHECK_EQ(sprat_optimizer_step(&p.group, 1, &p.options, nullptr), SPRAT_OK);

  Problem<double> q(sgd, SPRAT_FLOAT64, 300);
  q.options.require_finite = 1;
  q.grad[17] = std::numeric_limits<double>::max();  // finite, though its square is not
  CHECK_EQ(q.step(), SPRAT_OK);
  q.grad[15] = std::numeric_limits<double>::quiet_NaN();  // behind the mask
  CHECK_EQ(q.step(), SPRAT_OK);
  const std::vector<double> before = q.param;
  q.grad[17] = std::numeric_limits<double>::quiet_NaN();
  q.grad[299] = -std::numeric_limits<double>::infinity();
  CHECK_EQ(q.step(), SPRAT_NOT_FINITE);
  CHECK_EQ(std::string(sprat_last_error()), "grads: 2 elements are NaN or infinite");
  CHECK(q.param == before);
  int64_t count = 0;
  CHECK_EQ(sprat_count_nonfinite(SPRAT_FLOAT64, q.grad.data(), q.mask.data(), 300, &count), SPRAT_OK);
  CHECK_EQ(count, 2);
}

// Every refusal leaves the parameter alone and says in one line what was wrong.
template <class Break>
void refused(const char* message, Break&& spoil) {
  Problem<float> p(sprat_optimizer_find("adam"), SPRAT_FLOAT32, 8);
  const std::vector<float> before = p.param;
  spoil(p);
  CHECK_EQ(p.step(), SPRAT_INVALID_ARGUMENT);
  const std::string said = sprat_last_error();
  if (said.find(message) == std::string::npos) CHECK_EQ(said, std::string(message));
  CHECK(said.find('\n') == std::string::npos);
  CHECK(p.param == before);
}

void test_refusals() {
  using P = Problem<float>;
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  refused("group.size", [](P& p) { p.group.size = 8; });
  refused("params.size", [](P& p) { p.group.params.size = 0; });
  refused("tensor.size", [](P& p) { p.tensor.size = 1; });
  refused("options.size", [](P& p) { p.options.size = 1; });
  refused("group.dtype", [](P& p) { p.group.dtype = SPRAT_INT8; });
  refused("there is no optimizer 99", [](P& p) { p.group.optimizer = 99; });
  refused("there is no optimizer -1", [](P& p) { p.group.optimizer = -1; });
  refused("group.num_tensors", [](P& p) { p.group.num_tensors = -1; });
  refused("group.tensors", [](P& p) { p.group.tensors = nullptr; });
  refused("tensor.length", [](P& p) { p.tensor.length = -8; });
  refused("tensor.param must not be NULL", [](P& p) { p.tensor.param = nullptr; });
  refused("tensor.grad must not be NULL", [](P& p) { p.tensor.grad = nullptr; });
  refused("tensor.states must not be NULL", [](P& p) { p.tensor.states[1] = nullptr; });
  refused("tensor.grad: wanted an array aligned",
          [](P& p) { p.tensor.grad = reinterpret_cast<char*>(p.grad.data()) + 2; });
  refused("tensor.ema: wanted an array aligned",
          [](P& p) { p.tensor.ema = reinterpret_cast<char*>(p.ema.data()) + 1; });
  refused("params.step", [](P& p) { p.group.params.step = 0; });
  refused("params.lr", [=](P& p) { p.group.params.lr = nan; });
  refused("params.eps", [=](P& p) { p.group.params.eps = infinity; });
  refused("params.beta1", [](P& p) { p.group.params.beta1 = 1; });
  refused("params.beta2", [](P& p) { p.group.params.beta2 = -0.1; });
  refused("params.mu_product", [](P& p) { p.group.params.mu_product = -1; });
  refused("options.clip_norm", [=](P& p) { p.options.clip_norm = nan; });
  refused("options.clip_value", [](P& p) { p.options.clip_value = -1; });
  refused("options.ema_decay", [](P& p) { p.options.ema_decay = 1; });

  sprat_optimizer_options options{};
  options.size = sizeof options;
  CHECK_EQ(sprat_optimizer_step(nullptr, 1, &options, nullptr), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_optimizer_step(nullptr, -1, &options, nullptr), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_optimizer_step(nullptr, 0, nullptr, nullptr), SPRAT_INVALID_ARGUMENT);
  sprat_optimizer_params params = hyperparameters();
  CHECK_EQ(sprat_optimizer_advance(-1, &params), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_optimizer_advance(0, nullptr), SPRAT_INVALID_ARGUMENT);
  int64_t count = 0;
  CHECK_EQ(sprat_count_nonfinite(SPRAT_INT8, &count, nullptr, 1, &count), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_count_nonfinite(SPRAT_FLOAT32, nullptr, nullptr, 1, &count), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_count_nonfinite(SPRAT_FLOAT32, &count, nullptr, -1, &count), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_count_nonfinite(SPRAT_FLOAT32, &count, nullptr, 1, nullptr), SPRAT_INVALID_ARGUMENT);
}

}  // namespace

int main() {
  test_list();
  test_bits();
  test_norm_and_policy();
  test_refusals();
  return check::report();
}
