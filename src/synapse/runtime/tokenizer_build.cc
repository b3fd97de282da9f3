// Building: the spec is checked once, here, so that encoding and decoding cannot meet a surprise.
#include <algorithm>
#include <new>

#include "synapse/runtime/normalize.h"
#include "synapse/runtime/tokenizer.h"
#include "synapse/runtime/tokenizer_impl.h"
#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

constexpr size_t kMaxAdded = 1 << 20, kMaxAffixBytes = 64;

Status check_id(std::string_view what, int32_t id, size_t n, bool may_be_absent) {
  if ((may_be_absent && id == -1) || (id >= 0 && size_t(id) < n)) return {};
  return fail(Code::corrupt, "tokenizer: ", what, " is ", id, ", there are ", n, " tokens");
}

Status check(const TokenizerSpec& spec) {
  const size_t n = spec.tokens.size();
  if (spec.kind == TokenizerKind::none) return fail(Code::unsupported, "tokenizer: the model has none");
  if (n == 0) return fail(Code::corrupt, "tokenizer: no tokens");
  if (!spec.types.empty() && spec.types.size() != n) {
    return fail(Code::corrupt, "tokenizer: ", spec.types.size(), " token types for ", n, " tokens");
  }
  if (!spec.scores.empty() && spec.scores.size() != n) {
    return fail(Code::corrupt, "tokenizer: ", spec.scores.size(), " scores for ", n, " tokens");
  }
  if (spec.kind == TokenizerKind::spm_bpe && spec.merges.empty() && spec.scores.empty()) {
    return fail(Code::corrupt, "tokenizer: neither merges nor scores");
  }
  if (spec.kind == TokenizerKind::unigram && spec.log_probs.size() != n) {
    return fail(Code::corrupt, "tokenizer: ", spec.log_probs.size(), " log probabilities for ", n, " tokens");
  }
  for (const double p : spec.log_probs) {
    if (!(p - p == 0)) return fail(Code::corrupt, "tokenizer: a log probability is not finite");
  }
  for (size_t i = 0; i < spec.scores.size(); ++i) {
    if (spec.scores[i] != spec.scores[i]) return fail(Code::corrupt, "tokenizer: the score of token ", i, " is nan");
  }
  if (spec.added.size() > kMaxAdded) return fail(Code::corrupt, "tokenizer: ", spec.added.size(), " added tokens");
  SYN_RETURN_IF_ERROR(check_id("bos", spec.bos_id, n, true));
  SYN_RETURN_IF_ERROR(check_id("eos", spec.eos_id, n, true));
  SYN_RETURN_IF_ERROR(check_id("unk", spec.unk_id, n, true));
  SYN_RETURN_IF_ERROR(check_id("pad", spec.pad_id, n, true));
  for (const int32_t id : spec.prefix) SYN_RETURN_IF_ERROR(check_id("an id put before the text", id, n, false));
  for (const int32_t id : spec.suffix) SYN_RETURN_IF_ERROR(check_id("an id put after the text", id, n, false));
  for (const int32_t id : spec.end_ids) SYN_RETURN_IF_ERROR(check_id("an end id", id, n, false));
  for (const AddedToken& a : spec.added) SYN_RETURN_IF_ERROR(check_id("an added token", a.id, n, false));
  if (std::max({spec.first_prefix.size(), spec.next_prefix.size(), spec.word_suffix.size()}) > kMaxAffixBytes) {
    return fail(Code::corrupt, "tokenizer: a prefix or suffix of more than ", kMaxAffixBytes, " bytes");
  }
  const auto* steps = spec.pre.steps;
  if (size_t(std::count(steps, steps + spec.pre.size(), PreTokenizer::pattern)) != spec.patterns.size()) {
    return fail(Code::corrupt, "tokenizer: ", spec.patterns.size(), " patterns for another number of cuts");
  }
  if (!spec.patterns.empty() && !spec.pattern_engine) {
    return fail(Code::unsupported, "tokenizer: no engine for the pattern ", spec.patterns[0].regex);
  }
  return check_normalizers(spec.normalizers);
}

// Most bytes that the text of an added token takes once normalised.
size_t added_bytes(const AddedToken& token, const TokenizerSpec& spec) {
  return (token.normalized ? normalized_size(spec.normalizers, token.text.size()) : token.text.size()) + 1;
}

// Bytes of the texts that the spec views, tokens apart.
size_t text_bytes(const TokenizerSpec& spec) {
  size_t n = spec.first_prefix.size() + spec.next_prefix.size() + spec.word_suffix.size();
  for (const AddedToken& t : spec.added) n += added_bytes(t, spec);
  for (const Normalizer& step : spec.normalizers) n += step.from.size() + step.to.size();
  for (const SplitPattern& p : spec.patterns) n += p.regex.size();
  return n;
}

bool has_index(TokenizerKind kind) { return kind == TokenizerKind::unigram || kind == TokenizerKind::trie; }

// The memory of a tokenizer, untouched.
struct Layout {
  Vocabulary vocabulary;
  MergeTable merges;
  std::span<TokenType> types;
  std::span<uint32_t> ranks;
  std::span<int32_t> ids;  // prefix, suffix, end ids
  std::span<AddedToken> added;
  PrefixIndex index;
  std::span<double> log_probs;
  std::span<Normalizer> normalizers;
  std::span<SplitPattern> patterns;
  std::span<const void*> compiled;
  std::span<char> texts;  // what is left of them
};

template <typename T>
bool take(std::span<T>& out, size_t n, Arena& arena) {
  T* p = arena.array<T>(n);
  if (p) out = {p, n};
  return p != nullptr;
}

bool lay_out(const TokenizerSpec& spec, Layout& layout, Arena& arena) {
  const bool by_score = spec.merges.empty() && spec.kind == TokenizerKind::spm_bpe;
  return take(layout.texts, text_bytes(spec), arena) && layout.vocabulary.reserve(spec.tokens, arena) &&
         layout.merges.reserve(spec.merges.size(), arena) && take(layout.types, spec.tokens.size(), arena) &&
         take(layout.ranks, by_score ? spec.tokens.size() : 0, arena) &&
         take(layout.ids, spec.prefix.size() + spec.suffix.size() + spec.end_ids.size(), arena) &&
         take(layout.added, spec.added.size(), arena) &&
         layout.index.reserve(has_index(spec.kind) ? spec.tokens.size() : 0, arena) &&
         take(layout.log_probs, spec.log_probs.size(), arena) && take(layout.normalizers, spec.normalizers.size(), arena) &&
         take(layout.patterns, spec.patterns.size(), arena) && take(layout.compiled, spec.patterns.size(), arena);
}

// Look-ups are memory's time, not the processor's: a batch asks for all its places before it looks at the first.
Status fill_merges(const TokenizerSpec& spec, const Vocabulary& vocabulary, MergeTable& table) {
  constexpr size_t kBatch = 32;
  struct Looked {
    uint64_t left, right, whole;  // hashes
    int32_t left_id, right_id, whole_id;
  };
  Looked batch[kBatch];
  table.clear();
  for (size_t first = 0; first < spec.merges.size(); first += kBatch) {
    const auto merges = spec.merges.subspan(first, std::min(kBatch, spec.merges.size() - first));
    for (size_t i = 0; i < merges.size(); ++i) {
      const auto [left, right] = merges[i];
      Looked& m = batch[i];
      m.left = hash64(left.data(), left.size());
      m.right = hash64(right.data(), right.size());
      m.whole = hash64(right.data(), right.size(), m.left);
      for (const uint64_t hash : {m.left, m.right, m.whole}) vocabulary.look_for(hash);
    }
    for (size_t i = 0; i < merges.size(); ++i) {
      const auto [left, right] = merges[i];
      Looked& m = batch[i];
      m.left_id = vocabulary.find_hashed(m.left, left, {});
      m.right_id = vocabulary.find_hashed(m.right, right, {});
      m.whole_id = vocabulary.find_hashed(m.whole, left, right);
      if (m.left_id < 0 || m.right_id < 0 || m.whole_id < 0) {
        const std::string_view missing = m.left_id < 0 ? "the left part" : m.right_id < 0 ? "the right part" : "the whole";
        return fail(Code::corrupt, "tokenizer: merge ", first + i, " (", left, " + ", right, "): ", missing, " is no token");
      }
      table.look_for(m.left_id, m.right_id);
    }
    for (size_t i = 0; i < merges.size(); ++i) {
      table.insert(batch[i].left_id, batch[i].right_id, {uint32_t(first + i), batch[i].whole_id});
    }
  }
  return {};
}

Status fill_types(const TokenizerSpec& spec, std::span<TokenType> types) {
  for (size_t i = 0; i < types.size(); ++i) {
    types[i] = spec.types.empty() ? TokenType::normal : spec.types[i];
    if (types[i] < TokenType::normal || types[i] > TokenType::byte) {
      return fail(Code::corrupt, "tokenizer: token ", i, " has type ", int(types[i]), ", wanted 1 to 6");
    }
    if (types[i] == TokenType::byte && byte_token_value(spec.tokens[i]) < 0) {
      return fail(Code::corrupt, "tokenizer: byte token ", i, " is ", spec.tokens[i], ", wanted <0x00> to <0xFF>");
    }
  }
  return {};
}

void fill_byte_ids(const TokenizerSpec& spec, const Vocabulary& vocabulary, std::string_view suffix, std::span<int32_t, 256> ids) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (uint32_t b = 0; b < 256; ++b) {
    char letter[4];
    const char name[6] = {'<', '0', 'x', kDigits[b >> 4], kDigits[b & 15], '>'};
    if (spec.kind == TokenizerKind::byte_bpe) {
      ids[b] = vocabulary.find({letter, encode_utf8(byte_to_letter(uint8_t(b)), letter)}, suffix);
    } else {
      ids[b] = spec.byte_fallback ? vocabulary.find({name, sizeof name}) : -1;
    }
  }
}

// U+2581 as a space, other ASCII as itself, 0 for the rest.
uint32_t ascii_or_space(const CodePoint& c) { return c.value == 0x2581 ? ' ' : c.value < 0x80 ? c.value : 0; }

void fill_cuts(const TokenizerSpec& spec, const Vocabulary& vocabulary, uint64_t (&may_cut)[128][2]) {
  bool known[128] = {};
  for (uint32_t a = 1; a < 128; ++a) {
    const char text = char(a);
    known[a] = vocabulary.find_spaced({&text, 1}) >= 0;
  }
  for (uint32_t a = 0; a < 128; ++a) {
    for (uint32_t b = 0; b < 128; ++b) {
      if (known[a] && known[b] && !spec.ignore_merges) may_cut[a][b >> 6] |= uint64_t(1) << (b & 63);
    }
  }
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.text(id);
    uint32_t before = 0;
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      const uint32_t here = ascii_or_space(c);
      may_cut[before][here >> 6] &= ~(uint64_t(1) << (here & 63));
      before = here;
      at += c.bytes;
    }
  }
}

// Copies the added tokens, the raw ones first, with the text that will be looked for; returns how many are raw.
Result<size_t> fill_added(const TokenizerSpec& spec, Layout& layout, Arena& scratch) {
  size_t n_raw = 0, n = 0;
  char* at = layout.texts.data();
  for (const bool normalized : {false, true}) {
    for (const AddedToken& token : spec.added) {
      if (token.normalized != normalized) continue;
      AddedToken copy = token;
      const size_t mark = scratch.mark();
      std::string_view text = token.text;
      if (normalized) {
        SYN_TRY(normal, normalize(spec.normalizers, text, scratch));
        text = normal;
      }
      char* begin = at;
      if (!stores_spaces(spec.kind) || !normalized) {
        if (!text.empty()) std::memcpy(at, text.data(), text.size());
        at += text.size();
      } else {
        if (spec.add_space_prefix && !spec.space_prefix_if_missing) *at++ = ' ';
        for (size_t i = 0; i < text.size();) {
          const CodePoint c = decode_utf8(text, i);
          at += encode_utf8(c.value == 0x2581 ? ' ' : c.value, at);
          i += c.bytes;
        }
      }
      copy.text = {begin, size_t(at - begin)};
      scratch.rewind(mark);
      layout.added[n++] = copy;
      n_raw += !normalized;
    }
  }
  layout.texts = layout.texts.subspan(size_t(at - layout.texts.data()));
  return n_raw;
}

std::string_view copy_text(std::string_view text, std::span<char>& room) {
  std::copy(text.begin(), text.end(), room.begin());
  const std::string_view copy(room.data(), text.size());
  room = room.subspan(text.size());
  return copy;
}

void fill_rules(const TokenizerSpec& spec, Layout& layout, TokenizerSpec& copy) {
  for (size_t i = 0; i < spec.normalizers.size(); ++i) {
    const Normalizer& n = spec.normalizers[i];
    layout.normalizers[i] = {n.step, copy_text(n.from, layout.texts), copy_text(n.to, layout.texts)};
  }
  for (size_t i = 0; i < spec.patterns.size(); ++i) {
    layout.patterns[i] = {copy_text(spec.patterns[i].regex, layout.texts), spec.patterns[i].keep_rest};
  }
  copy.normalizers = layout.normalizers;
  copy.patterns = layout.patterns;
  copy.first_prefix = copy_text(spec.first_prefix, layout.texts);
  copy.next_prefix = copy_text(spec.next_prefix, layout.texts);
  copy.word_suffix = copy_text(spec.word_suffix, layout.texts);
}

std::span<int32_t> copy_ids(std::span<const int32_t> ids, std::span<int32_t>& room) {
  const std::span<int32_t> copy = room.first(ids.size());
  std::copy(ids.begin(), ids.end(), copy.begin());
  room = room.subspan(ids.size());
  return copy;
}

}  // namespace

size_t Tokenizer::bytes(const TokenizerSpec& spec) {
  Arena counting = Arena::counting();
  Layout layout;
  counting.alloc(sizeof(Impl));
  counting.alloc(sizeof(Tokenizer));
  lay_out(spec, layout, counting);
  size_t longest = 0, patterns = 0;
  for (const AddedToken& t : spec.added) {
    if (t.normalized) longest = std::max(longest, t.text.size());
  }
  for (const SplitPattern& p : spec.patterns) patterns += spec.pattern_engine ? spec.pattern_engine->bytes(p.regex) : 0;
  return counting.used() + patterns + normalize_bytes(spec.normalizers, longest) + 256;
}

Result<Tokenizer*> Tokenizer::build(const TokenizerSpec& spec, Arena& arena) {
  SYN_RETURN_IF_ERROR(check(spec));
  void* impl_memory = arena.alloc(sizeof(Impl));
  void* memory = arena.alloc(sizeof(Tokenizer));
  Layout layout;
  if (!impl_memory || !memory || !lay_out(spec, layout, arena)) {
    return fail(Code::out_of_memory, "tokenizer: ", bytes(spec), " bytes for ", spec.tokens.size(), " tokens and ",
                spec.merges.size(), " merges");
  }
  auto* impl = new (impl_memory) Impl;
  impl->spec = spec;
  impl->spec.tokens = {};
  impl->spec.scores = {};
  impl->spec.types = {};
  impl->spec.merges = {};
  impl->spec.added = {};
  impl->spec.log_probs = {};
  impl->spec.prefix = copy_ids(spec.prefix, layout.ids);
  impl->spec.suffix = copy_ids(spec.suffix, layout.ids);
  impl->spec.end_ids = copy_ids(spec.end_ids, layout.ids);

  layout.vocabulary.fill(spec.tokens);
  SYN_RETURN_IF_ERROR(fill_types(spec, layout.types));
  SYN_RETURN_IF_ERROR(fill_merges(spec, layout.vocabulary, layout.merges));
  for (size_t i = 0; i < layout.ranks.size(); ++i) layout.ranks[i] = rank_of_score(spec.scores[i]);
  SYN_TRY(n_raw, fill_added(spec, layout, arena));
  impl->added_raw.build(layout.added.first(n_raw));
  impl->added_normalized.build(layout.added.subspan(n_raw));
  fill_rules(spec, layout, impl->spec);
  for (size_t i = 0; i < spec.patterns.size(); ++i) {
    SYN_TRY(compiled, spec.pattern_engine->compile(spec.patterns[i].regex, arena));
    layout.compiled[i] = compiled;
  }
  fill_byte_ids(spec, layout.vocabulary, "", impl->byte_ids);
  fill_byte_ids(spec, layout.vocabulary, spec.word_suffix, impl->last_byte_ids);
  if (has_index(spec.kind)) {
    layout.index.fill(layout.vocabulary, [&](int32_t id) { return layout.types[size_t(id)] == TokenType::normal ||
                                                                  layout.types[size_t(id)] == TokenType::user_defined; });
  }
  std::copy(spec.log_probs.begin(), spec.log_probs.end(), layout.log_probs.begin());
  if (!layout.log_probs.empty()) impl->least_log_prob = *std::min_element(layout.log_probs.begin(), layout.log_probs.end());
  if (spec.kind == TokenizerKind::spm_bpe) fill_cuts(spec, layout.vocabulary, impl->may_cut);
  impl->vocabulary = layout.vocabulary;
  impl->merges = layout.merges;
  impl->types = layout.types;
  impl->ranks = layout.ranks;
  impl->index = layout.index;
  impl->log_probs = layout.log_probs;
  impl->compiled = layout.compiled;

  auto* tokenizer = new (memory) Tokenizer;
  tokenizer->impl_ = impl;
  return tokenizer;
}

}  // namespace synapse
