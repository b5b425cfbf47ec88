// What the machine and the environment allow: the reading behind core/threads.h, testable with made-up input.
#pragma once

namespace sprat {

// Processors in the affinity mask of the process; at least 1.
int affinity_count();

// ceil(quota / period) of the tightest CPU limit on the way from the process' own cgroup up to the root; 0 when there
// is none. Knows cgroup v2 (cpu.max), v1 (cpu.cfs_quota_us) and both mounted together. `root` stands before every
// path that is read ("" for the real machine).
int cgroup_cpu_limit(const char* root);

// What the environment asks for; null pointers are unset variables.
struct ThreadEnvironment {
  const char* sprat_num_threads = nullptr;
  const char* omp_num_threads = nullptr;
  const char* threading = nullptr;
};

struct ThreadDefaults {
  int count = 1;
  const char* source = "affinity";
  int max_useful = 1;
  bool use_openmp = false;
  char warning[384] = "";
};

// The automatic number of threads, from the environment and from the two limits above (cgroup_limit 0: none).
ThreadDefaults decide_thread_defaults(const ThreadEnvironment& environment, int affinity, int cgroup_limit,
                                      bool has_openmp);

}  // namespace sprat
