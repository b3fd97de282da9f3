// The thread pool of a hosted target (Linux: futexes).
//
// The caller opens a gate, hands out items like everybody else, closes the gate and waits for those
// who came in. Nobody waits for a worker that sleeps or was descheduled: it finds the gate closed.
// Spinning keeps the turn between two calls near 100 ns; a worker that finds no work for a while parks.
#include <atomic>
#include <cfenv>
#include <cstring>
#include <linux/futex.h>
#include <new>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "synapse/base/compiler.h"
#include "synapse/platform/region.h"
#include "synapse/platform/threads.h"

namespace synapse::platform {
namespace {

using Word = std::atomic<uint32_t>;
static_assert(sizeof(Word) == 4 && Word::is_always_lock_free);

constexpr double kSpinSeconds = 60e-6;
constexpr double kOverrunSeconds = 500e-6;  // a spin step this long: somebody else had our processor
constexpr int32_t kDistrustTurns = 256;     // waits without spinning after an overrun

// The gate: who is inside, whether the caller sleeps until they left, and a count of openings and
// closings (odd: open). The count may wrap: a worker that misses a turn costs speed, nothing else.
constexpr uint32_t kInside = 0x3FF;
constexpr uint32_t kCallerSleeps = 0x400;
constexpr uint32_t kTurn = 0x800;

constexpr bool is_open(uint32_t gate) { return gate & kTurn; }
constexpr uint32_t turn(uint32_t gate) { return gate / kTurn; }

void futex_wait(Word& word, uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
void futex_wake(Word& word, int32_t n) { syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, n, nullptr, nullptr, 0); }

// Waits for a condition by spinning, for a bounded time; learns when that is in vain.
class Spinner {
 public:
  explicit Spinner(bool may_spin) : may_spin_(may_spin) {}

  template <typename F>
  bool wait(F&& condition) {
    if (condition()) return true;
    if (!may_spin_ || distrust_ > 0) {
      distrust_ -= distrust_ > 0;
      return false;
    }
    for (int i = 0; i < 64; ++i) {  // the usual turn needs no clock
      SYN_SPIN_PAUSE();
      if (condition()) return true;
    }
    const double start = seconds();
    for (double before = start, now = start; now - start < kSpinSeconds; before = now) {
      for (int i = 0; i < 32; ++i) {
        SYN_SPIN_PAUSE();
        if (condition()) return true;
      }
      now = seconds();
      if (now - before > kOverrunSeconds) distrust_ = kDistrustTurns;
    }
    return false;
  }

 private:
  bool may_spin_;
  int32_t distrust_ = 0;
};

bool pin_thread(pthread_t thread, int32_t cpu) {
  cpu_set_t set;
  if (cpu < 0 || cpu >= CPU_SETSIZE) return false;
  CPU_ZERO(&set);
  CPU_SET(size_t(cpu), &set);
  return pthread_setaffinity_np(thread, sizeof set, &set) == 0;
}

// The items that a thread takes first: neighbours, for the memory they read. Others take what is left of them.
struct alignas(64) Share {
  Word next{0};
  uint32_t end = 0;
};

class Pool;
struct Worker {
  Pool* pool;
  int32_t thread;
  pthread_t handle;
};

class Pool : public ThreadPool {
 public:
  Pool(Region memory, int32_t n_threads, bool may_spin)
      : memory_(std::move(memory)), n_threads_(n_threads), may_spin_(may_spin), caller_(may_spin) {}

  // Starts the workers; an error number, 0 when all runs.
  int start() {
    for (int32_t i = 1; i < n_threads_; ++i) {
      workers_[n_workers_] = {this, i, {}};
      if (int error = pthread_create(&workers_[n_workers_].handle, nullptr, work, &workers_[n_workers_])) return error;
      ++n_workers_;
    }
    return 0;
  }

  ~Pool() {
    stop_.store(true, std::memory_order_relaxed);
    open(n_workers_);
    for (int32_t i = 0; i < n_workers_; ++i) pthread_join(workers_[i].handle, nullptr);
  }

  int32_t size() const { return n_threads_; }
  bool pin(std::span<const int32_t> cpus) {
    if (cpus.size() < size_t(n_threads_)) return false;
    bool all = pin_thread(pthread_self(), cpus[0]);
    for (int32_t i = 0; i < n_workers_; ++i) all &= pin_thread(workers_[i].handle, cpus[size_t(i) + 1]);
    return all;
  }
  void cancel_on(const bool* flag) { cancel_ = flag; }
  bool cancelled() const { return cancel_ && __atomic_load_n(cancel_, __ATOMIC_RELAXED); }
  Region take_memory() { return std::move(memory_); }

  void run(int32_t n_items, Task task, void* context) {
    if (n_threads_ == 1 || n_items <= 1) {
      for (int32_t item = 0; item < n_items && !cancelled(); ++item) task(context, item, 0);
      return;
    }
    task_ = task, context_ = context;
    for (int32_t i = 0; i < n_threads_; ++i) {
      const auto first_of = [&](int32_t share) { return uint32_t(int64_t(n_items) * share / n_threads_); };
      shares_[i].next.store(first_of(i), std::memory_order_relaxed);
      shares_[i].end = first_of(i + 1);
    }
    open(n_items - 1);
    take_items(0);
    close();
  }

 private:
  void take_items(int32_t thread) {
    for (int32_t i = 0; i < n_threads_; ++i) {
      Share& share = shares_[(thread + i) % n_threads_];
      uint32_t item;
      while (!cancelled() && (item = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end)
        task_(context_, int32_t(item), thread);
    }
  }

  void open(int32_t n_wanted) {
    gate_.fetch_add(kTurn, std::memory_order_seq_cst);
    if (parked_.load(std::memory_order_seq_cst) == 0) return;
    bell_.fetch_add(1, std::memory_order_seq_cst);
    futex_wake(bell_, n_wanted);
  }

  // No one enters any more; returns when everybody is out.
  void close() {
    gate_.fetch_add(kTurn, std::memory_order_acq_rel);
    if (caller_.wait([&] { return (gate_.load(std::memory_order_acquire) & kInside) == 0; })) return;
    uint32_t gate = gate_.fetch_or(kCallerSleeps, std::memory_order_acq_rel) | kCallerSleeps;
    while (gate & kInside) {
      futex_wait(gate_, gate);
      gate = gate_.load(std::memory_order_acquire);
    }
    gate_.fetch_and(~kCallerSleeps, std::memory_order_relaxed);
  }

  void leave() {
    const uint32_t before = gate_.fetch_sub(1, std::memory_order_acq_rel);
    if ((before & kCallerSleeps) && (before & kInside) == 1) futex_wake(gate_, 1);
  }

  // Waits for the gate to open for a turn other than `last`, and goes in; returns that turn.
  uint32_t enter(uint32_t last, Spinner& spinner) {
    const auto opened = [&] {
      const uint32_t gate = gate_.load(std::memory_order_seq_cst);
      return is_open(gate) && turn(gate) != last;
    };
    while (true) {
      if (!spinner.wait(opened)) {
        const uint32_t bell = bell_.load(std::memory_order_seq_cst);
        parked_.fetch_add(1, std::memory_order_seq_cst);
        if (!opened()) futex_wait(bell_, bell);
        parked_.fetch_sub(1, std::memory_order_seq_cst);
        continue;
      }
      const uint32_t gate = gate_.fetch_add(1, std::memory_order_acq_rel);
      if (is_open(gate)) return turn(gate);
      leave();
    }
  }

  static void* work(void* argument) {
    const Worker& self = *static_cast<const Worker*>(argument);
    Pool& pool = *self.pool;
    std::fesetenv(FE_DFL_ENV);
    Spinner spinner(pool.may_spin_);
    for (uint32_t last = 0;;) {
      last = pool.enter(last, spinner);
      const bool stop = pool.stop_.load(std::memory_order_relaxed);
      if (!stop) pool.take_items(self.thread);
      pool.leave();
      if (stop) return nullptr;
    }
  }

  alignas(64) Word gate_{0};
  alignas(64) Word bell_{0};  // rung when the gate opens and somebody is parked
  Word parked_{0};
  std::atomic<bool> stop_{false};

  alignas(64) Task task_ = nullptr;  // of this turn; written while nobody is inside
  void* context_ = nullptr;
  const bool* cancel_ = nullptr;

  Region memory_;  // where this object lies
  int32_t n_threads_;
  int32_t n_workers_ = 0;
  bool may_spin_;
  Spinner caller_;
  Worker workers_[255];
  Share shares_[256];
};

}  // namespace

Result<ThreadPool*> ThreadPool::create(int32_t n_threads) {
  SYN_CHECK(n_threads >= 1 && n_threads <= 256);
  const Resources granted = resources();
  const bool may_spin = n_threads <= granted.affinity_cpus &&
                        (granted.cpu_quota == 0 || double(n_threads) < granted.cpu_quota + 1);
  SYN_TRY(memory, Region::make(sizeof(Pool)));
  void* place = memory.arena().alloc(sizeof(Pool), alignof(Pool));
  SYN_CHECK(place);
  Pool* pool = new (place) Pool(std::move(memory), n_threads, may_spin);
  if (int error = pool->start()) {
    destroy(pool);
    return fail(Code::io, "thread pool of ", n_threads, ": ", std::strerror(error));
  }
  return pool;
}

void ThreadPool::destroy(ThreadPool* pool) {
  if (!pool) return;
  const Region memory = static_cast<Pool*>(pool)->take_memory();  // outlives the object in it
  static_cast<Pool*>(pool)->~Pool();
}

int32_t ThreadPool::size() const { return static_cast<const Pool*>(this)->size(); }
bool ThreadPool::pin(std::span<const int32_t> cpus) { return static_cast<Pool*>(this)->pin(cpus); }
void ThreadPool::cancel_on(const bool* flag) { static_cast<Pool*>(this)->cancel_on(flag); }
bool ThreadPool::cancelled() const { return static_cast<const Pool*>(this)->cancelled(); }

void ThreadPool::run(int32_t n_items, Task task, void* context) {
  static_cast<Pool*>(this)->run(n_items, task, context);
}

}  // namespace synapse::platform
