// A Checkpoint is what a GGUF file, a Hugging Face folder or a flash image gives: named tensors and
// metadata under GGUF's names, whatever the source called them. All views: the mapped bytes and the
// arena it was made in must outlive it.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"
#include "synapse/tensor/tensor.h"

namespace synapse {

enum class MetaType : uint8_t {  // GGUF's numbers
  u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64
};

// One metadata value. Integers are widened; an array keeps its elements as in a GGUF file.
struct MetaValue {
  MetaType type = MetaType::u32;
  MetaType element = MetaType::u32;  // of an array
  uint64_t u = 0;                    // unsigned integers, boolean
  int64_t i = 0;                     // signed integers
  double f = 0;                      // floats
  std::string_view text;             // string
  uint64_t count = 0;                // elements of an array
  // Of an array: little-endian numbers; per string a u64 length and its bytes; per array a u32 element type,
  // a u64 count and its elements.
  std::span<const uint8_t> bytes;

  bool is_integer() const;
  std::optional<int64_t> as_int() const;     // any integer type that fits; booleans are not integers
  std::optional<double> as_float() const;    // f32, f64 and integers
  std::optional<bool> as_bool() const;
  std::optional<std::string_view> as_text() const;
};

std::string_view meta_type_name(MetaType type);  // "u32", "string"
size_t meta_type_bytes(MetaType type);           // of a number or boolean in a file; 0 for string and array

MetaValue meta_u32(uint32_t value);
MetaValue meta_i32(int32_t value);
MetaValue meta_f32(float value);
MetaValue meta_bool(bool value);
MetaValue meta_text(std::string_view text);                   // views the text
MetaValue meta_array(std::span<const int32_t> values);        // views the values
MetaValue meta_array(std::span<const float> values);
MetaValue meta_array(std::span<const bool> values);
Result<MetaValue> meta_array(std::span<const std::string_view> texts, Arena& arena);  // copied into the arena

// Element `index` of an array of numbers. REQUIRES index < count and a number or boolean type.
MetaValue meta_element(const MetaValue& array, uint64_t index);

// Walks an array of strings front to back: for (StringWalk s(value); s.next(text);) ...
class StringWalk {
 public:
  explicit StringWalk(const MetaValue& array) : at_(array.bytes), left_(array.count) {}
  bool next(std::string_view& text);

 private:
  std::span<const uint8_t> at_;
  uint64_t left_;
};

struct MetaEntry {
  std::string_view key;
  MetaValue value;
};

struct NamedTensor {
  std::string_view name;
  Tensor tensor;  // host address; dims outermost first (the reverse of GGUF's order)
};

struct Checkpoint {
  std::string_view format;  // "GGUF v3", "safetensors"
  std::span<const MetaEntry> metadata;
  std::span<const NamedTensor> tensors;
  std::span<const uint32_t> metadata_order, tensor_order;  // by name; from index()

  // Sorts the names, so that look-ups are binary searches. To be called once by who fills the tables; a name
  // that stands twice is an error, one that begins with {arch} too. Takes index_bytes() from the arena.
  Status index(Arena& arena);
  size_t index_bytes() const { return (metadata.size() + tensors.size()) * sizeof(uint32_t); }

  // Keys may begin with {arch}, which stands for the architecture.
  const MetaValue* find(std::string_view key) const;  // null when absent
  const Tensor* tensor(std::string_view name) const;
  std::string_view architecture() const;              // general.architecture, "" when absent

  // require_int("{arch}.embedding_length"); the error names the key, what was found and what was wanted.
  Result<int64_t> require_int(std::string_view key) const;
  Result<std::string_view> require_text(std::string_view key) const;
};

}  // namespace synapse
