#include "synapse/quant/imatrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>

#include "synapse/import/metadata.h"
#include "synapse/io/gguf.h"
#include "synapse/io/gguf_write.h"
#include "synapse/platform/platform.h"
#include "synapse/platform/region.h"

namespace synapse {
namespace {

constexpr std::string_view kSums = ".in_sum2", kCounts = ".counts";
constexpr std::string_view kDatasets = "imatrix.datasets", kChunkCount = "imatrix.chunk_count", kChunkSize = "imatrix.chunk_size";

Status check_entry(std::string_view name, const ImatrixEntry& e) {
  if (e.sums.empty() || e.counts.empty() || e.sums.size() % e.counts.size())
    return fail(Code::corrupt, "imatrix: ", name, ": ", e.sums.size(), " sums, ", e.counts.size(), " counts");
  for (const std::vector<float>* values : {&e.sums, &e.counts})
    for (const float v : *values)
      if (!(v >= 0 && std::isfinite(v))) return fail(Code::corrupt, "imatrix: ", name, ": holds ", double(v), ", wanted 0 or more");
  return {};
}

std::vector<float> floats(const Tensor& t) {
  std::vector<float> values(t.size());
  std::memcpy(values.data(), t.data, t.bytes());
  return values;
}

Result<Imatrix> read_new(std::span<const uint8_t> file) {
  const std::span<const uint8_t> parts[] = {file};
  SYN_TRY(region, Region::make(gguf_arena_bytes(parts)));
  SYN_TRY(gguf, read_gguf(parts, region.arena()));
  const MetaValue* type = gguf.find("general.type");
  const std::string_view kind = type ? type->as_text().value_or("") : "";
  const bool is_imatrix = kind == "imatrix" || gguf.find(kChunkCount);
  if (!is_imatrix) return fail(Code::invalid, "general.type: \"", kind, "\", wanted \"imatrix\"");
  Imatrix out;
  if (const MetaValue* names = gguf.find(kDatasets); names && names->element == MetaType::string) {
    StringWalk walk(*names);
    for (std::string_view name; walk.next(name);) out.datasets.emplace_back(name);
  }
  const auto number = [&](std::string_view key) {
    const MetaValue* value = gguf.find(key);
    return uint32_t(value ? std::clamp<int64_t>(value->as_int().value_or(0), 0, INT32_MAX) : 0);
  };
  out.n_chunks = number(kChunkCount), out.chunk_size = number(kChunkSize);
  for (const auto& [name, tensor] : gguf.tensors) {
    if (!name.ends_with(kSums)) continue;
    const std::string weight(name.substr(0, name.size() - kSums.size()));
    const Tensor* counts = gguf.tensor(weight + std::string(kCounts));
    if (!counts || counts->dtype != DType::f32 || tensor.dtype != DType::f32)
      return fail(Code::corrupt, "imatrix: ", weight, ": wanted F32 tensors .in_sum2 and .counts");
    ImatrixEntry& e = out.entries[weight];
    e.sums = floats(tensor), e.counts = floats(*counts);
    SYN_RETURN_IF_ERROR(check_entry(weight, e));
  }
  return out;
}

// The bytes of a .dat, taken front to back.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> left) : left_(left) {}

  std::optional<int32_t> number() {
    int32_t n;
    const std::optional<std::span<const uint8_t>> bytes = take(sizeof n);
    if (!bytes) return std::nullopt;
    std::memcpy(&n, bytes->data(), sizeof n);
    return n;
  }
  std::optional<std::span<const uint8_t>> take(uint64_t n) {
    if (n > left_.size()) return std::nullopt;
    const auto taken = left_.first(size_t(n));
    left_ = left_.subspan(size_t(n));
    return taken;
  }
  std::optional<std::string> text() {
    const std::optional<int32_t> n = number();
    const auto bytes = n && *n >= 0 ? take(uint64_t(*n)) : std::nullopt;
    if (!bytes) return std::nullopt;
    return std::string(bytes->begin(), bytes->end());
  }

 private:
  std::span<const uint8_t> left_;
};

// i32 entries; of each a name, i32 calls, i32 values and the sums; then, maybe, i32 calls and the name of the text.
Result<Imatrix> read_old(std::span<const uint8_t> file) {
  const auto cut = [](int32_t i) { return fail(Code::corrupt, "imatrix: neither GGUF nor a .dat (ends in entry ", i, ")"); };
  Reader in(file);
  const std::optional<int32_t> n = in.number();
  if (!n || *n < 1) return cut(0);
  Imatrix out;
  for (int32_t i = 0; i < *n; ++i) {
    const auto name = in.text();
    const auto calls = in.number(), values = in.number();
    const auto bytes = name && calls && values && *values > 0 ? in.take(uint64_t(*values) * sizeof(float)) : std::nullopt;
    if (!bytes) return cut(i);
    ImatrixEntry& e = out.entries[*name];
    e.sums.resize(size_t(*values));
    std::memcpy(e.sums.data(), bytes->data(), bytes->size());
    e.counts = {float(std::max(*calls, 1))};
    SYN_RETURN_IF_ERROR(check_entry(*name, e));
  }
  if (const auto calls = in.number()) out.n_chunks = uint32_t(std::max(*calls, 0));
  if (const auto text = in.text()) out.datasets.push_back(*text);
  return out;
}

}  // namespace

std::vector<float> ImatrixEntry::importance() const {
  std::vector<float> mean(sums.size(), 1.0f);
  const size_t columns = sums.size() / counts.size();
  for (size_t i = 0; i < sums.size(); ++i)
    if (const float n = counts[i / columns]; n > 0) mean[i] = sums[i] / n;
  return mean;
}

Result<Imatrix> read_imatrix(const std::string& path) {
  SYN_TRY(file, platform::MappedFile::open(path.c_str()));
  Result<Imatrix> read = has_gguf_magic(file.bytes()) ? read_new(file.bytes()) : read_old(file.bytes());
  if (!read.ok()) return fail(read.status().code(), path, ": ", read.status().message());
  if (read->entries.empty()) return fail(Code::invalid, path, ": an imatrix without entries");
  return read;
}

Result<uint64_t> write_imatrix(const std::string& path, const Imatrix& imatrix, bool overwrite) {
  Metadata metadata;
  metadata.text("general.type", "imatrix");
  const std::vector<std::string_view> datasets(imatrix.datasets.begin(), imatrix.datasets.end());
  metadata.texts(kDatasets, datasets);
  metadata.put(kChunkCount, meta_u32(imatrix.n_chunks));
  metadata.put(kChunkSize, meta_u32(imatrix.chunk_size));
  std::deque<std::string> names;
  std::vector<NamedTensor> tensors;
  for (const auto& [name, e] : imatrix.entries) {
    const auto n = int32_t(e.counts.size()), columns = int32_t(e.sums.size() / e.counts.size());
    tensors.push_back({names.emplace_back(name + std::string(kSums)),
                       make_tensor(const_cast<float*>(e.sums.data()), DType::f32, {n, columns})});
    tensors.push_back({names.emplace_back(name + std::string(kCounts)),
                       make_tensor(const_cast<float*>(e.counts.data()), DType::f32, {n, 1})});
  }
  SYN_TRY(file, platform::NewFile::create(path.c_str(), overwrite));
  Checkpoint all;
  all.metadata = metadata.entries(), all.tensors = tensors;
  SYN_RETURN_IF_ERROR(write_gguf(file.sink(), all));
  SYN_RETURN_IF_ERROR(file.finish());
  return file.bytes();
}

}  // namespace synapse
