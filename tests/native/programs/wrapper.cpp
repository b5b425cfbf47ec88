// The C++ wrapper: owners, spans, exceptions, a training step, quantizing, pruning.   wrapper model.safetensors
#include <sprat/sprat.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>
#if __has_include(<span>) && __cplusplus >= 202002L
#include <span>
#endif

#define CHECK(condition)                                          \
  do {                                                            \
    if (!(condition)) {                                           \
      std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      return 1;                                                   \
    }                                                             \
  } while (0)

namespace {

static_assert(!std::is_copy_constructible_v<sprat::Model> && std::is_nothrow_move_constructible_v<sprat::Model>);
static_assert(!std::is_copy_constructible_v<sprat::Predictor> &&
              std::is_nothrow_move_constructible_v<sprat::Predictor>);
static_assert(!std::is_copy_constructible_v<sprat::Workspace> &&
              std::is_nothrow_move_constructible_v<sprat::Workspace>);
static_assert(std::is_convertible_v<std::vector<float>&, sprat::Span<const float>>);
static_assert(std::is_convertible_v<sprat::Span<float>, sprat::Span<const float>>);
static_assert(!std::is_convertible_v<const std::vector<float>&, sprat::Span<float>>);
static_assert(!std::is_convertible_v<std::vector<double>&, sprat::Span<const float>>);

// What a call throws; SPRAT_OK: nothing.
template <class Call>
sprat_status thrown(Call call) {
  try {
    call();
  } catch (const sprat::Error& error) {
    return *error.what() ? error.status() : SPRAT_OK;
  }
  return SPRAT_OK;
}

int models(const char* path) {
  sprat::Model model = sprat::Model::load(path);
  CHECK(model.kind() == "mlp" && model.loss() == "cross_entropy" && model.config().front() == '{');
  CHECK(model.class_names() == (std::vector<std::string>{"ja", "no"}));
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const sprat::Predictor predictor(sprat::Model::from_memory(bytes.data(), bytes.size()));
  CHECK(thrown([&] { sprat::Model::from_memory(bytes.data(), bytes.size() - 1); }) == SPRAT_FORMAT_ERROR);
  CHECK(thrown([] { sprat::Model::load("/nothing/there"); }) == SPRAT_FILE_ERROR);

  const std::size_t in = predictor.in_features(), out = predictor.out_features();
  std::vector<float> x(5 * in, 0.25f), y(5 * out);
  predictor.run(x, y);
  CHECK(predictor(x) == y);
  sprat::Predictor same(model.mlp(), model.params<float>());
  CHECK(same(x) == y);
  sprat::Predictor moved(std::move(same));
  CHECK(moved(x) == y);
  CHECK(thrown([&] { same.run(x, y); }) == SPRAT_INVALID_ARGUMENT);  // NOLINT: that it was moved from is the point
  sprat::Model gone = sprat::Model::load(path), here = std::move(gone);
  CHECK(here.in_features() == in && thrown([&] { gone.in_features(); }) == SPRAT_INVALID_ARGUMENT);  // NOLINT
  std::vector<std::thread> threads;
  std::array<bool, 4> right{};
  for (std::size_t i = 0; i < right.size(); ++i) threads.emplace_back([&, i] { right[i] = predictor(x) == y; });
  for (std::thread& thread : threads) thread.join();
  CHECK(right[0] && right[1] && right[2] && right[3]);

  std::vector<float> small(out);
  CHECK(thrown([&] { predictor.run(x, small); }) == SPRAT_INVALID_ARGUMENT);
  std::vector<double> wide(5 * in), wide_out(5 * out);
  CHECK(thrown([&] { predictor.run(wide, wide_out); }) == SPRAT_INVALID_ARGUMENT);
  CHECK(thrown([&] { model.params<double>(); }) == SPRAT_INVALID_ARGUMENT);
#ifdef __cpp_lib_span
  predictor.run(std::span<const float>(x).first(in), std::span<float>(small));
  CHECK(std::equal(small.begin(), small.end(), y.begin()));
#endif
  return 0;
}

template <class T>
int training() {
  const sprat::Mlp mlp({{2, 8, "tanh"}, {8, 1}}, sprat::dtype_of<T>);
  std::vector<T> params(sprat::num_params(mlp)), gradients(params.size());
  for (std::size_t i = 0; i < params.size(); ++i) params[i] = static_cast<T>(std::sin(double(i)) / 2);
  const std::array<T, 8> x{0, 0, 0, 1, 1, 0, 1, 1};
  const std::array<T, 4> target{0, 1, 1, 0};
  sprat::Workspace workspace;
  sprat::Optimizer<T> adam("adam", params.size(), 0.05);
  std::vector<std::uint8_t> mask(params.size(), 1);
  mask[3] = 0;
  const sprat_loss_params mse = sprat::loss("mse");
  double first = 0, last = 0;
  for (int step = 0; step < 300; ++step) {
    last = sprat::loss_and_gradients(mlp, params, x, target, mse, workspace, gradients);
    if (step == 0) first = last;
    adam.step(params, gradients, mask);
  }
  CHECK(first > 0.1 && last < 0.01 && params[3] == 0);
  CHECK(adam.params().step == 301);
  std::vector<std::uint8_t> none{0, 0};
  none.clear();  // empty, with memory of its own: no mask all the same
  const T before = params[0];
  adam.step(params, gradients, none);
  CHECK(before != 0 && params[0] != 0);
  CHECK(thrown([&] { adam.step(params, std::vector<T>(3)); }) == SPRAT_INVALID_ARGUMENT);
  CHECK(thrown([] { sprat::Optimizer<T>("adem", 3, 0.1); }) == SPRAT_INVALID_ARGUMENT);
  CHECK(thrown([] { sprat::Mlp({{2, 3}, {4, 1}}); }) == SPRAT_INVALID_ARGUMENT);
  CHECK(thrown([] { sprat::Mlp({{std::int64_t{1} << 40, std::int64_t{1} << 40}}); }) == SPRAT_INVALID_ARGUMENT);
  CHECK(thrown([&] { sprat::Predictor(nullptr, params); }) == SPRAT_INVALID_ARGUMENT);
  CHECK(thrown([] { sprat::loss("mean"); }) == SPRAT_INVALID_ARGUMENT);
  // Classes by their ids.
  const sprat::Mlp classifier({{2, 3}}, sprat::dtype_of<T>);
  std::vector<T> weights(sprat::num_params(classifier)), wanted(weights.size());
  const std::array<std::int64_t, 4> ids{0, 1, 2, 0};
  CHECK(std::fabs(
            sprat::loss_and_gradients(classifier, weights, x, ids, sprat::loss("cross_entropy"), workspace, wanted) -
            std::log(3.0)) < 1e-6);
  return 0;
}

int arrays() {
  const std::vector<float> x{-1, 0, 0.6f, 100};
  std::vector<std::int8_t> q(x.size());
  sprat::quantize(x, 0.5f, std::int8_t{1}, q);
  CHECK(q == (std::vector<std::int8_t>{-1, 1, 2, 127}));
  std::vector<float> back(x.size());
  sprat::dequantize(q, 0.5f, std::int8_t{1}, back);
  CHECK(back == (std::vector<float>{-1, 0, 0.5f, 63}));
  CHECK(thrown([&] { sprat::quantize(x, -1.0f, std::int8_t{0}, q); }) == SPRAT_INVALID_ARGUMENT);

  std::vector<double> w{3, -1, 0.5, -2};
  std::vector<std::uint8_t> mask(w.size());
  CHECK(sprat::prune_threshold(w, 1.0, mask) == 1);
  CHECK(mask == (std::vector<std::uint8_t>{1, 1, 0, 1}));
  CHECK(sprat::prune_smallest(w, 2) == 1 && w == (std::vector<double>{3, 0, 0, -2}));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || models(argv[1]) || training<float>() || training<double>() || arrays()) return 1;
  std::printf("ok\n");
  return 0;
}
