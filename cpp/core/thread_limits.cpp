#include "core/thread_limits.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#if defined(__linux__)
#include <sched.h>
#else
#include <thread>
#endif

#include "core/threads.h"

namespace sprat {
namespace {

constexpr int kTextSize = 8192;

// The beginning of a file as text; false when it cannot be read.
bool read_text(const char* path, char (&text)[kTextSize]) {
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return false;
  const size_t size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[size] = '\0';
  return size > 0;
}

int quota_to_count(long long quota, long long period) {
  if (quota <= 0 || period <= 0) return 0;
  const long long count = quota / period + (quota % period != 0);
  return static_cast<int>(count < kMaxThreads ? count : kMaxThreads);
}

// "max 100000" or "150000 100000".
int read_limit_v2(const char* folder) {
  char path[kTextSize], text[kTextSize];
  if (std::snprintf(path, sizeof path, "%s/cpu.max", folder) >= kTextSize || !read_text(path, text)) return 0;
  long long quota = 0, period = 0;
  return std::sscanf(text, "%lld %lld", &quota, &period) == 2 ? quota_to_count(quota, period) : 0;
}

// cpu.cfs_quota_us is -1 without a limit.
int read_limit_v1(const char* folder) {
  char path[kTextSize], text[kTextSize];
  long long quota = 0, period = 0;
  if (std::snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder) >= kTextSize || !read_text(path, text) ||
      std::sscanf(text, "%lld", &quota) != 1)
    return 0;
  if (std::snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder) >= kTextSize || !read_text(path, text) ||
      std::sscanf(text, "%lld", &period) != 1)
    return 0;
  return quota_to_count(quota, period);
}

int tighter(int a, int b) { return a == 0 ? b : b == 0 ? a : a < b ? a : b; }

// The tightest limit in mount + group and every folder above it, down to the mount itself. In a container the group's
// path may be the host's and not exist below the mount; then only the mount counts, which is the container's group.
int tightest_limit(const char* root, const char* mount, std::string_view group, int (*read_limit)(const char*)) {
  if (group.find("..") != std::string_view::npos) group = {};  // outside of our cgroup namespace
  int limit = 0;
  for (;;) {
    while (!group.empty() && group.back() == '/') group.remove_suffix(1);
    char folder[kTextSize];
    const int size =
        std::snprintf(folder, sizeof folder, "%s%s%.*s", root, mount, static_cast<int>(group.size()), group.data());
    if (size < kTextSize) limit = tighter(limit, read_limit(folder));
    if (group.empty()) return limit;
    const size_t slash = group.rfind('/');
    group = group.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
}

bool has_item(std::string_view comma_list, std::string_view item) {
  for (;;) {
    const size_t comma = comma_list.find(',');
    if (comma_list.substr(0, comma) == item) return true;
    if (comma == std::string_view::npos) return false;
    comma_list.remove_prefix(comma + 1);
  }
}

// A whole number from 1 to kMaxThreads with spaces around it; 0 when it is not one.
int parse_count(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return 0;
  text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  int count = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    count = count * 10 + (c - '0');
    if (count > kMaxThreads) return 0;
  }
  return count;
}

void warn(ThreadDefaults& defaults, const char* name, const char* value, const char* reason) {
  const size_t used = std::strlen(defaults.warning);
  std::snprintf(defaults.warning + used, sizeof defaults.warning - used, "%s%s=\"%.40s\" is ignored: %s",
                used == 0 ? "" : "; ", name, value, reason);
}

}  // namespace

int affinity_count() {
#if defined(__linux__)
  // The kernel refuses a mask smaller than its own, so grow until it fits.
  for (int processors = 1024; processors <= 1 << 20; processors *= 4) {
    cpu_set_t* mask = CPU_ALLOC(static_cast<size_t>(processors));
    if (mask == nullptr) break;
    const size_t size = CPU_ALLOC_SIZE(static_cast<size_t>(processors));
    const int count = sched_getaffinity(0, size, mask) == 0 ? CPU_COUNT_S(size, mask) : 0;
    CPU_FREE(mask);
    if (count > 0) return count;
  }
  return 1;
#else
  const unsigned count = std::thread::hardware_concurrency();
  return count > 0 ? static_cast<int>(count) : 1;
#endif
}

int cgroup_cpu_limit(const char* root) {
  char path[kTextSize], text[kTextSize];
  if (std::snprintf(path, sizeof path, "%s/proc/self/cgroup", root) >= kTextSize || !read_text(path, text)) return 0;
  int limit = 0;
  // Lines "hierarchy:controllers:path": "0::/user.slice" for v2, "4:cpu,cpuacct:/docker/0123" for v1.
  std::string_view lines = text;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() < lines.size() ? line.size() + 1 : line.size());
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"})
        limit = tighter(limit, tightest_limit(root, mount, group, read_limit_v2));
    } else if (has_item(controllers, "cpu")) {
      for (const char* mount : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"})
        limit = tighter(limit, tightest_limit(root, mount, group, read_limit_v1));
    }
  }
  return limit;
}

ThreadDefaults decide_thread_defaults(const ThreadEnvironment& environment, int affinity, int cgroup_limit,
                                      bool has_openmp) {
  constexpr const char* kWanted = "wanted a whole number from 1 to 1024";
  static_assert(kMaxThreads == 1024);
  ThreadDefaults result;
  const bool quota_binds = cgroup_limit > 0 && cgroup_limit < affinity;
  result.max_useful = quota_binds ? cgroup_limit : affinity;
  if (result.max_useful > kMaxThreads) result.max_useful = kMaxThreads;
  result.count = result.max_useful;
  result.source = quota_binds ? "cgroup quota" : "affinity";

  // An empty variable counts as unset, as in most shells' scripts.
  int asked = 0;
  if (const char* value = environment.sprat_num_threads; value != nullptr && *value != '\0') {
    asked = parse_count(value);
    if (asked > 0) {
      result.source = "SPRAT_NUM_THREADS";
    } else {
      warn(result, "SPRAT_NUM_THREADS", value, kWanted);
    }
  }
  if (const char* value = environment.omp_num_threads; asked == 0 && value != nullptr && *value != '\0') {
    const std::string_view list = value;
    asked = parse_count(list.substr(0, list.find(',')));
    if (asked > 0) {
      result.source = "OMP_NUM_THREADS";
    } else {
      warn(result, "OMP_NUM_THREADS", value, kWanted);
    }
  }
  if (asked > 0) result.count = asked;

  if (const char* value = environment.threading; value != nullptr && *value != '\0') {
    if (std::strcmp(value, "openmp") == 0) {
      result.use_openmp = has_openmp;
      if (!has_openmp) warn(result, "SPRAT_THREADING", value, "this build has no OpenMP");
    } else if (std::strcmp(value, "pool") != 0) {
      warn(result, "SPRAT_THREADING", value, "wanted pool or openmp");
    }
  }
  return result;
}

}  // namespace sprat
