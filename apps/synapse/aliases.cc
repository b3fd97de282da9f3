#include "aliases.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <string_view>

#include "output.h"

namespace synapse::cli {
namespace {

enum class Means {
  ours,     // `text` is our spelling
  nothing,  // it is so anyway, or has no part in what we print
  remark,   // dropped, and `text` says why
  refused,  // `text` says what to use
};

// What follows the spelling.
enum class Value { none, one, a_switch };  // a_switch: on, off or auto, or nothing

struct Alias {
  std::string_view spelling;
  Means means;
  Value value;
  std::string_view text;
};

constexpr std::string_view kNoGpu = "there is no GPU device yet, everything runs on the processor";
constexpr std::string_view kMapped = "weights are read from the mapped file, or repacked in memory where that is faster";
constexpr std::string_view kChat = "`run` continues a text; a conversation is what the verb `chat` is for";

constexpr Alias kAliases[] = {
    {"-ctk", Means::ours, Value::one, "--cache-type-k"},
    {"-ctv", Means::ours, Value::one, "--cache-type-v"},
    {"-ub", Means::ours, Value::one, "--batch-size"},
    {"-pg", Means::ours, Value::one, "--prompt-gen"},
    {"-npl", Means::ours, Value::one, "--n-parallel"},
    {"-md", Means::ours, Value::one, "--model-draft"},
    {"-cram", Means::ours, Value::one, "--cache-ram"},
    {"--ubatch-size", Means::ours, Value::one, "--batch-size"},
    {"-hf", Means::ours, Value::one, "--model"},
    {"-hfr", Means::ours, Value::one, "--model"},
    {"--hf-repo", Means::ours, Value::one, "--model"},
    {"-sp", Means::ours, Value::none, "--special"},
    {"-sys", Means::ours, Value::one, "--system"},
    {"--jinja", Means::nothing, Value::none, ""},
    {"-bf", Means::ours, Value::one, "--file"},
    {"--escape", Means::ours, Value::none, "-e"},
    {"-no-cnv", Means::nothing, Value::none, ""},
    {"--no-conversation", Means::nothing, Value::none, ""},
    {"--no-display-prompt", Means::nothing, Value::none, ""},
    {"--no-escape", Means::nothing, Value::none, ""},
    {"--simple-io", Means::nothing, Value::none, ""},
    {"--no-context-shift", Means::nothing, Value::none, ""},
    {"--no-warmup", Means::nothing, Value::none, ""},
    {"--warmup", Means::nothing, Value::none, ""},
    {"--no-perf", Means::nothing, Value::none, ""},
    {"--log-disable", Means::nothing, Value::none, ""},
    {"--offline", Means::nothing, Value::none, ""},
    {"-st", Means::nothing, Value::none, ""},
    {"--single-turn", Means::nothing, Value::none, ""},
    {"--no-mmap", Means::remark, Value::none, kMapped},
    {"--mmap", Means::nothing, Value::none, ""},
    {"--mlock", Means::remark, Value::none, "pages are not locked in memory; --memory-budget bounds what is used"},
    {"-ngl", Means::remark, Value::one, kNoGpu},
    {"--gpu-layers", Means::remark, Value::one, kNoGpu},
    {"--n-gpu-layers", Means::remark, Value::one, kNoGpu},
    {"-dev", Means::remark, Value::one, kNoGpu},
    {"--device", Means::remark, Value::one, kNoGpu},
    {"-sm", Means::remark, Value::one, kNoGpu},
    {"--split-mode", Means::remark, Value::one, kNoGpu},
    {"-mg", Means::remark, Value::one, kNoGpu},
    {"--main-gpu", Means::remark, Value::one, kNoGpu},
    {"-ts", Means::remark, Value::one, kNoGpu},
    {"--tensor-split", Means::remark, Value::one, kNoGpu},
    {"-fa", Means::remark, Value::a_switch, "attention goes tile by tile anyway, there is nothing to switch"},
    {"--flash-attn", Means::remark, Value::a_switch, "attention goes tile by tile anyway, there is nothing to switch"},
    {"-tb", Means::remark, Value::one, "prompts are read by as many threads as texts are written; -t says how many"},
    {"--threads-batch", Means::remark, Value::one, "prompts are read by as many threads as texts are written; -t says how many"},
    {"--numa", Means::remark, Value::one, "memory is placed by the system; numactl says otherwise"},
    {"--verbose-prompt", Means::remark, Value::none, "`synapse tokenize` shows the tokens of a text"},
    {"--color", Means::remark, Value::none, "nothing is printed in colour"},
    {"-co", Means::remark, Value::none, "nothing is printed in colour"},
    {"-i", Means::refused, Value::none, kChat},
    {"--interactive", Means::refused, Value::none, kChat},
    {"-if", Means::refused, Value::none, kChat},
    {"--interactive-first", Means::refused, Value::none, kChat},
    {"-cnv", Means::refused, Value::none, kChat},
    {"--conversation", Means::refused, Value::none, kChat},
    {"--context-shift", Means::refused, Value::none, "nothing is ever shifted out of the context; -c makes it longer"},
    {"--keep", Means::refused, Value::one, "nothing is ever shifted out of the context; -c makes it longer"},
    {"-mu", Means::refused, Value::one, "nothing is fetched from here; download the file and name it with -m"},
    {"--model-url", Means::refused, Value::one, "nothing is fetched from here; download the file and name it with -m"},
    {"-hff", Means::refused, Value::one, "-m takes the path of one file of a repository"},
    {"--hf-file", Means::refused, Value::one, "-m takes the path of one file of a repository"},
};

// Flags that a text follows, which may look like a flag.
constexpr std::string_view kTexts[] = {"-p",       "--prompt", "-f",   "--file", "-r", "--reverse-prompt",
                                       "--stop",   "-m",       "--model", "-o",  "--output", "--dry-sequence-breaker",
                                       "-md",      "--model-draft", "--prompt-cache"};

const Alias* find_alias(std::string_view word) {
  const auto* found = std::find_if(std::begin(kAliases), std::end(kAliases), [&](const Alias& a) { return a.spelling == word; });
  return found == std::end(kAliases) ? nullptr : found;
}

bool is_switch(std::string_view word) { return word == "on" || word == "off" || word == "auto" || word == "0" || word == "1"; }

}  // namespace

std::vector<std::string> known_names(int argc, char** argv) {
  const std::vector<std::string> given(argv + std::min(argc, 1), argv + argc);
  std::vector<std::string> words;
  for (size_t i = 0; i < given.size(); ++i) {
    const std::string& word = given[i];
    if (word == "--") {
      words.insert(words.end(), given.begin() + ptrdiff_t(i), given.end());
      break;
    }
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const std::string name = word.substr(0, equals);
    const Alias* alias = find_alias(name);
    if (!alias) {
      words.push_back(word);
      if (std::find(std::begin(kTexts), std::end(kTexts), word) != std::end(kTexts) && i + 1 < given.size()) {
        words.push_back(given[++i]);
      }
      continue;
    }
    const bool has_value = equals == std::string::npos && i + 1 < given.size() &&
                           (alias->value == Value::one || (alias->value == Value::a_switch && is_switch(given[i + 1])));
    switch (alias->means) {
      case Means::ours:
        words.push_back(std::string(alias->text) + (equals == std::string::npos ? "" : word.substr(equals)));
        if (has_value) words.push_back(given[++i]);
        break;
      case Means::refused: throw CLI::ValidationError(name, std::string(alias->text));
      case Means::remark:
        note(name + ": " + std::string(alias->text));
        [[fallthrough]];
      case Means::nothing: i += has_value; break;
    }
  }
  return words;
}

}  // namespace synapse::cli
