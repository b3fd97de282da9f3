// What a run will take, known before any weight is read.
#pragma once
#include "synapse/runtime/session.h"

namespace synapse {

struct MemoryPlan {
  size_t process_bytes = 0;    // code, libraries and the threads' stacks, as measured at start
  size_t tokenizer_bytes = 0;
  size_t weight_bytes = 0;     // of the file, or repacked
  size_t cache_bytes = 0;      // keys and values of the whole context or its windows, recurrent rows and those kept to go back
  size_t scratch_bytes = 0;    // activations, logits, page tables, the model's own tables
  int32_t n_positions = 0;     // the context that this is for

  size_t total() const { return process_bytes + tokenizer_bytes + weight_bytes + cache_bytes + scratch_bytes; }
};

// The parts that follow from the model and the options; process and tokenizer are the caller's to fill in.
MemoryPlan plan_memory(const Model& model, Device& device, const SessionOptions& options);

// The same for the longest context within options.max_seq_len (or the model's) whose total is at most `budget`,
// `base_bytes` being the caller's part. n_positions is 0 when not even 64 positions fit.
MemoryPlan plan_within(const Model& model, Device& device, SessionOptions options, size_t base_bytes, size_t budget);

}  // namespace synapse
