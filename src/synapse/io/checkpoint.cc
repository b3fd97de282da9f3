#include "synapse/io/checkpoint.h"

#include <algorithm>
#include <bit>

namespace synapse {
namespace {

static_assert(std::endian::native == std::endian::little);

struct TypeRow {
  std::string_view name;
  uint8_t bytes;
};
constexpr TypeRow kTypes[] = {{"u8", 1},  {"i8", 1},  {"u16", 2},  {"i16", 2},    {"u32", 4},
                              {"i32", 4}, {"f32", 4}, {"bool", 1}, {"string", 0}, {"array", 0},
                              {"u64", 8}, {"i64", 8}, {"f64", 8}};

template <typename T>
T load(const uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

bool is_unsigned(MetaType t) {
  return t == MetaType::u8 || t == MetaType::u16 || t == MetaType::u32 || t == MetaType::u64;
}
bool is_signed(MetaType t) {
  return t == MetaType::i8 || t == MetaType::i16 || t == MetaType::i32 || t == MetaType::i64;
}

// A key as the architecture (when it begins with {arch}) and the rest, never put together.
struct Key {
  std::string_view head, tail;
};

int compare(std::string_view name, Key key) {
  const int order = name.substr(0, key.head.size()).compare(key.head);
  return order ? order : name.substr(key.head.size()).compare(key.tail);
}

std::string_view name_of(const MetaEntry& e) { return e.key; }
std::string_view name_of(const NamedTensor& t) { return t.name; }

template <typename T>
const T* look_up(std::span<const T> items, std::span<const uint32_t> order, Key key) {
  if (order.size() != items.size()) {  // not indexed
    for (const T& item : items)
      if (compare(name_of(item), key) == 0) return &item;
    return nullptr;
  }
  const auto at = std::lower_bound(order.begin(), order.end(), key,
                                   [&](uint32_t i, Key k) { return compare(name_of(items[i]), k) < 0; });
  return at != order.end() && compare(name_of(items[*at]), key) == 0 ? &items[*at] : nullptr;
}

template <typename T>
Result<std::span<const uint32_t>> sort_names(std::span<const T> items, std::string_view what, Arena& arena) {
  SYN_TRY(order, arena.zeroed<uint32_t>(items.size(), "index of names"));
  for (size_t i = 0; i < items.size(); ++i) order[i] = uint32_t(i);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return name_of(items[a]) < name_of(items[b]); });
  for (size_t i = 1; i < order.size(); ++i) {
    const std::string_view name = name_of(items[order[i]]);
    if (name == name_of(items[order[i - 1]]))
      return fail(Code::corrupt, what, " ", name.substr(0, 128), ": stands twice");
  }
  return std::span<const uint32_t>(order);
}

MetaValue number_array(MetaType element, const void* data, size_t count) {
  MetaValue v;
  v.type = MetaType::array, v.element = element, v.count = count;
  v.bytes = {static_cast<const uint8_t*>(data), count * meta_type_bytes(element)};
  return v;
}

}  // namespace

std::string_view meta_type_name(MetaType type) { return kTypes[size_t(type)].name; }
size_t meta_type_bytes(MetaType type) { return kTypes[size_t(type)].bytes; }

MetaValue meta_u32(uint32_t value) {
  MetaValue v;
  v.u = value;
  return v;
}

MetaValue meta_i32(int32_t value) {
  MetaValue v;
  v.type = MetaType::i32, v.i = value;
  return v;
}

MetaValue meta_f32(float value) {
  MetaValue v;
  v.type = MetaType::f32, v.f = double(value);
  return v;
}

MetaValue meta_bool(bool value) {
  MetaValue v;
  v.type = MetaType::boolean, v.u = value;
  return v;
}

MetaValue meta_text(std::string_view text) {
  MetaValue v;
  v.type = MetaType::string, v.text = text;
  return v;
}

MetaValue meta_array(std::span<const int32_t> values) {
  return number_array(MetaType::i32, values.data(), values.size());
}
MetaValue meta_array(std::span<const float> values) {
  return number_array(MetaType::f32, values.data(), values.size());
}
MetaValue meta_array(std::span<const bool> values) {
  static_assert(sizeof(bool) == 1);
  return number_array(MetaType::boolean, values.data(), values.size());
}

Result<MetaValue> meta_array(std::span<const std::string_view> texts, Arena& arena) {
  size_t bytes = 0;
  for (const std::string_view t : texts) bytes += sizeof(uint64_t) + t.size();
  SYN_TRY(out, arena.zeroed<uint8_t>(bytes, "array of texts"));
  uint8_t* at = out.data();
  for (const std::string_view t : texts) {
    const uint64_t size = t.size();
    std::memcpy(at, &size, sizeof size);
    if (size) std::memcpy(at + sizeof size, t.data(), t.size());
    at += sizeof size + t.size();
  }
  MetaValue v;
  v.type = MetaType::array, v.element = MetaType::string, v.count = texts.size(), v.bytes = out;
  return v;
}

bool MetaValue::is_integer() const { return is_unsigned(type) || is_signed(type); }

std::optional<int64_t> MetaValue::as_int() const {
  if (is_signed(type)) return i;
  if (is_unsigned(type) && u <= uint64_t(INT64_MAX)) return int64_t(u);
  return std::nullopt;
}

std::optional<double> MetaValue::as_float() const {
  if (type == MetaType::f32 || type == MetaType::f64) return f;
  if (is_signed(type)) return double(i);
  if (is_unsigned(type)) return double(u);
  return std::nullopt;
}

std::optional<bool> MetaValue::as_bool() const {
  return type == MetaType::boolean ? std::optional(u != 0) : std::nullopt;
}

std::optional<std::string_view> MetaValue::as_text() const {
  return type == MetaType::string ? std::optional(text) : std::nullopt;
}

MetaValue meta_element(const MetaValue& array, uint64_t index) {
  SYN_CHECK(array.type == MetaType::array && index < array.count && meta_type_bytes(array.element));
  const uint8_t* p = array.bytes.data() + index * meta_type_bytes(array.element);
  MetaValue v;
  v.type = array.element;
  switch (array.element) {
    case MetaType::u8:
    case MetaType::boolean:
      v.u = *p;
      break;
    case MetaType::i8:
      v.i = int8_t(*p);
      break;
    case MetaType::u16:
      v.u = load<uint16_t>(p);
      break;
    case MetaType::i16:
      v.i = load<int16_t>(p);
      break;
    case MetaType::u32:
      v.u = load<uint32_t>(p);
      break;
    case MetaType::i32:
      v.i = load<int32_t>(p);
      break;
    case MetaType::u64:
      v.u = load<uint64_t>(p);
      break;
    case MetaType::i64:
      v.i = load<int64_t>(p);
      break;
    case MetaType::f32:
      v.f = double(load<float>(p));
      break;
    case MetaType::f64:
      v.f = load<double>(p);
      break;
    case MetaType::string:
    case MetaType::array:
      break;  // excluded above
  }
  return v;
}

bool StringWalk::next(std::string_view& text) {
  if (!left_) return false;
  const uint64_t size = load<uint64_t>(at_.data());
  text = {reinterpret_cast<const char*>(at_.data()) + sizeof size, size_t(size)};
  at_ = at_.subspan(sizeof size + size_t(size));
  return --left_, true;
}

constexpr std::string_view kArch = "{arch}";

Status Checkpoint::index(Arena& arena) {
  for (const MetaEntry& e : metadata)
    if (e.key.starts_with(kArch))
      return fail(Code::corrupt, "metadata ", e.key.substr(0, 128), ": a key may not begin with {arch}");
  SYN_TRY(by_key, sort_names(metadata, "metadata", arena));
  SYN_TRY(by_name, sort_names(tensors, "tensor", arena));
  metadata_order = by_key, tensor_order = by_name;
  return {};
}

const MetaValue* Checkpoint::find(std::string_view key) const {
  Key k{{}, key};
  if (key.starts_with(kArch)) k = {architecture(), key.substr(kArch.size())};
  const MetaEntry* entry = look_up(metadata, metadata_order, k);
  return entry ? &entry->value : nullptr;
}

const Tensor* Checkpoint::tensor(std::string_view name) const {
  const NamedTensor* found = look_up(tensors, tensor_order, {{}, name});
  return found ? &found->tensor : nullptr;
}

std::string_view Checkpoint::architecture() const {
  const MetaValue* value = find("general.architecture");
  return value ? value->as_text().value_or("") : std::string_view();
}

// The error of a required key that is absent or of another type.
static Status missing(const Checkpoint& c, std::string_view key, const MetaValue* value,
                      std::string_view wanted) {
  const bool scoped = key.starts_with(kArch);
  const std::string_view head = scoped ? c.architecture().substr(0, 64) : std::string_view();
  if (scoped) key.remove_prefix(kArch.size());
  if (!value) return fail(Code::not_found, head, key, ": not in the file, wanted ", wanted);
  return fail(Code::corrupt, head, key, ": found ", meta_type_name(value->type), ", wanted ", wanted);
}

Result<int64_t> Checkpoint::require_int(std::string_view key) const {
  const MetaValue* value = find(key);
  const std::optional<int64_t> n = value ? value->as_int() : std::nullopt;
  return n ? Result<int64_t>(*n) : missing(*this, key, value, "an integer");
}

Result<std::string_view> Checkpoint::require_text(std::string_view key) const {
  const MetaValue* value = find(key);
  const std::optional<std::string_view> text = value ? value->as_text() : std::nullopt;
  return text ? Result<std::string_view>(*text) : missing(*this, key, value, "a string");
}

}  // namespace synapse
