#include "core/threads.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "core/publish_once.h"
#include "core/thread_limits.h"
#include "core/threads_openmp.h"

namespace sprat {
namespace {

constinit PublishOnce<ThreadDefaults> published_defaults;
constinit std::atomic<int> process_count{0};      // 0: not set
constinit thread_local int thread_count = 0;      // 0: not set
constinit std::atomic<int> chosen_threading{-1};  // -1: what the environment says

const ThreadDefaults& defaults() {
  return published_defaults.get([] {
    const ThreadEnvironment environment{.sprat_num_threads = std::getenv("SPRAT_NUM_THREADS"),
                                        .omp_num_threads = std::getenv("OMP_NUM_THREADS"),
                                        .threading = std::getenv("SPRAT_THREADING")};
    return decide_thread_defaults(environment, affinity_count(), cgroup_cpu_limit(""), kHasOpenMP);
  });
}

}  // namespace

int num_threads() {
  if (thread_count > 0) return thread_count;
  const int count = process_count.load(std::memory_order_relaxed);
  return count > 0 ? count : defaults().count;
}

void set_num_threads(int count) { process_count.store(std::clamp(count, 0, kMaxThreads), std::memory_order_relaxed); }

int set_thread_local_num_threads(int count) {
  const int before = thread_count;
  thread_count = std::clamp(count, 0, kMaxThreads);
  return before;
}

int max_useful_threads() { return defaults().max_useful; }

const char* num_threads_source() {
  if (thread_count > 0) return "thread-local";
  return process_count.load(std::memory_order_relaxed) > 0 ? "set_num_threads" : defaults().source;
}

const char* num_threads_warning() { return defaults().warning; }

Threading threading() {
  const int chosen = chosen_threading.load(std::memory_order_relaxed);
  if (chosen >= 0) return static_cast<Threading>(chosen);
  return defaults().use_openmp ? Threading::kOpenMP : Threading::kPool;
}

bool set_threading(Threading threading) {
  if (threading == Threading::kOpenMP && !kHasOpenMP) return false;
  chosen_threading.store(static_cast<int>(threading), std::memory_order_relaxed);
  return true;
}

const char* threading_name(Threading threading) { return threading == Threading::kOpenMP ? "openmp" : "pool"; }

}  // namespace sprat
