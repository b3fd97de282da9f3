#include "synapse/io/gguf_write.h"

namespace synapse {
namespace {

// Small pieces of the header gathered into one buffer; remembers the first error.
class Header {
 public:
  explicit Header(Sink sink) : sink_(sink) {}

  template <typename T>
  void put(T value) {
    bytes({reinterpret_cast<const uint8_t*>(&value), sizeof value});
  }
  void put(std::string_view text) {
    put(uint64_t(text.size()));
    bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  void bytes(std::span<const uint8_t> from) {
    total_ += from.size();
    while (!from.empty()) {
      if (used_ == sizeof buffer_) flush();
      const size_t n = from.size() < sizeof buffer_ - used_ ? from.size() : sizeof buffer_ - used_;
      std::memcpy(buffer_ + used_, from.data(), n);
      used_ += n, from = from.subspan(n);
    }
  }
  void pad(size_t alignment) {
    while (total_ % alignment) put(uint8_t(0));
  }
  Status finish() { return flush(), status_; }

 private:
  void flush() {
    if (status_.ok() && used_) status_ = sink_.write(sink_.context, {buffer_, used_});
    used_ = 0;
  }

  Sink sink_;
  uint8_t buffer_[4096];
  size_t used_ = 0;
  uint64_t total_ = 0;
  Status status_;
};

void put_value(Header& out, const MetaValue& v) {
  switch (v.type) {
    case MetaType::u8:
    case MetaType::boolean:
      return out.put(uint8_t(v.u));
    case MetaType::i8:
      return out.put(int8_t(v.i));
    case MetaType::u16:
      return out.put(uint16_t(v.u));
    case MetaType::i16:
      return out.put(int16_t(v.i));
    case MetaType::u32:
      return out.put(uint32_t(v.u));
    case MetaType::i32:
      return out.put(int32_t(v.i));
    case MetaType::u64:
      return out.put(v.u);
    case MetaType::i64:
      return out.put(v.i);
    case MetaType::f32:
      return out.put(float(v.f));
    case MetaType::f64:
      return out.put(v.f);
    case MetaType::string:
      return out.put(v.text);
    case MetaType::array:
      out.put(uint32_t(v.element)), out.put(v.count), out.bytes(v.bytes);
  }
}

Status pad(Sink sink, size_t bytes) {
  static constexpr uint8_t kZeros[64] = {};
  for (; bytes > sizeof kZeros; bytes -= sizeof kZeros)
    SYN_RETURN_IF_ERROR(sink.write(sink.context, std::span(kZeros)));
  return bytes ? sink.write(sink.context, std::span(kZeros).first(bytes)) : Status();
}

}  // namespace

Result<GgufWriter> GgufWriter::begin(Sink sink, std::span<const MetaEntry> metadata,
                                     std::span<const NamedTensor> tensors) {
  size_t alignment = 32;
  for (const MetaEntry& e : metadata) {
    if (e.key != "general.alignment") continue;
    const int64_t a = e.value.as_int().value_or(0);
    if (a < 8 || a > (1 << 20) || (a & (a - 1)))
      return fail(Code::invalid, "general.alignment: found ", a, ", wanted a power of two, 8 to 1048576");
    alignment = size_t(a);
  }
  for (const NamedTensor& t : tensors)
    if (is_own(t.tensor.dtype))
      return fail(Code::invalid, t.name, ": ", label(t.tensor.dtype), " is written as two tensors (io/own_formats.h)");
  Header out(sink);
  out.bytes({reinterpret_cast<const uint8_t*>("GGUF"), 4});
  out.put(uint32_t(3)), out.put(uint64_t(tensors.size())), out.put(uint64_t(metadata.size()));
  for (const MetaEntry& e : metadata)
    out.put(e.key), out.put(uint32_t(e.value.type)), put_value(out, e.value);
  uint64_t offset = 0;
  for (const NamedTensor& t : tensors) {
    out.put(t.name), out.put(uint32_t(t.tensor.rank));
    for (int i = t.tensor.rank - 1; i >= 0; --i) out.put(uint64_t(t.tensor.dim(i)));
    out.put(info(t.tensor.dtype).gguf_id), out.put(offset);
    offset = Arena::align_up(offset + t.tensor.bytes(), alignment);
  }
  if (!tensors.empty()) out.pad(alignment);
  SYN_RETURN_IF_ERROR(out.finish());
  return GgufWriter(sink, tensors, alignment);
}

Status GgufWriter::write(std::span<const uint8_t> bytes) {
  SYN_CHECK(current_ < tensors_.size());
  const size_t whole = tensors_[current_].tensor.bytes();
  SYN_CHECK(bytes.size() <= whole - written_);
  SYN_RETURN_IF_ERROR(sink_.write(sink_.context, bytes));
  written_ += bytes.size();
  if (written_ < whole) return {};
  ++current_, written_ = 0;
  return pad(sink_, Arena::align_up(whole, alignment_) - whole);
}

Status GgufWriter::finish() {
  if (current_ == tensors_.size()) return {};
  return fail(Code::invalid, tensors_[current_].name, ": ", written_, " bytes written, wanted ",
              tensors_[current_].tensor.bytes());
}

Status write_gguf(Sink sink, const Checkpoint& checkpoint) {
  SYN_TRY(writer, GgufWriter::begin(sink, checkpoint.metadata, checkpoint.tensors));
  for (const NamedTensor& t : checkpoint.tensors) {
    SYN_CHECK(t.tensor.contiguous());
    SYN_RETURN_IF_ERROR(writer.write({static_cast<const uint8_t*>(t.tensor.data), t.tensor.bytes()}));
  }
  return writer.finish();
}

}  // namespace synapse
