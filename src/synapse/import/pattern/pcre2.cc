// Regular expressions by PCRE2 (https://www.pcre.org). What is compiled lies in the tokenizer's arena; a search takes
// working memory from the heap and gives it back. Matching is bounded: a pattern that backtracks too long is an error.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <vector>

#include "synapse/import/pattern_engine.h"

namespace synapse {
namespace {

constexpr uint32_t kMatchLimit = 10'000'000, kHeapLimitKib = 64 * 1024;

void* take(PCRE2_SIZE bytes, void* arena) { return static_cast<Arena*>(arena)->alloc(bytes, alignof(std::max_align_t)); }
void keep(void*, void*) {}  // the arena frees it with everything else

Status failure(std::string_view what, int code) {
  PCRE2_UCHAR text[128] = "";
  pcre2_get_error_message(code, text, sizeof text);
  return fail(Code::unsupported, "tokenizer: pattern ", what, ": ", std::string_view(reinterpret_cast<const char*>(text)));
}

Result<const void*> compile(std::string_view regex, Arena& arena) {
  pcre2_general_context* general = pcre2_general_context_create(take, keep, &arena);
  pcre2_compile_context* context = general ? pcre2_compile_context_create(general) : nullptr;
  if (!context) return fail(Code::out_of_memory, "tokenizer: no room for a pattern");
  int code = 0;
  PCRE2_SIZE at = 0;
  const pcre2_code* compiled =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF,
                    &code, &at, context);
  if (!compiled) return failure(regex, code);
  return static_cast<const void*>(compiled);
}

// By doing it: a tenth of the room there is here suffices for the published patterns.
size_t bytes(std::string_view regex) {
  std::vector<uint8_t> memory(65536 + 256 * regex.size());
  Arena arena(memory.data(), memory.size());
  static_cast<void>(compile(regex, arena).ok());
  return arena.peak() + alignof(std::max_align_t);
}

// On the heap: what a compiled pattern would take its memory from is its arena, which may be gone.
struct Search {
  pcre2_general_context* general = pcre2_general_context_create(nullptr, nullptr, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(general);
  pcre2_match_data* data = pcre2_match_data_create(1, general);
  ~Search() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_general_context_free(general);
  }
};

Result<PatternEngine::Match> find(const void* compiled, std::string_view text, size_t from) {
  const auto* code = static_cast<const pcre2_code*>(compiled);
  const Search search;
  if (!search.general || !search.context || !search.data) return fail(Code::out_of_memory, "tokenizer: no room to match a pattern");
  pcre2_set_match_limit(search.context, kMatchLimit);
  pcre2_set_heap_limit(search.context, kHeapLimitKib);
  const int n = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, PCRE2_NOTEMPTY, search.data,
                            search.context);
  if (n == PCRE2_ERROR_NOMATCH) return PatternEngine::Match{text.size(), text.size()};
  if (n < 0) return failure("search", n);
  const PCRE2_SIZE* where = pcre2_get_ovector_pointer(search.data);
  if (where[0] < from || where[1] <= where[0]) return fail(Code::unsupported, "tokenizer: a pattern that looks back with \\K");
  return PatternEngine::Match{where[0], where[1]};
}

constexpr PatternEngine kPcre2 = {bytes, compile, find};

}  // namespace

const PatternEngine* pattern_engine() { return &kPcre2; }

}  // namespace synapse
