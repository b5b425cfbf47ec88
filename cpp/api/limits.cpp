// What the machine can do at most, measured for some milliseconds.
#include <algorithm>
#include <chrono>
#include <cstddef>

#include "api/checks.h"
#include "api/dispatch.h"
#include "core/align.h"

namespace sprat {
namespace {

constexpr int kBlocks = 8;
constexpr double kBlockSeconds = 3e-4;

// Work a second of work(rounds), which tells what it did: the best of some blocks, as a disturbed one says nothing.
template <class Work>
double rate_of(Work&& work) {
  using Clock = std::chrono::steady_clock;
  int64_t rounds = 1;
  double best = 0;
  for (int block = 0; block < kBlocks;) {
    const auto start = Clock::now();
    const auto done = static_cast<double>(work(rounds));
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (seconds < kBlockSeconds) {
      rounds *= 2;
      continue;
    }
    best = std::max(best, done / seconds);
    ++block;
  }
  return best;
}

}  // namespace
}  // namespace sprat

using namespace sprat;

sprat_status sprat_limit_of_products(sprat_dtype dtype, double* per_second) noexcept {
  SPRAT_REQUIRE(dtype == SPRAT_FLOAT32 || dtype == SPRAT_INT8, "dtype: wanted float32 or int8, got %d", int{dtype});
  SPRAT_REQUIRE(per_second, "per_second must not be NULL");
  const LimitKernels& limits = *kernels().limits;
  *per_second = rate_of(dtype == SPRAT_FLOAT32 ? limits.fma : limits.dot);
  return SPRAT_OK;
}

sprat_status sprat_limit_of_reading(int64_t bytes, double* per_second) noexcept {
  SPRAT_REQUIRE(bytes >= 1024, "bytes: wanted at least 1024, got %lld", shown(bytes));
  SPRAT_REQUIRE(per_second, "per_second must not be NULL");
  AlignedBuffer<std::byte> memory;
  if (!memory.allocate(bytes)) return refuse(SPRAT_OUT_OF_MEMORY, "bytes: no memory for %lld", shown(bytes));
  memory.fill_zero();
  *per_second = rate_of([&](int64_t rounds) { return kernels().limits->read(memory.data(), bytes, rounds); });
  return SPRAT_OK;
}
