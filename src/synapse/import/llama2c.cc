#include "synapse/import/llama2c.h"

#include <array>
#include <cstring>

#include "synapse/runtime/vocabulary.h"

namespace synapse {
namespace {

constexpr uint32_t kMagic = 0x616B3432;  // "24ka" as bytes
constexpr size_t kVersion0Bytes = 28, kHeaderBytes = 256;

constexpr int32_t kMaxLayers = 4096;
struct Field {
  std::string_view name;
  int32_t most;
};
constexpr Field kFields[] = {{"dim", 1 << 20},         {"hidden_dim", 1 << 22},
                             {"n_layers", kMaxLayers}, {"n_heads", 1 << 14},
                             {"n_kv_heads", 1 << 14},  {"vocab_size", Vocabulary::kMaxTokens},
                             {"seq_len", 1 << 28}};
enum { kDim, kHidden, kLayers, kHeads, kKvHeads, kVocab, kSeqLen, kNFields };

struct Header {
  int32_t version = 0;
  size_t bytes = kVersion0Bytes;
  std::array<int32_t, kNFields> n;  // vocab_size made positive
  bool own_head = false;

  int32_t head_dim() const { return n[kDim] / n[kHeads]; }
  int32_t kv_dim() const { return head_dim() * n[kKvHeads]; }
};

template <typename... Parts>
Status wrong(const Parts&... parts) {
  return fail(Code::corrupt, "llama2.c checkpoint: ", parts...);
}

template <typename T>
T load(std::span<const uint8_t> file, size_t at) {
  T value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

Result<Header> read_header(std::span<const uint8_t> file) {
  Header h;
  size_t at = 0;
  if (has_llama2c_magic(file)) {
    if (file.size() < kHeaderBytes) return wrong(file.size(), " bytes, the header has ", kHeaderBytes);
    h.version = load<int32_t>(file, 4), h.bytes = kHeaderBytes, at = 8;
    if (h.version == 2) {
      return fail(Code::unsupported, "llama2.c checkpoint: version 2 (int8, groups of ",
                  load<int32_t>(file, 37),
                  " with float32 scales) is not read; wanted version 0 or 1, float32");
    }
    if (h.version != 1) return wrong("version ", h.version, ", wanted 0 or 1");
  }
  if (file.size() < h.bytes) return wrong(file.size(), " bytes, the header has ", h.bytes);
  std::memcpy(h.n.data(), file.data() + at, sizeof h.n);
  if (h.version == 0) {
    h.own_head = h.n[kVocab] < 0;
    if (h.own_head && h.n[kVocab] > INT32_MIN) h.n[kVocab] = -h.n[kVocab];
  } else {
    h.own_head = file[at + sizeof h.n] == 0;
  }
  for (size_t i = 0; i < kNFields; ++i) {
    if (h.n[i] < 1 || h.n[i] > kFields[i].most)
      return wrong(kFields[i].name, ": ", h.n[i], ", wanted 1 to ", kFields[i].most);
  }
  if (h.n[kDim] % h.n[kHeads] || h.n[kHeads] % h.n[kKvHeads] || h.head_dim() % 2) {
    return wrong("dim ", h.n[kDim], ", ", h.n[kHeads], " heads and ", h.n[kKvHeads],
                 " KV heads do not divide into heads of an even size");
  }
  return h;
}

// A kind of tensor; those of all layers stand one after the other.
struct Kind {
  std::string_view name;  // after "blk.{i}." when per_layer
  bool per_layer;
  int32_t rows, cols;  // no rows: a vector
  size_t floats() const { return size_t(rows ? rows : 1) * size_t(cols); }
};

enum { kEmbedding, kAttnNorm, kQ, kK, kV, kO, kFfnNorm, kGate, kDown, kUp, kNorm, kSkipped, kHead, kNKinds };
using Order = std::array<uint8_t, kNKinds>;
constexpr Order kOrder0 = {kEmbedding, kAttnNorm, kQ,  kK,    kV,       kO,   kFfnNorm,
                           kGate,      kDown,     kUp, kNorm, kSkipped, kHead};
constexpr Order kOrder1 = {kAttnNorm, kFfnNorm, kNorm, kEmbedding, kQ,    kK,      kV,
                           kO,        kGate,    kDown, kUp,        kHead, kSkipped};

std::array<Kind, kNKinds> kinds_of(const Header& h) {
  const int32_t dim = h.n[kDim], hidden = h.n[kHidden], vocab = h.n[kVocab], kv = h.kv_dim();
  return {{{"token_embd.weight", false, vocab, dim},
           {"attn_norm.weight", true, 0, dim},
           {"attn_q.weight", true, dim, dim},
           {"attn_k.weight", true, kv, dim},
           {"attn_v.weight", true, kv, dim},
           {"attn_output.weight", true, dim, dim},
           {"ffn_norm.weight", true, 0, dim},
           {"ffn_gate.weight", true, hidden, dim},
           {"ffn_down.weight", true, dim, hidden},
           {"ffn_up.weight", true, hidden, dim},
           {"output_norm.weight", false, 0, dim},
           {"", false, h.n[kSeqLen], h.version ? 0 : h.head_dim()},  // cos and sin of the rotary angles
           {"output.weight", false, h.own_head ? vocab : 0, h.own_head ? dim : 0}}};
}

Result<std::span<const MetaEntry>> metadata_of(const Header& h, std::string_view name, Arena& arena) {
  const auto count = [&](int field) { return meta_u32(uint32_t(h.n[size_t(field)])); };
  const MetaEntry entries[] = {{"general.architecture", meta_text("llama")},
                               {"general.name", meta_text(name)},
                               {"general.file_type", meta_u32(0)},
                               {"llama.block_count", count(kLayers)},
                               {"llama.context_length", count(kSeqLen)},
                               {"llama.embedding_length", count(kDim)},
                               {"llama.feed_forward_length", count(kHidden)},
                               {"llama.attention.head_count", count(kHeads)},
                               {"llama.attention.head_count_kv", count(kKvHeads)},
                               {"llama.attention.key_length", meta_u32(uint32_t(h.head_dim()))},
                               {"llama.attention.value_length", meta_u32(uint32_t(h.head_dim()))},
                               {"llama.attention.layer_norm_rms_epsilon", meta_f32(1e-5f)},
                               {"llama.rope.dimension_count", meta_u32(uint32_t(h.head_dim()))},
                               {"llama.rope.freq_base", meta_f32(10000)},
                               {"llama.vocab_size", count(kVocab)}};
  SYN_TRY(table, arena.zeroed<MetaEntry>(std::size(entries), "metadata table"));
  std::copy(std::begin(entries), std::end(entries), table.begin());
  return std::span<const MetaEntry>(table);
}

Result<std::string_view> layer_name(int32_t layer, std::string_view name, Arena& arena) {
  const Text<64> text("blk.", layer, ".", name);
  SYN_TRY(bytes, arena.zeroed<char>(text.view().size(), "tensor names"));
  text.view().copy(bytes.data(), bytes.size());
  return std::string_view(bytes.data(), bytes.size());
}

}  // namespace

bool has_llama2c_magic(std::span<const uint8_t> file) {
  return file.size() >= sizeof kMagic && load<uint32_t>(file, 0) == kMagic;
}

Result<Checkpoint> read_llama2c(std::span<const uint8_t> file, std::string_view name, Arena& arena) {
  SYN_CHECK(reinterpret_cast<uintptr_t>(file.data()) % alignof(float) == 0);
  SYN_TRY(h, read_header(file));
  const auto kinds = kinds_of(h);
  const auto n_layers = size_t(h.n[kLayers]);
  uint64_t floats = 0;  // at most 2^60
  size_t n_tensors = 0;
  for (const Kind& kind : kinds) {
    const size_t copies = kind.per_layer ? n_layers : 1;
    floats += copies * kind.floats();
    n_tensors += kind.floats() && !kind.name.empty() ? copies : 0;
  }
  if (file.size() - h.bytes != floats * sizeof(float)) {
    return wrong(file.size(), " bytes, the header (dim ", h.n[kDim], ", ", n_layers, " layers, vocabulary ",
                 h.n[kVocab], ") wants ", h.bytes + floats * sizeof(float));
  }

  SYN_TRY(tensors, arena.zeroed<NamedTensor>(n_tensors, "tensor table"));
  size_t n = 0;
  auto* at = const_cast<uint8_t*>(file.data()) + h.bytes;
  for (const uint8_t index : h.version ? kOrder1 : kOrder0) {
    const Kind& kind = kinds[index];
    const size_t bytes = kind.floats() * sizeof(float);
    for (int32_t i = 0; i < (kind.per_layer ? h.n[kLayers] : 1); ++i, at += bytes) {
      if (bytes == 0 || kind.name.empty()) continue;
      NamedTensor& t = tensors[n++];
      t.name = kind.name;
      if (kind.per_layer) {
        SYN_TRY(full, layer_name(i, kind.name, arena));
        t.name = full;
      }
      t.tensor = kind.rows ? make_tensor(at, DType::f32, {kind.rows, kind.cols})
                           : make_tensor(at, DType::f32, {kind.cols});
    }
  }
  Checkpoint checkpoint;
  checkpoint.format = h.version ? "llama2.c v1" : "llama2.c v0";
  checkpoint.tensors = tensors;
  SYN_TRY(metadata, metadata_of(h, name, arena));
  checkpoint.metadata = metadata;
  SYN_RETURN_IF_ERROR(checkpoint.index(arena));
  return checkpoint;
}

}  // namespace synapse
