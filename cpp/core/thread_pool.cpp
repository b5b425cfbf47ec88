#include "core/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <new>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "core/float_mode.h"
#include "core/futex.h"
#include "core/region.h"

namespace sprat {
namespace {

// Regions often follow each other closely (the layers of a network), and waking a sleeping thread takes longer than a
// small region; so a worker, and a caller that waits, look for this long before they sleep. Longer would burn the
// processor of a service that calls every few milliseconds.
constexpr std::chrono::microseconds kSpin{30};

// A sleeping thread needs some 50 microseconds to arrive and as many to warm up, and to wake it costs its waker 5. So a
// region that comes alone, this long after the one before, is begun by its caller only, and the workers are woken when
// what is left of it, at the pace so far, is worth their coming.
constexpr std::chrono::microseconds kAlone{200}, kWorthComing{150};

// More parts than threads, so that a thread the system holds up does not hold up the others.
constexpr int kPartsPerThread = 4;

constexpr uint32_t kCallerSleeps = 1u << 31;

// The ticket: 28 bits of generation, then three fields of 12 bits.
constexpr int kFieldBits = 12, kMaxField = (1 << kFieldBits) - 1;
static_assert(kMaxThreads <= kMaxField);

constexpr uint64_t pack_ticket(uint64_t generation, int helpers, int parts) {
  return generation << (3 * kFieldBits) | static_cast<uint64_t>(helpers) << (2 * kFieldBits) |
         static_cast<uint64_t>(parts) << kFieldBits;
}
constexpr int ticket_field(uint64_t ticket, int field) {
  return static_cast<int>(ticket >> (field * kFieldBits) & kMaxField);
}
constexpr int next_part(uint64_t ticket) { return ticket_field(ticket, 0); }
constexpr int num_parts(uint64_t ticket) { return ticket_field(ticket, 1); }
constexpr int num_helpers(uint64_t ticket) { return ticket_field(ticket, 2); }
constexpr uint64_t generation_of(uint64_t ticket) { return ticket >> (3 * kFieldBits); }
constexpr bool has_part(uint64_t ticket) { return next_part(ticket) < num_parts(ticket); }

void pause_briefly() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// True as soon as done() is, false when kSpin has passed without.
template <class Done>
bool spin_until(Done&& done) {
  if (done()) return true;
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

constinit std::atomic<ThreadPool*> pool_of_process{nullptr};
constinit ThreadPool* abandoned_pools = nullptr;

}  // namespace

// Registered when the library is loaded, before there can be a pool to lose.
struct ForkHandler {
  static void in_child() {
    ThreadPool* pool = pool_of_process.load(std::memory_order_relaxed);
    if (pool == nullptr) return;
    pool->abandoned_ = abandoned_pools;
    abandoned_pools = pool;
    pool_of_process.store(nullptr, std::memory_order_relaxed);
  }
  static inline const int registered = pthread_atfork(nullptr, nullptr, in_child);
};

ThreadPool* ThreadPool::instance() {
  ThreadPool* pool = pool_of_process.load(std::memory_order_acquire);
  if (pool != nullptr) return pool;
  ThreadPool* mine = new (std::nothrow) ThreadPool;
  if (pool_of_process.compare_exchange_strong(pool, mine, std::memory_order_acq_rel)) return mine;
  delete mine;
  return pool;
}

bool ThreadPool::run(int64_t n, int64_t grain, int threads, RangeFunction function, void* context) {
  if (busy_.exchange(true, std::memory_order_acquire)) return false;
  const int workers_before = num_workers_;
  const int helpers = ensure_workers(threads - 1);
  split_ = {n, grain, 1};
  const int64_t most_parts = std::min<int64_t>(kMaxField, int64_t{kPartsPerThread} * (helpers + 1));
  split_.parts = static_cast<int>(std::min(split_.units(), most_parts));
  function_ = function;
  context_ = context;
  pending_.store(static_cast<uint32_t>(split_.parts), std::memory_order_relaxed);
  uint64_t ticket = pack_ticket(generation_of(ticket_.load()) + 1, helpers, split_.parts);
  ticket_.store(ticket);
  const auto begin = std::chrono::steady_clock::now();
  bool alone = begin - last_end_ > kAlone && num_workers_ == workers_before;  // new ones are awake
  if (!alone) wake_children(0, ticket);
  while (has_part(ticket)) {
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1)) continue;
    run_part(next_part(ticket));
    ticket = ticket_.load();
    const int done = next_part(ticket), left = num_parts(ticket) - done;
    if (alone && (std::chrono::steady_clock::now() - begin) * left > kWorthComing * done) {
      alone = false;
      wake_children(0, ticket);
    }
  }
  wait_for_parts();
  last_end_ = std::chrono::steady_clock::now();
  busy_.store(false, std::memory_order_release);
  return true;
}

void ThreadPool::run_part(int part) {
  const Range range = split_.range(part);
  function_(context_, range.begin, range.end);
  if (pending_.fetch_sub(1, std::memory_order_acq_rel) == (kCallerSleeps | 1)) wake_one(pending_);
}

void ThreadPool::wait_for_parts() {
  if (spin_until([&] { return pending_.load(std::memory_order_acquire) == 0; })) return;
  uint32_t pending = pending_.fetch_or(kCallerSleeps, std::memory_order_acq_rel) | kCallerSleeps;
  while (pending != kCallerSleeps) {
    sleep_while_equal(pending_, pending);
    pending = pending_.load(std::memory_order_acquire);
  }
}

int ThreadPool::ensure_workers(int wanted) {
  wanted = std::min(wanted, max_workers_);
  while (num_workers_ < wanted) {
    if (!start_worker()) max_workers_ = wanted = num_workers_;
  }
  return wanted;
}

bool ThreadPool::start_worker() {
  Worker* worker = new (std::nothrow) Worker;
  if (worker == nullptr) return false;
  worker->pool = this;
  worker->index = num_workers_;
  // Signals belong to the threads of the application (Python's Ctrl-C to its main thread): a worker, which inherits the
  // mask, takes only those that its own instructions raise.
  sigset_t blocked, callers;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&blocked, fault);
  pthread_sigmask(SIG_SETMASK, &blocked, &callers);
  pthread_t thread;
  const bool started = pthread_create(&thread, nullptr, worker_main, worker) == 0;
  pthread_sigmask(SIG_SETMASK, &callers, nullptr);
  if (!started) {
    delete worker;
    return false;
  }
  pthread_detach(thread);
  workers_[num_workers_++] = worker;
  return true;
}

void* ThreadPool::worker_main(void* argument) {
  Worker& self = *static_cast<Worker*>(argument);
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "sprat");
#endif
  const DefaultFloatMode default_mode;  // a new thread inherits its maker's mode
  inside_region = true;
  self.pool->serve(self);
  return nullptr;
}

void ThreadPool::serve(Worker& self) {
  uint64_t generation = 0;
  for (;;) {
    uint64_t ticket = ticket_.load();
    const auto mine = [&] { return has_part(ticket) && self.index < num_helpers(ticket); };
    if (!mine() && !spin_until([&] { return ticket = ticket_.load(), mine(); })) {
      park(self);
      continue;
    }
    if (generation != generation_of(ticket)) {
      generation = generation_of(ticket);
      wake_children(self.index + 1, ticket);
    }
    if (ticket_.compare_exchange_strong(ticket, ticket + 1)) run_part(next_part(ticket));
  }
}

// Sequential consistency of ticket_ and parked makes sure that either we see the new ticket here, or the one who
// announces it sees us parked.
void ThreadPool::park(Worker& self) {
  self.parked.store(1);
  const uint64_t ticket = ticket_.load();
  if (has_part(ticket) && self.index < num_helpers(ticket)) {
    self.parked.store(0);
    return;
  }
  while (self.parked.load() == 1) sleep_while_equal(self.parked, 1);
}

// Waking costs the waker about a microsecond, so the threads wake each other along a binary tree: the caller is node
// 0, worker i is node i + 1, and the children of node k are the workers 2k and 2k + 1.
void ThreadPool::wake_children(int node, uint64_t ticket) {
  for (int child = 2 * node; child <= 2 * node + 1 && child < num_helpers(ticket); ++child) {
    Worker& worker = *workers_[child];
    if (worker.parked.load() == 1 && worker.parked.exchange(0) == 1) wake_one(worker.parked);
  }
}

}  // namespace sprat
