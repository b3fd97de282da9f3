// A stream: a model, a device, what it has read. feed() reads tokens, next() writes one. One thread at a time;
// any number of sessions may share a Model.
#pragma once

#include "synapse/base/sink.h"
#include "synapse/memory/page_pool.h"
#include "synapse/model/model.h"
#include "synapse/runtime/sampler.h"

namespace synapse {

class PrefixCache;

struct SessionOptions {
  int32_t max_seq_len = 0;          // the context; 0: the model's
  int32_t chunk = 512;              // rows of prefill at once
  DType k_dtype = DType::f16;       // of the cache: f32, f16, q8_0 or q4_0
  DType v_dtype = DType::f16;
  int32_t logit_rows = 1;           // positions whose logits are made at once, when every one is asked for
  int32_t rollback = 64;            // how far truncate reaches back and reads at most 63 tokens again; further back is
                                    // read from the start where a window's pages or recurrent rows are gone
  PrefixCache* prefix_cache = nullptr;  // of the session's pool: what feed reads is remembered there and found there
  Recorder* recorder = nullptr;     // sees every OpCall; may not keep activations

  bool quantised_cache() const { return is_quantised(k_dtype) || is_quantised(v_dtype); }
};

StateLimits limits_of(const Model& model, const SessionOptions& options);

// f32 for a model whose matrices are all f32, and for one so small that its whole context takes at most 16 MiB that
// way; else f16. A property of the model, whatever context is asked for.
DType default_cache_dtype(const Model& model);

// Takes the logits (V) of one position; an error stops the feed and comes back from it.
struct LogitSink {
  Status (*take)(void* context, int32_t position, std::span<const float> logits) = nullptr;
  void* context = nullptr;
};

class Session {
 public:
  // What open takes from its arena: activations, scratch, ids, logits. The cache is in the pool.
  static size_t arena_bytes(const Model& model, Device& device, const SessionOptions& options);
  static Result<Session*> open(const Model& model, Device& device, PagePool& pool, const SessionOptions& options,
                               Arena& arena);

  // Reads tokens after what was read before. All or nothing: on an error (a token out of range, more than the
  // context holds, no memory, cancelled) the session stands where it stood. A sink gets every position's logits.
  Status feed(std::span<const int32_t> ids, const LogitSink* every = nullptr);

  // Before `ids` are fed in parts: how many of them the prefix cache has already, which are then part of the stream.
  int32_t feed_known(std::span<const int32_t> ids);

  // Chooses the next token from logits(), and remembers it; it is read by the model at the next call that
  // needs it. An error when nothing was fed or the context is full.
  Result<Pick> next(const SamplerOptions& sampler);

  // Speculation. Reads `draft` behind the stream's tokens in one call of the model, and chooses token by token as next()
  // would for as long as what it chooses is what the draft has there: 1 to draft.size() + 1 tokens, which go to `picks`
  // and behind ids(). A token of `end_ids` is the last. The stream is then as after so many next(). Of a draft that does
  // not fit the context or the batch the end is not looked at.
  Result<int32_t> verify(const SamplerOptions& sampler, std::span<const int32_t> draft, std::span<const int32_t> end_ids,
                         std::span<Pick> picks);
  // A draft by the model's first n_layers layers and its head: what next() would choose if there were no others. Fewer
  // tokens than `draft` has room for where the context or the rollback ends.
  Result<int32_t> draft_early(const SamplerOptions& sampler, int32_t n_layers, std::span<int32_t> draft);
  // Reads of each stream what its next() would read. Those with one token to read (all that write) go through the model
  // together, in calls of up to 64, or as many as the first one's chunk; the results are those of each alone, to the bit.
  // No stream gains or loses a token, also on an error. REQUIRES one model, device and cache type, and no stream twice.
  static Status read_together(std::span<Session* const> sessions);
  bool has_logits() const;                 // of the last token: the next choice needs no call of the model
  int64_t n_passes() const;                // calls of the whole model so far
  int64_t n_drafted() const;               // tokens of drafts that they read
  const Model& model() const;

  bool full() const;                       // no further token fits
  Result<std::span<const float>> logits();  // (V) after the last token; REQUIRES something fed
  std::span<const int32_t> ids() const;    // everything read or chosen
  int32_t n_cached() const;                // of those, what the state holds: the others are read when logits are wanted
  int64_t n_found() const;                 // tokens that came out of the prefix cache so far
  int32_t max_seq_len() const;
  size_t cache_bytes() const;              // pages and recurrent rows that this stream holds

  // Back to the first n tokens, n <= ids().size(). Logits are those of token n-1 again. What the state cannot go back to
  // is read anew when it is needed.
  Status truncate(int32_t n);
  // The same stream in another session of the same model and options: pages of one pool are shared until one writes,
  // those of another pool are copied.
  Status clone_to(Session& other) const;

  // The stream as bytes with a checksum: ids and state. restore() refuses another model, other options or
  // damaged bytes, and leaves the session empty then.
  Status save(const Sink& sink) const;
  Status restore(std::span<const uint8_t> bytes);

  // Set from anywhere (a signal handler): feed and next return `cancelled` within one layer, or sooner where the
  // device drops its work on the same flag. To be cleared while neither runs. Null: never.
  void cancel_on(const bool* flag);

 private:
  struct Impl;
  explicit Session(Impl* impl) : impl_(impl) {}
  Impl* impl_;
};

}  // namespace synapse
