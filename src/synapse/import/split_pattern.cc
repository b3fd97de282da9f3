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
    {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
     R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
     R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PreTokenizer::o200k},
    {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
     R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
     R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PreTokenizer::o200k_plain},
    {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
     R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
     R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PreTokenizer::tekken},
    {R"(\p{N})", PreTokenizer::digits},
    {R"(\p{N}{1,3})", PreTokenizer::digits_by_3},
    {R"(\p{N}+)", PreTokenizer::digit_runs},
    {R"([0-9][0-9][0-9])", PreTokenizer::three_ascii_digits},
    {R"([\r\n])", PreTokenizer::newlines},
    {R"(\s+$)", PreTokenizer::trailing_space},
    {R"(\s?\p{L}+)", PreTokenizer::spaced_letters},
    {R"(\s?\p{P}+)", PreTokenizer::spaced_punctuation},
    {R"( ?[^(\s|[.,!?…。，、।۔،])]+)", PreTokenizer::bloom},
    {R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)", PreTokenizer::clip},
    {R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)", PreTokenizer::clip},
    {"[一-龥ࠀ-一가-\uD7FF]+", PreTokenizer::deepseek_cjk},
    {R"([一-龥぀-ゟ゠-ヿ]+)", PreTokenizer::deepseek_v3_cjk},
    {R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PreTokenizer::deepseek_v3},
    {R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)", PreTokenizer::deepseek_marks},
    {R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ)"
     R"(Ὗ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ)"
     R"(𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)",
     PreTokenizer::deepseek_letters},
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
