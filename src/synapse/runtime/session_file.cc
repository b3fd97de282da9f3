// A session as bytes: header, ids, the sampler's state after each, pages slot by slot, FNV-1a checksum of all of it. Little-endian.
#include <algorithm>
#include <cstring>

#include "synapse/base/rng.h"
#include "synapse/runtime/session_impl.h"

namespace synapse {
namespace {

constexpr uint32_t kMagic = 0x534E5953;  // "SYNS"
constexpr uint32_t kVersion = 2;

struct Header {
  uint32_t magic = kMagic;
  uint32_t version = kVersion;
  uint64_t model = 0;         // Model::fingerprint
  int32_t n_ids = 0;
  int32_t n_cached = 0;
  int32_t n_kv_slots = 0;
  int32_t head_dim = 0;
  uint32_t k_dtype = 0;
  uint32_t v_dtype = 0;
};

int32_t pages_for(int32_t positions) { return (positions + kPageRows - 1) / kPageRows; }

// Hashes what passes through to the caller's sink.
struct Writer {
  const Sink& sink;
  uint64_t hash = hash64(nullptr, 0);
  Status status = {};

  void put(const void* data, size_t n) {
    if (!status.ok()) return;
    hash = hash64(data, n, hash);
    status = sink.write(sink.context, {static_cast<const uint8_t*>(data), n});
  }
};

}  // namespace

Status Session::save(const Sink& sink) const {
  const Impl& s = *impl_;
  Header h;
  h.model = s.model.fingerprint();
  h.n_ids = s.n_ids, h.n_cached = s.n_cached;
  h.n_kv_slots = s.state->layout().n_kv_slots, h.head_dim = s.state->layout().head_dim;
  h.k_dtype = info(s.pool.k_dtype()).gguf_id, h.v_dtype = info(s.pool.v_dtype()).gguf_id;

  Writer out{sink};
  out.put(&h, sizeof h);
  out.put(s.ids.data(), size_t(s.n_ids) * sizeof(int32_t));
  out.put(s.sampled.data(), size_t(s.n_ids) * sizeof(SamplerState));
  const KvTable& kv = s.state->kv();
  Arena work = s.work;  // its memory; what lies there is done with
  work.rewind(0);
  for (int32_t slot = 0; slot < h.n_kv_slots; ++slot)
    for (int32_t page = 0; page < pages_for(s.n_cached); ++page) {
      const KvPage& p = *kv.pages[size_t(slot) * size_t(kv.max_pages) + size_t(page)];
      for (const Tensor& t : {s.pool.k_tensor(p), s.pool.v_tensor(p)}) {
        uint8_t* bytes = work.array<uint8_t>(t.bytes());
        if (!bytes) return fail(Code::out_of_memory, "save: a page of ", t.bytes(), " bytes does not fit the work space");
        s.device.read(bytes, t);
        out.put(bytes, t.bytes());
        work.rewind(0);
      }
    }
  const uint64_t hash = out.hash;
  out.put(&hash, sizeof hash);
  return out.status;
}

Status Session::restore(std::span<const uint8_t> bytes) {
  Impl& s = *impl_;
  s.n_ids = s.n_cached = 0, s.logits_of = -1;
  s.state->truncate(0);

  Header h;
  if (bytes.size() < sizeof h + sizeof(uint64_t))
    return fail(Code::corrupt, "session file: ", bytes.size(), " bytes, too short to be one");
  std::memcpy(&h, bytes.data(), sizeof h);
  if (h.magic != kMagic) return fail(Code::corrupt, "session file: wrong magic, not a saved session");
  if (h.version != kVersion) return fail(Code::unsupported, "session file: version ", h.version, ", wanted ", kVersion);
  uint64_t hash;
  std::memcpy(&hash, bytes.data() + bytes.size() - sizeof hash, sizeof hash);
  if (hash != hash64(bytes.data(), bytes.size() - sizeof hash))
    return fail(Code::corrupt, "session file: the checksum does not match, it is damaged");
  if (h.model != s.model.fingerprint()) return fail(Code::invalid, "session file: saved with another model");
  const StateLayout& layout = s.state->layout();
  if (h.k_dtype != info(s.pool.k_dtype()).gguf_id || h.v_dtype != info(s.pool.v_dtype()).gguf_id)
    return fail(Code::invalid, "session file: saved with another cache type");
  if (h.n_kv_slots != layout.n_kv_slots || h.head_dim != layout.head_dim)
    return fail(Code::corrupt, "session file: cache of ", h.n_kv_slots, " x ", h.head_dim, ", wanted ", layout.n_kv_slots,
                " x ", layout.head_dim);
  if (h.n_ids < 0 || h.n_ids > s.options.max_seq_len || h.n_cached < 0 || h.n_cached > h.n_ids)
    return fail(Code::invalid, "session file: ", h.n_ids, " tokens, the context holds ", s.options.max_seq_len);

  const KvPage no_page{nullptr, nullptr, s.pool.k_dtype(), s.pool.v_dtype()};
  const size_t page_bytes = s.pool.k_tensor(no_page).bytes() + s.pool.v_tensor(no_page).bytes();
  const size_t wanted = sizeof h + size_t(h.n_ids) * (sizeof(int32_t) + sizeof(SamplerState)) +
                        size_t(h.n_kv_slots) * size_t(pages_for(h.n_cached)) * page_bytes + sizeof hash;
  if (bytes.size() != wanted) return fail(Code::corrupt, "session file: ", bytes.size(), " bytes, wanted ", wanted);
  const uint8_t* at = bytes.data() + sizeof h;
  for (int32_t i = 0; i < h.n_ids; ++i, at += sizeof(int32_t)) {
    std::memcpy(&s.ids[size_t(i)], at, sizeof(int32_t));
    if (s.ids[size_t(i)] < 0 || s.ids[size_t(i)] >= s.model.config().vocab_size)
      return fail(Code::corrupt, "session file: token ", i, " has id ", s.ids[size_t(i)]);
  }
  for (int32_t i = 0; i < h.n_ids; ++i, at += sizeof(SamplerState)) {
    std::memcpy(&s.sampled[size_t(i)], at, sizeof(SamplerState));
    const float shift = s.sampled[size_t(i)].mirostat_shift;
    if (!(shift >= -kMostShift && shift <= kMostShift))
      return fail(Code::corrupt, "session file: the sampler's state after token ", i, " is ", double(shift));
  }
  if (Status status = s.state->reserve(0, h.n_cached); !status.ok()) {
    s.state->truncate(0);
    return status;
  }
  const KvTable& kv = s.state->kv();
  for (int32_t slot = 0; slot < h.n_kv_slots; ++slot)
    for (int32_t page = 0; page < pages_for(h.n_cached); ++page) {
      const KvPage& p = *kv.pages[size_t(slot) * size_t(kv.max_pages) + size_t(page)];
      for (const Tensor& t : {s.pool.k_tensor(p), s.pool.v_tensor(p)}) s.device.write(t, at), at += t.bytes();
    }
  s.n_ids = h.n_ids, s.n_cached = h.n_cached;
  return {};
}

}  // namespace synapse
