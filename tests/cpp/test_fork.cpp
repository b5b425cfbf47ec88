// A child of a process that used threads must not hang, whatever the parent's threads were doing at the fork.
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "core/parallel.h"
#include "core/threads.h"

// ThreadSanitizer cannot follow new threads in a forked child ("dup thread with used id").
#if defined(__SANITIZE_THREAD__)
constexpr bool kCannotFollow = true;
#else
constexpr bool kCannotFollow = false;
#endif

using namespace sprat;

namespace {

// 0 + 1 + ... + n - 1 by parallel_for, and how many threads took part.
struct Sum {
  int64_t value;
  int threads;
};
Sum parallel_sum(int64_t n) {
  std::atomic<int64_t> sum{0};
  std::atomic<int> threads{0};
  static std::atomic<int> region{0};
  const int this_region = ++region;
  parallel_for(n, 1, [&](int64_t begin, int64_t end) {
    thread_local int seen_region = 0;
    if (seen_region != this_region) ++threads;
    seen_region = this_region;
    for (int64_t i = begin; i < end; ++i) sum += i;
  });
  return {sum, threads};
}

bool sums_right() {
  constexpr int64_t n = 1000;
  return parallel_sum(n).value == n * (n - 1) / 2;
}

// Only threads that really run together get past: the child's pool works, it is not just serial.
bool two_threads_meet() {
  set_num_threads(2);
  std::atomic<int> arrived{0};
  parallel_for(2, 1, [&](int64_t, int64_t) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  return arrived == 2;
}

// What `work` answers in a forked child; false too when it has not answered within 20 seconds.
bool child_answers(const std::function<bool()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(work() ? 0 : 1);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void test_after_use() {
  set_num_threads(4);
  CHECK(sums_right());
  for (int i = 0; i < 3; ++i) CHECK(child_answers(sums_right));
  CHECK(sums_right());
}

void test_pool_is_rebuilt() {
  set_num_threads(4);
  CHECK(sums_right());
  CHECK(child_answers(two_threads_meet));
  CHECK(child_answers([] { return two_threads_meet() && child_answers([] { return two_threads_meet(); }); }));
  set_num_threads(4);
}

// Other threads are inside regions, and start new ones, at the moment of the fork.
void test_during_regions() {
  set_num_threads(4);
  std::atomic<bool> stop{false}, all_right{true};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        if (!sums_right()) all_right = false;
      }
    });
  }
  for (int i = 0; i < 15; ++i) CHECK(child_answers(sums_right));
  stop = true;
  for (auto& caller : callers) caller.join();
  CHECK(all_right);
  CHECK(sums_right());
}

void test_child_exits_normally() {
  set_num_threads(4);
  CHECK(sums_right());
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const bool right = sums_right();
    std::fflush(nullptr);
    std::exit(right ? 0 : 1);  // runs the destructors of static objects while workers sleep
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

}  // namespace

int main() {
  if (kCannotFollow) return 77;  // skipped
  set_num_threads(4);
  CHECK(child_answers(sums_right));  // before the parent has a pool
  for (const Threading backend : {Threading::kPool, Threading::kOpenMP}) {
    if (!set_threading(backend)) continue;
    test_after_use();
    if (backend == Threading::kPool) test_pool_is_rebuilt();
    test_during_regions();
    test_child_exits_normally();
  }
  return check::report();
}
