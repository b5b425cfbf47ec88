// 1 - beta^step ends early where the power no longer counts: the same bits as the whole power.
#include "formulas/optim/bias_correction.h"
#include "samples.h"

namespace sprat {
namespace {

double whole_power(double beta, int64_t step) {
  double power = 1;
  for (double factor = beta; step > 0; step >>= 1, factor *= factor) {
    if (step & 1) power *= factor;
  }
  return 1 - power;
}

void compare() {
  const double betas[] = {0,    0x1p-1074, 0x1p-60,     0x1p-54,     0x1p-53,    0x1p-27, 0.1,
                          0.5,  0.9,       0.99,        0.999,       0.9999,     0.95,    0.2,
                          0.98, 1 - 1e-7,  1 - 0x1p-26, 1 - 0x1p-52, 1 - 0x1p-53};
  Samples<double> samples;
  for (const double beta : betas) {
    for (int64_t step = 1; step <= 20000; ++step) CHECK_SAME_BITS(bias_correction(beta, step), whole_power(beta, step));
    for (int bit = 14; bit < 63; ++bit) {
      for (int64_t offset = -2; offset <= 2; ++offset) {
        const int64_t step = (int64_t{1} << bit) + offset;
        CHECK_SAME_BITS(bias_correction(beta, step), whole_power(beta, step));
      }
    }
  }
  for (int i = 0; i < 200000; ++i) {
    const double beta = double(samples.bits() >> 12) * 0x1p-52;
    const int64_t step = int64_t(samples.bits() >> (1 + samples.bits() % 63)) + 1;
    if (step > 0) CHECK_SAME_BITS(bias_correction(beta, step), whole_power(beta, step));
  }
}

}  // namespace
}  // namespace sprat

int main() {
  if (!check::cpu_runs_this_build()) return check::kSkipped;
  sprat::compare();
  return check::report();
}
