#include "core/parallel.h"

#include <algorithm>

#include "core/float_mode.h"
#include "core/range_split.h"
#include "core/region.h"
#include "core/thread_pool.h"
#include "core/threads.h"
#include "core/threads_openmp.h"

namespace sprat {
namespace {

// Runs the region on several threads; false, having done nothing, when it must be run serially.
bool run_on_threads(int64_t n, int64_t grain, RangeFunction function, void* context) {
  const int64_t units = RangeSplit{n, grain, 1}.units();
  const int threads = static_cast<int>(std::min<int64_t>(num_threads(), units));
  if (threads < 2) return false;
  if (threading() == Threading::kOpenMP) return openmp_run(n, grain, threads, function, context);
  ThreadPool* pool = ThreadPool::instance();
  return pool != nullptr && pool->run(n, grain, threads, function, context);
}

}  // namespace

void parallel_run(int64_t n, int64_t grain, RangeFunction function, void* context) {
  if (n <= 0) return;
  const DefaultFloatMode default_mode;
  grain = std::max<int64_t>(grain, 1);
  if (n > grain && !inside_region) {
    inside_region = true;
    const bool done = run_on_threads(n, grain, function, context);
    inside_region = false;
    if (done) return;
  }
  function(context, 0, n);
}

}  // namespace sprat
