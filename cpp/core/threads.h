// How many threads sprat uses, and where that number comes from.
#pragma once

namespace sprat {

inline constexpr int kMaxThreads = 1024;

// The number that parallel_run uses at most when called from this thread:
//   set_thread_local_num_threads  >  set_num_threads  >  SPRAT_NUM_THREADS  >  OMP_NUM_THREADS (first of its list)
//   >  max_useful_threads().
// The environment and the machine are looked at once, at first use.
int num_threads();

// From now on, for every thread of the process. 0 goes back to the automatic number; above kMaxThreads means
// kMaxThreads.
void set_num_threads(int count);

// For the calling thread only; 0 removes it. Returns the value it replaces, so that a context manager can restore it.
int set_thread_local_num_threads(int count);

// The processors this process may use: affinity mask, and the CPU quota of its cgroup rounded up.
int max_useful_threads();

// "thread-local", "set_num_threads", "SPRAT_NUM_THREADS", "OMP_NUM_THREADS", "cgroup quota" or "affinity".
const char* num_threads_source();

// One line on environment values that were ignored, "" when there is nothing to say.
const char* num_threads_warning();

// Who runs the ranges: our own pool (default), or OpenMP where it was built in. SPRAT_THREADING=pool|openmp chooses.
enum class Threading { kPool, kOpenMP };
Threading threading();
bool set_threading(Threading);          // false, and nothing changed, when this build has no OpenMP
const char* threading_name(Threading);  // "pool", "openmp"

}  // namespace sprat
