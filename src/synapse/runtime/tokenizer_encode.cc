// Encoding: text -> segments between added tokens -> normalised -> words -> symbols -> merged ids.
#include <algorithm>
#include <bit>

#include "synapse/base/rng.h"
#include "synapse/runtime/normalize.h"
#include "synapse/runtime/pretokenize.h"
#include "synapse/runtime/tokenizer_impl.h"
#include "synapse/runtime/unicode.h"

namespace synapse {
namespace {

constexpr size_t kMaxTextBytes = size_t(1) << 28;
constexpr std::string_view kSpace = "\u2581";

// Ids go here; those that find no room are counted.
struct Sink {
  std::span<int32_t> out;
  size_t n = 0;
  void push(int32_t id) {
    if (n < out.size()) out[n] = id;
    ++n;
  }
};

// Short words seen before in this text, with the place of their ids in the output. Direct mapped.
class WordCache {
 public:
  struct Entry {
    uint64_t key[2] = {};  // the word, zero padded
    uint32_t first = 0;    // its ids: out[first .. first + n)
    uint8_t n_bytes = 0, n = 0;
  };
  static constexpr size_t kWordBytes = 16;
  static size_t n_entries(size_t text_bytes) { return std::bit_ceil(std::clamp<size_t>(text_bytes / 8, 16, 4096)); }

  bool reserve(size_t text_bytes, Arena& arena) {
    const size_t n = n_entries(text_bytes);
    auto* p = arena.array<Entry>(n);
    if (!p) return false;
    entries_ = {p, n};
    std::fill(entries_.begin(), entries_.end(), Entry{});
    return true;
  }
  // The word's entry, holding it or one that may be overwritten: then n_bytes is 0. REQUIRES 1 to 16 bytes.
  Entry& entry(std::string_view word) {
    Entry wanted;
    std::memcpy(wanted.key, word.data(), word.size());
    wanted.n_bytes = uint8_t(word.size());
    Entry& e = entries_[mix64(wanted.key[0] ^ mix64(wanted.key[1] + word.size())) & (entries_.size() - 1)];
    if (e.n_bytes == wanted.n_bytes && e.key[0] == wanted.key[0] && e.key[1] == wanted.key[1]) return e;
    wanted.n_bytes = 0;
    e = wanted;
    return e;
  }

 private:
  std::span<Entry> entries_;
};

}  // namespace

class Encoder {
 public:
  Encoder(const Tokenizer::Impl& impl, EncodeOptions options, std::span<int32_t> out, Arena& scratch)
      : impl_(impl), spec_(impl.spec), options_(options), sink_{out}, scratch_(scratch), n_cuts_(impl.spec.pre.size()) {}

  Result<size_t> run(std::string_view text) {
    if (!cache_.reserve(text.size(), scratch_)) return no_room(text.size());
    if (options_.add_special) push_all(spec_.prefix);
    for (size_t at = 0; at < text.size();) {
      const AddedTokens::Match m = impl_.added_raw.find(text, at, options_.parse_special, options_.literal);
      if (m.begin > at) SYN_RETURN_IF_ERROR(segment(text.substr(at, m.begin - at), at == 0, is_literal(at, m.begin)));
      if (m.id >= 0) sink_.push(m.id);
      at = m.end;
    }
    if (options_.add_special) push_all(spec_.suffix);
    if (sink_.n > sink_.out.size()) {
      return fail(Code::invalid, "tokenizer: ", sink_.n, " ids, there is room for ", sink_.out.size());
    }
    return sink_.n;
  }

  static size_t scratch_bytes(const TokenizerSpec& spec, size_t text_bytes) {
    const size_t n = normalized_size(spec.normalizers, text_bytes) + 1;
    const size_t normalising = normalize_bytes(spec.normalizers, text_bytes) + n;
    const size_t merging = n * sizeof(Symbol) + std::max(merge_bytes(n), unigram_bytes(n));
    return WordCache::n_entries(text_bytes) * sizeof(WordCache::Entry) + normalising + merging + 1024;
  }

 private:
  static Status no_room(size_t bytes) {
    return fail(Code::out_of_memory, "tokenizer: no scratch memory for a text of ", bytes, " bytes");
  }

  bool spaced() const { return stores_spaces(spec_.kind); }

  void push_all(std::span<const int32_t> ids) {
    for (const int32_t id : ids) sink_.push(id);
  }

  bool is_literal(size_t begin, size_t end) const {
    return std::any_of(options_.literal.begin(), options_.literal.end(),
                       [=](const TextRange& r) { return r.begin < end && begin < r.end; });
  }

  // Text between added tokens, as it was written. Where a part of it is literal none of it is searched for special
  // tokens once it is normalised: what was where is not known then.
  Status segment(std::string_view text, bool at_start, bool is_literal) {
    const size_t mark = scratch_.mark();
    SYN_TRY(normal, normalize(spec_.normalizers, text, scratch_));
    text = normal;
    const bool has_space = text.starts_with(' ') || (spaced() && text.starts_with(kSpace));
    const bool prefix = spec_.add_space_prefix && !text.empty() && (spec_.space_prefix_every_segment || at_start) &&
                        !(spec_.space_prefix_if_missing && has_space);
    if (prefix || (spaced() && text.find(kSpace) != text.npos)) {
      char* copy = scratch_.array<char>(text.size() + 1);
      if (!copy) return no_room(text.size());
      size_t n = 0;
      if (prefix) copy[n++] = ' ';
      for (size_t i = 0; i < text.size();) {
        const bool space = spaced() && text.substr(i, kSpace.size()) == kSpace;  // ' ' stands for U+2581 from here on
        copy[n++] = space ? ' ' : text[i];
        i += space ? kSpace.size() : 1;
      }
      text = {copy, n};
    }
    for (size_t at = 0; at < text.size();) {
      const AddedTokens::Match m = impl_.added_normalized.find(text, at, options_.parse_special && !is_literal);
      if (m.begin > at) SYN_RETURN_IF_ERROR(cut(text.substr(at, m.begin - at), 0));
      if (m.id >= 0) sink_.push(m.id);
      at = m.end;
    }
    scratch_.rewind(mark);
    return {};
  }

  // The pieces that the cuts from `step` on make of the text become words.
  Status cut(std::string_view text, size_t step) {
    if (step == n_cuts_) return spec_.kind == TokenizerKind::spm_bpe ? spm_words(text) : word(text);
    const PreTokenizer kind = spec_.pre.steps[step];
    if (kind == PreTokenizer::pattern) return cut_by_pattern(text, step);
    for (size_t at = 0; at < text.size();) {
      const size_t end = word_end(kind, text, at);
      const bool dropped = drops_white_space(kind) && char_class(decode_utf8(text, at).value) == CharClass::space;
      if (!dropped) SYN_RETURN_IF_ERROR(cut(text.substr(at, end - at), step + 1));
      at = end;
    }
    return {};
  }

  Status cut_by_pattern(std::string_view text, size_t step) {
    const PreTokenizer* steps = spec_.pre.steps;
    const auto index = size_t(std::count(steps, steps + step, PreTokenizer::pattern));
    for (size_t at = 0; at < text.size();) {
      SYN_TRY(match, spec_.pattern_engine->find(impl_.compiled[index], text, at));
      const std::string_view rest = text.substr(at, match.begin - at), found = text.substr(match.begin, match.end - match.begin);
      if (!rest.empty() && spec_.patterns[index].keep_rest) SYN_RETURN_IF_ERROR(cut(rest, step + 1));
      if (!found.empty()) SYN_RETURN_IF_ERROR(cut(found, step + 1));
      at = match.end;
    }
    return {};
  }

  // SentencePiece knows no words; but where no token joins two characters, the text may as well be cut.
  Status spm_words(std::string_view text) {
    size_t begin = 0;
    for (size_t i = 1; i < text.size(); ++i) {
      const auto a = uint8_t(text[i - 1]), b = uint8_t(text[i]);
      if (a >= 0x80 || b >= 0x80 || !(impl_.may_cut[a][b >> 6] >> (b & 63) & 1)) continue;
      SYN_RETURN_IF_ERROR(word(text.substr(begin, i - begin)));
      begin = i;
    }
    return word(text.substr(begin));
  }

  Status word(std::string_view w) {
    if (w.size() > WordCache::kWordBytes) return tokens(w);
    WordCache::Entry& entry = cache_.entry(w);
    if (entry.n_bytes == 0) {
      const size_t first = sink_.n;
      SYN_RETURN_IF_ERROR(tokens(w));
      if (sink_.n <= sink_.out.size() && sink_.n <= UINT32_MAX) {
        entry.first = uint32_t(first);
        entry.n = uint8_t(sink_.n - first);
        entry.n_bytes = uint8_t(w.size());
      }
      return {};
    }
    for (uint32_t i = 0; i < entry.n; ++i) sink_.push(sink_.out[entry.first + i]);
    return {};
  }

  // The ids of a word, not looked up.
  Status tokens(std::string_view w) {
    switch (spec_.kind) {
      case TokenizerKind::unigram: return likely_tokens(w);
      case TokenizerKind::wordpiece: return word_pieces(w), Status();
      case TokenizerKind::trie: return longest_tokens(w), Status();
      default: return merge_word(w);
    }
  }

  Status likely_tokens(std::string_view w) {
    const size_t mark = scratch_.mark();
    Symbol* symbols = scratch_.array<Symbol>(w.size() + 1);
    if (!symbols) return no_room(w.size());
    SYN_TRY(n, best_tokens({impl_.vocabulary, impl_.index, impl_.log_probs, impl_.least_log_prob}, w, symbols, scratch_));
    push_symbols(w, symbols, n);
    scratch_.rewind(mark);
    return {};
  }

  // The longest token at the front, then of the rest; a word that cannot be written so is unknown as a whole.
  void word_pieces(std::string_view w) {
    const size_t n_before = sink_.n;
    size_t n_chars = 0;
    for (size_t at = 0; at < w.size(); at += decode_utf8(w, at).bytes) ++n_chars;
    bool known = n_chars <= size_t(spec_.max_word_chars);
    for (size_t at = 0; known && at < w.size();) {
      const std::string_view prefix = at == 0 ? spec_.first_prefix : spec_.next_prefix;
      size_t end = std::min(w.size(), at + impl_.vocabulary.max_token_bytes());
      int32_t id = -1;
      for (; end > at; --end) {
        const bool inside = end < w.size() && (uint8_t(w[end]) & 0xC0) == 0x80;
        if (!inside && (id = impl_.vocabulary.find(prefix, w.substr(at, end - at))) >= 0) break;
      }
      known = id >= 0;
      if (known) sink_.push(id);
      at = end;
    }
    if (known) return;
    sink_.n = n_before;
    if (spec_.unk_id >= 0) sink_.push(spec_.unk_id);
  }

  void longest_tokens(std::string_view w) {
    for (size_t at = 0; at < w.size();) {
      int32_t longest = spec_.unk_id;
      size_t bytes = 1;
      impl_.index.prefixes(impl_.vocabulary, w.substr(at), false, [&](int32_t id, size_t size) { longest = id, bytes = size; });
      if (longest >= 0) sink_.push(longest);
      at += bytes;
    }
  }

  Status merge_word(std::string_view w) {
    if (spec_.ignore_merges) {
      const int32_t id = whole_word(w);
      if (id >= 0) return sink_.push(id), Status();
    }
    const size_t mark = scratch_.mark();
    Symbol few[WordCache::kWordBytes * 2 + 2];
    Symbol* symbols = w.size() + 1 <= std::size(few) ? few : scratch_.array<Symbol>(w.size() + 1);
    if (!symbols) return no_room(w.size());
    const bool by_score = !impl_.ranks.empty();
    size_t n = !spaced() ? byte_symbols(w, symbols) : char_symbols(w, symbols, by_score);
    symbols[n] = {uint32_t(w.size()), -1};
    if (n > 1) {
      auto merged = by_score ? merge(JoinsByScore{impl_.vocabulary, impl_.ranks, w}, symbols, n, scratch_)
                             : merge(JoinsByRank{impl_.merges}, symbols, n, scratch_);
      if (!merged.ok()) return merged.status();
      n = *merged;
    }
    push_symbols(w, symbols, n);
    scratch_.rewind(mark);
    return {};
  }

  void push_symbols(std::string_view w, const Symbol* symbols, size_t n) {
    bool unknown = false;
    for (size_t i = 0; i < n; ++i) {
      if (symbols[i].id >= 0) {
        sink_.push(symbols[i].id);
        unknown = false;
      } else {
        unknown = push_bytes(w.substr(symbols[i].begin, symbols[i + 1].begin - symbols[i].begin), unknown);
      }
    }
  }

  // The token that is the whole word, -1 when there is none.
  int32_t whole_word(std::string_view w) {
    if (w.size() > impl_.vocabulary.max_token_bytes()) return -1;
    if (spaced()) return impl_.vocabulary.find_spaced(w);
    const size_t mark = scratch_.mark();
    char* letters = scratch_.array<char>(2 * w.size() + 4);
    if (!letters) return -1;
    size_t n = 0;
    for (const char b : w) n += encode_utf8(byte_to_letter(uint8_t(b)), letters + n);
    const int32_t id = impl_.vocabulary.find({letters, n});
    scratch_.rewind(mark);
    return id;
  }

  // Adds the unknown token, if there is one, for a character at `begin`.
  size_t add_unknown(Symbol* symbols, size_t n, size_t begin, bool& after_unknown) const {
    if (spec_.unk_id >= 0 && !(after_unknown && spec_.fuse_unk)) symbols[n++] = {uint32_t(begin), spec_.unk_id};
    after_unknown = true;
    return n;
  }

  size_t byte_symbols(std::string_view w, Symbol* symbols) const {
    size_t n = 0;
    bool unknown = false;
    for (size_t i = 0; i < w.size(); ++i) {
      const bool last = i + 1 == w.size() && !spec_.word_suffix.empty();
      const int32_t id = (last ? impl_.last_byte_ids : impl_.byte_ids)[uint8_t(w[i])];
      if (id >= 0) {
        symbols[n++] = {uint32_t(i), id};
        unknown = false;
      } else {
        n = add_unknown(symbols, n, i, unknown);
      }
    }
    return n;
  }

  // Merging by score looks at the text, so a character without a token stays, as id -1; merging by rank looks at
  // ids, so its bytes or the unknown token stand in from the start.
  size_t char_symbols(std::string_view w, Symbol* symbols, bool by_score) const {
    size_t n = 0;
    bool unknown = false;
    for (size_t i = 0; i < w.size();) {
      const uint32_t bytes = decode_utf8(w, i).bytes;
      const std::string_view c = w.substr(i, bytes);
      const int32_t id = impl_.vocabulary.find_spaced(c);
      if (id >= 0 || by_score) {
        symbols[n++] = {uint32_t(i), id};
        unknown = false;
      } else if (has_bytes(c)) {
        for (uint32_t b = 0; b < bytes; ++b) symbols[n++] = {uint32_t(i + b), impl_.byte_ids[uint8_t(c[b])]};
        unknown = false;
      } else {
        n = add_unknown(symbols, n, i, unknown);
      }
      i += bytes;
    }
    return n;
  }

  bool has_bytes(std::string_view c) const {
    return std::all_of(c.begin(), c.end(), [this](char b) { return impl_.byte_ids[uint8_t(b)] >= 0; });
  }

  // A character without a token, after merging by score. Returns whether the unknown token came last.
  bool push_bytes(std::string_view c, bool after_unknown) {
    if (has_bytes(c)) {
      for (const char b : c) sink_.push(impl_.byte_ids[uint8_t(b)]);
      return false;
    }
    if (spec_.unk_id >= 0 && !(after_unknown && spec_.fuse_unk)) sink_.push(spec_.unk_id);
    return true;
  }

  const Tokenizer::Impl& impl_;
  const TokenizerSpec& spec_;
  EncodeOptions options_;
  Sink sink_;
  Arena& scratch_;
  size_t n_cuts_;
  WordCache cache_;
};

Result<size_t> Tokenizer::encode(std::string_view text, EncodeOptions options, std::span<int32_t> out,
                                 Arena& scratch) const {
  if (text.size() > kMaxTextBytes) {
    return fail(Code::invalid, "tokenizer: a text of ", text.size(), " bytes, at most ", kMaxTextBytes, " at once");
  }
  const size_t mark = scratch.mark();
  const Result<size_t> n = Encoder(*impl_, options, out, scratch).run(text);
  scratch.rewind(mark);
  return n;
}

size_t Tokenizer::max_ids(size_t text_bytes) const {
  // Each byte may be a segment of its own, with a space put before it.
  const TokenizerSpec& spec = impl_->spec;
  return text_bytes * (normalized_size(spec.normalizers, 1) + 1) + spec.prefix.size() + spec.suffix.size();
}

size_t Tokenizer::encode_scratch_bytes(size_t text_bytes) const {
  return Encoder::scratch_bytes(impl_->spec, text_bytes);
}

}  // namespace synapse
