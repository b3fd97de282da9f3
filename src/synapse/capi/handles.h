// What stands behind the handles of include/synapse.h, and how the functions of this folder take arguments and report.
// A handle lies in an address space of its own (platform::Reservation): there is no heap.
#pragma once
#include <cstring>
#include <new>

#include "synapse.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/platform/region.h"
#include "synapse/runtime/generate.h"
#include "synapse/runtime/plan.h"
#include "synapse/runtime/session.h"
#include "synapse/runtime/tokenizer.h"

// Everything but the counts is fixed once the load is done, so any thread may read it.
struct syn_model {
  synapse::Region home;                               // where this object, `files`, `parts` and the device lie
  std::span<synapse::platform::MappedFile> files;     // the parts, in order; empty when loaded from memory
  std::span<std::span<const uint8_t>> parts;          // their bytes
  synapse::Region tables, tokenizer_region, model_region;
  synapse::Checkpoint checkpoint;
  synapse::Status tokenizer_status;                   // why there is no tokenizer
  const synapse::Tokenizer* tokenizer = nullptr;
  std::span<const int32_t> end_ids;                   // ascending
  const synapse::Kernels* kernels = nullptr;
  synapse::platform::ThreadPool* threads = nullptr;   // of one: weights are prepared by the caller
  synapse::CpuDevice* device = nullptr;
  synapse::Model* model = nullptr;
  syn_model_options options = {};
  size_t table_bytes = 0;

  int32_t n_holders = 1;       // the caller and every session
  size_t committed_bytes = 0;  // weights, tables and the plans of the sessions

  ~syn_model();
};

struct syn_session {
  synapse::Region home, pages, memory;
  syn_model* model = nullptr;  // held
  synapse::platform::ThreadPool* threads = nullptr;
  synapse::CpuDevice* device = nullptr;
  synapse::Session* session = nullptr;
  syn_session_options options = {};  // as given, so that a clone can be opened alike
  syn_plan plan = {};
  int32_t in_use = 0;
  bool cancel = false;

  ~syn_session();
};

namespace synapse::capi {

// The code of `status` for the caller, who also gets its message when there is an `error`.
syn_status report(const Status& status, syn_error* error);
syn_status too_small(syn_error* error, std::string_view what, size_t wanted, size_t capacity);

template <typename... Parts>
syn_status invalid(syn_error* error, const Parts&... parts) {
  return report(fail(Code::invalid, parts...), error);
}

void log(const syn_model& model, int32_t level, std::string_view line);

// Gives the caller a run of elements, and a NUL behind a text, by the rules of include/synapse.h.
syn_status give(std::span<const int32_t> ids, int32_t* out, size_t capacity, size_t* n, syn_error* error);
syn_status give(std::string_view text, char* out, size_t capacity, size_t* n, syn_error* error);

// `options` as the caller filled them over `ours`, which hold the defaults. A larger struct than ours comes from a newer
// header: what we do not know of it must be zero.
Status read_struct(void* ours, size_t size, const void* theirs, std::string_view name);
template <typename T>
Status read_options(T& ours, const T* theirs, std::string_view name) {
  return read_struct(&ours, sizeof(T), theirs, name);
}

// Writes as much of `ours` as the caller's struct has room for.
Status write_struct(void* theirs, const void* ours, size_t size, std::string_view name);
template <typename T>
Status write_result(T* theirs, const T& ours, std::string_view name) {
  return write_struct(theirs, &ours, sizeof(T), name);
}

// The bytes of a new handle, and the handle in it. The Region moves into the handle's `home`.
template <typename T>
Result<T*> make_handle(size_t more_bytes) {
  SYN_TRY(region, Region::make(sizeof(T) + more_bytes));
  void* place = region.arena().alloc(sizeof(T), alignof(T));
  SYN_CHECK(place);
  T* handle = new (place) T;
  handle->home = std::move(region);
  return handle;
}
template <typename T>
void destroy_handle(T* handle) {
  const Region home = std::move(handle->home);  // outlives the object in it
  handle->~T();
}

// The model of a file, or of one part in memory when `path` is null. The handle is the caller's first hold.
Result<syn_model*> load(const char* path, std::span<const uint8_t> memory, const syn_model_options& options);

void hold(syn_model* model);
void release(syn_model* model);

// What a session of these options takes of this model on this device, and the engine's options for it. out_of_memory,
// with both filled nevertheless, when that is more than the budget leaves.
Status plan_session(const syn_model& model, Device& device, const syn_session_options& options, SessionOptions& made,
                    syn_plan& plan);
// Workers for a session of these options.
Result<platform::ThreadPool*> start_threads(const syn_model& model, const syn_session_options& options);

// A sampler's options over the defaults, and checked. Views itself: stays where it is.
struct Sampler {
  SamplerOptions options;
  Stage stages[32];

  Status read(const syn_session& session, const syn_sampler_options* from);
};

// The right to use a session; refused to a second caller. A cancel request that was reported is spent at the end.
class Use {
 public:
  explicit Use(syn_session& session) : session_(session) {
    int32_t free = 0;
    held_ = __atomic_compare_exchange_n(&session.in_use, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
  }
  Use(const Use&) = delete;
  ~Use() {
    if (held_) __atomic_store_n(&session_.in_use, 0, __ATOMIC_RELEASE);
  }
  bool held() const { return held_; }
  bool cancelled() const { return __atomic_load_n(&session_.cancel, __ATOMIC_RELAXED); }
  syn_status report(const Status& status, syn_error* error) {
    if (status.code() == Code::cancelled) __atomic_store_n(&session_.cancel, false, __ATOMIC_RELAXED);
    return capi::report(status, error);
  }

 private:
  syn_session& session_;
  bool held_;
};

syn_status busy(syn_error* error);

}  // namespace synapse::capi
