// Networks and predictors through the C ABI: what is refused and with which line, and that a predictor in the steady
// state allocates nothing.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/scratch.h"
#include "core/threads.h"
#include "sprat/sprat.h"

namespace {

std::atomic<long> allocations{0};
[[maybe_unused]] std::atomic<bool> no_memory{false};

}  // namespace

// Every way in which this library takes memory. The sanitizers bring their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SPRAT_COUNTS_ALLOCATIONS 1
extern "C" void* aligned_alloc(size_t alignment, size_t size) noexcept {
  ++allocations;
  if (no_memory) return nullptr;
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

using namespace sprat;

std::string refusal(sprat_status status) { return status == SPRAT_OK ? "" : sprat_last_error(); }

int32_t activation(const char* name) { return sprat_activation_find(name); }

// 10-16-3 with dropout, parameters in their usual order.
std::vector<sprat_layer> layers() {
  return {{sizeof(sprat_layer), 10, 16, 0, 160, 0.5, activation("gelu"), 1},
          {sizeof(sprat_layer), 16, 3, 176, 224, 0, activation("identity"), 1}};
}
constexpr int64_t kParams = 227;

template <class Change>
std::string create_refusal(Change change, int64_t num_params = kParams) {
  std::vector<sprat_layer> changed = layers();
  change(changed);
  sprat_mlp* mlp = nullptr;
  const std::string line =
      refusal(sprat_mlp_create(changed.data(), static_cast<int64_t>(changed.size()), num_params, SPRAT_FLOAT32, &mlp));
  CHECK_EQ(mlp == nullptr, !line.empty());
  sprat_mlp_destroy(mlp);
  return line;
}

void test_create() {
  CHECK_EQ(create_refusal([](auto&) {}), "");
  CHECK_EQ(create_refusal([](auto& l) { l[1].size = 3; }), "layers[1].size: wanted 56, got 3");
  CHECK_EQ(create_refusal([](auto& l) { l[0].out_features = 0; }), "layers[0]: wanted at least 1 feature, got 10 -> 0");
  CHECK_EQ(create_refusal([](auto& l) { l[1].in_features = 15; }),
           "layers[1].in_features: wanted 16, what the layer before gives, got 15");
  CHECK_EQ(create_refusal([](auto& l) { l[0].activation = 99; }), "layers[0].activation: there is no activation 99");
  CHECK_EQ(create_refusal([](auto& l) { l[0].dropout = 1; }), "layers[0].dropout: wanted [0, 1), got 1");
  CHECK_EQ(create_refusal([](auto& l) { l[1].dropout = 0.1; }), "layers[1].dropout: the last layer has none, got 0.1");
  CHECK_EQ(create_refusal([](auto& l) { l[1].weight_offset = 180; }),
           "layers[1].weight_offset: the weight reaches beyond the 227 parameters");
  CHECK_EQ(create_refusal([](auto& l) { l[1].bias_offset = -1; }),
           "layers[1].bias_offset: the bias reaches beyond the 227 parameters");
  CHECK_EQ(create_refusal([](auto& l) { l[0].bias_offset = 170; }), "layers: two parameters share element 176");
  CHECK_EQ(create_refusal([](auto& l) { l[0].in_features = l[0].out_features = std::numeric_limits<int64_t>::max(); }),
           "layers[0].weight_offset: the weight reaches beyond the 227 parameters");
  CHECK_EQ(create_refusal([](auto& l) { l.clear(); }), "num_layers: wanted 1 to 65535, got 0");
  CHECK_EQ(create_refusal([](auto&) {}, 300), "");  // holes are allowed
  sprat_mlp_destroy(nullptr);
  sprat_workspace_destroy(nullptr);
  sprat_predictor_destroy(nullptr);
}

struct Network {
  Network() {
    const std::vector<sprat_layer> shape = layers();
    CHECK_EQ(refusal(sprat_mlp_create(shape.data(), 2, kParams, SPRAT_FLOAT32, &mlp)), "");
    for (int64_t i = 0; i < kParams; ++i) params[static_cast<size_t>(i)] = std::sin(static_cast<float>(i));
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::cos(static_cast<float>(i));
    sprat_workspace_create(&workspace);
  }
  ~Network() {
    sprat_mlp_destroy(mlp);
    sprat_workspace_destroy(workspace);
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  sprat_mlp* mlp = nullptr;
  sprat_workspace* workspace = nullptr;
  std::vector<float> params = std::vector<float>(kParams), x = std::vector<float>(200), out = std::vector<float>(60);
};

void test_passes() {
  Network n;
  float* unaligned = reinterpret_cast<float*>(reinterpret_cast<char*>(n.out.data()) + 1);
  const auto run = [&](const void* params, const void* x, int64_t rows, int64_t layer, void* out) {
    return refusal(sprat_mlp_forward(n.mlp, params, x, rows, layer, nullptr, out));
  };
  CHECK_EQ(run(n.params.data(), n.x.data(), 20, 1, n.out.data()), "");
  CHECK_EQ(run(n.params.data(), nullptr, 0, 1, nullptr), "");
  CHECK_EQ(run(nullptr, n.x.data(), 20, 1, n.out.data()), "params must not be NULL");
  CHECK_EQ(run(n.params.data(), nullptr, 20, 1, n.out.data()), "x must not be NULL");
  CHECK_EQ(run(n.params.data(), n.x.data(), -1, 1, n.out.data()), "rows: wanted at least 0, got -1");
  CHECK_EQ(run(n.params.data(), n.x.data(), int64_t{1} << 60, 1, n.out.data()),
           "rows: 1152921504606846976 rows are more than there is memory for");
  CHECK_EQ(run(n.params.data(), n.x.data(), 20, 2, n.out.data()), "layer: wanted 0 to 1, got 2");
  CHECK_EQ(run(n.params.data(), n.x.data(), 19, 1, unaligned), "out: wanted an array aligned to its element");
  CHECK_EQ(run(n.params.data(), n.x.data(), 20, 1, n.x.data()), "out must not overlap x");
  CHECK_EQ(run(n.params.data(), n.x.data(), 20, 1, n.params.data() + 160), "out must not overlap the parameters");
  CHECK_EQ(refusal(sprat_mlp_forward(nullptr, n.params.data(), n.x.data(), 1, 1, nullptr, n.out.data())),
           "mlp must not be NULL");

  std::vector<float> grads(kParams), grad_output(60, 1.0f);
  sprat_mlp_gradients gradients{sizeof gradients, grads.data(), nullptr, nullptr, nullptr};
  const auto backward = [&] {
    return refusal(sprat_mlp_backward(n.mlp, n.params.data(), n.workspace, grad_output.data(), 20, &gradients));
  };
  std::vector<float> output(60);
  const auto activations = [&](int64_t layer) {
    return refusal(sprat_workspace_activations(n.workspace, n.mlp, layer, 20, output.data()));
  };
  CHECK_EQ(activations(0), "workspace: holds no training pass of this network");
  CHECK_EQ(backward(), "workspace: holds no training pass of this network");
  const auto train = [&](const sprat_mlp_options* options) {
    return refusal(sprat_mlp_forward_train(n.mlp, n.params.data(), n.x.data(), 20, options, n.workspace));
  };
  sprat_mlp_options options{sizeof options, 1, 0, 0, nullptr, 1};
  CHECK_EQ(train(&options), "");
  CHECK_EQ(activations(1), "");
  for (size_t i = 0; i < n.out.size(); ++i) CHECK_SAME_BITS(output[i], n.out[i]);
  CHECK_EQ(activations(2), "layer: wanted 0 to 1, got 2");
  CHECK_EQ(refusal(sprat_workspace_activations(n.workspace, n.mlp, 1, 19, output.data())),
           "rows: wanted the 20 of the training pass, got 19");
  CHECK_EQ(refusal(sprat_mlp_backward(n.mlp, n.params.data(), n.workspace, grad_output.data(), 21, &gradients)),
           "rows: wanted the 20 of the training pass, got 21");
  CHECK_EQ(backward(), "");
  gradients.params = n.params.data();
  CHECK_EQ(backward(), "gradients.params must not overlap the parameters");
  gradients.params = grads.data();
  gradients.params = n.x.data();
  CHECK_EQ(backward(), "gradients.params must not overlap x");
  gradients.params = grads.data();
  gradients.x = grad_output.data();
  CHECK_EQ(backward(), "gradients.x must not overlap grad_output");
  gradients.x = grads.data();
  CHECK_EQ(backward(), "gradients.x must not overlap gradients.params");
  gradients.x = nullptr;
  gradients.frozen = reinterpret_cast<const uint8_t*>(grads.data());
  CHECK_EQ(backward(), "gradients.frozen must not overlap what is written");
  gradients.frozen = nullptr;
  const void* hidden[2] = {nullptr, grad_output.data()};
  gradients.hidden = hidden;
  CHECK_EQ(backward(), "gradients.hidden: the last layer's is grad_output");
  hidden[0] = grads.data();
  hidden[1] = nullptr;
  CHECK_EQ(backward(), "gradients.hidden[0] must not overlap what is written");
  options.size = 1;
  CHECK_EQ(train(&options), "options.size: wanted 48, got 1");
  options = {sizeof options, 1, -1, 0, nullptr, 1};
  CHECK_EQ(train(&options), "options.step: wanted [0, 2^40), got -1");

  sprat_fake_quant quant{sizeof quant, 0.5, 0, 0, 255};
  const sprat_fake_quant* const quants[2] = {nullptr, &quant};
  options = {sizeof options, 1, 0, 0, quants, 1};
  const auto quantized = [&](int32_t zero_point) {
    quant.zero_point = zero_point;
    return train(&options);
  };
  CHECK_EQ(quantized(0), "");
  CHECK_EQ(quantized(255), "");
  CHECK_EQ(quantized(-1), "input_quant[1].zero_point: wanted 0 to 255, got -1");
  CHECK_EQ(quantized(256), "input_quant[1].zero_point: wanted 0 to 255, got 256");

  // Parameters of no layer have no gradient: 0, whatever was there.
  std::vector<sprat_layer> shape = layers();
  sprat_mlp* holes = nullptr;
  CHECK_EQ(refusal(sprat_mlp_create(shape.data(), 2, kParams + 5, SPRAT_FLOAT32, &holes)), "");
  n.params.resize(kParams + 5);
  grads.assign(kParams + 5, 7.0f);
  gradients.params = grads.data();
  gradients.hidden = nullptr;
  CHECK_EQ(refusal(sprat_mlp_forward_train(holes, n.params.data(), n.x.data(), 20, nullptr, n.workspace)), "");
  CHECK_EQ(backward(), "workspace: holds no training pass of this network");
  CHECK_EQ(refusal(sprat_mlp_backward(holes, n.params.data(), n.workspace, grad_output.data(), 20, &gradients)), "");
  for (size_t i = kParams; i < grads.size(); ++i) CHECK_EQ(grads[i], 0.0f);
  sprat_mlp_destroy(holes);
}

void test_loss_and_gradients() {
  Network n;
  std::vector<float> grads(kParams, 7.0f), teacher(60, 0.5f), weight(20, 1.0f);
  std::vector<int64_t> ids(20, 2);
  const std::vector<float> before = grads;
  sprat_loss_params loss{};
  loss.size = sizeof loss;
  loss.loss = sprat_loss_find("cross_entropy");
  loss.delta = loss.temperature = 1;
  loss.alpha = 0.5;
  sprat_mlp_gradients gradients{sizeof gradients, grads.data(), nullptr, nullptr, nullptr};
  const auto run = [&](auto change) {
    sprat_mlp_batch batch{sizeof batch,   20,           n.x.data(), ids.data(), SPRAT_TARGET_CLASSES,
                          teacher.data(), weight.data()};
    change(batch);
    double value = 0;
    return refusal(
        sprat_mlp_loss_and_gradients(n.mlp, n.params.data(), &batch, &loss, nullptr, n.workspace, &gradients, &value));
  };
  const void* inside = grads.data() + 4;
  CHECK_EQ(run([&](auto& b) { b.x = inside; }), "gradients.params must not overlap x");
  CHECK_EQ(run([&](auto& b) { b.target = inside; }), "gradients.params must not overlap target");
  CHECK_EQ(run([&](auto& b) { b.teacher = inside; }), "gradients.params must not overlap teacher");
  CHECK_EQ(run([&](auto& b) { b.sample_weight = inside; }), "gradients.params must not overlap sample_weight");
  gradients.x = teacher.data();
  CHECK_EQ(run([](auto&) {}), "gradients.x must not overlap teacher");
  gradients.x = nullptr;
  // Right before the gradients: how long a target is goes by its kind.
  std::vector<float> line(60 + kParams, 0.25f);
  gradients.params = line.data() + 60;
  const auto take_numbers = [&](int64_t from) {
    return run([&](auto& b) {
      b.target = line.data() + from;
      b.target_kind = SPRAT_TARGET_NUMBERS;
    });
  };
  CHECK_EQ(take_numbers(1), "gradients.params must not overlap target");
  CHECK_EQ(take_numbers(0), "");
  CHECK(grads == before);
  gradients.params = grads.data();
  CHECK_EQ(run([](auto&) {}), "");
  CHECK(grads != before);
}

// A call that finds no memory leaves the gradients as they were.
void test_no_memory() {
#ifdef SPRAT_COUNTS_ALLOCATIONS
  set_num_threads(1);
  Network n;
  std::vector<float> grads(kParams, 7.0f), grad_output(60, 1.0f);
  const std::vector<float> before = grads;
  const uint8_t frozen[] = {0, 1, 0, 0};
  const sprat_mlp_gradients gradients{sizeof gradients, grads.data(), nullptr, frozen, nullptr};
  const auto backward = [&] {
    return refusal(sprat_mlp_backward(n.mlp, n.params.data(), n.workspace, grad_output.data(), 20, &gradients));
  };
  CHECK_EQ(refusal(sprat_mlp_forward_train(n.mlp, n.params.data(), n.x.data(), 20, nullptr, n.workspace)), "");
  std::string line;
  std::thread fresh([&] {  // with a scratch stack of its own
    no_memory = true;
    line = backward();
    no_memory = false;
  });
  fresh.join();
  CHECK_EQ(line, "training: no memory for 20 rows");
  CHECK(grads == before);
  CHECK_EQ(backward(), "");
  for (size_t i = 160; i < 176; ++i) CHECK_EQ(grads[i], 0.0f);  // the frozen bias
  set_num_threads(0);
#endif
}

void test_predictor() {
  Network n;
  sprat_predictor* predictor = nullptr;
  CHECK_EQ(refusal(sprat_predictor_create_mlp(n.mlp, nullptr, &predictor)), "params must not be NULL");
  CHECK_EQ(refusal(sprat_predictor_create_mlp(n.mlp, n.params.data(), &predictor)), "");
  CHECK_EQ(sprat_predictor_in_features(predictor), 10);
  CHECK_EQ(sprat_predictor_out_features(predictor), 3);
  CHECK_EQ(static_cast<int>(sprat_predictor_dtype(predictor)), static_cast<int>(SPRAT_FLOAT32));
  CHECK_EQ(refusal(sprat_predictor_run(predictor, n.x.data(), 20, n.x.data())), "out must not overlap x");
  CHECK_EQ(refusal(sprat_predictor_run(predictor, n.x.data(), 20, nullptr)), "out must not be NULL");

  set_num_threads(1);
  std::vector<float> expected(60);
  CHECK_EQ(refusal(sprat_mlp_forward(n.mlp, n.params.data(), n.x.data(), 20, 1, nullptr, expected.data())), "");
  CHECK_EQ(refusal(sprat_predictor_run(predictor, n.x.data(), 20, n.out.data())), "");
  for (size_t i = 0; i < expected.size(); ++i) CHECK_SAME_BITS(n.out[i], expected[i]);
  const long before = allocations;
  for (int round = 0; round < 100; ++round) {
    for (const int64_t rows : {20, 1, 3}) sprat_predictor_run(predictor, n.x.data(), rows, n.out.data());
    sprat_mlp_forward(n.mlp, n.params.data(), n.x.data(), 20, 1, nullptr, n.out.data());
  }
  CHECK_EQ(allocations - before, 0);
#ifdef SPRAT_COUNTS_ALLOCATIONS
  CHECK(before > 0);  // the counter counts
#endif
  sprat_predictor_destroy(predictor);
}

void test_scratch() {
  const auto is_at_64 = [](const void* memory) { return memory && is_aligned(memory, 64); };
  long taken = 0;
  bool good = true;
  for (int round = 0; round < 3; ++round) {
    const long before = allocations;
    {
      Scratch outer;
      auto* a = outer.array<char>(1000);
      auto* b = outer.array<double>(100);
      good = good && is_at_64(a) && is_at_64(b);
      std::fill_n(a, 1000, 'a');
      {
        Scratch inner;
        auto* c = inner.array<char>(100000);
        good = good && is_at_64(c);
        std::fill_n(c, 100000, 'c');
      }
      Scratch again;
      auto* d = again.array<char>(5000);
      std::fill_n(d, 5000, 'd');
      good = good && std::count(a, a + 1000, 'a') == 1000 && is_at_64(outer.bytes(0));
    }
    taken = allocations - before;
  }
  CHECK(good);
  CHECK_EQ(taken, 0);  // grown to what it needs
  // Many frames inside one that stays open take no more than one of them.
  std::thread([] {
    Scratch outer;
    const long before = allocations;
    void* first = nullptr;
    for (int i = 0; i < 1000; ++i) {
      Scratch inner;
      void* memory = inner.bytes(1 << 20);
      if (i == 0) first = memory;
      CHECK(memory == first);
    }
    CHECK(allocations - before < 10);
  }).join();
  Scratch scratch;
  CHECK(scratch.bytes(std::numeric_limits<int64_t>::max() / 2) == nullptr);
}

}  // namespace

int main() {
  test_create();
  test_passes();
  test_loss_and_gradients();
  test_no_memory();
  test_predictor();
  test_scratch();
  return check::report();
}
