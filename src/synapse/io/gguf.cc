#include "synapse/io/gguf.h"

#include <algorithm>

namespace synapse {
namespace {

constexpr uint32_t kMagic = 0x46554747, kMagicSwapped = 0x47475546;  // "GGUF"
constexpr size_t kHeaderBytes = 24;
constexpr size_t kMinEntryBytes = 14;   // key length, one character, type, one byte
constexpr size_t kMinTensorBytes = 25;  // name length, one character, rank, type, offset
constexpr uint64_t kMaxEntries = 1 << 20;
constexpr uint64_t kMaxNameBytes = 65535;
constexpr int kMaxNesting = 4;
constexpr uint32_t kNMetaTypes = uint32_t(MetaType::f64) + 1;

// Walks one part front to back. Nothing is read before it is known to be there.
class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, size_t part) : bytes_(bytes), part_(part) {}

  uint64_t n_tensors = 0, n_entries = 0;

  size_t position() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }

  template <typename... Parts>
  SYN_COLD Status wrong(const Parts&... parts) const {
    return fail(Code::corrupt, "gguf part ", part_ + 1, ", byte ", at_, ": ", parts...);
  }

  Status header() {
    uint32_t magic = 0, version = 0;
    if (!take(magic) || (magic != kMagic && magic != kMagicSwapped)) return wrong("not a GGUF file");
    if (!take(version)) return wrong("the file ends inside its header");
    if (magic == kMagicSwapped || (version & 0xFFFF) == 0) {
      return fail(Code::unsupported, "gguf: big-endian file, wanted little-endian");
    }
    if (version != 2 && version != 3)
      return fail(Code::unsupported, "gguf: version ", version, ", wanted 2 or 3");
    if (!take(n_tensors) || !take(n_entries)) return wrong("the file ends inside its header");
    version_ = version;
    if (n_entries > left() / kMinEntryBytes || n_entries > kMaxEntries) {
      return wrong(n_entries, " metadata entries in ", left(), " bytes, at most ", kMaxEntries);
    }
    if (n_tensors > left() / kMinTensorBytes || n_tensors > kMaxEntries) {
      return wrong(n_tensors, " tensors in ", left(), " bytes, at most ", kMaxEntries);
    }
    return {};
  }

  uint32_t version() const { return version_; }

  Status entry(MetaEntry& out) {
    if (!text(out.key, kMaxNameBytes) || out.key.empty())
      return wrong("metadata key: empty, too long or cut off");
    uint32_t type = 0;
    if (!take(type)) return wrong(short_key(out), ": the file ends before its type");
    if (type >= kNMetaTypes) return wrong(short_key(out), ": unknown type ", type);
    out.value = {};
    out.value.type = MetaType(type);
    if (!value(out.value)) return wrong(short_key(out), ": ", reason_);
    return {};
  }

  struct TensorInfo {
    std::string_view name;
    Tensor tensor;
    uint64_t offset = 0;
  };

  Status tensor(TensorInfo& out) {
    if (!text(out.name, kMaxNameBytes) || out.name.empty())
      return wrong("tensor name: empty, too long or cut off");
    const std::string_view name = out.name.substr(0, 96);
    uint32_t rank = 0, type = 0;
    if (!take(rank)) return wrong(name, ": the file ends before its dimensions");
    if (rank > 4) return wrong(name, ": ", rank, " dimensions, at most 4");
    uint64_t dims[4] = {1};
    for (uint32_t i = 0; i < rank; ++i) {
      if (!take(dims[i])) return wrong(name, ": the file ends inside its dimensions");
      if (dims[i] == 0 || dims[i] > uint64_t(INT32_MAX))
        return wrong(name, ": dimension ", i, " is ", dims[i]);
    }
    if (!take(type) || !take(out.offset)) return wrong(name, ": the file ends inside its description");
    const std::optional<DType> dtype = dtype_from_gguf(type);
    if (!dtype) return fail(Code::unsupported, "gguf: ", name, ": tensor type ", type, " is not one we know");
    if (dims[0] % uint64_t(info(*dtype).block_elements)) {
      return wrong(name, ": rows of ", dims[0], " elements, ", label(*dtype), " wants a multiple of ",
                   info(*dtype).block_elements);
    }
    const uint64_t n = rank ? rank : 1;
    uint64_t rows = 1;
    for (uint64_t i = 1; i < n; ++i) {
      if (rows > uint64_t(INT32_MAX) / dims[i]) return wrong(name, ": more than 2^31 - 1 rows");
      rows *= dims[i];
    }
    // The product of rows and row_bytes is proven against the file before anyone forms it.
    if (rows > bytes_.size() / row_bytes(*dtype, int64_t(dims[0]))) {
      return wrong(name, ": ", rows, " rows of ", row_bytes(*dtype, int64_t(dims[0])),
                   " bytes, the file has ", bytes_.size());
    }
    Tensor& t = out.tensor = {};
    t.dtype = *dtype, t.rank = uint8_t(n);
    size_t step = row_bytes(*dtype, int64_t(dims[0]));
    for (uint64_t i = 0; i < n; ++i) t.dims[n - 1 - i] = int32_t(dims[i]);
    for (int i = int(n) - 2; i >= 0; --i) t.strides[i] = step, step *= size_t(t.dims[size_t(i)]);
    return {};
  }

 private:
  static std::string_view short_key(const MetaEntry& e) { return e.key.substr(0, 96); }

  template <typename T>
  bool take(T& out) {
    if (left() < sizeof out) return false;
    std::memcpy(&out, bytes_.data() + at_, sizeof out);
    return at_ += sizeof out, true;
  }

  bool text(std::string_view& out, uint64_t most) {
    uint64_t size = 0;
    if (!take(size) || size > left() || size > most) return false;
    out = {reinterpret_cast<const char*>(bytes_.data()) + at_, size_t(size)};
    return at_ += size_t(size), true;
  }

  bool reason(std::string_view why) { return reason_ = why, false; }

  bool value(MetaValue& v) {
    if (v.type == MetaType::string)
      return text(v.text, UINT64_MAX) || reason("a string longer than the file");
    if (v.type == MetaType::array) {
      uint32_t element = 0;
      if (!array_head(element, v.count)) return false;
      v.element = MetaType(element);
      const size_t start = at_;
      if (!array_body(v.element, v.count, 1)) return false;
      v.bytes = bytes_.subspan(start, at_ - start);
      return true;
    }
    const size_t size = meta_type_bytes(v.type);
    if (left() < size) return reason("the file ends inside its value");
    MetaValue one;
    one.type = MetaType::array, one.element = v.type, one.count = 1, one.bytes = bytes_.subspan(at_, size);
    v = meta_element(one, 0);
    at_ += size;
    return v.type != MetaType::boolean || v.u <= 1 || reason("a boolean that is neither 0 nor 1");
  }

  bool array_head(uint32_t& element, uint64_t& count) {
    if (!take(element) || !take(count)) return reason("the file ends inside an array");
    return element < kNMetaTypes || reason("an array of an unknown type");
  }

  bool array_body(MetaType element, uint64_t count, int depth) {
    if (const size_t size = meta_type_bytes(element)) {
      if (count > left() / size) return reason("an array longer than the file");
      const auto body = bytes_.subspan(at_, size_t(count) * size);
      at_ += body.size();
      return element != MetaType::boolean || std::ranges::all_of(body, [](uint8_t b) { return b <= 1; }) ||
             reason("a boolean that is neither 0 nor 1");
    }
    if (element == MetaType::string) {
      if (count > left() / sizeof(uint64_t)) return reason("an array longer than the file");
      std::string_view skipped;
      for (uint64_t i = 0; i < count; ++i)
        if (!text(skipped, UINT64_MAX)) return reason("a string longer than the file");
      return true;
    }
    if (depth == kMaxNesting) return reason("arrays nested more than 4 deep");
    if (count > left() / 12) return reason("an array longer than the file");
    for (uint64_t i = 0; i < count; ++i) {
      uint32_t inner = 0;
      uint64_t n = 0;
      if (!array_head(inner, n) || !array_body(MetaType(inner), n, depth + 1)) return false;
    }
    return true;
  }

  std::span<const uint8_t> bytes_;
  size_t part_;
  size_t at_ = 0;
  uint32_t version_ = 0;
  std::string_view reason_;
};

std::optional<int64_t> int_of(std::span<const MetaEntry> entries, std::string_view key) {
  for (const MetaEntry& e : entries)
    if (e.key == key) return e.value.as_int();
  return std::nullopt;
}

Result<uint64_t> alignment_of(std::span<const MetaEntry> entries) {
  for (const MetaEntry& e : entries) {
    if (e.key != "general.alignment") continue;
    const int64_t a = e.value.as_int().value_or(-1);
    if (a < 8 || a > (1 << 20) || (a & (a - 1))) {
      return fail(Code::corrupt, "general.alignment: found ", a, ", wanted a power of two, 8 to 1048576");
    }
    return uint64_t(a);
  }
  return uint64_t(32);
}

// The tensors of one part: fills `out` and proves that each lies in the file and none over another.
Status read_tensors(Reader& reader, std::span<const uint8_t> bytes, uint64_t alignment,
                    std::span<NamedTensor> out, Arena& arena) {
  Reader::TensorInfo info;
  struct Range {
    uint64_t offset;
    size_t index;
  };
  SYN_TRY(ranges, arena.zeroed<Range>(out.size(), "tensor offsets"));
  for (size_t i = 0; i < out.size(); ++i) {
    SYN_RETURN_IF_ERROR(reader.tensor(info));
    out[i] = {info.name, info.tensor};
    ranges[i] = {info.offset, i};
  }
  if (out.empty()) return {};
  const uint64_t start = Arena::align_up(reader.position(), alignment);  // position <= file size, no overflow
  if (start > bytes.size()) return reader.wrong("the file ends before its tensors");
  std::sort(ranges.begin(), ranges.end(), [](Range a, Range b) { return a.offset < b.offset; });
  const uint64_t room = bytes.size() - start;
  uint64_t free_from = 0;
  for (const Range r : ranges) {
    const std::string_view name = out[r.index].name.substr(0, 96);
    Tensor& t = out[r.index].tensor;
    if (r.offset % alignment)
      return reader.wrong(name, ": offset ", r.offset, " is not a multiple of ", alignment);
    if (r.offset > room || t.bytes() > room - r.offset) {
      return reader.wrong(name, ": bytes ", r.offset, " + ", t.bytes(), ", the file has ", room,
                          " for tensors");
    }
    if (r.offset < free_from) return reader.wrong(name, ": overlaps the tensor before it");
    free_from = r.offset + t.bytes();
    t.data = const_cast<uint8_t*>(bytes.data()) + start + r.offset;
  }
  return {};
}

Status check_split(std::span<const MetaEntry> entries, size_t part, size_t n_parts) {
  const int64_t count = int_of(entries, "split.count").value_or(n_parts == 1 ? 1 : 0);
  if (count > 1 || n_parts > 1) {
    const int64_t no = int_of(entries, "split.no").value_or(-1);
    if (count != int64_t(n_parts))
      return fail(Code::corrupt, "split.count: found ", count, ", wanted ", n_parts, " parts");
    if (no != int64_t(part)) return fail(Code::corrupt, "split.no: found ", no, ", wanted ", part);
  }
  return {};
}

}  // namespace

Result<Checkpoint> read_gguf(std::span<const std::span<const uint8_t>> parts, Arena& arena) {
  if (parts.empty()) return fail(Code::invalid, "gguf: no file given");
  size_t n_tensors = 0;
  uint32_t version = 0;
  for (size_t p = 0; p < parts.size(); ++p) {
    if (reinterpret_cast<uintptr_t>(parts[p].data()) % 8)
      return fail(Code::invalid, "gguf: bytes not aligned to 8");
    Reader reader(parts[p], p);
    SYN_RETURN_IF_ERROR(reader.header());
    n_tensors += size_t(reader.n_tensors);
    if (p == 0) version = reader.version();
  }
  SYN_TRY(tensors, arena.zeroed<NamedTensor>(n_tensors, "tensor table"));

  Checkpoint checkpoint;
  checkpoint.format = version == 2 ? "GGUF v2" : "GGUF v3";
  checkpoint.tensors = tensors;
  size_t filled = 0;
  for (size_t p = 0; p < parts.size(); ++p) {
    Reader reader(parts[p], p);
    SYN_RETURN_IF_ERROR(reader.header());
    SYN_TRY(entries, arena.zeroed<MetaEntry>(size_t(reader.n_entries), "metadata table"));
    for (MetaEntry& e : entries) SYN_RETURN_IF_ERROR(reader.entry(e));
    SYN_RETURN_IF_ERROR(check_split(entries, p, parts.size()));
    SYN_TRY(alignment, alignment_of(entries));
    if (p == 0) checkpoint.metadata = entries;
    const auto own = tensors.subspan(filled, size_t(reader.n_tensors));
    SYN_RETURN_IF_ERROR(read_tensors(reader, parts[p], alignment, own, arena));
    filled += own.size();
  }
  SYN_RETURN_IF_ERROR(checkpoint.index(arena));
  if (parts.size() > 1) {
    const int64_t wanted = int_of(checkpoint.metadata, "split.tensors.count").value_or(-1);
    if (wanted != int64_t(n_tensors))
      return fail(Code::corrupt, "split.tensors.count: ", wanted, ", the parts hold ", n_tensors);
  }
  return checkpoint;
}

size_t gguf_arena_bytes(std::span<const std::span<const uint8_t>> parts) {
  size_t total = 256;
  for (size_t p = 0; p < parts.size(); ++p) {
    Reader reader(parts[p], p);
    if (!reader.header().ok()) return 0;
    total += size_t(reader.n_entries) * (sizeof(MetaEntry) + sizeof(uint32_t)) + 64;
    total += size_t(reader.n_tensors) * (sizeof(NamedTensor) + sizeof(uint32_t) + 16) + 64;
  }
  return total;
}

bool has_gguf_magic(std::span<const uint8_t> file) {
  uint32_t magic = 0;
  if (file.size() >= sizeof magic) std::memcpy(&magic, file.data(), sizeof magic);
  return magic == kMagic || magic == kMagicSwapped;
}

Result<int32_t> gguf_split_count(std::span<const uint8_t> first_part) {
  Reader reader(first_part, 0);
  SYN_RETURN_IF_ERROR(reader.header());
  MetaEntry entry;
  for (uint64_t i = 0; i < reader.n_entries; ++i) {
    SYN_RETURN_IF_ERROR(reader.entry(entry));
    if (entry.key != "split.count") continue;
    const int64_t count = entry.value.as_int().value_or(-1);
    if (count < 1 || count > 65535)
      return fail(Code::corrupt, "split.count: found ", count, ", wanted 1 to 65535");
    return int32_t(count);
  }
  return 1;
}

}  // namespace synapse
