#include "core/threads_openmp.h"

#if defined(SPRAT_HAS_OPENMP)

#include <omp.h>
#include <pthread.h>

#include <atomic>

#include "core/float_mode.h"
#include "core/range_split.h"

namespace sprat {
namespace {

constinit std::atomic<bool> forked{false};
constinit std::atomic<bool> busy{false};  // one team at a time: each calling thread would get its own
[[maybe_unused]] const int fork_handler =
    pthread_atfork(nullptr, nullptr, [] { forked.store(true, std::memory_order_relaxed); });

}  // namespace

bool openmp_run(int64_t n, int64_t grain, int threads, RangeFunction function, void* context) {
  if (forked.load(std::memory_order_relaxed) || omp_in_parallel() != 0) return false;
  if (busy.exchange(true, std::memory_order_acquire)) return false;
  const RangeSplit split{n, grain, threads};
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int part = 0; part < threads; ++part) {
    const DefaultFloatMode default_mode;
    const Range range = split.range(part);
    function(context, range.begin, range.end);
  }
  busy.store(false, std::memory_order_release);
  return true;
}

}  // namespace sprat

#endif
