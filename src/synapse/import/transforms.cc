#include "synapse/import/transforms.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "synapse/base/half.h"
#include "synapse/base/math.h"

namespace synapse {
namespace {

float to_f32_value(DType dtype, const uint8_t* p) {
  uint16_t half = 0;
  double wide = 0;
  float same = 0;
  if (dtype == DType::f64) return std::memcpy(&wide, p, sizeof wide), float(wide);
  if (dtype == DType::f32) return std::memcpy(&same, p, sizeof same), same;
  std::memcpy(&half, p, sizeof half);
  return dtype == DType::f16 ? f16_to_f32(half) : bf16_to_f32(half);
}

Tensor with_dims(const Tensor& like, void* data, DType dtype) {
  switch (like.rank) {
    case 1:
      return make_tensor(data, dtype, {like.dims[0]});
    case 2:
      return make_tensor(data, dtype, {like.dims[0], like.dims[1]});
    case 3:
      return make_tensor(data, dtype, {like.dims[0], like.dims[1], like.dims[2]});
    default:
      return make_tensor(data, dtype, {like.dims[0], like.dims[1], like.dims[2], like.dims[3]});
  }
}

}  // namespace

const Transforms::Row Transforms::kRows[] = {
    {"rope_permute", &Transforms::rope_permute}, {"qkv_by_head", &Transforms::qkv_by_head},
    {"gather_groups", &Transforms::gather_groups}, {"scale_rows", &Transforms::scale_rows},
    {"transpose", &Transforms::transpose},       {"reshape", &Transforms::reshape},
    {"squeeze", &Transforms::squeeze},           {"slice", &Transforms::slice},
    {"scale", &Transforms::scale},               {"add_one", &Transforms::add_one},
    {"neg_exp", &Transforms::neg_exp},           {"f32", &Transforms::to_f32},
};

bool Transforms::apply(JsonValue rule, NamedTensor& t) {
  if (t.tensor.size() == 0) return fault(t, "has no elements");
  if (t.tensor.rank == 1 && t.tensor.dtype != DType::f32 && is_float(t.tensor.dtype) && !to_f32({}, t)) return false;
  const auto step = [&](std::string_view name) {
    if (name == "stack") return true;  // of several
    const Row* row = std::ranges::find(kRows, name, &Row::name);
    if (row == std::end(kRows)) return fault(t, "weights.json: no transform is called ", name);
    return (this->*row->apply)(rule, t);
  };
  const JsonValue transform = rule["transform"];
  if (transform.is_string() && !step(transform.as_string())) return false;
  for (const JsonValue name : transform.elements())
    if (!step(name.as_string())) return false;
  const size_t unit = std::min<size_t>(size_t(info(t.tensor.dtype).block_bytes), alignof(double));
  return reinterpret_cast<uintptr_t>(t.tensor.data) % unit == 0 || copy(t);
}

uint8_t* Transforms::room(const NamedTensor& t, size_t bytes) {
  uint8_t* out = arena_.array<uint8_t>(bytes, Arena::kAlign);
  if (!out) fault(t, bytes, " bytes for a copy do not fit");
  return out;
}

bool Transforms::copy(NamedTensor& t) {
  uint8_t* out = room(t, t.tensor.bytes());
  if (out) std::memcpy(out, t.tensor.data, t.tensor.bytes()), t.tensor.data = out;
  return out;
}

std::optional<int64_t> Transforms::integer(const NamedTensor& t, JsonValue rule, std::string_view key) {
  const JsonValue v = rule[key];
  const auto x = v.is_number() ? v.as_number() : values_.number(v.as_string());
  if (x && *x == std::floor(*x) && *x >= 0 && *x <= INT32_MAX) return int64_t(*x);
  fault(t, "\"", key, "\" is ", shown(v), ", which is no integer of this model");
  return {};
}

bool Transforms::rows(NamedTensor& t, int64_t first, int64_t n) {
  const int64_t all = t.tensor.dims[0];
  if (first < 0 || n < 1 || first > all || n > all - first)
    return fault(t, all, " rows, wanted ", n, " from row ", first, " on");
  const size_t step = t.tensor.bytes() / size_t(all);
  t.tensor.data = static_cast<uint8_t*>(t.tensor.data) + size_t(first) * step;
  t.tensor.dims[0] = int32_t(n);
  return true;
}

bool Transforms::rows_in_each(NamedTensor& t, int64_t first, int64_t n) {
  if (t.tensor.rank != 3) return fault(t, "shape ", t.tensor.shape(), ", wanted 3 dims");
  const int64_t all = t.tensor.dims[1];
  if (first < 0 || n < 1 || first > all || n > all - first)
    return fault(t, all, " rows, wanted ", n, " from row ", first, " on");
  Tensor out = make_tensor(nullptr, t.tensor.dtype, {t.tensor.dims[0], int32_t(n), t.tensor.dims[2]});
  uint8_t* to = room(t, out.bytes());
  if (!to) return false;
  out.data = to;
  const size_t row = t.tensor.row_bytes(), step = size_t(n) * row;
  const uint8_t* from = static_cast<const uint8_t*>(t.tensor.data) + size_t(first) * row;
  for (int32_t i = 0; i < out.dims[0]; ++i) std::memcpy(to + size_t(i) * step, from + size_t(i) * size_t(all) * row, step);
  t.tensor = out;
  return true;
}

bool Transforms::redim(NamedTensor& t, std::span<const int64_t> dims) {
  int64_t n = 1;
  for (const int64_t d : dims) {
    if (d < 1 || n > int64_t(t.tensor.size()) / d) return fault(t, "shape ", t.tensor.shape(), " cannot be reshaped so");
    n *= d;
  }
  if (dims.empty() || dims.size() > 4 || size_t(n) != t.tensor.size() ||
      dims.back() % info(t.tensor.dtype).block_elements)
    return fault(t, "shape ", t.tensor.shape(), " cannot be reshaped so");
  Tensor like;
  like.rank = uint8_t(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) like.dims[i] = int32_t(dims[i]);
  t.tensor = with_dims(like, t.tensor.data, t.tensor.dtype);
  return true;
}

template <typename F>
bool Transforms::map(NamedTensor& t, F f) {
  if (!is_float(t.tensor.dtype)) return fault(t, "is ", label(t.tensor.dtype), ", wanted a float format");
  const size_t n = t.tensor.size(), unit = size_t(info(t.tensor.dtype).block_bytes);
  uint8_t* out = room(t, n * sizeof(float));
  if (!out) return false;
  const uint8_t* in = static_cast<const uint8_t*>(t.tensor.data);
  for (size_t i = 0; i < n; ++i) {
    const float value = f(to_f32_value(t.tensor.dtype, in + i * unit), i);
    std::memcpy(out + i * sizeof value, &value, sizeof value);
  }
  t.tensor = with_dims(t.tensor, out, DType::f32);
  return true;
}

bool Transforms::to_f32(JsonValue, NamedTensor& t) {
  return t.tensor.dtype == DType::f32 || map(t, [](float x, size_t) { return x; });
}
bool Transforms::add_one(JsonValue, NamedTensor& t) {
  return map(t, [](float x, size_t) { return 1 + x; });
}
bool Transforms::neg_exp(JsonValue, NamedTensor& t) {
  return map(t, [](float x, size_t) { return float(-exp_f64(double(x))); });
}
std::optional<double> Transforms::factor(const NamedTensor& t, JsonValue rule) {
  const JsonValue by = rule["by"];
  const auto x = by.is_number() ? by.as_number() : values_.number(by.as_string());
  if (!x) fault(t, "\"by\" is ", shown(by), ", which is no number of this model");
  return x;
}

bool Transforms::scale(JsonValue rule, NamedTensor& t) {
  const auto by = factor(t, rule);
  return by && map(t, [&](float x, size_t) { return float(double(x) * *by); });
}

bool Transforms::scale_rows(JsonValue rule, NamedTensor& t) {
  std::vector<double> by;  // of every row
  for (const JsonValue range : rule["ranges"].elements()) {
    const auto n = integer(t, range, "rows");
    const auto x = factor(t, range);
    if (!n || !x) return false;
    if (*n > t.tensor.dims[0] - int64_t(by.size())) return fault(t, t.tensor.dims[0], " rows, its ranges have more");
    by.insert(by.end(), size_t(*n), *x);
  }
  if (int64_t(by.size()) != t.tensor.dims[0]) return fault(t, t.tensor.dims[0], " rows, its ranges have ", by.size());
  const size_t row = t.tensor.size() / by.size();
  return map(t, [&](float x, size_t i) { return float(double(x) * by[i / row]); });
}

template <typename F>
bool Transforms::reorder(NamedTensor& t, size_t n_rows, F source_row) {
  const size_t step = t.tensor.bytes() / n_rows;
  uint8_t* out = room(t, t.tensor.bytes());
  if (!out) return false;
  const uint8_t* in = static_cast<const uint8_t*>(t.tensor.data);
  for (size_t i = 0; i < n_rows; ++i) std::memcpy(out + i * step, in + source_row(i) * step, step);
  t.tensor.data = out;
  return true;
}

bool Transforms::rope_permute(JsonValue rule, NamedTensor& t) {
  const auto heads = integer(t, rule, "heads");
  if (!heads) return false;
  const int64_t n_rows = t.tensor.dims[0];
  if (*heads < 1 || n_rows % *heads || n_rows / *heads % 2)
    return fault(t, n_rows, " rows, wanted a multiple of 2 x ", *heads, " heads (", rule["heads"].as_string(), ")");
  const size_t head = size_t(n_rows / *heads);
  const auto given = rule["rot"].is_null() ? std::optional(int64_t(head)) : integer(t, rule, "rot");
  if (!given) return false;
  if (*given % 2 || size_t(*given) > head) return fault(t, "heads of ", head, " rows, of which ", *given, " are to turn");
  const size_t rot = size_t(*given);
  return reorder(t, size_t(n_rows), [&](size_t i) {
    const size_t in_head = i % head;
    return in_head >= rot ? i : i - in_head + in_head / 2 + (in_head % 2 ? rot / 2 : 0);
  });
}

bool Transforms::gather_groups(JsonValue rule, NamedTensor& t) {
  const auto groups = integer(t, rule, "groups");
  if (!groups) return false;
  std::vector<size_t> sizes;
  size_t whole = 0;  // rows of a group
  for (const JsonValue size : rule["sizes"].elements()) {
    const auto x = size.is_number() ? size.as_number() : values_.number(size.as_string());
    if (!x || *x != std::floor(*x) || !(*x >= 1 && *x <= INT32_MAX))
      return fault(t, "\"sizes\": ", shown(size), " is no integer of this model");
    sizes.push_back(size_t(*x)), whole += size_t(*x);
  }
  const size_t n_rows = size_t(t.tensor.dims[0]), G = size_t(*groups);
  if (G < 1 || whole < 1 || n_rows != G * whole)
    return fault(t, n_rows, " rows, wanted ", G, " groups (", rule["groups"].as_string(), ") of ", whole);
  std::vector<size_t> source;
  for (size_t part = 0, before = 0; part < sizes.size(); before += sizes[part++])
    for (size_t g = 0; g < G; ++g)
      for (size_t i = 0; i < sizes[part]; ++i) source.push_back(g * whole + before + i);
  return reorder(t, n_rows, [&](size_t i) { return source[i]; });
}

bool Transforms::qkv_by_head(JsonValue rule, NamedTensor& t) {
  const auto heads = integer(t, rule, "heads"), kv_heads = integer(t, rule, "kv_heads");
  if (!heads || !kv_heads) return false;
  const int64_t n_rows = t.tensor.dims[0];
  if (*heads < 1 || *kv_heads < 1 || *heads % *kv_heads || n_rows % (*heads + 2 * *kv_heads)) {
    return fault(t, n_rows, " rows, wanted a multiple of ", *heads, " + 2 x ", *kv_heads, " heads (", rule["heads"].as_string(),
                 ", ", rule["kv_heads"].as_string(), ")");
  }
  const size_t D = size_t(n_rows / (*heads + 2 * *kv_heads)), H = size_t(*heads), K = size_t(*kv_heads), G = H / K;
  return reorder(t, size_t(n_rows), [&](size_t i) {
    const size_t head = i / D;  // of the result: H queries, K keys, K values
    const size_t kv = head < H ? head / G : (head - H) % K;
    const size_t in_group = head < H ? head % G : head < H + K ? G : G + 1;
    return (kv * (G + 2) + in_group) * D + i % D;
  });
}

bool Transforms::transpose(JsonValue, NamedTensor& t) {
  if (t.tensor.rank != 2 || !is_float(t.tensor.dtype))
    return fault(t, "shape ", t.tensor.shape(), " in ", label(t.tensor.dtype), ", wanted a matrix of floats");
  const size_t rows = size_t(t.tensor.dims[0]), cols = size_t(t.tensor.dims[1]);
  const size_t unit = size_t(info(t.tensor.dtype).block_bytes);
  uint8_t* out = room(t, t.tensor.bytes());
  if (!out) return false;
  const uint8_t* in = static_cast<const uint8_t*>(t.tensor.data);
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < cols; ++c) std::memcpy(out + (c * rows + r) * unit, in + (r * cols + c) * unit, unit);
  t.tensor = make_tensor(out, t.tensor.dtype, {int32_t(cols), int32_t(rows)});
  return true;
}

bool Transforms::reshape(JsonValue rule, NamedTensor& t) {
  std::vector<int64_t> dims;
  for (const JsonValue d : rule["dims"].elements()) {
    const auto n = d.is_number() ? d.as_number() : values_.number(d.as_string());
    if (!n || *n != std::floor(*n) || !(*n >= 1 && *n <= INT32_MAX))
      return fault(t, "\"dims\": ", shown(d), " is no integer of this model");
    dims.push_back(int64_t(*n));
  }
  return redim(t, dims);
}

bool Transforms::squeeze(JsonValue, NamedTensor& t) {
  std::vector<int64_t> dims;
  for (uint8_t i = 0; i < t.tensor.rank; ++i)
    if (t.tensor.dims[i] != 1) dims.push_back(t.tensor.dims[i]);
  if (dims.empty()) dims.push_back(1);
  return redim(t, dims);
}

bool Transforms::slice(JsonValue rule, NamedTensor& t) {
  const auto first = integer(t, rule, "from");
  if (!first) return false;
  if (rule["rows"].is_null()) return rows(t, *first, t.tensor.dims[0] - *first);
  const auto n = integer(t, rule, "rows");
  return n && rows(t, *first, *n);
}

bool Transforms::stack(std::span<const NamedTensor> parts, NamedTensor& out) {
  const Tensor& one = parts[0].tensor;
  if (one.rank > 3) return fault(parts[0], "shape ", one.shape(), ", wanted at most 3 dims to stack");
  uint8_t* to = room(parts[0], one.bytes() * parts.size());
  if (!to) return false;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Tensor& t = parts[i].tensor;
    if (!same_shape(t, one) || t.dtype != one.dtype) {
      return fault(parts[i], "shape ", t.shape(), " in ", label(t.dtype), ", that of the first has ", one.shape(), " in ",
                   label(one.dtype));
    }
    std::memcpy(to + i * one.bytes(), t.data, one.bytes());
  }
  Tensor like;
  like.rank = uint8_t(one.rank + 1), like.dims[0] = int32_t(parts.size());
  std::copy_n(one.dims.begin(), one.rank, like.dims.begin() + 1);
  out.tensor = with_dims(like, to, one.dtype);
  return true;
}

}  // namespace synapse
