#include "synapse/runtime/normalize.h"

#include <algorithm>

#include "synapse/runtime/normal_form.h"
#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

constexpr size_t kMaxSteps = 16, kMaxTextBytes = 64;

struct Range {
  uint32_t first, last;
};
// As the library has them: the last block but two begins 0x100 late there.
constexpr Range kChinese[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
                              {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};

bool is_chinese(uint32_t c) {
  return std::any_of(std::begin(kChinese), std::end(kChinese), [c](const Range& r) { return c >= r.first && c <= r.last; });
}
bool is_space(uint32_t c) { return char_kind(c) == CharKind::space; }

bool is_normal_form(NormalStep step) { return step <= NormalStep::nfkd; }
NormalForm form_of(NormalStep step) {
  constexpr NormalForm kForms[] = {kNfc, kNfd, kNfkc, kNfkd};
  return kForms[size_t(step)];
}

// Bytes that one byte becomes, at most; what is put before the text is counted apart.
size_t growth(const Normalizer& n) {
  switch (n.step) {
    case NormalStep::nfc:
    case NormalStep::nfd:
    case NormalStep::nfkc:
    case NormalStep::nfkd: return normal_form_growth(form_of(n.step));
    case NormalStep::lowercase:
    case NormalStep::bert_chinese: return 2;
    case NormalStep::replace: return std::max<size_t>((n.to.size() + n.from.size() - 1) / std::max<size_t>(n.from.size(), 1), 1);
    case NormalStep::squeeze:
    case NormalStep::squeeze_space: return std::max<size_t>(n.to.size(), 1);
    default: return 1;
  }
}
size_t size_after(const Normalizer& n, size_t bytes) {
  return growth(n) * bytes + (n.step == NormalStep::prepend ? n.to.size() : 0);
}

// A text being written. The room was measured: see size_after.
struct Writer {
  char* begin;
  size_t n = 0;
  void put(std::string_view s) {
    if (!s.empty()) std::memcpy(begin + n, s.data(), s.size());
    n += s.size();
  }
  void put(uint32_t c) { n += encode_utf8(c, begin + n); }
};

void lower(uint32_t c, std::string_view bytes, Writer& out) {
  if (c == 0x130) return out.put("i\u0307");
  const uint32_t small = to_lower(c);
  small == c ? out.put(bytes) : out.put(small);
}

void clean(uint32_t c, std::string_view bytes, Writer& out) {
  const bool line = c == '\t' || c == '\n' || c == '\r';
  const bool control = char_kind(c) == CharKind::control || (c >= 0xB && c <= 0xC) || c == 0x85;  // which are white space too
  if ((control && !line) || c == 0xFFFD) return;
  out.put(is_space(c) ? std::string_view(" ") : bytes);
}

void one_char(NormalStep step, uint32_t c, std::string_view bytes, Writer& out) {
  switch (step) {
    case NormalStep::lowercase: return lower(c, bytes, out);
    case NormalStep::bert_clean: return clean(c, bytes, out);
    case NormalStep::bert_chinese:
      if (!is_chinese(c)) return out.put(bytes);
      out.put(" ");
      out.put(bytes);
      return out.put(" ");
    case NormalStep::strip_marks: return class_of(char_kind(c)) == CharClass::mark ? void() : out.put(bytes);
    default: return char_kind(c) == CharKind::nonspacing ? void() : out.put(bytes);  // strip_nonspacing
  }
}

// The bytes of the run of `n.from`, or of white space, at `at` when it is one to replace; else 0.
size_t replaced(const Normalizer& n, std::string_view text, size_t at) {
  if (n.step == NormalStep::replace) return text.substr(at).starts_with(n.from) ? n.from.size() : 0;
  size_t end = at, count = 0;
  for (; end < text.size(); ++count) {
    const size_t bytes = decode_utf8(text, end).bytes;
    if (n.step == NormalStep::squeeze_space) {
      if (!is_space(decode_utf8(text, end).value)) break;
      end += bytes;
    } else {
      if (!text.substr(end).starts_with(n.from)) break;
      end += n.from.size();
    }
  }
  return n.step == NormalStep::squeeze && count < 2 ? 0 : end - at;
}

void replace_all(const Normalizer& n, std::string_view text, Writer& out) {
  for (size_t at = 0; at < text.size();) {
    if (const size_t bytes = replaced(n, text, at)) {
      out.put(n.to);
      at += bytes;
    } else {
      out.put(text.substr(at, 1));
      ++at;
    }
  }
}

std::string_view strip_left(std::string_view text, std::string_view what) {
  while (!what.empty() && text.starts_with(what)) text.remove_prefix(what.size());
  while (what.empty() && !text.empty()) {
    const CodePoint c = decode_utf8(text, 0);
    if (!is_space(c.value)) break;
    text.remove_prefix(c.bytes);
  }
  return text;
}

std::string_view strip_right(std::string_view text, std::string_view what) {
  while (!what.empty() && text.ends_with(what)) text.remove_suffix(what.size());
  if (!what.empty()) return text;
  size_t end = 0;  // after the last character that is no white space
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    at += c.bytes;
    if (!is_space(c.value)) end = at;
  }
  return text.substr(0, end);
}

Result<std::string_view> run(const Normalizer& n, std::string_view text, Arena& arena) {
  if (text.empty()) return text;
  if (is_normal_form(n.step)) return to_normal_form(text, form_of(n.step), arena);
  if (n.step == NormalStep::strip_left) return strip_left(text, n.from);
  if (n.step == NormalStep::strip_right) return strip_right(text, n.from);
  char* memory = arena.array<char>(size_after(n, text.size()));
  if (!memory) return fail(Code::out_of_memory, "tokenizer: no room to normalise ", text.size(), " bytes");
  Writer out{memory};
  if (n.step == NormalStep::prepend) {
    out.put(n.to);
    out.put(text);
  } else if (n.step >= NormalStep::replace && n.step <= NormalStep::squeeze_space) {
    replace_all(n, text, out);
  } else {
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      one_char(n.step, c.value, text.substr(at, c.bytes), out);
      at += c.bytes;
    }
  }
  return std::string_view(memory, out.n);
}

}  // namespace

Status check_normalizers(std::span<const Normalizer> steps) {
  if (steps.size() > kMaxSteps) return fail(Code::unsupported, "tokenizer: ", steps.size(), " normalizers, at most ", kMaxSteps);
  size_t most = 1;
  for (const Normalizer& n : steps) {
    const bool finds = n.step == NormalStep::replace || n.step == NormalStep::squeeze;
    if (n.from.size() > kMaxTextBytes || n.to.size() > kMaxTextBytes || (finds && n.from.empty())) {
      return fail(Code::unsupported, "tokenizer: a normalizer replaces ", n.from.size(), " bytes by ", n.to.size(),
                  ", wanted 1 to ", kMaxTextBytes);
    }
    most *= growth(n);
    if (most > kMaxGrowth) return fail(Code::unsupported, "tokenizer: the normalizers make more than ", kMaxGrowth, " bytes of one");
  }
  return {};
}

Result<std::string_view> normalize(std::span<const Normalizer> steps, std::string_view text, Arena& arena) {
  for (const Normalizer& n : steps) {
    SYN_TRY(done, run(n, text, arena));
    text = done;
  }
  return text;
}

size_t normalize_bytes(std::span<const Normalizer> steps, size_t text_bytes) {
  size_t total = 0;
  for (const Normalizer& n : steps) {
    total += is_normal_form(n.step) ? normal_form_bytes(form_of(n.step), text_bytes) : size_after(n, text_bytes);
    text_bytes = size_after(n, text_bytes);
  }
  return total;
}

size_t normalized_size(std::span<const Normalizer> steps, size_t text_bytes) {
  for (const Normalizer& n : steps) text_bytes = size_after(n, text_bytes);
  return text_bytes;
}

}  // namespace synapse
