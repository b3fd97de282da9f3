#include "synapse/import/split_pattern.h"

#include <string>

namespace synapse {
namespace {

struct Pattern {
  std::string_view regex;
  PreTokenizer pre;
};

constexpr Pattern kPatterns[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", PreTokenizer::gpt2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PreTokenizer::llama3},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PreTokenizer::qwen2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PreTokenizer::qwen35},
};

// Spellings that mean the same in these patterns: possessive repeats (what they take can match nothing else), one
// newline after a greedy \s* (it ends at the same place), the suffixes as a class, newlines written out.
struct Spelling {
  std::string_view written, canonical;
};
constexpr Spelling kSpellings[] = {
    {"\r", R"(\r)"},
    {"\n", R"(\n)"},
    {"?+", "?"},
    {"++", "+"},
    {R"(\s*[\r\n]|)", R"(\s*[\r\n]+|)"},
    {R"(\p{N}{1}|)", R"(\p{N}|)"},
    {R"('(?i:[sdmt]|ll|ve|re)|)", R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|)"},
    {R"('(?:[sdmt]|ll|ve|re)|)", R"('s|'t|'re|'ve|'m|'ll|'d|)"},
};

}  // namespace

std::optional<PreTokenizer> known_split_pattern(std::string_view regex) {
  std::string canonical(regex);
  for (const auto& [written, meaning] : kSpellings) {
    for (size_t at = 0; (at = canonical.find(written, at)) != canonical.npos; at += meaning.size()) {
      canonical.replace(at, written.size(), meaning);
    }
  }
  for (const Pattern& p : kPatterns) {
    if (canonical == p.regex) return p.pre;
  }
  return std::nullopt;
}

}  // namespace synapse
