#include "synapse/runtime/jinja/lexer.h"

#include <algorithm>

#include "synapse/runtime/jinja/text.h"
#include "synapse/runtime/unicode.h"

namespace synapse::jinja {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || uint8_t(c) >= 0x80;
}

constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", "<=", ">=", "+", "-", "/",
                                           "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                           ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};

class Lexer {
 public:
  Lexer(std::string_view source, Arena& arena) : source_(source), arena_(arena) {}

  Result<std::span<const Token>> run() {
    while (at_ < source_.size()) {
      if (!data() || !tag()) return error_;
    }
    if (!push(Tok::end, {})) return error_;
    return std::span<const Token>(tokens_, n_);
  }

 private:
  // Text up to the next tag.
  bool data() {
    size_t tag = at_;
    while (tag < source_.size() && !starts_tag(tag)) ++tag;
    const std::string_view text = source_.substr(at_, tag - at_);
    if (tag == source_.size()) return push_data(text) && (at_ = tag, true);
    return push_data(trimmed(text, tag)) && (at_ = tag, true);
  }

  bool starts_tag(size_t at) const {
    if (source_[at] != '{' || at + 1 == source_.size()) return false;
    const char next = source_[at + 1];
    return next == '{' || next == '%' || next == '#';
  }

  // What is left of the text before a tag.
  std::string_view trimmed(std::string_view text, size_t tag) const {
    const char sign = at(tag + 2);
    if (sign == '-') return strip_right(text);
    if (sign == '+' || source_[tag + 1] == '{') return text;
    const size_t newline = text.rfind('\n'), line = newline == text.npos ? 0 : newline + 1;
    if (line == 0 && !line_starting_) return text;
    return strip_right(text.substr(line)).empty() ? text.substr(0, line) : text;
  }

  bool tag() {
    if (at_ == source_.size()) return true;
    const char kind = source_[at_ + 1];
    at_ += 2;
    if (at(at_) == '-' || at(at_) == '+') ++at_;
    if (kind == '#') return comment();
    if (kind == '%' && raw_begins()) return raw();
    if (!push(kind == '{' ? Tok::output_begin : Tok::block_begin, source_.substr(at_ - 2, 2))) return false;
    return inside(kind == '{');
  }

  bool comment() {
    const size_t end = source_.find("#}", at_);
    if (end == source_.npos) return wrong("a comment that does not end");
    const char sign = end > at_ ? source_[end - 1] : ' ';
    close(end + 2, sign, true);
    return true;
  }

  bool raw_begins() {
    size_t p = skip_space(at_);
    if (source_.substr(p, 3) != "raw") return false;
    p = skip_space(p + 3);
    const bool strips = at(p) == '-';
    if (source_.substr(p + strips, 2) != "%}") return false;
    close(p + strips + 2, strips ? '-' : '+', false);
    return true;
  }

  bool raw() {
    for (size_t tag = at_; (tag = source_.find("{%", tag)) != source_.npos; ++tag) {
      size_t p = tag + 2;
      if (at(p) == '-' || at(p) == '+') ++p;
      p = skip_space(p);
      if (source_.substr(p, 6) != "endraw") continue;
      p = skip_space(p + 6);
      const char sign = at(p);
      if (sign == '-' || sign == '+') ++p;
      if (source_.substr(p, 2) != "%}") continue;
      if (!push_data(trimmed(source_.substr(at_, tag - at_), tag))) return false;
      close(p + 2, sign, true);
      return true;
    }
    return wrong("{% raw %} without {% endraw %}");
  }

  // Everything up to the end of a tag.
  bool inside(bool is_output) {
    const std::string_view end = is_output ? "}}" : "%}";
    uint32_t open = 0;  // brackets
    for (;;) {
      at_ = skip_space(at_);
      count_lines();
      if (at_ == source_.size()) return wrong("the template ends inside a tag");
      const char c = source_[at_];
      const bool has_sign = (c == '-' || (c == '+' && !is_output)) && source_.substr(at_ + 1, 2) == end;
      if (open == 0 && (has_sign || source_.substr(at_, 2) == end)) {
        if (!push(is_output ? Tok::output_end : Tok::block_end, end)) return false;
        close(at_ + 2 + has_sign, has_sign ? c : ' ', !is_output);
        return true;
      }
      if (!token(open)) return false;
    }
  }

  bool token(uint32_t& open) {
    const char c = source_[at_];
    if (c == '"' || c == '\'') return string(c);
    if (is_digit(c)) return number();
    size_t end = at_;
    if (starts_name(c)) {
      while (end < source_.size() && (starts_name(source_[end]) || is_digit(source_[end]))) ++end;
      return take(Tok::name, end);
    }
    for (const std::string_view op : kOperators) {
      if (source_.substr(at_, op.size()) != op) continue;
      if (c == '(' || c == '[' || c == '{') ++open;
      if (c == ')' || c == ']' || c == '}') {
        if (open == 0) return wrong("a closing ", c, " that was not opened");
        --open;
      }
      return take(Tok::op, at_ + op.size());
    }
    return wrong("the character ", source_.substr(at_, decode_utf8(source_, at_).bytes), " in a tag");
  }

  bool string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return wrong("a string that does not end");
    return take(Tok::string, end + 1);
  }

  bool number() {
    const auto digits = [this](size_t p) {
      while (is_digit(at(p)) || (at(p) == '_' && is_digit(at(p + 1)))) ++p;
      return p;
    };
    const char radix = char(at(at_ + 1) | 32);
    if (source_[at_] == '0' && (radix == 'x' || radix == 'o' || radix == 'b')) {
      size_t end = at_ + 2;
      while (is_digit(at(end)) || starts_name(at(end))) ++end;
      return take(Tok::whole, end);
    }
    size_t end = digits(at_);
    bool is_real = false;
    const bool after_point =
        n_ > 0 && tokens_[n_ - 1].text == "." && source_[at_ - 1] == '.';  // a.0.5 is not a.(0.5)
    if (!after_point && at(end) == '.' && is_digit(at(end + 1))) end = digits(end + 1), is_real = true;
    const size_t e = end + 1 + (at(end + 1) == '+' || at(end + 1) == '-');
    if (!after_point && (at(end) | 32) == 'e' && is_digit(at(e))) end = digits(e), is_real = true;
    return take(is_real ? Tok::real : Tok::whole, end);
  }

  char at(size_t p) const { return p < source_.size() ? source_[p] : '\0'; }

  size_t skip_space(size_t p) const {
    return source_.size() - strip_left(source_.substr(std::min(p, source_.size()))).size();
  }

  // Goes on behind the end of a tag: '-' takes white space along, '+' nothing, else a newline where `trims`.
  void close(size_t end, char sign, bool trims) {
    at_ = end;
    if (sign == '-') {
      at_ = skip_space(end);
    } else if (sign != '+' && trims && at(end) == '\n') {
      ++at_;
    }
    line_starting_ = source_[at_ - 1] == '\n';
  }

  bool take(Tok type, size_t end) {
    if (!push(type, source_.substr(at_, end - at_))) return false;
    return at_ = end, true;
  }

  bool push_data(std::string_view text) { return text.empty() || push(Tok::data, text); }

  // Nothing else is taken from the arena meanwhile, so the tokens lie one after the other.
  bool push(Tok type, std::string_view text) {
    count_lines();
    Token* token = arena_.array<Token>(1);
    if (!token) return error_ = fail(Code::out_of_memory, "template: tokens do not fit"), false;
    if (!tokens_) tokens_ = token;
    *token = {type, line_, text};
    return ++n_, true;
  }

  void count_lines() {
    line_ +=
        uint32_t(std::count(source_.begin() + ptrdiff_t(counted_), source_.begin() + ptrdiff_t(at_), '\n'));
    counted_ = at_;
  }

  template <typename... Parts>
  SYN_COLD bool wrong(const Parts&... parts) {
    count_lines();
    error_ = fail(Code::corrupt, "template: line ", line_, ": ", parts...);
    return false;
  }

  std::string_view source_;
  Arena& arena_;
  size_t at_ = 0;
  size_t counted_ = 0;  // bytes whose newlines are in line_
  uint32_t line_ = 1;
  bool line_starting_ = true;
  Token* tokens_ = nullptr;
  size_t n_ = 0;
  Status error_;
};

}  // namespace

Result<std::span<const Token>> lex_template(std::string_view source, Arena& arena) {
  constexpr size_t kMost = size_t(1) << 20;
  if (source.size() > kMost)
    return fail(Code::unsupported, "template: ", source.size(), " bytes, at most ", kMost);
  char* text = arena.array<char>(source.size());
  if (!text) return fail(Code::out_of_memory, "template: ", source.size(), " bytes do not fit");
  size_t n = 0;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    text[n++] = source[i] == '\r' ? '\n' : source[i];
  }
  if (n > 0 && text[n - 1] == '\n') --n;
  return Lexer({text, n}, arena).run();
}

std::string_view token_name(const Token& token) { return token.type == Tok::end ? "the end" : token.text; }

}  // namespace synapse::jinja
