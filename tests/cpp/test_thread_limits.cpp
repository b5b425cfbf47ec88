// Where the number of threads comes from, with made-up environments and made-up cgroup trees.
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "check.h"
#include "core/thread_limits.h"
#include "core/threads.h"

using namespace sprat;
namespace fs = std::filesystem;

namespace {

// A made-up root folder, removed at the end.
struct FakeRoot {
  fs::path root = fs::temp_directory_path() / ("sprat_test_limits_" + std::to_string(getpid()));
  FakeRoot() { fs::create_directories(root); }
  ~FakeRoot() { fs::remove_all(root); }
  FakeRoot& file(const std::string& path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
    return *this;
  }
  int limit() const { return cgroup_cpu_limit(root.c_str()); }
};

void test_cgroup_v2() {
  CHECK_EQ(FakeRoot().limit(), 0);                                     // no /proc/self/cgroup
  CHECK_EQ(FakeRoot().file("proc/self/cgroup", "0::/\n").limit(), 0);  // no cpu.max: the real root group has none
  CHECK_EQ(FakeRoot().file("proc/self/cgroup", "0::/\n").file("sys/fs/cgroup/cpu.max", "max 100000\n").limit(), 0);
  CHECK_EQ(FakeRoot().file("proc/self/cgroup", "0::/\n").file("sys/fs/cgroup/cpu.max", "200000 100000\n").limit(), 2);
  // Rounded up: half a processor is one thread, two and a bit are three.
  CHECK_EQ(FakeRoot().file("proc/self/cgroup", "0::/\n").file("sys/fs/cgroup/cpu.max", "50000 100000\n").limit(), 1);
  CHECK_EQ(FakeRoot().file("proc/self/cgroup", "0::/\n").file("sys/fs/cgroup/cpu.max", "210000 100000\n").limit(), 3);
  // The tightest on the way up counts, wherever it is.
  CHECK_EQ(FakeRoot()
               .file("proc/self/cgroup", "0::/a/b/c\n")
               .file("sys/fs/cgroup/a/cpu.max", "300000 100000\n")
               .file("sys/fs/cgroup/a/b/cpu.max", "max 100000\n")
               .file("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n")
               .limit(),
           3);
  // A container that sees the host's path: only the mount exists, and it is the container's group.
  CHECK_EQ(FakeRoot()
               .file("proc/self/cgroup", "0::/kubepods/pod1/abc\n")
               .file("sys/fs/cgroup/cpu.max", "400000 100000\n")
               .limit(),
           4);
  // A path outside of the cgroup namespace is not followed.
  CHECK_EQ(FakeRoot()
               .file("proc/self/cgroup", "0::/../other\n")
               .file("sys/fs/other/cpu.max", "100000 100000\n")
               .file("sys/fs/cgroup/cpu.max", "600000 100000\n")
               .limit(),
           6);
}

void test_cgroup_v1() {
  const std::string groups = "11:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n3:cpuset:/docker/1\n1:name=systemd:/x\n";
  CHECK_EQ(FakeRoot()
               .file("proc/self/cgroup", groups)
               .file("sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "150000\n")
               .file("sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000\n")
               .limit(),
           2);
  CHECK_EQ(FakeRoot()
               .file("proc/self/cgroup", groups)
               .file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "700000\n")
               .file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
               .limit(),
           7);
  CHECK_EQ(FakeRoot()
               .file("proc/self/cgroup", groups)
               .file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
               .file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
               .limit(),
           0);
  // Both versions mounted together: v1 holds the cpu controller, v2 lies in "unified".
  CHECK_EQ(FakeRoot()
               .file("proc/self/cgroup", groups + "0::/system.slice\n")
               .file("sys/fs/cgroup/unified/system.slice/cpu.max", "500000 100000\n")
               .file("sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "900000\n")
               .file("sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000\n")
               .limit(),
           5);
}

void test_damaged_files() {
  for (const char* text : {"", "\n", "::", "0:", "nonsense", "0::/a", "4:cpu:relative"}) {
    FakeRoot root;
    root.file("proc/self/cgroup", text).file("sys/fs/cgroup/a/cpu.max", "lots of\n");
    CHECK_EQ(root.limit(), 0);
  }
  for (const char* text : {"0 100000", "100000 0", "-5 100000", "100000", "1e99 x"})
    CHECK_EQ(FakeRoot().file("proc/self/cgroup", "0::/\n").file("sys/fs/cgroup/cpu.max", text).limit(), 0);
  CHECK_EQ(
      FakeRoot().file("proc/self/cgroup", "0::/\n").file("sys/fs/cgroup/cpu.max", "9000000000000000000 1\n").limit(),
      kMaxThreads);
  CHECK_EQ(FakeRoot().file("proc/self/cgroup", "0::/" + std::string(20000, 'x')).limit(), 0);
}

ThreadDefaults decide(const char* sprat, const char* omp, const char* threading = nullptr, bool has_openmp = true) {
  return decide_thread_defaults({sprat, omp, threading}, 8, 0, has_openmp);
}

void check_defaults(const ThreadDefaults& actual, int count, const std::string& source, const std::string& warning) {
  CHECK_EQ(actual.count, count);
  CHECK_EQ(std::string(actual.source), source);
  CHECK_EQ(std::string(actual.warning), warning);
}

void test_order_of_sources() {
  check_defaults(decide(nullptr, nullptr), 8, "affinity", "");
  check_defaults(decide_thread_defaults({}, 8, 3, true), 3, "cgroup quota", "");
  check_defaults(decide_thread_defaults({}, 2, 3, true), 2, "affinity", "");
  check_defaults(decide(nullptr, "3"), 3, "OMP_NUM_THREADS", "");
  check_defaults(decide(nullptr, "4,2,1"), 4, "OMP_NUM_THREADS", "");
  check_defaults(decide("2", "3"), 2, "SPRAT_NUM_THREADS", "");
  check_defaults(decide(" 16 ", "3"), 16, "SPRAT_NUM_THREADS", "");  // more than processors: as the user says
  check_defaults(decide("", ""), 8, "affinity", "");
  // What the machine offers does not depend on the environment.
  CHECK_EQ(decide("2", nullptr).max_useful, 8);
  CHECK_EQ(decide_thread_defaults({"2", nullptr, nullptr}, 8, 3, true).max_useful, 3);
  CHECK_EQ(decide_thread_defaults({}, 5000, 0, true).count, kMaxThreads);
}

void test_invalid_values() {
  const std::string wanted = "wanted a whole number from 1 to 1024";
  check_defaults(decide("many", nullptr), 8, "affinity", "SPRAT_NUM_THREADS=\"many\" is ignored: " + wanted);
  check_defaults(decide("0", "3"), 3, "OMP_NUM_THREADS", "SPRAT_NUM_THREADS=\"0\" is ignored: " + wanted);
  for (const char* text : {"-1", "2.5", "1025", "99999999999999999999", "0x4", "4 4", " ", "2,3"})
    CHECK_EQ(std::string(decide(text, nullptr).source), "affinity");
  check_defaults(decide("x", "y"), 8, "affinity",
                 "SPRAT_NUM_THREADS=\"x\" is ignored: " + wanted + "; OMP_NUM_THREADS=\"y\" is ignored: " + wanted);
  // A very long value is cut, not overrun.
  const std::string long_value(5000, 'z');
  const ThreadDefaults cut = decide(long_value.c_str(), long_value.c_str(), long_value.c_str());
  CHECK(std::string(cut.warning).size() < sizeof cut.warning);
  CHECK(std::string(cut.warning).find("SPRAT_THREADING") != std::string::npos);
}

void test_threading() {
  CHECK(!decide(nullptr, nullptr).use_openmp);
  CHECK(!decide(nullptr, nullptr, "pool").use_openmp);
  CHECK(decide(nullptr, nullptr, "openmp").use_openmp);
  const ThreadDefaults without = decide(nullptr, nullptr, "openmp", false);
  CHECK(!without.use_openmp);
  CHECK_EQ(std::string(without.warning), "SPRAT_THREADING=\"openmp\" is ignored: this build has no OpenMP");
  CHECK_EQ(std::string(decide(nullptr, nullptr, "tbb").warning),
           "SPRAT_THREADING=\"tbb\" is ignored: wanted pool or openmp");
}

}  // namespace

int main() {
  test_cgroup_v2();
  test_cgroup_v1();
  test_damaged_files();
  test_order_of_sources();
  test_invalid_values();
  test_threading();
  CHECK(affinity_count() >= 1);
  CHECK(cgroup_cpu_limit("") >= 0);
  return check::report();
}
