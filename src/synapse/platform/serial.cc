// The thread pool of a target without threads: one caller, every item in order.
#include "synapse/platform/threads.h"

namespace synapse::platform {

Result<ThreadPool*> ThreadPool::create(int32_t n_threads) {
  SYN_CHECK(n_threads >= 1 && n_threads <= 256);
  static ThreadPool pool;  // has no state, so all may share it
  return &pool;
}

void ThreadPool::destroy(ThreadPool*) {}

int32_t ThreadPool::size() const { return 1; }
bool ThreadPool::pin(std::span<const int32_t>) { return false; }
void ThreadPool::cancel_on(const bool*) {}
bool ThreadPool::cancelled() const { return false; }

void ThreadPool::run(int32_t n_items, Task task, void* context) {
  for (int32_t item = 0; item < n_items; ++item) task(context, item, 0);
}

}  // namespace synapse::platform
