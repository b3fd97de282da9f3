#include "synapse/base/json.h"

#include <algorithm>
#include <bit>

#include "synapse/base/rng.h"

namespace synapse {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u;

// The lowest high bit that is set belongs to the first byte of w (in little-endian order) that is '"', '\\', below 0x20
// or above 0x7F; none is set when there is no such byte.
constexpr uint64_t not_plain(uint64_t w) {
  const uint64_t quote = w ^ kOnes * '"', slash = w ^ kOnes * '\\';
  return ((quote - kOnes) | (slash - kOnes) | (w - kOnes * 0x20) | w) & kHighs;
}

// Bytes of the UTF-8 character that starts at p, 0 when it is not one (overlong forms, surrogates and
// values above U+10FFFF included). REQUIRES p < end and *p >= 0x80.
size_t utf8_length(const uint8_t* p, const uint8_t* end) {
  const auto trail = [&](size_t i) { return i < size_t(end - p) && (p[i] & 0xC0) == 0x80; };
  if (p[0] >= 0xC2 && p[0] <= 0xDF) return trail(1) ? 2 : 0;
  if (p[0] >= 0xE0 && p[0] <= 0xEF) {
    if (!trail(1) || !trail(2)) return 0;
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0;
    return p[0] == 0xED && p[1] > 0x9F ? 0 : 3;
  }
  if (p[0] >= 0xF0 && p[0] <= 0xF4) {
    if (!trail(1) || !trail(2) || !trail(3)) return 0;
    if (p[0] == 0xF0 && p[1] < 0x90) return 0;
    return p[0] == 0xF4 && p[1] > 0x8F ? 0 : 4;
  }
  return 0;
}

char* put_utf8(char* out, uint32_t c) {
  if (c < 0x80) return *out++ = char(c), out;
  if (c < 0x800) {
    *out++ = char(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      *out++ = char(0xE0 | c >> 12);
    } else {
      *out++ = char(0xF0 | c >> 18), *out++ = char(0x80 | (c >> 12 & 63));
    }
    *out++ = char(0x80 | (c >> 6 & 63));
  }
  return *out++ = char(0x80 | (c & 63)), out;
}

constexpr bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

// Values and keys are each followed by one of , : ] } or the end, and only containers hold another.
constexpr uint8_t announces_node(uint8_t c) { return uint8_t(c == ',') | uint8_t(c == ':') | uint8_t((c | 32) == '{'); }

size_t max_nodes(std::span<const uint8_t> text) {
  constexpr size_t kLanes = 32, kRounds = 255;  // byte counters side by side, summed before one can overflow
  size_t n = 1, i = 0;
  while (text.size() - i >= kLanes) {
    uint8_t counts[kLanes] = {};
    for (size_t round = 0; round < kRounds && text.size() - i >= kLanes; ++round, i += kLanes)
      for (size_t lane = 0; lane < kLanes; ++lane) counts[lane] = uint8_t(counts[lane] + announces_node(text[i + lane]));
    for (const uint8_t count : counts) n += count;
  }
  for (; i < text.size(); ++i) n += announces_node(text[i]);
  return n;
}

class Parser {
 public:
  Parser(std::span<const uint8_t> text, Arena& arena, JsonLimits limits)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), arena_(arena), limits_(limits) {}

  Result<JsonDocument> run() {
    const std::span<const uint8_t> text(begin_, end_);
    if (text.size() > UINT32_MAX) return fail(Code::unsupported, "json: ", text.size(), " bytes, at most 2^32 - 1");
    const size_t bound = std::min<size_t>(max_nodes(text), limits_.nodes);
    nodes_ = arena_.array<JsonNode>(bound);
    if (!nodes_) return fail(Code::out_of_memory, "json: ", bound, " nodes of ", sizeof(JsonNode), " bytes do not fit");
    capacity_ = uint32_t(bound);
    do {
      if (!value()) return error_;
    } while (!finish());
    if (!error_.ok()) return error_;
    return JsonDocument{{nodes_, n_nodes_}};
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  // One value wanted: a scalar, an empty container, or the start of one up to where its first value begins.
  bool value() {
    skip_space();
    while (at_ < end_ && (*at_ == '{' || *at_ == '[')) {
      const bool is_object = *at_ == '{';
      if (++depth_ > limits_.depth) return wrong("more than ", limits_.depth, " levels deep");
      ++at_;
      JsonNode* node = push(is_object ? JsonType::object : JsonType::array);
      if (!node) return false;
      node->size = 0, node->extent = open_;  // the enclosing container until this one ends
      open_ = uint32_t(node - nodes_);
      skip_space();
      if (at_ < end_ && *at_ == (is_object ? '}' : ']')) return ++at_, close();
      if (is_object && !key()) return false;
      skip_space();
    }
    if (at_ == end_) return wrong("the text ends, wanted a value");
    if (*at_ == '"') return string();
    if (limits_.python_numbers)
      for (const std::string_view name : {"Infinity", "-Infinity", "NaN"})
        if (word(name)) return push_number(at_ - name.size());
    if (*at_ == '-' || is_digit(*at_)) return number();
    if (word("true")) return push_bool(true);
    if (word("false")) return push_bool(false);
    if (word("null")) return push(JsonType::null) != nullptr;
    return found("a value");
  }

  // After a value: true at the end of the document or on an error, false when another value is wanted.
  bool finish() {
    for (;;) {
      skip_space();
      if (!error_.ok()) return true;
      if (open_ == kNone) return at_ == end_ || !wrong("trailing bytes after the value");
      JsonNode& parent = nodes_[open_];
      const bool is_object = parent.type == JsonType::object;
      ++parent.size;
      if (at_ < end_ && *at_ == ',') {
        ++at_;
        if (is_object) key();
        return !error_.ok();
      }
      if (at_ == end_ || *at_ != (is_object ? '}' : ']')) return !found(is_object ? "',' or '}'" : "',' or ']'");
      ++at_;
      close();
    }
  }

  bool key() {
    skip_space();
    if (at_ == end_ || *at_ != '"') return found("a key in quotes");
    if (!string()) return false;
    skip_space();
    if (at_ == end_ || *at_ != ':') return found("':'");
    return ++at_, true;
  }

  bool close() {
    JsonNode& node = nodes_[open_];
    const uint32_t index = open_;
    open_ = uint32_t(node.extent);
    node.extent = n_nodes_ - index;
    --depth_;
    return node.type != JsonType::object || node.size < 2 || !limits_.check_duplicates || unique_keys(&node);
  }

  bool unique_keys(const JsonNode* object) {
    const size_t mark = arena_.mark();
    auto* keys = arena_.array<uint64_t>(object->size);  // half a hash above the node
    if (!keys) return error_ = fail(Code::out_of_memory, "json: index of ", object->size, " keys does not fit"), false;
    const auto text_of = [&](uint64_t key) { return std::string_view(nodes_[uint32_t(key)].text, nodes_[uint32_t(key)].size); };
    size_t n = 0;
    for (const JsonNode* key = object + 1; key != json_next(object); key = json_next(key + 1))
      keys[n++] = mix64(hash64(key->text, key->size)) >> 32 << 32 | uint64_t(key - nodes_);
    std::sort(keys, keys + n, [](uint64_t a, uint64_t b) { return a < b; });  // its own order: libc++ has std::less in its binary
    for (size_t first = 0, i = 1; i <= n; ++i) {
      if (i < n && keys[i] >> 32 == keys[first] >> 32) continue;
      std::sort(keys + first, keys + i, [&](uint64_t a, uint64_t b) { return text_of(a) < text_of(b); });
      for (size_t k = first + 1; k < i; ++k)
        if (text_of(keys[k]) == text_of(keys[k - 1]))
          return wrong("key \"", text_of(keys[k]).substr(0, 80), "\" twice in one object");
      first = i;
    }
    arena_.rewind(mark);
    return true;
  }

  bool string() {
    const uint8_t* start = ++at_;
    bool escapes = false;
    for (;;) {
      for (uint64_t w; end_ - at_ >= 8; at_ += 8) {
        std::memcpy(&w, at_, 8);
        if (const uint64_t stops = not_plain(w)) {
          at_ += std::countr_zero(stops) / 8;
          break;
        }
      }
      if (at_ == end_) return wrong("the text ends inside a string");
      if (*at_ == '"') break;
      if (*at_ == '\\') {
        escapes = true, at_ += end_ - at_ >= 2 ? 2 : 1;
      } else if (*at_ < 0x20) {
        return wrong("control character ", *at_, " in a string");
      } else if (*at_ < 0x80) {
        ++at_;
      } else {
        const size_t n = utf8_length(at_, end_);
        if (!n) return wrong("byte ", *at_, " is not UTF-8");
        at_ += n;
      }
    }
    JsonNode* node = push(JsonType::string);
    if (!node) return false;
    node->text = reinterpret_cast<const char*>(start), node->size = uint32_t(at_ - start);
    if (escapes && !unescape(node, start, at_)) return false;
    return ++at_, true;
  }

  bool unescape(JsonNode* node, const uint8_t* from, const uint8_t* to) {
    char* const text = arena_.array<char>(size_t(to - from));
    if (!text) return error_ = fail(Code::out_of_memory, "json: a string of ", to - from, " bytes does not fit"), false;
    char* out = text;
    while (from < to) {
      if (*from != '\\') {
        *out++ = char(*from++);
        continue;
      }
      constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
      at_ = from++;  // where an error is
      const size_t simple = letters.find(char(*from));
      if (simple != letters.npos) {
        *out++ = meanings[simple], ++from;
        continue;
      }
      uint32_t c = 0, low = 0;
      if (*from != 'u' || !hex4(from + 1, to, c)) return wrong("unknown escape in a string");
      from += 5;
      if (c >= 0xDC00 && c <= 0xDFFF) return wrong("lone low surrogate");
      if (c >= 0xD800 && c <= 0xDBFF) {
        if (to - from < 6 || from[0] != '\\' || from[1] != 'u' || !hex4(from + 2, to, low) || low < 0xDC00 ||
            low > 0xDFFF) {
          return wrong("lone high surrogate");
        }
        from += 6, c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      }
      out = put_utf8(out, c);
    }
    at_ = to;
    node->text = text, node->size = uint32_t(out - text);
    return true;
  }

  static bool hex4(const uint8_t* p, const uint8_t* end, uint32_t& value) {
    if (end - p < 4) return false;
    value = 0;
    for (int i = 0; i < 4; ++i) {
      const uint8_t c = p[i], letter = c | 32;
      if (!is_digit(c) && (letter < 'a' || letter > 'f')) return false;
      value = value << 4 | uint32_t(is_digit(c) ? c - '0' : letter - 'a' + 10);
    }
    return true;
  }

  bool digits() {
    const uint8_t* start = at_;
    while (at_ < end_ && is_digit(*at_)) ++at_;
    return at_ > start;
  }

  bool number() {
    const uint8_t* start = at_;
    if (*at_ == '-') ++at_;
    const bool leading_zero = at_ < end_ && *at_ == '0';
    if (leading_zero ? (++at_, false) : !digits()) return found("a digit");
    if (leading_zero && at_ < end_ && is_digit(*at_)) return wrong("a number with a leading zero");
    if (at_ < end_ && *at_ == '.' && (++at_, !digits())) return found("a digit");
    if (at_ < end_ && (*at_ | 32) == 'e') {
      ++at_;
      if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return found("a digit");
    }
    return push_number(start);
  }

  bool push_number(const uint8_t* start) {
    JsonNode* node = push(JsonType::number);
    if (!node) return false;
    node->text = reinterpret_cast<const char*>(start), node->size = uint32_t(at_ - start);
    return true;
  }

  bool word(std::string_view w) {
    if (size_t(end_ - at_) < w.size() || std::memcmp(at_, w.data(), w.size()) != 0) return false;
    return at_ += w.size(), true;
  }

  bool push_bool(bool b) {
    JsonNode* node = push(JsonType::boolean);
    if (node) node->size = b;
    return node;
  }

  JsonNode* push(JsonType type) {
    if (n_nodes_ == capacity_) return wrong("more than ", limits_.nodes, " values"), nullptr;
    JsonNode* node = &nodes_[n_nodes_++];
    node->text = nullptr, node->size = 0, node->type = type;
    return node;
  }

  void skip_space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  bool found(std::string_view wanted) {
    if (at_ == end_) return wrong("the text ends, wanted ", wanted);
    if (*at_ > 0x20 && *at_ < 0x7F) return wrong("found '", char(*at_), "', wanted ", wanted);
    return wrong("found byte ", *at_, ", wanted ", wanted);
  }

  template <typename... Parts>
  SYN_COLD bool wrong(const Parts&... parts) {
    const auto line = 1 + std::count(begin_, at_, uint8_t('\n'));
    error_ = fail(Code::corrupt, "json: line ", line, ", byte ", at_ - begin_, ": ", parts...);
    return false;
  }

  const uint8_t* begin_;
  const uint8_t* at_;
  const uint8_t* end_;
  Arena& arena_;
  JsonLimits limits_;
  JsonNode* nodes_ = nullptr;
  uint32_t n_nodes_ = 0, capacity_ = 0, depth_ = 0;
  uint32_t open_ = kNone;  // the innermost container that has not ended
  Status error_;
};

}  // namespace

Result<JsonDocument> parse_json(std::span<const uint8_t> text, Arena& arena, JsonLimits limits) {
  return Parser(text, arena, limits).run();
}

Result<JsonDocument> parse_json(std::string_view text, Arena& arena, JsonLimits limits) {
  return parse_json(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()), arena, limits);
}

size_t json_arena_bytes(std::span<const uint8_t> text) {
  // Nodes, the index of the largest possible object (8 bytes per two nodes), unescaped strings, alignment.
  const bool escapes = !text.empty() && std::memchr(text.data(), '\\', text.size());
  return max_nodes(text) * (sizeof(JsonNode) + 4) + (escapes ? text.size() : 0) + 64;
}

std::string_view JsonValue::as_string() const {
  return is_string() ? std::string_view(node_->text, node_->size) : std::string_view();
}

std::string_view JsonValue::number_text() const {
  return is_number() ? std::string_view(node_->text, node_->size) : std::string_view();
}

std::optional<bool> JsonValue::as_bool() const {
  return is_bool() ? std::optional(node_->size != 0) : std::nullopt;
}

std::optional<double> JsonValue::as_number() const {
  return is_number() ? parse_decimal(number_text()) : std::nullopt;
}

std::optional<int64_t> JsonValue::as_int() const {
  std::string_view text = number_text();
  if (text.empty()) return std::nullopt;
  const bool negative = text[0] == '-';
  const uint64_t most = uint64_t(INT64_MAX) + negative;
  uint64_t n = 0;
  for (const char c : text.substr(negative)) {
    if (!is_digit(uint8_t(c))) {  // 3.0, 1e3: exact in a double or not at all
      const std::optional<double> x = as_number();
      constexpr double kExact = 9007199254740992.0;
      if (!x || *x < -kExact || *x > kExact || double(int64_t(*x)) != *x) return std::nullopt;
      return int64_t(*x);
    }
    const uint64_t digit = uint64_t(c - '0');
    if (n > (most - digit) / 10) return std::nullopt;
    n = n * 10 + digit;
  }
  return int64_t(negative ? 0 - n : n);
}

size_t JsonValue::size() const { return is_array() || is_object() ? node_->size : 0; }

JsonValue JsonValue::operator[](std::string_view key) const {
  for (const JsonMember m : members())
    if (m.key == key) return m.value;
  return {};
}

JsonValue JsonValue::at(size_t i) const {
  if (i >= size()) return {};
  for (const JsonValue v : elements())
    if (i-- == 0) return v;
  return {};
}

JsonValue::Elements JsonValue::elements() const {
  return is_array() ? Elements(node_ + 1, json_next(node_)) : Elements(nullptr, nullptr);
}

JsonValue::Members JsonValue::members() const {
  return is_object() ? Members(node_ + 1, json_next(node_)) : Members(nullptr, nullptr);
}

}  // namespace synapse
