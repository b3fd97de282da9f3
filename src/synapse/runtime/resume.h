// What a stream that has read some tokens can keep when it is to read others: a conversation's next turn repeats
// all turns before it, and what the model wrote itself need not be split into the same tokens again.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/runtime/tokenizer.h"

namespace synapse {

struct Resume {
  size_t n_kept = 0;   // of the tokens read
  size_t n_known = 0;  // of the tokens wanted: those after them are left to read
};

// The longest beginning of `read` that is a beginning of `wanted` too: the same ids, or the same bytes in other
// tokens, where a token ends in both. A control token equals only itself, never text that spells its name.
// `scratch` is rewound; it needs resume_scratch_bytes(tokenizer).
Result<Resume> resume_point(const Tokenizer& tokenizer, std::span<const int32_t> read, std::span<const int32_t> wanted,
                            Arena& scratch);
size_t resume_scratch_bytes(const Tokenizer& tokenizer);

}  // namespace synapse
