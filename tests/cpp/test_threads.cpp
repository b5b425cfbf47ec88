// parallel_for: every index exactly once, whoever calls it, and from wherever: nested, from many threads at once,
// while the number of threads changes, with a changed floating-point mode.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "check.h"
#include "core/float_mode.h"
#include "core/parallel.h"
#include "core/range_split.h"
#include "core/threads.h"

using namespace sprat;

namespace {

// How often parallel_for visits each index, and whether the ranges are as promised.
bool covers_exactly_once(int64_t n, int64_t grain) {
  std::vector<std::atomic<int>> visits(static_cast<size_t>(n));
  std::atomic<bool> well_formed{true};
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    if (begin % std::max<int64_t>(grain, 1) != 0 || begin >= end || end > n) well_formed = false;
    for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
  });
  for (const auto& count : visits)
    if (count != 1) return false;
  return well_formed;
}

void test_split() {
  for (const int64_t n : {1, 2, 7, 64, 1000}) {
    for (const int64_t grain : {1, 3, 64, 5000}) {
      const int64_t units = RangeSplit{n, grain, 1}.units();
      CHECK_EQ(units, (n + grain - 1) / grain);
      for (int parts = 1; parts <= units; ++parts) {
        const RangeSplit split{n, grain, parts};
        int64_t expected_begin = 0;
        bool chained = true;
        for (int part = 0; part < parts; ++part) {
          const Range range = split.range(part);
          chained = chained && range.begin == expected_begin && range.end > range.begin && range.begin % grain == 0;
          expected_begin = range.end;
        }
        CHECK(chained);
        CHECK_EQ(expected_begin, n);
      }
    }
  }
  // The largest index range does not overflow.
  constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
  const RangeSplit large{kLargest, kLargest / 2, 3};
  CHECK_EQ(large.units(), 3);
  CHECK_EQ(large.range(2).begin, kLargest / 2 * 2);
  CHECK_EQ(large.range(2).end, kLargest);
}

void test_coverage() {
  for (const int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    for (const int64_t n : {0, 1, 2, 3, 15, 16, 17, 1000, 4097})
      for (const int64_t grain : {-1, 0, 1, 2, 7, 64, 1024, 5000}) CHECK(covers_exactly_once(n, grain));
  }
  set_num_threads(kMaxThreads);  // many more than there are processors
  CHECK(covers_exactly_once(64, 1));
  set_num_threads(4);
  bool called = false;
  parallel_for(-5, 1, [&](int64_t, int64_t) { called = true; });
  CHECK(!called);
  // A const body, and one that is called by reference (its state is not copied).
  std::atomic<int64_t> sum{0};
  const auto body = [&sum](int64_t begin, int64_t end) { sum += end - begin; };
  parallel_for(100, 1, body);
  CHECK_EQ(sum.load(), 100);
}

void test_small_work_is_one_call() {
  set_num_threads(4);
  int calls = 0;
  std::thread::id runner;
  parallel_for(64, 64, [&](int64_t begin, int64_t end) {
    ++calls;
    runner = std::this_thread::get_id();
    CHECK_EQ(end - begin, 64);
  });
  CHECK_EQ(calls, 1);
  CHECK(runner == std::this_thread::get_id());
}

void test_really_parallel() {
  // Two ranges that wait for each other end only when two threads run them.
  set_num_threads(2);
  std::atomic<int> arrived{0};
  parallel_for(2, 1, [&](int64_t, int64_t) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  CHECK_EQ(arrived.load(), 2);
}

void test_nested() {
  set_num_threads(4);
  std::vector<std::atomic<int>> visits(64 * 64);
  std::atomic<bool> inner_is_serial{true};
  parallel_for(64, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto outer = std::this_thread::get_id();
      int calls = 0;
      parallel_for(64, 1, [&](int64_t b, int64_t e) {
        if (++calls != 1 || std::this_thread::get_id() != outer) inner_is_serial = false;
        for (int64_t j = b; j < e; ++j) ++visits[static_cast<size_t>(i * 64 + j)];
      });
    }
  });
  CHECK(inner_is_serial);
  bool once = true;
  for (const auto& count : visits) once = once && count == 1;
  CHECK(once);
}

void test_concurrent_callers(bool change_threads) {
  set_num_threads(4);
  constexpr int kCallers = 8, kRounds = 300;
  std::vector<int> good(kCallers, 0);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < kRounds; ++round) {
        if (change_threads && caller == 0) set_num_threads(1 + round % 9);
        good[static_cast<size_t>(caller)] += covers_exactly_once(100 + round % 50, 1 + round % 7) ? 1 : 0;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  for (const int count : good) CHECK_EQ(count, kRounds);
}

// Plain (not atomic) results of the workers are visible to the caller: what ThreadSanitizer looks at.
void test_visibility() {
  set_num_threads(4);
  std::vector<int64_t> values(1000, 0);
  for (int round = 0; round < 200; ++round) {
    parallel_for(1000, 10, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] += i;
    });
  }
  bool right = true;
  for (int64_t i = 0; i < 1000; ++i) right = right && values[static_cast<size_t>(i)] == 200 * i;
  CHECK(right);
}

void test_counts() {
  set_num_threads(3);
  CHECK_EQ(num_threads(), 3);
  CHECK_EQ(std::string(num_threads_source()), "set_num_threads");
  CHECK_EQ(set_thread_local_num_threads(1), 0);
  CHECK_EQ(num_threads(), 1);
  CHECK_EQ(std::string(num_threads_source()), "thread-local");
  int elsewhere = 0;
  std::thread([&] { elsewhere = num_threads(); }).join();
  CHECK_EQ(elsewhere, 3);
  CHECK_EQ(set_thread_local_num_threads(0), 1);
  CHECK_EQ(num_threads(), 3);
  set_num_threads(kMaxThreads + 1);
  CHECK_EQ(num_threads(), kMaxThreads);
  set_num_threads(0);
  CHECK(num_threads() >= 1);
  CHECK(max_useful_threads() >= 1);
  CHECK(std::string(num_threads_source()) != "set_num_threads");
}

void test_default_float_mode() {
  const uint64_t before = read_float_control();
#if defined(__SSE2__)
  constexpr uint64_t kUnusual = kFloatControlDefault | 0x8040 | 0x6000;  // FTZ, DAZ, toward zero
#elif defined(__aarch64__)
  constexpr uint64_t kUnusual = uint64_t{1} << 24 | uint64_t{3} << 22;
#else
  constexpr uint64_t kUnusual = kFloatControlDefault;
#endif
  CHECK(float_mode().is_default());
  for (const int threads : {1, 4}) {
    set_num_threads(threads);
    write_float_control(kUnusual);
    const bool changed = kFloatControlMask == 0 || !float_mode().is_default();
    std::atomic<int> not_default{0};
    parallel_for(64, 1, [&](int64_t, int64_t) { not_default += float_mode().is_default() ? 0 : 1; });
    const uint64_t after = read_float_control();
    write_float_control(before);
    CHECK(changed);
    CHECK_EQ(not_default.load(), 0);
    CHECK_EQ(after & kFloatControlMask, kUnusual & kFloatControlMask);
  }
  CHECK_EQ(std::string(rounding_name(float_mode().rounding)), "nearest even");
}

std::atomic<int> signals_on_main{0}, signals_elsewhere{0};
pthread_t main_thread;

void test_signals_stay_with_the_application() {
  set_num_threads(4);
  CHECK(covers_exactly_once(1000, 1));  // the workers exist
  main_thread = pthread_self();
  struct sigaction action = {}, old_action = {};
  action.sa_handler = [](int) { ++(pthread_equal(pthread_self(), main_thread) ? signals_on_main : signals_elsewhere); };
  sigaction(SIGINT, &action, &old_action);
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  // With SIGINT blocked here, the system would deliver it to any other thread that takes it.
  pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
  kill(getpid(), SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_EQ(signals_on_main.load(), 0);
  pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
  sigaction(SIGINT, &old_action, nullptr);
  CHECK_EQ(signals_on_main.load(), 1);
  CHECK_EQ(signals_elsewhere.load(), 0);
}

double processor_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void test_idle_workers_sleep() {
  set_num_threads(4);
  CHECK(covers_exactly_once(1000, 1));
  const double before = processor_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK_NEAR(processor_seconds() - before, 0.0, 0.05 * 0.3);
}

}  // namespace

int main() {
  test_split();
  test_counts();
  for (const Threading backend : {Threading::kPool, Threading::kOpenMP}) {
    if (!set_threading(backend)) continue;
    CHECK_EQ(threading_name(threading()), threading_name(backend));
    test_coverage();
    test_small_work_is_one_call();
    test_really_parallel();
    test_nested();
    test_concurrent_callers(false);
    test_concurrent_callers(true);
    test_visibility();
    test_default_float_mode();
    if (backend == Threading::kPool) {
      test_signals_stay_with_the_application();
      test_idle_workers_sleep();
    }
  }
  return check::report();
}
