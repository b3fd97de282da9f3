// Workers for one computation at a time. They spin for a short while after a task and then park, and
// park at once when the machine is oversubscribed. threads.cc has them; serial.cc runs on the caller.
#pragma once
#include <cstdint>
#include <span>
#include <type_traits>

#include "synapse/base/status.h"

namespace synapse::platform {

class ThreadPool {
 public:
  // n_threads includes the caller: n_threads - 1 workers are started. REQUIRES 1 <= n_threads <= 256.
  static Result<ThreadPool*> create(int32_t n_threads);
  static void destroy(ThreadPool* pool);  // null is fine

  int32_t size() const;
  // Thread i, the calling one being 0, stays on logical processor cpus[i]; false, with some of them perhaps moved, when
  // there are fewer than threads or the system refuses.
  bool pin(std::span<const int32_t> cpus);

  // While *flag is set, run may leave items out: what it computed is worth nothing then. Null: never. Set by anybody
  // (a signal handler), and cleared only while nothing runs.
  void cancel_on(const bool* flag);
  bool cancelled() const;

  // Calls task(context, item, thread) once for every item in 0 .. n_items-1, on any thread
  // (0 .. size()-1, 0 being the caller), and returns when all are done. Every thread begins with neighbouring items in
  // ascending order, and then takes what others have left of theirs. Not reentrant; one caller at a time. Workers run in the default
  // floating-point mode.
  using Task = void (*)(void* context, int32_t item, int32_t thread);
  void run(int32_t n_items, Task task, void* context);

  template <typename F>
  void for_each(int32_t n_items, F&& f) {
    run(n_items, [](void* c, int32_t item, int32_t thread) { (*static_cast<std::remove_reference_t<F>*>(c))(item, thread); }, &f);
  }

 protected:
  ThreadPool() = default;
};

}  // namespace synapse::platform
