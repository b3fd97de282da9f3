// A stream in a file between runs: what a prompt has in common with the one before it need not be read again.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include "synapse/runtime/session.h"

namespace synapse::cli {

struct PromptCacheFlags {
  std::string path;
  bool is_read_only = false;
};

void add_prompt_cache_flags(CLI::App& verb, PromptCacheFlags& flags);

// Restores the file, if there is one, as far as it begins as `ids` do.
Status load_prompt_cache(const PromptCacheFlags& flags, Session& session, std::span<const int32_t> ids);
// Writes the stream, whole or not at all; nothing with is_read_only.
Status save_prompt_cache(const PromptCacheFlags& flags, const Session& session);

}  // namespace synapse::cli
