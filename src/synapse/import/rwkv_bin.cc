#include "synapse/import/rwkv_bin.h"

#include <array>
#include <cstring>

#include "synapse/base/half.h"

namespace synapse {
namespace {

constexpr uint32_t kMagic = 0x67676d66;  // "fmgg" as bytes
constexpr int32_t kVersion = 101;
constexpr size_t kHeaderBytes = 24, kRecordBytes = 12;
constexpr int32_t kMaxDims = 4, kMaxNameBytes = 128, kMaxLayers = 4096;

struct Header {
  int32_t vocab_size, dim, n_layers, format;
};

struct Format {
  int32_t number;
  DType dtype;
  uint32_t file_type;  // GGUF's number of a model of it
};
constexpr Format kFormats[] = {{0, DType::f32, 0},  {1, DType::f16, 1},  {2, DType::q4_0, 2}, {3, DType::q4_1, 3},
                               {7, DType::q5_0, 8}, {8, DType::q5_1, 9}, {9, DType::q8_0, 7}};

// A vector of any shape becomes one of f32; a matrix is left as it is.
struct Name {
  std::string_view from, to;
  bool is_matrix = false;
};
constexpr Name kWhole[] = {
    {"emb.weight", "token_embd.weight", true},
    {"blocks.0.ln0.weight", "token_embd_norm.weight"},
    {"blocks.0.ln0.bias", "token_embd_norm.bias"},
    {"ln_out.weight", "output_norm.weight"},
    {"ln_out.bias", "output_norm.bias"},
    {"head.weight", "output.weight", true},
};
constexpr Name kLayer[] = {
    {"ln1.weight", "attn_norm.weight"},
    {"ln1.bias", "attn_norm.bias"},
    {"ln2.weight", "attn_norm_2.weight"},
    {"ln2.bias", "attn_norm_2.bias"},
    {"att.x_rwkvag", "time_mix_lerp_fused.weight"},
    {"att.w0", "time_mix_w0.weight"},
    {"att.w1", "time_mix_w1.weight", true},
    {"att.w2", "time_mix_w2.weight", true},
    {"att.a0", "time_mix_a0.weight"},
    {"att.a1", "time_mix_a1.weight", true},
    {"att.a2", "time_mix_a2.weight", true},
    {"att.v0", "time_mix_v0.weight"},
    {"att.v1", "time_mix_v1.weight", true},
    {"att.v2", "time_mix_v2.weight", true},
    {"att.g1", "time_mix_g1.weight", true},
    {"att.g2", "time_mix_g2.weight", true},
    {"att.k_k", "time_mix_k_k.weight"},
    {"att.k_a", "time_mix_k_a.weight"},
    {"att.r_k", "time_mix_r_k.weight"},
    {"att.receptance.weight", "time_mix_receptance.weight", true},
    {"att.key.weight", "time_mix_key.weight", true},
    {"att.value.weight", "time_mix_value.weight", true},
    {"att.output.weight", "time_mix_output.weight", true},
    {"att.ln_x.weight", "time_mix_ln.weight"},
    {"att.ln_x.bias", "time_mix_ln.bias"},
    {"ffn.x_k", "channel_mix_lerp_k.weight"},
    {"ffn.key.weight", "channel_mix_key.weight", true},
    {"ffn.value.weight", "channel_mix_value.weight", true},
};

template <typename... Parts>
Status wrong(const Parts&... parts) {
  return fail(Code::corrupt, "rwkv.cpp checkpoint: ", parts...);
}

int32_t load_int(std::span<const uint8_t> file, size_t at) {
  int32_t value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

// One tensor of the file.
struct Record {
  std::string_view name;
  DType dtype = DType::f32;
  int32_t n_dims = 0;
  std::array<int32_t, kMaxDims> dims = {};  // outermost first
  const uint8_t* data = nullptr;
  size_t size = 0, bytes = 0;               // elements, bytes

  bool is_matrix() const { return n_dims == 2; }
};

// Walks the file front to back; every count is proven against what is left before it is believed.
class Walk {
 public:
  explicit Walk(std::span<const uint8_t> file) : file_(file) {}

  Result<Header> header() {
    if (file_.size() < kHeaderBytes) return wrong(file_.size(), " bytes, the header has ", kHeaderBytes);
    if (!has_rwkv_magic(file_)) return wrong("wanted the magic bytes fmgg");
    if (const int32_t version = load_int(file_, 4); version != kVersion)
      return fail(Code::unsupported, "rwkv.cpp checkpoint: version ", version, ", wanted ", kVersion);
    const Header h = {load_int(file_, 8), load_int(file_, 12), load_int(file_, 16), load_int(file_, 20)};
    if (h.vocab_size < 1 || h.vocab_size > 1 << 24) return wrong("vocabulary: ", h.vocab_size, ", wanted 1 to 16777216");
    if (h.dim < 1 || h.dim > 1 << 20) return wrong("embedding: ", h.dim, ", wanted 1 to 1048576");
    if (h.n_layers < 1 || h.n_layers > kMaxLayers) return wrong("layers: ", h.n_layers, ", wanted 1 to ", kMaxLayers);
    at_ = kHeaderBytes;
    return h;
  }

  bool done() const { return at_ == file_.size(); }

  Result<Record> next() {
    if (left() < kRecordBytes) return wrong("ends inside a tensor's header at byte ", at_);
    Record r;
    r.n_dims = load_int(file_, at_);
    const int32_t name_bytes = load_int(file_, at_ + 4), number = load_int(file_, at_ + 8);
    if (r.n_dims < 1 || r.n_dims > kMaxDims) return wrong("a tensor of ", r.n_dims, " dims at byte ", at_, ", wanted 1 to ", kMaxDims);
    if (name_bytes < 1 || name_bytes > kMaxNameBytes)
      return wrong("a name of ", name_bytes, " bytes at byte ", at_, ", wanted 1 to ", kMaxNameBytes);
    const Format* format = nullptr;
    for (const Format& f : kFormats)
      if (f.number == number) format = &f;
    at_ += kRecordBytes;
    if (left() < size_t(r.n_dims) * sizeof(int32_t) + size_t(name_bytes)) return wrong("ends inside a tensor's header at byte ", at_);
    uint64_t size = 1;
    for (int32_t i = 0; i < r.n_dims; ++i, at_ += sizeof(int32_t)) {
      const int32_t n = load_int(file_, at_);
      r.dims[size_t(r.n_dims - 1 - i)] = n;
      if (n < 1 || size > file_.size() * 2 / uint64_t(n)) return wrong("a dim of ", n, " at byte ", at_, " does not fit the file");
      size *= uint64_t(n);
    }
    r.name = {reinterpret_cast<const char*>(file_.data()) + at_, size_t(name_bytes)};
    at_ += size_t(name_bytes);
    for (const char c : r.name)
      if (c < 33 || c > 126) return wrong("a tensor's name has the byte ", int32_t(uint8_t(c)));
    if (!format) return fail(Code::unsupported, "rwkv.cpp checkpoint: ", r.name, ": format ", number, ", wanted 0, 1, 2, 3, 7, 8 or 9");
    r.dtype = format->dtype, r.size = size_t(size);
    const int32_t cols = r.dims[size_t(r.n_dims - 1)];
    if (cols % info(r.dtype).block_elements)
      return wrong(r.name, ": rows of ", cols, ", ", label(r.dtype), " has blocks of ", info(r.dtype).block_elements);
    r.bytes = row_bytes(r.dtype, int64_t(r.size));
    if (left() < r.bytes) return wrong(r.name, ": ", r.bytes, " bytes, the file has ", left(), " more");
    r.data = file_.data() + at_;
    at_ += r.bytes;
    return r;
  }

 private:
  size_t left() const { return file_.size() - at_; }

  std::span<const uint8_t> file_;
  size_t at_ = 0;
};

// The row of kWhole or kLayer that names a tensor, and its layer or -1; null when there is none.
const Name* find_name(std::string_view name, int32_t n_layers, int32_t& layer) {
  layer = -1;
  for (const Name& n : kWhole)
    if (n.from == name) return &n;
  constexpr std::string_view kBlocks = "blocks.";
  if (!name.starts_with(kBlocks)) return nullptr;
  name.remove_prefix(kBlocks.size());
  const size_t dot = name.find('.');
  if (dot == name.npos || dot < 1 || dot > 4 || (dot > 1 && name[0] == '0')) return nullptr;
  layer = 0;
  for (const char c : name.substr(0, dot)) {
    if (c < '0' || c > '9') return nullptr;
    layer = layer * 10 + (c - '0');
  }
  if (layer >= n_layers) return nullptr;
  for (const Name& n : kLayer)
    if (n.from == name.substr(dot + 1)) return &n;
  return nullptr;
}

// A copy in f32: 1-D, whatever shape it had.
Result<Tensor> copy_vector(const Record& r, Arena& arena) {
  if (r.dtype != DType::f32 && r.dtype != DType::f16) return wrong(r.name, ": ", label(r.dtype), ", wanted F32 or F16");
  if (r.size > INT32_MAX) return wrong(r.name, ": ", r.size, " elements");
  SYN_TRY(values, arena.zeroed<float>(r.size, "vectors"));
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half = 0;
    if (r.dtype == DType::f16) std::memcpy(&half, r.data + i * sizeof half, sizeof half), values[i] = f16_to_f32(half);
    else std::memcpy(&values[i], r.data + i * sizeof(float), sizeof(float));
  }
  return make_tensor(values.data(), DType::f32, {int32_t(r.size)});
}

// What the metadata says that the header does not.
struct Shapes {
  int32_t head_dim = 0, hidden_dim = 0;
  int32_t decay = 0, iclr = 0, gate = 0, value = 0;  // ranks

  void note(std::string_view name, const Record& r) {
    const int32_t rows = r.dims[0];
    if (name == "time_mix_r_k.weight") head_dim = r.dims[size_t(r.n_dims - 1)];
    if (name == "channel_mix_key.weight") hidden_dim = rows;
    if (name == "time_mix_w1.weight") decay = rows;
    if (name == "time_mix_a1.weight") iclr = rows;
    if (name == "time_mix_g1.weight") gate = rows;
    if (name == "time_mix_v1.weight") value = rows;
  }
};

Result<std::span<const MetaEntry>> metadata_of(const Header& h, const Shapes& s, std::string_view name, Arena& arena) {
  uint32_t file_type = 0;
  for (const Format& f : kFormats)
    if (f.number == h.format) file_type = f.file_type;
  const auto count = [](int32_t n) { return meta_u32(uint32_t(n)); };
  const MetaEntry entries[] = {{"general.architecture", meta_text("rwkv7")},
                               {"general.name", meta_text(name)},
                               {"general.file_type", meta_u32(file_type)},
                               {"rwkv7.block_count", count(h.n_layers)},
                               {"rwkv7.context_length", count(1 << 20)},  // there is no limit: what GGUF files say
                               {"rwkv7.embedding_length", count(h.dim)},
                               {"rwkv7.feed_forward_length", count(s.hidden_dim)},
                               {"rwkv7.attention.head_count", count(0)},
                               {"rwkv7.attention.layer_norm_epsilon", meta_f32(1e-5f)},
                               {"rwkv7.attention.decay_lora_rank", count(s.decay)},
                               {"rwkv7.attention.iclr_lora_rank", count(s.iclr)},
                               {"rwkv7.attention.gate_lora_rank", count(s.gate)},
                               {"rwkv7.attention.value_residual_mix_lora_rank", count(s.value)},
                               {"rwkv7.wkv.head_size", count(s.head_dim)},
                               {"rwkv7.vocab_size", count(h.vocab_size)}};
  SYN_TRY(table, arena.zeroed<MetaEntry>(std::size(entries), "metadata table"));
  std::copy(std::begin(entries), std::end(entries), table.begin());
  return std::span<const MetaEntry>(table);
}

}  // namespace

bool has_rwkv_magic(std::span<const uint8_t> file) {
  return file.size() >= sizeof kMagic && uint32_t(load_int(file, 0)) == kMagic;
}

Result<size_t> rwkv_bin_arena_bytes(std::span<const uint8_t> file) {
  Walk walk(file);
  SYN_TRY(h, walk.header());
  size_t bytes = 8192;
  while (!walk.done()) {
    SYN_TRY(r, walk.next());
    int32_t layer;
    const Name* name = find_name(r.name, h.n_layers, layer);
    bytes += sizeof(NamedTensor) + sizeof(uint32_t) + 96;  // tables, a name
    if (name && !name->is_matrix) bytes += r.size * sizeof(float) + Arena::kAlign;
  }
  return bytes;
}

Result<Checkpoint> read_rwkv_bin(std::span<const uint8_t> file, std::string_view name, Arena& arena) {
  Walk count(file);
  SYN_TRY(h, count.header());
  size_t n_tensors = 0;
  for (; !count.done(); ++n_tensors) SYN_RETURN_IF_ERROR(count.next().status());
  SYN_TRY(tensors, arena.zeroed<NamedTensor>(n_tensors, "tensor table"));
  Walk walk(file);
  SYN_TRY(again, walk.header());
  Shapes shapes;
  for (NamedTensor& t : tensors) {
    SYN_TRY(r, walk.next());
    int32_t layer;
    const Name* known = find_name(r.name, again.n_layers, layer);
    if (!known) {
      return fail(Code::unsupported, "rwkv.cpp checkpoint: ", r.name, ": not a tensor of an RWKV-7 model of ", h.n_layers,
                  " layers; other versions of RWKV are not run");
    }
    t.name = known->to;
    if (layer >= 0) {
      const Text<96> text("blk.", layer, ".", known->to);
      SYN_TRY(bytes, arena.zeroed<char>(text.view().size(), "tensor names"));
      text.view().copy(bytes.data(), bytes.size());
      t.name = {bytes.data(), bytes.size()};
    }
    shapes.note(known->to, r);
    if (known->is_matrix) {
      if (!r.is_matrix()) return wrong(r.name, ": ", r.n_dims, " dims, wanted 2");
      t.tensor = make_tensor(const_cast<uint8_t*>(r.data), r.dtype, {r.dims[0], r.dims[1]});
    } else {
      SYN_TRY(vector, copy_vector(r, arena));
      t.tensor = vector;
    }
  }
  Checkpoint checkpoint;
  checkpoint.format = "rwkv.cpp v101";
  checkpoint.tensors = tensors;
  SYN_TRY(metadata, metadata_of(h, shapes, name, arena));
  checkpoint.metadata = metadata;
  SYN_RETURN_IF_ERROR(checkpoint.index(arena));
  return checkpoint;
}

Result<TokenizerSpec> byte_tokenizer(Arena& arena) {
  constexpr size_t n = 256;
  SYN_TRY(bytes, arena.zeroed<char>(n, "bytes"));
  SYN_TRY(tokens, arena.zeroed<std::string_view>(n, "tokens"));
  SYN_TRY(types, arena.zeroed<TokenType>(n, "token types"));
  for (size_t i = 0; i < n; ++i) {
    bytes[i] = char(i);
    tokens[i] = {&bytes[i], 1};
    types[i] = TokenType::normal;
  }
  TokenizerSpec spec;
  spec.kind = TokenizerKind::trie;
  spec.tokens = tokens, spec.types = types;
  return spec;
}

}  // namespace synapse
