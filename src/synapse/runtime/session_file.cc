// A session as bytes: header, ids, the sampler's state after each, the first page of every run of slots, the positions of
// kept rows, the parts of the state, FNV-1a checksum of all of it. Little-endian. And a session as a session: clones.
#include <algorithm>
#include <cstring>

#include "synapse/base/rng.h"
#include "synapse/runtime/session_impl.h"

namespace synapse {
namespace {

constexpr uint32_t kMagic = 0x534E5953;  // "SYNS"
constexpr uint32_t kVersion = 3;
constexpr int32_t kPieceFloats = 1 << 14;  // of recurrent rows that are moved at once

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
  int32_t n_runs = 0;
  int32_t n_row_floats = 0;
  int32_t n_kept = 0;         // rows to go back to
  int32_t unused = 0;
};
static_assert(sizeof(Header) == 56);

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

// Bytes of a file, of which there are enough.
struct Reader {
  const uint8_t* at;

  void get(void* data, size_t n) {
    std::memcpy(data, at, n);
    at += n;
  }
};

// The kept rows that fit a state's limits, the latest of `n`.
size_t n_too_many(size_t n, const StateLimits& limits) {
  const size_t most = size_t(limits.n_kept_rows());
  return n > most ? n - most : 0;
}

// The numbers that State::reserve_parts wants.
struct Shape {
  std::span<int32_t> first_pages;
  std::span<int32_t> kept;
};

Result<Shape> make_shape(size_t n_runs, size_t n_kept, Arena& work) {
  work.rewind(0);
  SYN_TRY(first_pages, work.zeroed<int32_t>(n_runs, "restore"));
  SYN_TRY(kept, work.zeroed<int32_t>(n_kept, "restore"));
  return Shape{first_pages, kept};
}

// What a file says of a state that has read n_cached tokens must be what such a state can hold.
Status check(const Shape& shape, const StateLayout& layout, int32_t n_cached) {
  for (size_t run = 0; run < shape.first_pages.size(); ++run) {
    const int32_t window = layout.runs[run].window, first = shape.first_pages[run];
    const int32_t most = window > 0 && n_cached >= window ? (n_cached - window + 1) / kPageRows : 0;
    if (first < 0 || first > most)
      return fail(Code::corrupt, "session file: run ", run, " of slots begins at page ", first, ", wanted at most ", most);
  }
  for (size_t i = 0; i < shape.kept.size(); ++i)
    if (shape.kept[i] <= (i ? shape.kept[i - 1] : 0) || shape.kept[i] > n_cached)
      return fail(Code::corrupt, "session file: kept rows ", i, " stand at ", shape.kept[i], ", wanted ascending up to ", n_cached);
  return {};
}

}  // namespace

bool Parts::next(Tensor& t) {
  const StateLayout& layout = state_.layout();
  if (is_value_) {
    is_value_ = false;
    t = pool_.v_tensor(*state_.page(slot_, page_++));
    return true;
  }
  const int32_t n_pages = pages_for(state_.position());
  while (run_ < layout.n_runs && (slot_ < 0 || page_ >= n_pages)) {
    if (++slot_ >= end_slot_) {
      if (++run_ >= layout.n_runs) break;
      end_slot_ += layout.runs[run_].n_slots;
    }
    page_ = state_.first_page(run_);
  }
  if (run_ < layout.n_runs) {
    is_value_ = true;
    t = pool_.k_tensor(*state_.page(slot_, page_));
    return true;
  }
  const std::span<const State::KeptRows> kept = state_.kept_rows();
  if (!state_.rows() || block_ > kept.size()) return false;
  const RowBlock& block = block_ < kept.size() ? *kept[block_].block : *state_.rows();
  const int32_t n = std::min(kPieceFloats, layout.n_row_floats - row_float_);
  t = make_tensor(block.rows + row_float_, DType::f32, {n});
  row_float_ += n;
  if (row_float_ == layout.n_row_floats) row_float_ = 0, ++block_;
  return true;
}

size_t Parts::most_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype) {
  return std::max(PagePool::page_bytes(layout, k_dtype, v_dtype), size_t(kPieceFloats) * sizeof(float));
}

Status Session::save(const Sink& sink) const {
  const Impl& s = *impl_;
  Header h;
  h.model = s.model.fingerprint(s.options.max_seq_len);
  h.n_ids = s.n_ids, h.n_cached = s.n_cached;
  h.n_kv_slots = s.state->layout().n_kv_slots, h.head_dim = s.state->layout().head_dim;
  h.k_dtype = info(s.pool.k_dtype()).gguf_id, h.v_dtype = info(s.pool.v_dtype()).gguf_id;
  h.n_runs = s.state->layout().n_runs, h.n_row_floats = s.state->layout().n_row_floats;
  h.n_kept = int32_t(s.state->kept_rows().size());

  Writer out{sink};
  out.put(&h, sizeof h);
  out.put(s.ids.data(), size_t(s.n_ids) * sizeof(int32_t));
  out.put(s.sampled.data(), size_t(s.n_ids) * sizeof(SamplerState));
  for (int32_t run = 0; run < h.n_runs; ++run) {
    const int32_t first = s.state->first_page(run);
    out.put(&first, sizeof first);
  }
  for (const State::KeptRows& kept : s.state->kept_rows()) out.put(&kept.position, sizeof kept.position);
  Arena work = s.work;  // its memory; what lies there is done with
  Parts parts(s.pool, *s.state, 0);
  for (Tensor t; out.status.ok() && parts.next(t);) {
    work.rewind(0);
    uint8_t* bytes = work.array<uint8_t>(t.bytes());
    if (!bytes) return fail(Code::out_of_memory, "save: a part of ", t.bytes(), " bytes does not fit the work space");
    s.device.read(bytes, t);
    out.put(bytes, t.bytes());
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
  if (h.model != s.model.fingerprint(s.options.max_seq_len))
    return fail(Code::invalid, "session file: saved with another model, or a context that it reads otherwise");
  const StateLayout& layout = s.state->layout();
  if (h.k_dtype != info(s.pool.k_dtype()).gguf_id || h.v_dtype != info(s.pool.v_dtype()).gguf_id)
    return fail(Code::invalid, "session file: saved with another cache type");
  if (h.n_kv_slots != layout.n_kv_slots || h.head_dim != layout.head_dim || h.n_row_floats != layout.n_row_floats ||
      h.n_runs != layout.n_runs)
    return fail(Code::corrupt, "session file: state of ", h.n_kv_slots, " x ", h.head_dim, " in ", h.n_runs, " runs and ", h.n_row_floats,
                " floats, wanted ", layout.n_kv_slots, " x ", layout.head_dim, " in ", layout.n_runs, " and ", layout.n_row_floats);
  if (h.n_ids < 0 || h.n_ids > s.options.max_seq_len || h.n_cached < 0 || h.n_cached > h.n_ids)
    return fail(Code::invalid, "session file: ", h.n_ids, " tokens, the context holds ", s.options.max_seq_len);

  const bool has_rows = layout.n_row_floats > 0 && h.n_cached > 0;
  if (h.n_kept < 0 || h.n_kept > h.n_cached || (h.n_kept > 0 && !has_rows))
    return fail(Code::corrupt, "session file: ", h.n_kept, " kept rows after ", h.n_cached, " tokens");

  // Lengths are sums of numbers below 2^31 and of sizes that exist, so that they fit 64 bits.
  const uint64_t n_numbers = uint64_t(h.n_ids) + uint64_t(h.n_runs) + uint64_t(h.n_kept);
  uint64_t wanted = sizeof h + n_numbers * sizeof(int32_t) + uint64_t(h.n_ids) * sizeof(SamplerState) + sizeof hash;
  if (bytes.size() < wanted) return fail(Code::corrupt, "session file: ", bytes.size(), " bytes, wanted at least ", wanted);
  Reader in{bytes.data() + sizeof h};
  for (int32_t i = 0; i < h.n_ids; ++i) {
    in.get(&s.ids[size_t(i)], sizeof(int32_t));
    if (s.ids[size_t(i)] < 0 || s.ids[size_t(i)] >= s.model.config().vocab_size)
      return fail(Code::corrupt, "session file: token ", i, " has id ", s.ids[size_t(i)]);
  }
  for (int32_t i = 0; i < h.n_ids; ++i) {
    in.get(&s.sampled[size_t(i)], sizeof(SamplerState));
    const float shift = s.sampled[size_t(i)].mirostat_shift;
    if (!(shift >= -kMostShift && shift <= kMostShift))
      return fail(Code::corrupt, "session file: the sampler's state after token ", i, " is ", double(shift));
  }
  SYN_TRY(shape, make_shape(size_t(h.n_runs), size_t(h.n_kept), s.work));
  for (int32_t& first : shape.first_pages) in.get(&first, sizeof first);
  for (int32_t& kept : shape.kept) in.get(&kept, sizeof kept);
  SYN_RETURN_IF_ERROR(check(shape, layout, h.n_cached));

  const KvPage no_page{nullptr, nullptr, s.pool.k_dtype(), s.pool.v_dtype()};
  const uint64_t page_bytes = h.n_kv_slots ? s.pool.k_tensor(no_page).bytes() + s.pool.v_tensor(no_page).bytes() : 0;
  const uint64_t row_bytes = uint64_t(h.n_row_floats) * sizeof(float);
  for (size_t run = 0; run < shape.first_pages.size(); ++run)
    wanted += uint64_t(layout.runs[run].n_slots) * uint64_t(pages_for(h.n_cached) - shape.first_pages[run]) * page_bytes;
  wanted += uint64_t(has_rows ? 1 + h.n_kept : 0) * row_bytes;
  if (bytes.size() != wanted) return fail(Code::corrupt, "session file: ", bytes.size(), " bytes, wanted ", wanted);

  const size_t n_skipped = n_too_many(shape.kept.size(), limits_of(s.model, s.options));
  SYN_RETURN_IF_ERROR(s.state->reserve_parts(h.n_cached, shape.first_pages, shape.kept.subspan(n_skipped)));
  Parts parts(s.pool, *s.state, 0);
  bool is_skipped = false;
  for (Tensor t; parts.next(t); in.at += t.bytes()) {
    if (t.rank == 1 && !is_skipped) in.at += n_skipped * row_bytes, is_skipped = true;
    s.device.write(t, in.at);
  }
  s.n_ids = h.n_ids, s.n_cached = h.n_cached;
  return {};
}

// Drops what this stream holds and fills pages and rows of its own pool with those of `from`.
Status Session::Impl::copy_state(const Impl& from) {
  const std::span<const State::KeptRows> theirs = from.state->kept_rows();
  const size_t n_skipped = n_too_many(theirs.size(), limits_of(model, options));
  SYN_TRY(shape, make_shape(size_t(state->layout().n_runs), theirs.size() - n_skipped, work));
  for (size_t run = 0; run < shape.first_pages.size(); ++run) shape.first_pages[run] = from.state->first_page(int32_t(run));
  for (size_t i = 0; i < shape.kept.size(); ++i) shape.kept[i] = theirs[n_skipped + i].position;
  SYN_RETURN_IF_ERROR(state->reserve_parts(from.state->position(), shape.first_pages, shape.kept));
  Parts source(from.pool, *from.state, n_skipped), target(pool, *state, 0);
  for (Tensor a, b; source.next(a) && target.next(b);) {
    work.rewind(0);
    uint8_t* bytes = work.array<uint8_t>(a.bytes());
    if (!bytes) return fail(Code::out_of_memory, "clone: a part of ", a.bytes(), " bytes does not fit the work space");
    from.device.read(bytes, a);
    device.write(b, bytes);
  }
  return {};
}

Status Session::clone_to(Session& other) const {
  const Impl& from = *impl_;
  Impl& to = *other.impl_;
  if (&from == &to) return fail(Code::invalid, "clone: a session onto itself");
  if (&from.model != &to.model || from.pool.k_dtype() != to.pool.k_dtype() || from.pool.v_dtype() != to.pool.v_dtype())
    return fail(Code::invalid, "clone: the sessions differ in model or cache type");
  if (from.model.fingerprint(from.options.max_seq_len) != to.model.fingerprint(to.options.max_seq_len))
    return fail(Code::invalid, "clone: contexts of ", from.options.max_seq_len, " and ", to.options.max_seq_len,
                " positions turn by other rotary frequencies");
  if (from.n_ids > to.options.max_seq_len)
    return fail(Code::invalid, "clone: ", from.n_ids, " tokens, the other context holds ", to.options.max_seq_len);
  to.n_ids = to.n_cached = 0, to.logits_of = -1;
  if (&from.pool == &to.pool) to.state->share(*from.state, from.n_cached);
  else SYN_RETURN_IF_ERROR(to.copy_state(from));
  std::copy_n(from.ids.begin(), from.n_ids, to.ids.begin());
  std::copy_n(from.sampled.begin(), from.n_ids, to.sampled.begin());
  std::copy(from.logits.begin(), from.logits.end(), to.logits.begin());
  to.n_ids = from.n_ids, to.n_cached = from.n_cached, to.logits_of = from.logits_of, to.is_reduced = from.is_reduced;
  return {};
}

}  // namespace synapse
