// Any text as a chat template over a small conversation: a Status or a prompt, within the stated time and memory.
#include <cstdlib>
#include <string_view>
#include <vector>

#include "synapse/runtime/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace synapse;
  constexpr std::string_view kContext =
      R"({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a <b> \u00e9"},
          {"role": "assistant", "content": null, "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": {"k": [1, 2.5, true]}}}]}],
          "tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": {}, "b": []}}}],
          "add_generation_prompt": true, "bos_token": "<s>", "n": 7, "x": "abc", "d": {"k": 1}, "l": [3, 1, 2]})";
  static std::vector<uint8_t> memory(size_t(24) << 20);
  if (size > 1 << 14) return 0;
  Arena arena(memory.data(), memory.size());
  const auto context = parse_json(kContext, arena);
  if (!context.ok()) std::abort();
  const auto parsed = Template::parse({reinterpret_cast<const char*>(data), size}, arena);
  if (!parsed.ok()) return 0;
  const TemplateLimits limits = {.steps = 20000, .steps_per_value = 0, .depth = 200, .text_bytes = 1 << 16};
  const size_t mark = arena.mark();
  const auto first = (*parsed)->render(context->root(), {}, limits, arena);
  if (!first.ok()) return 0;
  if (first->size() > limits.text_bytes) std::abort();
  // The same again, beside the first: nothing of one rendering is left for the next.
  const size_t taken = arena.used() - mark;
  const bool fits = taken + 4096 <= arena.capacity() - arena.used();
  const auto second = (*parsed)->render(context->root(), {}, limits, arena);
  if (second.ok() ? *second != *first : fits) std::abort();
  return 0;
}
