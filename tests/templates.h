// For tests of chat templates: rendering without saying where the memory comes from.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "synapse/platform/platform.h"
#include "synapse/runtime/template.h"
#include "tests/tokenizers.h"

namespace synapse {

struct Rendered {
  std::string text;   // the prompt
  std::string error;  // empty when there is one
};

// Memory for one document or one rendering after the other.
struct TestMemory {
  platform::Reservation reserved;
  Arena arena;
  explicit TestMemory(size_t bytes = size_t(256) << 20) {
    auto made = platform::Reservation::make(bytes);
    EXPECT_TRUE(made.ok());
    reserved = std::move(*made);
    arena = Arena(reserved.bytes().data(), reserved.bytes().size());
  }
};

inline Rendered render(std::string_view source, JsonValue context, std::string_view now = "2024-07-26T12:00:00",
                       TemplateLimits limits = {}, size_t bytes = size_t(256) << 20) {
  TestMemory memory(bytes);
  const auto clock = parse_clock(now);
  if (!clock.ok()) return {"", std::string(clock.status().message())};
  const auto parsed = Template::parse(source, memory.arena);
  if (!parsed.ok()) return {"", std::string(parsed.status().message())};
  const auto prompt = (*parsed)->render(context, *clock, limits, memory.arena);
  if (!prompt.ok()) return {"", std::string(prompt.status().message())};
  return {std::string(*prompt), ""};
}

inline Rendered render(std::string_view source, std::string_view context = "{}", TemplateLimits limits = {},
                       size_t bytes = size_t(256) << 20) {
  TestMemory memory;
  const auto document = parse_json(context, memory.arena);
  EXPECT_TRUE(document.ok());
  return render(source, document->root(), "2024-07-26T12:00:00", limits, bytes);
}

}  // namespace synapse
