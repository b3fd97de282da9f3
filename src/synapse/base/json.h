// Reads JSON (RFC 8259) into a flat tape of 16-byte nodes: one pass, no recursion, no heap. Strings view
// the text, or the arena when they hold escapes; numbers stay text until asked for. Strict: duplicate keys,
// invalid UTF-8, lone surrogates, control characters, NaN and trailing bytes are errors with line and byte.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"

namespace synapse {

enum class JsonType : uint8_t { null, boolean, number, string, array, object };

struct JsonLimits {
  uint32_t depth = 64;          // arrays and objects inside each other
  uint32_t nodes = 1u << 28;    // values and keys
  bool check_duplicates = true; // O(n log n) for an object of n keys
  bool python_numbers = false;  // Infinity, -Infinity and NaN, which Python writes, are numbers without a value
};

// A value, or a key followed by its value. Containers are followed by what they hold.
struct JsonNode {
  union {
    const char* text;  // string: its bytes; number: as written
    uint64_t extent;   // array, object: nodes of the subtree, itself included
  };
  uint32_t size;       // bytes of text; elements; members; boolean: 0 or 1
  JsonType type;
};

struct JsonMember;

// A light handle; copies freely, valid as long as text and arena. Asking for the wrong type gives an empty
// answer, never an error: v["a"]["b"].as_int() is nullopt when any step is missing.
class JsonValue {
 public:
  JsonValue() = default;  // null
  explicit JsonValue(const JsonNode* node) : node_(node) {}

  JsonType type() const { return node_ ? node_->type : JsonType::null; }
  bool is_null() const { return type() == JsonType::null; }
  bool is_bool() const { return type() == JsonType::boolean; }
  bool is_number() const { return type() == JsonType::number; }
  bool is_string() const { return type() == JsonType::string; }
  bool is_array() const { return type() == JsonType::array; }
  bool is_object() const { return type() == JsonType::object; }

  std::string_view as_string() const;         // unescaped UTF-8; "" when not a string
  std::string_view number_text() const;       // as written; "" when not a number
  std::optional<bool> as_bool() const;
  std::optional<int64_t> as_int() const;      // an integral number that fits; 3.0 and 1e3 are integral
  // The nearest double when the digits fit 2^53 and |exponent| <= 22, else within 0.51 ulp of the decimal;
  // nullopt beyond the range of double.
  std::optional<double> as_number() const;

  size_t size() const;                               // elements or members
  JsonValue operator[](std::string_view key) const;  // null when absent; linear in the members
  JsonValue at(size_t i) const;                      // element i of an array, null when absent; linear in i

  class Elements;
  class Members;
  Elements elements() const;  // for (JsonValue v : array.elements())
  Members members() const;    // for (auto [key, value] : object.members()), in file order

 private:
  const JsonNode* node_ = nullptr;
};

struct JsonMember {
  std::string_view key;
  JsonValue value;
};

// The node after a value and everything in it.
inline const JsonNode* json_next(const JsonNode* node) {
  return node + (node->type >= JsonType::array ? node->extent : 1);
}

class JsonValue::Elements {
 public:
  struct Iterator {
    const JsonNode* node;
    JsonValue operator*() const { return JsonValue(node); }
    Iterator& operator++() { return node = json_next(node), *this; }
    bool operator!=(const Iterator& other) const { return node != other.node; }
  };
  Elements(const JsonNode* first, const JsonNode* last) : first_(first), last_(last) {}
  Iterator begin() const { return {first_}; }
  Iterator end() const { return {last_}; }

 private:
  const JsonNode* first_;
  const JsonNode* last_;
};

class JsonValue::Members {
 public:
  struct Iterator {
    const JsonNode* node;  // the key
    JsonMember operator*() const { return {{node->text, node->size}, JsonValue(node + 1)}; }
    Iterator& operator++() { return node = json_next(node + 1), *this; }
    bool operator!=(const Iterator& other) const { return node != other.node; }
  };
  Members(const JsonNode* first, const JsonNode* last) : first_(first), last_(last) {}
  Iterator begin() const { return {first_}; }
  Iterator end() const { return {last_}; }

 private:
  const JsonNode* first_;
  const JsonNode* last_;
};

struct JsonDocument {
  std::span<const JsonNode> nodes;
  JsonValue root() const { return nodes.empty() ? JsonValue() : JsonValue(nodes.data()); }
};

// The document views `text` and `arena`. Working memory of the duplicate check is given back.
Result<JsonDocument> parse_json(std::span<const uint8_t> text, Arena& arena, JsonLimits limits = {});
Result<JsonDocument> parse_json(std::string_view text, Arena& arena, JsonLimits limits = {});

// The most that parse_json takes from its arena for this text. One fast pass.
size_t json_arena_bytes(std::span<const uint8_t> text);

// The value of a decimal number that follows JSON's grammar; as JsonValue::as_number.
std::optional<double> parse_decimal(std::string_view number);

}  // namespace synapse
