#include "synapse/import/sentencepiece.h"

#include <algorithm>

#include "synapse/import/protobuf.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse {
namespace {

// Field numbers of sentencepiece_model.proto.
enum ModelField { kPieces = 1, kTrainer = 2, kNormalizer = 3 };
enum PieceField { kText = 1, kScore = 2, kType = 3 };
enum TrainerField {
  kModelType = 3,
  kSpaceAsSuffix = 24,
  kByteFallback = 35,
  kUnkId = 40,
  kBosId = 41,
  kEosId = 42,
  kPadId = 43
};
enum NormalizerField {
  kName = 1,
  kCharsmap = 2,
  kAddDummyPrefix = 3,
  kRemoveExtraSpaces = 4,
  kEscapeSpaces = 5
};
enum ModelType { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };

using Wire = ProtoReader::Wire;

// remove_extra_whitespaces: none at the ends, one between words.
constexpr Normalizer kNoExtraSpaces[] = {
    {NormalStep::strip_left, " ", ""}, {NormalStep::strip_right, " ", ""}, {NormalStep::squeeze, " ", " "}};

template <typename... Parts>
Status corrupt(const Parts&... parts) {
  return fail(Code::corrupt, "tokenizer.model: ", parts...);
}
template <typename... Parts>
Status unsupported(const Parts&... parts) {
  return fail(Code::unsupported, "tokenizer.model: ", parts...);
}

// Defaults are the proto's.
struct Trainer {
  uint64_t model_type = kUnigram;
  bool byte_fallback = false, space_as_suffix = false;
  int32_t unk = 0, bos = 1, eos = 2, pad = -1;
};
struct NormalizerSpec {
  std::string_view name;
  bool has_charsmap = false;
  bool add_dummy_prefix = true, remove_extra_spaces = true, escape_spaces = true;
};
struct Parts {
  size_t n_pieces = 0;
  Trainer trainer;
  NormalizerSpec normalizer;
};

Status read_trainer(std::span<const uint8_t> message, Trainer& t) {
  ProtoReader r(message);
  while (r.next()) {
    if (r.is(kModelType, Wire::varint)) t.model_type = r.number();
    if (r.is(kByteFallback, Wire::varint)) t.byte_fallback = r.number() != 0;
    if (r.is(kSpaceAsSuffix, Wire::varint)) t.space_as_suffix = r.number() != 0;
    if (r.is(kUnkId, Wire::varint)) t.unk = int32_t(r.number());
    if (r.is(kBosId, Wire::varint)) t.bos = int32_t(r.number());
    if (r.is(kEosId, Wire::varint)) t.eos = int32_t(r.number());
    if (r.is(kPadId, Wire::varint)) t.pad = int32_t(r.number());
  }
  return r.ok() ? Status() : corrupt("trainer_spec is broken");
}

Status read_normalizer(std::span<const uint8_t> message, NormalizerSpec& n) {
  ProtoReader r(message);
  while (r.next()) {
    if (r.is(kName, Wire::bytes)) n.name = r.text();
    if (r.is(kCharsmap, Wire::bytes)) n.has_charsmap = !r.data().empty();
    if (r.is(kAddDummyPrefix, Wire::varint)) n.add_dummy_prefix = r.number() != 0;
    if (r.is(kRemoveExtraSpaces, Wire::varint)) n.remove_extra_spaces = r.number() != 0;
    if (r.is(kEscapeSpaces, Wire::varint)) n.escape_spaces = r.number() != 0;
  }
  return r.ok() ? Status() : corrupt("normalizer_spec is broken");
}

Result<Parts> read_parts(std::span<const uint8_t> bytes) {
  Parts parts;
  ProtoReader r(bytes);
  while (r.next()) {
    parts.n_pieces += r.is(kPieces, Wire::bytes);
    if (r.is(kTrainer, Wire::bytes)) SYN_RETURN_IF_ERROR(read_trainer(r.data(), parts.trainer));
    if (r.is(kNormalizer, Wire::bytes)) SYN_RETURN_IF_ERROR(read_normalizer(r.data(), parts.normalizer));
  }
  if (!r.ok() || parts.n_pieces == 0) return corrupt("not a SentencePiece model");
  if (parts.n_pieces > size_t(Vocabulary::kMaxTokens))
    return corrupt(parts.n_pieces, " pieces, at most ", Vocabulary::kMaxTokens);
  return parts;
}

Status check_supported(const Parts& parts) {
  constexpr std::string_view kTypes[] = {"?", "unigram", "BPE", "word", "char"};
  const Trainer& t = parts.trainer;
  const NormalizerSpec& n = parts.normalizer;
  if (t.model_type != kBpe && t.model_type != kUnigram)
    return unsupported("model_type ", kTypes[t.model_type <= kChar ? t.model_type : 0],
                       ", wanted BPE or unigram");
  if (t.space_as_suffix) return unsupported("treat_whitespace_as_suffix");
  if (n.has_charsmap) return unsupported("normalizer ", n.name.substr(0, 64), ", wanted identity");
  if (!n.escape_spaces) return unsupported("escape_whitespaces off");
  return {};
}

Status read_piece(std::span<const uint8_t> message, size_t id, TokenizerSpec& spec) {
  ProtoReader r(message);
  uint64_t type = uint64_t(TokenType::normal);
  while (r.next()) {
    if (r.is(kText, Wire::bytes)) spec.tokens[id] = r.text();
    if (r.is(kScore, Wire::fixed32)) spec.scores[id] = r.as_float();
    if (r.is(kType, Wire::varint)) type = r.number();
  }
  if (!r.ok()) return corrupt("piece ", id, " is broken");
  if (type < 1 || type > 6) return corrupt("piece ", id, ": type ", type, ", wanted 1 to 6");
  if (!(spec.scores[id] >= -1e30f && spec.scores[id] <= 1e30f))
    return corrupt("piece ", id, ": score ", double(spec.scores[id]));
  spec.types[id] = TokenType(type);  // GGUF has these numbers from here
  return {};
}

// The id of a special token; -1 when the model has none or the piece is an ordinary one.
Result<int32_t> special_id(std::string_view name, int32_t id, const TokenizerSpec& spec) {
  if (id < 0) return -1;
  if (size_t(id) >= spec.tokens.size())
    return corrupt(name, " ", id, ", there are ", spec.tokens.size(), " pieces");
  const TokenType type = spec.types[size_t(id)];
  return type == TokenType::control || type == TokenType::unknown ? id : -1;
}

Status read_special(const Trainer& t, TokenizerSpec& spec, Arena& arena) {
  SYN_TRY(unk, special_id("unk_id", t.unk, spec));
  SYN_TRY(bos, special_id("bos_id", t.bos, spec));
  SYN_TRY(eos, special_id("eos_id", t.eos, spec));
  SYN_TRY(pad, special_id("pad_id", t.pad, spec));
  spec.unk_id = unk, spec.bos_id = bos, spec.eos_id = eos, spec.pad_id = pad;
  size_t n_added = 0;
  const auto is_added = [](TokenType type) {
    return type >= TokenType::unknown && type <= TokenType::user_defined;
  };
  for (const TokenType type : spec.types) n_added += is_added(type);
  SYN_TRY(added, arena.zeroed<AddedToken>(n_added, "added tokens"));
  size_t n = 0, n_ends = 0;
  for (size_t id = 0; id < spec.types.size(); ++id) {
    if (!is_added(spec.types[id])) continue;
    AddedToken& token = added[n++];
    token.id = int32_t(id), token.text = spec.tokens[id],
    token.special = spec.types[id] != TokenType::user_defined;
    n_ends += token.special && ends_generation(token.text);
  }
  spec.added = added;
  SYN_TRY(ids, arena.zeroed<int32_t>(2 + n_ends, "tokenizer ids"));
  ids[0] = bos, ids[1] = eos;
  n = 2;
  for (const AddedToken& token : added) {
    if (token.special && ends_generation(token.text) && token.id != eos) ids[n++] = token.id;
  }
  spec.prefix = ids.first(bos >= 0);
  spec.end_ids = eos >= 0 ? ids.subspan(1, n - 1) : ids.subspan(2, n - 2);
  return {};
}

}  // namespace

size_t sentencepiece_arena_bytes(std::span<const uint8_t> bytes) {
  constexpr size_t kTables = sizeof(std::string_view) + sizeof(float) + sizeof(TokenType) +
                             sizeof(AddedToken) + sizeof(int32_t) + sizeof(double);
  return bytes.size() / 2 * kTables + 1024;  // a piece takes two bytes at least
}

Result<TokenizerSpec> read_sentencepiece(std::span<const uint8_t> bytes, Arena& arena) {
  SYN_TRY(parts, read_parts(bytes));
  SYN_RETURN_IF_ERROR(check_supported(parts));
  TokenizerSpec spec;
  spec.kind = parts.trainer.model_type == kBpe ? TokenizerKind::spm_bpe : TokenizerKind::unigram;
  SYN_TRY(tokens, arena.zeroed<std::string_view>(parts.n_pieces, "pieces"));
  SYN_TRY(scores, arena.zeroed<float>(parts.n_pieces, "scores"));
  SYN_TRY(types, arena.zeroed<TokenType>(parts.n_pieces, "types"));
  spec.tokens = tokens, spec.scores = scores, spec.types = types;
  size_t id = 0;
  for (ProtoReader r(bytes); r.next();) {
    if (r.is(kPieces, Wire::bytes)) SYN_RETURN_IF_ERROR(read_piece(r.data(), id++, spec));
  }
  if (spec.kind == TokenizerKind::unigram) {
    SYN_TRY(log_probs, arena.zeroed<double>(scores.size(), "scores"));
    std::copy(scores.begin(), scores.end(), log_probs.begin());
    spec.log_probs = log_probs, spec.scores = {};
  }
  if (parts.normalizer.remove_extra_spaces) spec.normalizers = kNoExtraSpaces;
  SYN_RETURN_IF_ERROR(read_special(parts.trainer, spec, arena));
  spec.byte_fallback = parts.trainer.byte_fallback;
  spec.fuse_unk = true;
  spec.add_space_prefix = spec.strip_space_prefix = parts.normalizer.add_dummy_prefix;
  spec.space_prefix_every_segment = true;
  return spec;
}

}  // namespace synapse
