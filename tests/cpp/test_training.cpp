// Stretches of training through the C ABI: the bits of the calls they stand for, why they end, what is refused, and
// that no step allocates.
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "core/exact_sum.h"
#include "core/threads.h"
#include "fingerprint.h"
#include "sprat/sprat.h"

namespace {

std::atomic<long> allocations{0};

}  // namespace

// Every way in which this library takes memory. The sanitizers bring their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SPRAT_COUNTS_ALLOCATIONS 1
extern "C" void* aligned_alloc(size_t alignment, size_t size) noexcept {
  ++allocations;
  void* memory = nullptr;
  return posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}
void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
#endif

namespace {

constexpr int64_t kRows = 50, kIn = 6, kOut = 3, kBatch = 16, kBatches = 4;  // the last batch has 2 rows
constexpr int64_t kParams = 6 * 8 + 8 + 8 * 3 + 3;

std::string refusal(sprat_status status) { return status == SPRAT_OK ? "" : sprat_last_error(); }

// A 6-8-3 network with dropout, learning classes by Adam.
struct Task {
  Task() {
    const sprat_layer layers[] = {
        {sizeof(sprat_layer), kIn, 8, 0, 48, 0.25, sprat_activation_find("tanh"), 1},
        {sizeof(sprat_layer), 8, kOut, 56, 80, 0, sprat_activation_find("identity"), 1},
    };
    CHECK_EQ(refusal(sprat_mlp_create(layers, 2, kParams, SPRAT_FLOAT32, &mlp)), "");
    sprat_workspace_create(&workspace);
    for (size_t i = 0; i < params.size(); ++i) params[i] = std::sin(static_cast<float>(i));
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::cos(static_cast<float>(i));
    for (size_t i = 0; i < wide.size(); ++i) wide[i] = x[i];
    for (int64_t i = 0; i < kRows; ++i) {
      target[static_cast<size_t>(i)] = i % kOut;
      order[static_cast<size_t>(i)] = (i * 7) % kRows;
      weight[static_cast<size_t>(i)] = 1.0f + static_cast<float>(i % 4);
      share[static_cast<size_t>(i)] = weight[static_cast<size_t>(i)];
    }
    loss.size = sizeof loss;
    loss.loss = sprat_loss_find("cross_entropy");
    loss.delta = loss.temperature = 1;
    gradients = {sizeof gradients, grads.data(), nullptr, nullptr, nullptr};
    tensor.size = sizeof tensor;
    tensor.length = kParams;
    tensor.param = params.data();
    tensor.grad = grads.data();
    tensor.states[0] = first.data();
    tensor.states[1] = second.data();
    group.size = sizeof group;
    group.optimizer = sprat_optimizer_find("adam");
    group.dtype = SPRAT_FLOAT32;
    group.params.size = sizeof group.params;
    group.params.step = 1;
    group.params.lr = 0.01;
    group.params.beta1 = 0.9;
    group.params.beta2 = 0.99;
    group.params.eps = 1e-8;
    group.tensors = &tensor;
    group.num_tensors = 1;
    optimizer.size = sizeof optimizer;
    optimizer.clip_norm = 0.5;
    training = {sizeof training, mlp, params.data(), workspace, &loss, &gradients, &group, 1, &optimizer, 1e24};
    data = {sizeof data,          kRows,   x.data(),      SPRAT_FLOAT32, target.data(),
            SPRAT_TARGET_CLASSES, nullptr, weight.data(), share.data()};
    stretch = {sizeof stretch, order.data(), kRows, kBatch, 0, kBatches, &options, rates.data(), 0, losses.data()};
    result.size = sizeof result;
    result.loss_sum = result.loss_weight = 0;
  }
  ~Task() {
    sprat_mlp_destroy(mlp);
    sprat_workspace_destroy(workspace);
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  std::string train() { return refusal(sprat_train(&training, &data, &stretch, &result)); }

  // What train() stands for: each batch by itself.
  void train_by_hand() {
    for (int64_t b = 0; b < kBatches; ++b) {
      const int64_t begin = b * kBatch, rows = std::min(kBatch, kRows - begin);
      std::vector<float> batch_x, batch_weight;
      std::vector<int64_t> batch_target;
      double batch_share = 0;
      for (int64_t i = begin; i < begin + rows; ++i) {
        const auto row = static_cast<size_t>(order[static_cast<size_t>(i)]);
        for (size_t c = 0; c < kIn; ++c) batch_x.push_back(x[row * kIn + c]);
        batch_weight.push_back(weight[row]);
        batch_target.push_back(target[row]);
        batch_share += share[row];
      }
      const sprat_mlp_batch batch{sizeof batch,         rows,    batch_x.data(),     batch_target.data(),
                                  SPRAT_TARGET_CLASSES, nullptr, batch_weight.data()};
      sprat_mlp_options own = options;
      own.step += b;
      double value = 0;
      CHECK_EQ(
          refusal(sprat_mlp_loss_and_gradients(mlp, params.data(), &batch, &loss, &own, workspace, &gradients, &value)),
          "");
      group.params.lr = rates[static_cast<size_t>(b)];
      CHECK_EQ(refusal(sprat_optimizer_step(&group, 1, &optimizer, nullptr)), "");
      sprat_optimizer_advance(group.optimizer, &group.params);
      losses[static_cast<size_t>(b)] = value;
      result.loss_sum += value * batch_share;
      result.loss_weight += batch_share;
    }
  }

  uint64_t hash() const {
    return check::fingerprint(losses,
                              check::fingerprint(first, check::fingerprint(second, check::fingerprint(params))));
  }

  sprat_mlp* mlp = nullptr;
  sprat_workspace* workspace = nullptr;
  std::vector<float> params = std::vector<float>(kParams), grads = params, first = params, second = params;
  std::vector<float> x = std::vector<float>(kRows * kIn), weight = std::vector<float>(kRows);
  std::vector<double> wide = std::vector<double>(kRows * kIn), share = std::vector<double>(kRows);
  std::vector<int64_t> target = std::vector<int64_t>(kRows), order = target;
  std::vector<double> rates{0.01, 0.02, 0.005, 0.1}, losses = std::vector<double>(kBatches);
  sprat_loss_params loss{};
  sprat_mlp_gradients gradients{};
  sprat_optimizer_tensor tensor{};
  sprat_optimizer_group group{};
  sprat_optimizer_options optimizer{};
  sprat_mlp_options options{sizeof(sprat_mlp_options), 5, 3, 0, nullptr, 0};
  sprat_training training{};
  sprat_training_data data{};
  sprat_stretch stretch{};
  sprat_stretch_result result{};
};

void test_bits() {
  Task expected;
  expected.train_by_hand();
  for (int32_t i = 0; i < sprat_isa_count(); ++i) {
    if (!sprat_isa_supported(sprat_isa_name(i))) continue;
    CHECK_EQ(sprat_set_isa(sprat_isa_name(i)), SPRAT_OK);
    for (const int threads : {1, 3}) {
      sprat::set_num_threads(threads);
      for (const bool in_pieces : {false, true}) {
        for (const bool converts : {false, true}) {
          Task task;
          if (converts) {
            task.data.x = task.wide.data();
            task.data.x_dtype = SPRAT_FLOAT64;
          }
          if (in_pieces) {
            task.stretch.num_batches = 1;
            for (int64_t b = 0; b < kBatches; ++b) {
              task.stretch.first_batch = b;
              task.stretch.lr = &task.rates[static_cast<size_t>(b)];
              task.stretch.losses = &task.losses[static_cast<size_t>(b)];
              CHECK_EQ(task.train(), "");
              CHECK_EQ(task.result.steps, 1);
              ++task.options.step;
            }
          } else {
            CHECK_EQ(task.train(), "");
            CHECK_EQ(task.result.steps, kBatches);
          }
          CHECK_EQ(static_cast<int>(task.result.end), static_cast<int>(SPRAT_STRETCH_DONE));
          CHECK_EQ(task.hash(), expected.hash());
          CHECK_EQ(task.group.params.step, kBatches + 1);
          CHECK_SAME_BITS(task.result.loss, expected.losses.back());
          CHECK_SAME_BITS(task.result.loss_sum, expected.result.loss_sum);
          CHECK_SAME_BITS(task.result.loss_weight, expected.result.loss_weight);
          CHECK(task.result.grad_norm > 0);
        }
      }
    }
  }
  sprat::set_num_threads(0);
}

void test_ends() {
  const auto end = [](const Task& task) { return static_cast<int>(task.result.end); };
  Task whole;
  CHECK_EQ(whole.train(), "");
  {
    Task task;
    task.stretch.max_seconds = 1e-12;
    CHECK_EQ(task.train(), "");
    CHECK_EQ(task.result.steps, 1);
    CHECK_EQ(end(task), static_cast<int>(SPRAT_STRETCH_TIME));
    CHECK_SAME_BITS(task.result.loss, whole.losses[0]);
  }
  // In batch 2 there is a NaN: nothing of it may be left, and the loss is told.
  const auto spoil = [](Task& task) { task.x[static_cast<size_t>(task.order[2 * kBatch] * kIn)] = std::nanf(""); };
  for (const bool optimizer_looks : {false, true}) {
    Task task;
    spoil(task);
    task.training.safe_energy = optimizer_looks ? 0 : 1e24;
    task.optimizer.require_finite = 1;
    Task two;
    two.stretch.num_batches = 2;
    two.optimizer.require_finite = 1;
    CHECK_EQ(two.train(), "");
    CHECK_EQ(task.train(), "");
    CHECK_EQ(end(task), static_cast<int>(optimizer_looks ? SPRAT_STRETCH_NOT_FINITE : SPRAT_STRETCH_UNSAFE));
    CHECK_EQ(task.result.steps, 2);
    CHECK_EQ(task.hash(), two.hash());
    CHECK_EQ(task.group.params.step, 3);
    CHECK_SAME_BITS(task.group.params.lr, task.rates[1]);  // of the last step made
    CHECK_SAME_BITS(task.result.loss, two.result.loss);
    CHECK_SAME_BITS(task.result.loss_sum, two.result.loss_sum);
    CHECK(std::isnan(task.result.refused_loss));
    CHECK(std::isnan(two.result.refused_loss));
  }
  {
    Task task;
    task.training.safe_energy = 1e-12;
    CHECK_EQ(task.train(), "");
    CHECK_EQ(task.result.steps, 0);
    CHECK_EQ(end(task), static_cast<int>(SPRAT_STRETCH_UNSAFE));
    CHECK_SAME_BITS(task.result.refused_loss, whole.losses[0]);
    CHECK_EQ(task.group.params.step, 1);
  }
  // Each group keeps its rate if already the first step is not made.
  for (const bool refused : {false, true}) {
    Task task;
    sprat_optimizer_group groups[] = {task.group, task.group};
    groups[1].num_tensors = 0;
    groups[1].params.lr = 0.5;
    task.training.groups = groups;
    task.training.num_groups = 2;
    task.training.safe_energy = 0;
    task.optimizer.require_finite = 1;
    if (refused) task.rates[0] = -1;
    else task.x[static_cast<size_t>(task.order[0] * kIn)] = std::nanf("");
    CHECK_EQ(task.train(), refused ? "params.lr: wanted a finite number in its range, got -1" : "");
    if (!refused) CHECK_EQ(end(task), static_cast<int>(SPRAT_STRETCH_NOT_FINITE));
    CHECK_EQ(task.result.steps, 0);
    CHECK_SAME_BITS(groups[0].params.lr, 0.01);
    CHECK_SAME_BITS(groups[1].params.lr, 0.5);
  }
  // What cannot be used ends a stretch; before the first step the call is refused.
  const char* line = "stretch.order: wanted row numbers in [0, 50), got 50";
  for (const int64_t batch : {0, 3}) {
    Task task;
    task.order[static_cast<size_t>(batch * kBatch + 1)] = kRows;
    CHECK_EQ(task.train(), batch == 0 ? line : "");
    CHECK_EQ(task.result.steps, batch);
    if (batch == 0) continue;
    CHECK_EQ(end(task), static_cast<int>(SPRAT_STRETCH_REFUSED));
    CHECK_EQ(std::string(sprat_last_error()), line);
  }
}

template <class Change>
std::string refused(Change change) {
  Task task;
  const std::vector<float> before = task.params;
  change(task);
  const std::string line = task.train();
  CHECK(task.params == before || line.empty());
  return line;
}

void test_refusals() {
  CHECK_EQ(refused([](Task&) {}), "");
  CHECK_EQ(refused([](Task& t) { t.training.size = 1; }),
           "training.size: wanted " + std::to_string(sizeof(sprat_training)));
  CHECK_EQ(refused([](Task& t) { t.training.mlp = nullptr; }), "training.mlp must not be NULL");
  CHECK_EQ(refused([](Task& t) { t.gradients.x = t.x.data(); }), "training.gradients: x and hidden must be NULL");
  CHECK_EQ(refused([](Task& t) { t.training.num_groups = -1; }), "training.num_groups: wanted at least 0, got -1");
  CHECK_EQ(refused([](Task& t) { t.training.groups = nullptr; }), "training.groups must not be NULL");
  CHECK_EQ(refused([](Task& t) { t.training.optimizer = nullptr; }), "training.optimizer must not be NULL");
  CHECK_EQ(refused([](Task& t) { t.training.safe_energy = std::nan(""); }),
           "training.safe_energy: wanted at least 0, got nan");
  CHECK_EQ(refused([](Task& t) { t.training.workspace = nullptr; }), "workspace must not be NULL");
  CHECK_EQ(refused([](Task& t) { t.data.size = 1; }),
           "data.size: wanted " + std::to_string(sizeof(sprat_training_data)));
  CHECK_EQ(refused([](Task& t) { t.data.rows = -1; }), "data.rows: wanted at least 0, got -1");
  CHECK_EQ(refused([](Task& t) { t.data.x_dtype = static_cast<sprat_dtype>(9); }), "data.x_dtype: there is no dtype 9");
  CHECK_EQ(refused([](Task& t) { t.data.x = nullptr; }), "data.x must not be NULL");
  CHECK_EQ(refused([](Task& t) { t.data.x = reinterpret_cast<char*>(t.x.data()) + 1; }),
           "data.x: wanted an array aligned to its element");
  CHECK_EQ(refused([](Task& t) { t.data.target_kind = static_cast<sprat_target>(5); }),
           "data.target_kind: wanted numbers or classes, got 5");
  CHECK_EQ(refused([](Task& t) { t.data.target = reinterpret_cast<char*>(t.target.data()) + 1; }),
           "data: wanted arrays aligned to their elements");
  CHECK_EQ(refused([](Task& t) { t.data.target = nullptr; }), "target must not be NULL");
  CHECK_EQ(refused([](Task& t) { t.share[7] = -100; }), "data.share: wanted a finite sum of at least 0, got -66");
  CHECK_EQ(refused([](Task& t) { t.stretch.size = 1; }),
           "stretch.size: wanted " + std::to_string(sizeof(sprat_stretch)));
  CHECK_EQ(refused([](Task& t) { t.stretch.length = -1; }), "stretch.length: wanted 0 to 50, got -1");
  CHECK_EQ(refused([](Task& t) {
             t.stretch.order = nullptr;
             t.stretch.length = 51;
           }),
           "stretch.length: wanted 0 to 50, got 51");
  CHECK_EQ(refused([](Task& t) { t.stretch.batch_size = 0; }), "stretch.batch_size: wanted at least 1, got 0");
  CHECK_EQ(refused([](Task& t) { t.stretch.length = t.stretch.batch_size = int64_t{1} << 60; }),
           "stretch.batch_size: batches of 1152921504606846976 rows are more than there is memory for");
  CHECK_EQ(refused([](Task& t) { t.options.size = 1; }),
           "stretch.options.size: wanted " + std::to_string(sizeof(sprat_mlp_options)));
  CHECK_EQ(refused([](Task& t) { t.stretch.first_batch = 1; }),
           "stretch: wanted some of the 4 batches, got 4 from batch 1");
  CHECK_EQ(refused([](Task& t) { t.stretch.num_batches = std::numeric_limits<int64_t>::max(); }),
           "stretch: wanted some of the 4 batches, got 9223372036854775807 from batch 0");
  CHECK_EQ(refused([](Task& t) { t.stretch.max_seconds = -1; }), "stretch.max_seconds: wanted at least 0, got -1");
  CHECK_EQ(refused([](Task& t) { t.rates[0] = -1; }), "params.lr: wanted a finite number in its range, got -1");
  CHECK_EQ(refused([](Task& t) { t.options.step = -1; }), "options.step: wanted [0, 2^40), got -1");
  CHECK_EQ(refused([](Task& t) { t.result.size = 0; }),
           "result.size: wanted " + std::to_string(sizeof(sprat_stretch_result)));
  Task none;
  none.stretch.num_batches = 0;
  CHECK_EQ(none.train(), "");
  CHECK_EQ(none.result.steps, 0);
}

void test_no_step_allocates() {
  sprat::set_num_threads(1);
  Task task;
  task.data.x = task.wide.data();
  task.data.x_dtype = SPRAT_FLOAT64;
  CHECK_EQ(task.train(), "");
  const long before = allocations;
  for (int round = 0; round < 20; ++round) CHECK_EQ(task.train(), "");
  CHECK_EQ(allocations - before, 0);
#ifdef SPRAT_COUNTS_ALLOCATIONS
  CHECK(before > 0);  // the counter counts
#endif
  sprat::set_num_threads(0);
}

double exact_sum(std::initializer_list<double> values) {
  sprat::ExactSum sum;
  for (const double value : values) sum.add(value);
  return sum.rounded();
}

void test_exact_sum() {
  const double huge = std::numeric_limits<double>::max(), infinity = std::numeric_limits<double>::infinity();
  const double half = std::ldexp(1.0, -53);  // half a unit in the last place of 1
  CHECK_SAME_BITS(exact_sum({}), 0.0);
  CHECK_SAME_BITS(exact_sum({1, 2, 3}), 6.0);
  CHECK_SAME_BITS(exact_sum({0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}), 1.0);
  CHECK_SAME_BITS(exact_sum({1, 1e100, 1, -1e100}), 2.0);
  CHECK_SAME_BITS(exact_sum({1, half}), 1.0);                        // a tie goes to even,
  CHECK_SAME_BITS(exact_sum({1, half, half * half}), 1 + 2 * half);  // a little more does not,
  CHECK_SAME_BITS(exact_sum({1, half, -half * half}), 1.0);          // nor does a little less
  CHECK_SAME_BITS(exact_sum({1 + 2 * half, half, -half * half}), 1 + 2 * half);
  CHECK_SAME_BITS(exact_sum({1 + 2 * half, half}), 1 + 4 * half);
  CHECK_SAME_BITS(exact_sum({huge, huge, 1}), infinity);
  CHECK(std::isnan(exact_sum({1, std::nan(""), 2, 3})));
  sprat::ExactSum many;  // of numbers that share few bits
  for (int i = -1074; i < 1000; ++i) many.add(std::ldexp(1.0, i));
  CHECK_SAME_BITS(many.rounded(), std::ldexp(1.0, 1000));
}

}  // namespace

int main() {
  test_bits();
  test_ends();
  test_refusals();
  test_no_step_allocates();
  test_exact_sum();
  return check::report();
}
