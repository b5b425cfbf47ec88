// Every optimizer kernel against its own formula, one number at a time: equal bits for every length around the register
// width, with and without clipping, masks and moving averages, and not a byte written outside the range.
#include "formulas/optim/element.h"
#include "formulas/optim/list.h"
#include "kernels/optimizer.h"
#include "samples.h"

namespace sprat::SPRAT_ISA {
extern const OptimizerKernels optimizer_kernels;
}

namespace sprat {
namespace {

constexpr int64_t kMargin = 3;  // elements before and behind the range, which must stay as they are

// The arrays of one tensor: param, grad, states, ema. Some of everything, from zero to NaN, denormals included.
template <class T>
struct Arrays {
  static constexpr int kCount = 3 + SPRAT_OPTIMIZER_MAX_STATES;
  std::vector<T> array[kCount];
  std::vector<uint8_t> mask;
  bool has_ema, has_mask;

  Arrays(int64_t length, bool ema, bool masked, Samples<T>& samples) : has_ema(ema), has_mask(masked) {
    const std::vector<T> edges = edge_values<T>();
    for (int a = 0; a < kCount; ++a) {
      array[a].resize(static_cast<size_t>(length));
      for (T& x : array[a]) {
        const uint64_t choice = samples.bits() % 8;
        x = choice == 0 ? edges[samples.bits() % edges.size()] : samples.ordinary() / T(1 << 20);
        if (choice == 1) x *= T(1e-20);
        const bool is_state = a >= 2 && a < 2 + SPRAT_OPTIMIZER_MAX_STATES;
        if (is_state) x = abs(x);  // averages of squares are not negative
      }
    }
    mask.resize(static_cast<size_t>(length));
    for (uint8_t& m : mask) m = samples.bits() % 4 != 0;
  }

  sprat_optimizer_tensor tensor() {
    sprat_optimizer_tensor t{};
    t.size = sizeof t;
    t.length = static_cast<int64_t>(mask.size());
    t.param = array[0].data();
    t.grad = array[1].data();
    for (int s = 0; s < SPRAT_OPTIMIZER_MAX_STATES; ++s) t.states[s] = array[2 + s].data();
    t.ema = has_ema ? array[kCount - 1].data() : nullptr;
    t.mask = has_mask ? mask.data() : nullptr;
    return t;
  }
};

sprat_optimizer_params hyperparameters(int64_t step) {
  sprat_optimizer_params p{};
  p.size = sizeof p;
  p.step = step;
  p.lr = 0.01;
  p.beta1 = 0.9;
  p.beta2 = 0.99;
  p.eps = 1e-8;
  p.weight_decay = step % 3 == 0 ? 0.1 : 0;
  p.momentum = 0.8;
  p.dampening = 0.1;
  p.alpha = 0.95;
  p.lr_decay = 0.01;
  p.momentum_decay = 0.004;
  p.mu_product = 0.5;
  p.nesterov = step % 2;
  p.maximize = step % 5 == 0;
  p.decoupled_weight_decay = step % 2;
  return p;
}

template <class F, class T>
void check_one(const OptimizerKernel& kernel, int64_t length, int64_t step, bool around) {
  Samples<T> samples;
  for (int64_t skip = 0; skip < length + step; ++skip) samples.bits();
  const int64_t total = length + 2 * kMargin;
  Arrays<T> arrays(total, around, around, samples);
  Arrays<T> expected = arrays;
  const sprat_optimizer_params params = hyperparameters(step);
  const OptimizerPass pass{around ? 0.7 : 1.0, around ? 0.05 : std::numeric_limits<double>::infinity(), 0.9};

  const Element<F, T> element(params, pass.grad_scale, pass.clip_value, pass.ema_decay);
  for (size_t i = kMargin; i < static_cast<size_t>(kMargin + length); ++i) {
    T states[SPRAT_OPTIMIZER_MAX_STATES];
    for (int s = 0; s < SPRAT_OPTIMIZER_MAX_STATES; ++s) states[s] = expected.array[2 + s][i];
    T& param = expected.array[0][i];
    T& ema = expected.array[expected.kCount - 1][i];
    const bool keep = !around || expected.mask[i];
    element.update(param, expected.array[1][i], states);
    if (around) ema = keep ? element.average(ema, param) : T(0);
    if (!keep) param = 0;
    for (int s = 0; s < kernel.num_states; ++s) expected.array[2 + s][i] = keep ? states[s] : T(0);
  }

  const sprat_optimizer_tensor tensor = arrays.tensor();
  kernel.step[sizeof(T) == 8](params, pass, &tensor, 1, kMargin, kMargin + length);
  for (int a = 0; a < arrays.kCount; ++a) {
    for (size_t i = 0; i < static_cast<size_t>(total); ++i) {
      CHECK_SAME_BITS(arrays.array[a][i], expected.array[a][i]);
    }
  }
}

template <template <class> class F>
void check_formula() {
  const OptimizerKernel* kernel = nullptr;
  for (int32_t i = 0; i < SPRAT_ISA::optimizer_kernels.count; ++i) {
    const OptimizerKernel& entry = SPRAT_ISA::optimizer_kernels.list[i];
    if (std::string(entry.name) == F<float>::kName) kernel = &entry;
  }
  CHECK(kernel != nullptr);
  if (!kernel) return;
  CHECK_EQ(kernel->num_states, F<float>::kStates.count());
  for (int32_t s = 0; s < kernel->num_states; ++s) CHECK(std::string(kernel->states[s]) == F<float>::kStates.name[s]);
  for (const int64_t step : {1, 2, 3, 16, 30}) {  // the 16th sets denormal results to zero
    for (int64_t length = 0; length <= 35; ++length) {
      check_one<F<float>, float>(*kernel, length, step, length % 2);
      check_one<F<double>, double>(*kernel, length, step, length % 2);
    }
    check_one<F<float>, float>(*kernel, 200, step, true);
    check_one<F<float>, float>(*kernel, 200, step, false);
    check_one<F<double>, double>(*kernel, 200, step, true);
    check_one<F<double>, double>(*kernel, 200, step, false);
  }
}

template <template <class> class... F>
struct Checks {
  static void run() { (check_formula<F>(), ...); }
  static constexpr int32_t count = sizeof...(F);
};

// Several tensors on one line: a range that begins and ends inside them.
void check_line() {
  const OptimizerKernel& sgd = SPRAT_ISA::optimizer_kernels.list[0];
  CHECK(std::string(sgd.name) == "sgd");
  std::vector<float> params(60, 1.0f), grads(60, 1.0f);
  sprat_optimizer_tensor tensors[4]{};
  const int64_t lengths[] = {7, 0, 33, 20};
  for (int64_t t = 0, offset = 0; t < 4; offset += lengths[t++]) {
    tensors[t].size = sizeof tensors[t];
    tensors[t].length = lengths[t];
    tensors[t].param = params.data() + offset;
    tensors[t].grad = grads.data() + offset;
  }
  sprat_optimizer_params p = hyperparameters(1);
  p.lr = 0.5;
  sgd.step[0](p, {1, std::numeric_limits<double>::infinity(), 0}, tensors, 4, 5, 45);
  for (size_t i = 0; i < params.size(); ++i) CHECK_SAME_BITS(params[i], i >= 5 && i < 45 ? 0.5f : 1.0f);
}

void check_denormals() {
  CHECK_SAME_BITS(flush_denormal(-1e-40f), 0.0f);
  CHECK_SAME_BITS(flush_denormal(-0x1p-126f), -0x1p-126f);
  CHECK_SAME_BITS(flush_denormal(0x1p-1022), 0x1p-1022);
  CHECK(flush_denormal(std::numeric_limits<float>::quiet_NaN()) != 0);
  // The limits are where they say: the term of the smallest gradient is normal, that of half of it is not.
  for (const double gain : {1.0, 0.5, 0.1, 0.01, 0.001}) {
    const float g = smallest_square<float>(gain);
    CHECK(static_cast<float>(gain) * g * g >= 0x1p-126f);
    CHECK(static_cast<float>(gain) * (g / 2) * (g / 2) < 0x1p-126f);
  }
}

}  // namespace
}  // namespace sprat

int main() {
  if (!check::cpu_runs_this_build()) return check::kSkipped;
  using All = sprat::OptimizerFormulas<sprat::Checks>;
  CHECK_EQ(All::count, sprat::SPRAT_ISA::optimizer_kernels.count);
  All::run();
  sprat::check_line();
  sprat::check_denormals();
  return check::report();
}
