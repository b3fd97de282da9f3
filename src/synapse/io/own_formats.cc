#include "synapse/io/own_formats.h"

#include "synapse/base/half.h"

namespace synapse {
namespace {

// Of one block in memory: the scale comes first, then the values.
struct Layout {
  DType format;
  int32_t value_bytes;  // of a block
  int32_t scale_bytes;
};
constexpr Layout kLayouts[] = {{DType::int8, 32, 4}, {DType::q2_32, 8, 2}, {DType::q2_64, 16, 2}};  // in the order of DType

const Layout& layout_of(DType format) {
  SYN_CHECK(is_own(format));
  return kLayouts[size_t(format) - size_t(DType::int8)];
}

const Tensor* scales_of(const Checkpoint& c, const NamedTensor& t) {
  if (t.tensor.dtype != DType::i8 || t.name.size() > 96) return nullptr;
  return c.tensor(Text<128>(t.name, kScalesSuffix).view());
}

// The layout of a pair, or null. `cols` becomes the weights of a row.
const Layout* layout_for(const Tensor& values, const Tensor& scales, int32_t& cols) {
  if (values.rank < 2 || !values.contiguous() || !scales.contiguous()) return nullptr;
  const int leading = values.rank - 1;
  for (int i = 0; i < leading; ++i)
    if (i >= scales.rank || scales.dims[size_t(i)] != values.dims[size_t(i)]) return nullptr;
  if (scales.rank == leading && (scales.dtype == DType::f32 || scales.dtype == DType::f16) && values.cols() % 32 == 0) {
    cols = values.cols();
    return &kLayouts[0];
  }
  if (scales.rank != values.rank || scales.dtype != DType::f16 || values.cols() > INT32_MAX / 4) return nullptr;
  cols = values.cols() * 4;
  for (const Layout& l : kLayouts)
    if (l.format != DType::int8 && int64_t(scales.cols()) * info(l.format).block_elements == cols) return &l;
  return nullptr;
}

}  // namespace

size_t joined_bytes(const Checkpoint& checkpoint) {
  size_t bytes = 0;
  for (const NamedTensor& t : checkpoint.tensors) {
    const Tensor* scales = scales_of(checkpoint, t);
    int32_t cols = 0;
    const Layout* layout = scales ? layout_for(t.tensor, *scales, cols) : nullptr;
    if (layout) bytes += size_t(t.tensor.rows()) * row_bytes(layout->format, cols) + Arena::kAlign;
  }
  return bytes;
}

bool is_scales(const Checkpoint& checkpoint, std::string_view name) {
  if (!name.ends_with(kScalesSuffix)) return false;
  name.remove_suffix(kScalesSuffix.size());
  const Tensor* values = checkpoint.tensor(name);
  return values && values->dtype == DType::i8;
}

Result<Tensor> join_own(const Checkpoint& checkpoint, const NamedTensor& named, Arena& arena) {
  const Tensor* scales = scales_of(checkpoint, named);
  if (!scales) return named.tensor;
  const Tensor& values = named.tensor;
  int32_t cols = 0;
  const Layout* layout = layout_for(values, *scales, cols);
  if (!layout)
    return fail(Code::corrupt, named.name, ": I8 of shape ", values.shape(), " with ", label(scales->dtype), " scales of ",
                scales->shape(), " is neither INT8 nor Q2_32 nor Q2_64");
  Tensor joined = values;
  joined.dtype = layout->format, joined.dims[size_t(values.rank - 1)] = cols;
  size_t step = joined.row_bytes();
  for (int i = values.rank - 2; i >= 0; --i) joined.strides[i] = step, step *= size_t(joined.dims[size_t(i)]);
  uint8_t* out = static_cast<uint8_t*>(arena.alloc(joined.bytes(), Arena::kAlign));
  if (!out) return fail(Code::out_of_memory, named.name, ": no room for ", joined.bytes(), " bytes of ", label(joined.dtype));
  joined.data = out;

  const size_t n_blocks = joined.bytes() / size_t(info(layout->format).block_bytes);
  const bool a_row_each = layout->format == DType::int8;
  const size_t row_blocks = size_t(cols / info(layout->format).block_elements);
  const auto* from = static_cast<const uint8_t*>(values.data);
  const auto* scale_bytes = static_cast<const uint8_t*>(scales->data);
  for (size_t b = 0; b < n_blocks; ++b) {
    const size_t at = a_row_each ? b / row_blocks : b;
    float scale;
    uint16_t half = 0;
    if (scales->dtype == DType::f32) {
      std::memcpy(&scale, scale_bytes + 4 * at, 4);
    } else {
      std::memcpy(&half, scale_bytes + 2 * at, 2);
      scale = f16_to_f32(half);
    }
    if (!(__builtin_fabsf(scale) < __builtin_inff()))
      return fail(Code::corrupt, named.name, kScalesSuffix, ": element ", at, " is ", double(scale), ", wanted a finite number");
    if (layout->scale_bytes == 4) std::memcpy(out, &scale, 4);
    else std::memcpy(out, &half, 2);
    std::memcpy(out + layout->scale_bytes, from, size_t(layout->value_bytes));
    out += layout->scale_bytes + layout->value_bytes, from += layout->value_bytes;
  }
  return joined;
}

OwnParts parts_of(const Tensor& joined) {
  const Layout& layout = layout_of(joined.dtype);
  const int32_t row_blocks = joined.cols() / info(joined.dtype).block_elements;
  const auto shape = [&](DType dtype, uint8_t rank, int32_t cols) {
    Tensor t;
    t.dtype = dtype, t.rank = rank, t.dims = joined.dims;
    for (size_t i = rank; i < t.dims.size(); ++i) t.dims[i] = 0;
    if (cols) t.dims[size_t(rank - 1)] = cols;
    size_t step = t.row_bytes();
    for (int i = rank - 2; i >= 0; --i) t.strides[i] = step, step *= size_t(t.dims[size_t(i)]);
    return t;
  };
  const Tensor values = shape(DType::i8, joined.rank, row_blocks * layout.value_bytes);
  if (joined.dtype == DType::int8) return {values, shape(DType::f32, uint8_t(joined.rank - 1), 0)};
  return {values, shape(DType::f16, joined.rank, row_blocks)};
}

void split_rows(const Tensor& joined, const uint8_t* blocks, int64_t n_rows, uint8_t* values, uint8_t* scales) {
  const Layout& layout = layout_of(joined.dtype);
  const int64_t row_blocks = joined.cols() / info(joined.dtype).block_elements;
  for (int64_t b = 0; b < n_rows * row_blocks; ++b, blocks += layout.scale_bytes + layout.value_bytes) {
    if (joined.dtype != DType::int8 || b % row_blocks == 0)
      std::memcpy(scales, blocks, size_t(layout.scale_bytes)), scales += layout.scale_bytes;
    std::memcpy(values, blocks + layout.scale_bytes, size_t(layout.value_bytes)), values += layout.value_bytes;
  }
}

}  // namespace synapse
