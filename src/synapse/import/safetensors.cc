#include "synapse/import/safetensors.h"

#include <algorithm>
#include <map>

namespace synapse {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;

struct TypeRow {
  std::string_view name;
  DType dtype;
};
constexpr TypeRow kTypes[] = {
    {"F32", DType::f32}, {"F16", DType::f16}, {"BF16", DType::bf16}, {"F64", DType::f64}, {"I8", DType::i8},
    {"I16", DType::i16}, {"I32", DType::i32}, {"I64", DType::i64},   {"U8", DType::i8},   {"U16", DType::i16},
    {"U32", DType::i32}, {"U64", DType::i64}, {"BOOL", DType::i8}};

template <typename... Parts>
Status wrong(const Parts&... parts) {
  return fail(Code::corrupt, "safetensors: ", parts...);
}

// The JSON header, or empty when the length in front of it cannot be true.
std::span<const uint8_t> header_of(std::span<const uint8_t> file) {
  uint64_t size = 0;
  if (file.size() < sizeof size) return {};
  std::memcpy(&size, file.data(), sizeof size);
  if (size > kMaxHeaderBytes || size > file.size() - sizeof size) return {};
  return file.subspan(sizeof size, size_t(size));
}

struct Placed {
  uint64_t begin, end;
  NamedTensor tensor;
};

Result<Placed> read_entry(std::string_view full_name, JsonValue entry, uint64_t buffer_bytes) {
  const std::string_view name = full_name.substr(0, 128);
  if (!entry.is_object() || entry.size() != 3) return wrong(name, ": wanted dtype, shape and data_offsets");
  const std::string_view type = entry["dtype"].as_string();
  const auto row = std::ranges::find(kTypes, type, &TypeRow::name);
  if (row == std::end(kTypes))
    return fail(Code::unsupported, "safetensors: ", name, ": dtype \"", type.substr(0, 32), "\"");
  const JsonValue shape = entry["shape"], offsets = entry["data_offsets"];
  if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2)
    return wrong(name, ": shape or data_offsets missing");
  if (shape.size() > 4)
    return fail(Code::unsupported, "safetensors: ", name, ": ", shape.size(), " dimensions, at most 4");

  Placed out{};
  Tensor& t = out.tensor.tensor;
  t.dtype = row->dtype, t.rank = uint8_t(std::max<size_t>(shape.size(), 1)), t.dims = {1};
  size_t n = 0;
  uint64_t elements = 1, rows = 1;
  for (const JsonValue d : shape.elements()) {
    const int64_t dim = d.as_int().value_or(-1);
    if (dim < 0 || dim > INT32_MAX) return wrong(name, ": dimension ", n, " is not 0 to 2^31 - 1");
    t.dims[n++] = int32_t(dim);
    elements *= uint64_t(dim);                                          // at most rows * 2^31
    if (n < shape.size()) rows *= uint64_t(std::max<int64_t>(dim, 1));  // a zero hides no overflow
    if (rows > uint64_t(INT32_MAX)) return wrong(name, ": more than 2^31 - 1 rows");
  }
  const int64_t begin = offsets.at(0).as_int().value_or(-1), end = offsets.at(1).as_int().value_or(-1);
  if (begin < 0 || end < begin || uint64_t(end) > buffer_bytes) {
    return wrong(name, ": data_offsets ", begin, " to ", end, ", the buffer has ", buffer_bytes, " bytes");
  }
  const uint64_t bytes = uint64_t(end - begin), element = uint64_t(info(t.dtype).block_bytes);
  if (bytes % element || bytes / element != elements) {
    return wrong(name, ": ", bytes, " bytes, its shape wants ", elements, " elements of ", element);
  }
  size_t step = t.row_bytes();
  for (int i = t.rank - 2; i >= 0; --i) t.strides[i] = step, step *= size_t(t.dims[size_t(i)]);
  out.begin = uint64_t(begin), out.end = uint64_t(end), out.tensor.name = full_name;
  return out;
}

}  // namespace

size_t safetensors_arena_bytes(std::span<const uint8_t> file) {
  const auto header = header_of(file);
  return header.empty() ? 0 : json_arena_bytes(header);
}

Result<std::vector<NamedTensor>> read_safetensors(std::span<const uint8_t> file, Arena& arena) {
  const auto header = header_of(file);
  if (header.empty()) return wrong("no header of at most 100 MB inside a file of ", file.size(), " bytes");
  if (header[0] != '{') return wrong("the header does not start with {");
  SYN_TRY(document, parse_json(header, arena));
  const auto buffer = file.subspan(sizeof(uint64_t) + header.size());

  std::vector<Placed> placed;
  placed.reserve(document.root().size());
  for (const auto [name, entry] : document.root().members()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) return wrong("__metadata__ is not an object");
      for (const auto [key, value] : entry.members())
        if (!value.is_string()) return wrong("__metadata__ ", key.substr(0, 64), ": not a string");
      continue;
    }
    if (name.empty()) return wrong("a tensor without a name");
    SYN_TRY(one, read_entry(name, entry, buffer.size()));
    placed.push_back(one);
  }
  std::ranges::sort(placed, [](const Placed& a, const Placed& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::vector<NamedTensor> tensors;
  tensors.reserve(placed.size());
  uint64_t covered = 0;
  for (Placed& p : placed) {
    if (p.begin != covered) {
      return wrong(p.tensor.name.substr(0, 128),
                   p.begin < covered ? ": overlaps the tensor before it at byte " : ": a hole before byte ",
                   p.begin);
    }
    covered = p.end;
    p.tensor.tensor.data = const_cast<uint8_t*>(buffer.data()) + p.begin;
    tensors.push_back(p.tensor);
  }
  if (covered != buffer.size()) return wrong(buffer.size() - covered, " bytes after the last tensor");
  return tensors;
}

Result<ShardIndex> read_shard_index(std::span<const uint8_t> json, Arena& arena) {
  SYN_TRY(document, parse_json(json, arena));
  const JsonValue map = document.root()["weight_map"];
  if (!map.is_object() || !map.size()) return fail(Code::corrupt, "shard index: no weight_map");
  ShardIndex index;
  std::map<std::string_view, size_t> known;
  for (const auto [name, value] : map.members()) {
    const std::string_view file = value.as_string();
    if (file.empty() || file[0] == '.' || file.size() > 255 ||
        file.find_first_of(std::string_view("/\\\0", 3)) != file.npos) {
      return fail(Code::corrupt, "shard index: ", name.substr(0, 96), ": file \"", file.substr(0, 96),
                  "\" is not a plain name");
    }
    const auto [at, is_new] = known.try_emplace(file, index.files.size());
    if (is_new) index.files.emplace_back(file);
    index.tensors.emplace_back(name, at->second);
  }
  return index;
}

Status write_safetensors_header(Sink sink, std::span<const NamedTensor> tensors) {
  std::string header = "{";
  uint64_t offset = 0;
  for (const NamedTensor& t : tensors) {
    const auto row = std::ranges::find(kTypes, t.tensor.dtype, &TypeRow::dtype);
    if (row == std::end(kTypes))
      return fail(Code::unsupported, t.name, ": ", label(t.tensor.dtype), " has no safetensors type");
    if (header.size() > 1) header += ',';
    header += '"';
    for (const char c : t.name) {
      if (c == '"' || c == '\\') header += '\\';
      if (uint8_t(c) < 0x20) return fail(Code::invalid, "safetensors: a control character in a tensor name");
      header += c;
    }
    header.append("\":{\"dtype\":\"").append(row->name).append("\",\"shape\":[");
    for (int i = 0; i < t.tensor.rank; ++i)
      header.append(i ? "," : "").append(std::to_string(t.tensor.dim(i)));
    header.append("],\"data_offsets\":[").append(std::to_string(offset)).append(",");
    offset += t.tensor.bytes();
    header.append(std::to_string(offset)).append("]}");
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t size = header.size();
  SYN_RETURN_IF_ERROR(sink.write(sink.context, {reinterpret_cast<const uint8_t*>(&size), sizeof size}));
  return sink.write(sink.context, {reinterpret_cast<const uint8_t*>(header.data()), header.size()});
}

Status write_safetensors(Sink sink, std::span<const NamedTensor> tensors) {
  SYN_RETURN_IF_ERROR(write_safetensors_header(sink, tensors));
  for (const NamedTensor& t : tensors) {
    SYN_CHECK(t.tensor.contiguous());
    SYN_RETURN_IF_ERROR(
        sink.write(sink.context, {static_cast<const uint8_t*>(t.tensor.data), t.tensor.bytes()}));
  }
  return {};
}

}  // namespace synapse
