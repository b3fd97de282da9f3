// What a Session holds. Shared by session.cc (reading, choosing), session_together.cc (several streams),
// session_draft.cc (speculation) and session_file.cc (saving, restoring, cloning).
#pragma once
#include <algorithm>

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
  bool is_reduced = false;          // logits: only those that the last sampler could choose
  int32_t n_full_heads = 0, n_full_heads_next = 1;  // to come before the next reduced one; and when that does not pay
  int64_t n_found = 0;
  int64_t n_passes = 0, n_drafted = 0;
  const bool* cancel = nullptr;

  SamplerState last_sampled() const { return n_ids ? sampled[size_t(n_ids) - 1] : SamplerState{}; }
  bool cancelled() const { return cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED); }
  // Back to the first n tokens.
  void go_back(int32_t n) {
    n_ids = n;
    n_cached = state->truncate(std::min(n_cached, n));
    if (logits_of >= n) logits_of = -1;
  }
  void append(std::span<const int32_t> more);
  int32_t next_stop() const;
  // The first n_layers layers over ids[first .. first + n), which become positions of the state: x (n, dim), in `work`.
  Result<Tensor> forward(int32_t first, int32_t n, int32_t n_layers);
  // make_logits: those of a row of x, into `logits`. make_rows computes up to `logit_rows` rows at once, into `made`, unless
  // the row is there; take_row reads one of them.
  struct Made {
    Tensor y;
    int32_t first = 0, n = 0;  // rows of x
    size_t mark = 0;           // of `work`
  };
  Status make_rows(const Tensor& x, int32_t row, int32_t last_row, int32_t position, Made& made);
  Status take_row(const Made& made, int32_t row, int32_t position);
  Status make_logits(const Tensor& x, int32_t row, int32_t last_row, int32_t position, Made& made);
  // One token of each stream in one call of the model.
  static Status read_one_each(std::span<Impl* const> streams);
  Result<Pick> choose(const SamplerOptions& sampler, int32_t position, SamplerState& sampler_state);
  // For `sampler` alone, if it is given, the last position's may be reduced.
  Status read(const LogitSink* every, const SamplerOptions* sampler = nullptr);
  Status read_or_restore(int32_t n_ids_before, int32_t n_cached_before, const LogitSink* every, const SamplerOptions* sampler = nullptr);
  Status read_last(const SamplerOptions* sampler);
  // make_logits of x's last row, reduced where that is allowed and worth it.
  Status make_logits_for(const SamplerOptions& sampler, const Tensor& x, int32_t row, int32_t position);
  Status copy_state(const Impl& from);
  Result<int32_t> prepare_draft(int32_t wanted);
  void find_prefix();
  void store_prefix();
};

// All that a stream's state holds, tensor by tensor: pages slot by slot, keys before values, then the kept rows by
// position less the first `n_skipped`, then the rows; blocks of rows in pieces.
class Parts {
 public:
  Parts(const PagePool& pool, const State& state, size_t n_skipped) : pool_(pool), state_(state), block_(n_skipped) {}
  bool next(Tensor& t);  // false at the end
  static size_t most_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype);  // of one tensor

 private:
  const PagePool& pool_;
  const State& state_;
  int32_t run_ = -1, slot_ = -1, end_slot_ = 0, page_ = 0;
  bool is_value_ = false;
  size_t block_;         // of the kept ones; their number: the rows themselves
  int32_t row_float_ = 0;
};

}  // namespace synapse
