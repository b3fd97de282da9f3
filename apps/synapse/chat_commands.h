// What can be said to the program instead of to the model: /help and the others.
#pragma once
#include "conversation.h"
#include "progress.h"
#include "settings.h"
#include "speculation.h"

namespace synapse::cli {

struct Chat {
  Engine& engine;
  Session& session;
  Conversation& talk;
  SamplingFlags sampling;
  Settings settings;
  int32_t predict;         // most tokens of a reply; -1: no bound
  uint64_t n_retries = 0;  // of the reply at hand; each has a seed of its own
  Turn last;
  Speculation* speculation = nullptr;

  Status choose();  // settings from sampling
};

enum class After : uint8_t { nothing, answer, end };

// `line` begins with a slash. An unknown command is an error that lists those there are.
Result<After> run_command(Chat& chat, const std::string& line);

// Messages as JSON: {"messages": [{"role", "content"}, ...]}, also a list alone.
Status load_messages(const std::string& file, Conversation& talk);

}  // namespace synapse::cli
