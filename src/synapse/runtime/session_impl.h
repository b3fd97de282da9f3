// What a Session holds. Shared by session.cc (reading, choosing) and session_file.cc (saving, restoring).
#pragma once
#include "synapse/runtime/session.h"

namespace synapse {

struct Session::Impl {
  const Model& model;
  Device& device;
  PagePool& pool;
  SessionOptions options = {};
  State* state = nullptr;
  std::span<int32_t> ids = {};      // max_seq_len of them
  std::span<SamplerState> sampled = {};  // max_seq_len of them: the sampler's state after each id
  std::span<float> logits = {};     // of position logits_of
  Arena work = {};                  // activations, scratch, the sampler
  int32_t n_ids = 0;                // read or chosen
  int32_t n_cached = 0;             // of those, in the cache; never more than n_ids
  int32_t logits_of = -1;           // -1: of no position
  const bool* cancel = nullptr;

  SamplerState last_sampled() const { return n_ids ? sampled[size_t(n_ids) - 1] : SamplerState{}; }
  bool cancelled() const { return cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED); }
  Status read(const LogitSink* every);
  Status copy_pages(const Impl& from);
  Status read_or_restore(int32_t n_ids_before, int32_t n_cached_before, const LogitSink* every);
};

}  // namespace synapse
