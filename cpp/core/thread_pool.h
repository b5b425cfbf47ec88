// sprat's own worker threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "core/parallel.h"
#include "core/range_split.h"
#include "core/threads.h"

namespace sprat {

// A "caller helps" pool: the caller announces a region, works on it like everybody else, and waits only for parts
// that a worker has taken. So a worker that wakes late, or never, costs speed but nothing else.
//
// The region is announced in one 64-bit word, the ticket: generation | helpers | parts | next part. A thread takes a
// part by replacing next with next + 1, and only after that looks at region_, which stays as it is until that part is
// done. So a worker that slept through a whole region cannot touch a stale one, and there is no lock anywhere.
class ThreadPool {
 public:
  // parallel_run on at most `threads` >= 2 threads. False, having done nothing, when another caller is inside.
  bool run(int64_t n, int64_t grain, int threads, RangeFunction function, void* context);

  // The pool of this process, made at first use; null when there is no memory for it. It is never destroyed: workers
  // sleep until the process ends, so there is no order of destruction to get wrong. In a forked child the workers do
  // not exist, and the first call there makes a new pool.
  static ThreadPool* instance();

 private:
  struct alignas(64) Worker {
    std::atomic<uint32_t> parked{0};  // 1 while asleep, or about to be
    ThreadPool* pool = nullptr;
    int index = 0;
  };

  int ensure_workers(int wanted);  // how many there are afterwards, at most `wanted`
  bool start_worker();
  static void* worker_main(void* worker);
  void serve(Worker& self);
  void park(Worker& self);
  void wake_children(int node, uint64_t ticket);
  void run_part(int part);
  void wait_for_parts();

  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<uint32_t> pending_{0};  // parts not done yet, and a bit that says the caller sleeps
  alignas(64) std::atomic<bool> busy_{false};
  // Below: written only by the caller that holds busy_, before it stores the ticket.
  RangeSplit split_;
  std::chrono::steady_clock::time_point last_end_{};  // of a region
  RangeFunction function_ = nullptr;
  void* context_ = nullptr;
  int num_workers_ = 0;
  int max_workers_ = kMaxThreads - 1;  // fewer once the system has refused a thread
  Worker* workers_[kMaxThreads - 1] = {};

  friend struct ForkHandler;
  ThreadPool* abandoned_ = nullptr;  // the pool of the process we were forked from: kept so that leak checkers see it
};

}  // namespace sprat
