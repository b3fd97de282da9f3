// Text to ids and back.
#include <algorithm>

#include "synapse/capi/handles.h"

namespace synapse::capi {
namespace {

constexpr uint32_t kFlags = SYN_ADD_SPECIAL | SYN_PARSE_SPECIAL | SYN_SHOW_SPECIAL;

// What the struct of a caller holds between two tokens.
struct Decoder {
  static constexpr uint64_t kStarted = 0x53594E4445434F44u;
  uint64_t magic;
  const syn_model* model;
  Detokenizer stream;
};
static_assert(sizeof(Decoder) <= sizeof(syn_decoder) && alignof(Decoder) <= alignof(syn_decoder) &&
              std::is_trivially_destructible_v<Decoder>);

size_t piece_capacity(const Tokenizer& tokenizer) { return 3 * tokenizer.max_piece_bytes() + 17; }

// The arguments that every function here shares.
Status check_arguments(const syn_model* model, uint32_t flags, const size_t* n) {
  if (!model) return fail(Code::invalid, "model: NULL");
  if (!n) return fail(Code::invalid, "n: NULL");
  if (flags & ~kFlags) return fail(Code::invalid, "flags: ", flags, ", wanted those of SYN_*_SPECIAL");
  return model->tokenizer_status;
}

Status check_id(const syn_model& model, int32_t id) {
  const int32_t size = model.tokenizer->vocab_size();
  if (id >= 0 && id < size) return {};
  return fail(Code::invalid, "id ", id, ": the vocabulary has ", size);
}

// The decoder that was started in the caller's struct, or null.
Decoder* started(syn_decoder* decoder) {
  auto* d = reinterpret_cast<Decoder*>(decoder);
  return d && d->magic == Decoder::kStarted ? d : nullptr;
}

// Room for one piece or step at `out`.
syn_status check_room(const syn_model& model, const char* out, size_t capacity, size_t* n, syn_error* error) {
  const size_t wanted = piece_capacity(*model.tokenizer);
  if (capacity < wanted) return *n = wanted, too_small(error, "text", wanted, capacity);
  if (!out) return invalid(error, "out: NULL with a capacity of ", capacity);
  return report({}, error);
}

Status encode(const syn_model& model, std::string_view text, uint32_t flags, Region& ids_region, std::span<int32_t>& ids) {
  const Tokenizer& tokenizer = *model.tokenizer;
  if (text.size() > SIZE_MAX / 64) return fail(Code::invalid, "text: ", text.size(), " bytes");
  const size_t most = 3 * text.size() + 16;  // normalisation makes at most 3 bytes of one
  SYN_TRY(scratch, Region::make(tokenizer.encode_scratch_bytes(text.size())));
  SYN_TRY(region, Region::make(most * sizeof(int32_t)));
  ids_region = std::move(region);
  const std::span<int32_t> room(reinterpret_cast<int32_t*>(ids_region.bytes().data()), most);
  const EncodeOptions options{(flags & SYN_ADD_SPECIAL) != 0, (flags & SYN_PARSE_SPECIAL) != 0};
  SYN_TRY(n, tokenizer.encode(text, options, room, scratch.arena()));
  ids = room.first(n);
  return {};
}

}  // namespace
}  // namespace synapse::capi

using namespace synapse;

syn_status syn_tokenize(const syn_model* model, const char* text, size_t text_size, uint32_t flags, int32_t* out,
                        size_t capacity, size_t* n, syn_error* error) {
  if (n) *n = 0;
  if (Status status = capi::check_arguments(model, flags, n); !status.ok()) return capi::report(status, error);
  if (!text && text_size) return capi::invalid(error, "text: NULL with ", text_size, " bytes");
  Region region;
  std::span<int32_t> ids;
  if (Status status = capi::encode(*model, {text, text_size}, flags, region, ids); !status.ok())
    return capi::report(status, error);
  return capi::give(ids, out, capacity, n, error);
}

syn_status syn_detokenize(const syn_model* model, const int32_t* ids, size_t n_ids, uint32_t flags, char* out,
                          size_t capacity, size_t* n, syn_error* error) {
  if (n) *n = 0;
  if (Status status = capi::check_arguments(model, flags, n); !status.ok()) return capi::report(status, error);
  if (!ids && n_ids) return capi::invalid(error, "ids: NULL with ", n_ids);
  const size_t step = capi::piece_capacity(*model->tokenizer);
  if (n_ids > SIZE_MAX / step - 2) return capi::invalid(error, "ids: ", n_ids, " of them");
  // Every step writes at the end of the text, so there must be room for one more than the ids need.
  Result<Region> region = Region::make((n_ids + 1) * step);
  if (!region.ok()) return capi::report(region.status(), error);
  char* text = reinterpret_cast<char*>(region->bytes().data());
  Detokenizer stream(*model->tokenizer, (flags & SYN_SHOW_SPECIAL) != 0);
  size_t size = 0;
  for (size_t i = 0; i < n_ids; ++i) {
    if (Status status = capi::check_id(*model, ids[i]); !status.ok()) return capi::report(status, error);
    size += stream.push(ids[i], text + size);
  }
  size += stream.finish(text + size);
  return capi::give(std::string_view(text, size), out, capacity, n, error);
}

size_t syn_model_piece_capacity(const syn_model* model) {
  return model && model->tokenizer ? capi::piece_capacity(*model->tokenizer) : 0;
}

syn_status syn_token_piece(const syn_model* model, int32_t id, uint32_t flags, char* out, size_t capacity, size_t* n,
                           syn_error* error) {
  if (n) *n = 0;
  if (Status status = capi::check_arguments(model, flags, n); !status.ok()) return capi::report(status, error);
  if (Status status = capi::check_id(*model, id); !status.ok()) return capi::report(status, error);
  if (syn_status status = capi::check_room(*model, out, capacity, n, error); status != SYN_OK) return status;
  *n = model->tokenizer->piece(id, (flags & SYN_SHOW_SPECIAL) != 0, out);
  out[*n] = 0;
  return SYN_OK;
}

int32_t syn_token_is_end(const syn_model* model, int32_t id) {
  return model && std::binary_search(model->end_ids.begin(), model->end_ids.end(), id);
}

syn_status syn_decoder_start(syn_decoder* decoder, const syn_model* model, uint32_t flags, syn_error* error) {
  const size_t unused = 0;
  if (!decoder) return capi::invalid(error, "decoder: NULL");
  *decoder = {};
  if (Status status = capi::check_arguments(model, flags, &unused); !status.ok()) return capi::report(status, error);
  new (decoder) capi::Decoder{capi::Decoder::kStarted, model,
                              Detokenizer(*model->tokenizer, (flags & SYN_SHOW_SPECIAL) != 0)};
  return capi::report({}, error);
}

syn_status syn_decoder_push(syn_decoder* decoder, int32_t id, char* out, size_t capacity, size_t* n, syn_error* error) {
  if (!n) return capi::invalid(error, "n: NULL");
  *n = 0;
  capi::Decoder* d = capi::started(decoder);
  if (!d) return capi::invalid(error, "decoder: not started");
  if (Status status = capi::check_id(*d->model, id); !status.ok()) return capi::report(status, error);
  if (syn_status status = capi::check_room(*d->model, out, capacity, n, error); status != SYN_OK) return status;
  *n = d->stream.push(id, out);
  out[*n] = 0;
  return SYN_OK;
}

syn_status syn_decoder_finish(syn_decoder* decoder, char* out, size_t capacity, size_t* n, syn_error* error) {
  if (!n) return capi::invalid(error, "n: NULL");
  *n = 0;
  capi::Decoder* d = capi::started(decoder);
  if (!d) return capi::invalid(error, "decoder: not started");
  if (syn_status status = capi::check_room(*d->model, out, capacity, n, error); status != SYN_OK) return status;
  *n = d->stream.finish(out);
  out[*n] = 0;
  d->stream.reset();
  return SYN_OK;
}
