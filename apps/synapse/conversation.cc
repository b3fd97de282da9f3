#include "conversation.h"

#include <algorithm>

#include "progress.h"
#include "synapse/runtime/resume.h"

namespace synapse::cli {
namespace {

// JSON in which what is not UTF-8 shows as U+FFFD.
std::string text_of(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

// A character that stands in no text of the conversation, for marking places in it: one of Unicode's noncharacters.
std::string unused_mark(std::string_view text) {
  for (char c = char(0x90); c <= char(0xAF); ++c) {  // U+FDD0 to U+FDEF
    const std::string mark = {char(0xEF), char(0xB7), c};
    if (text.find(mark) == text.npos) return mark;
  }
  return {};
}

// Puts the mark inside every control token that a text spells, behind its first byte.
void break_control_tokens(std::string& text, const Tokenizer& tokenizer, std::string_view mark) {
  std::vector<size_t> places;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string_view name = tokenizer.token_text(id);
    if (tokenizer.token_type(id) != TokenType::control || name.size() < 2) continue;
    for (size_t at = 0; (at = text.find(name, at)) != text.npos; ++at) places.push_back(at + 1);
  }
  std::ranges::sort(places);
  places.erase(std::unique(places.begin(), places.end()), places.end());
  for (size_t i = places.size(); i > 0; --i) text.insert(places[i - 1], mark);
}

// The same in every text within a value.
void break_control_tokens(Json& value, const Tokenizer& tokenizer, std::string_view mark) {
  if (value.is_string()) return break_control_tokens(value.get_ref<std::string&>(), tokenizer, mark);
  if (value.is_structured())
    for (Json& inner : value) break_control_tokens(inner, tokenizer, mark);
}

// Takes the marks out; the bytes on both sides of each are text, whatever they spell.
std::vector<TextRange> take_marks(std::string& text, std::string_view mark) {
  std::vector<TextRange> ranges;
  std::string plain;
  for (size_t at = 0; at < text.size();) {
    const size_t next = std::min(text.find(mark, at), text.size());
    plain.append(text, at, next - at);
    at = next + mark.size();
    if (next == text.size()) break;
    const size_t begin = std::max<size_t>(plain.size(), 1) - 1;
    if (!ranges.empty() && begin < ranges.back().end) ranges.back().end = plain.size() + 1;
    else ranges.push_back({begin, plain.size() + 1});
  }
  text = std::move(plain);
  return ranges;
}

Json without_oldest_exchange(const Json& messages, size_t& n_dropped) {
  Json rest = Json::array();
  size_t at = 0;
  if (!messages.empty() && messages[0]["role"] == "system") rest.push_back(messages[at++]);
  // The user's words and all that answered them, up to the next of the user's; the last are never dropped.
  size_t end = at + 1;
  while (end < messages.size() && messages[end]["role"] != "user") ++end;
  if (end >= messages.size()) return messages;
  n_dropped += end - at;
  for (; end < messages.size(); ++end) rest.push_back(messages[end]);
  return rest;
}

}  // namespace

Result<std::vector<int32_t>> Conversation::prompt_ids(const Json& shown) const {
  const Vocabulary& vocabulary = engine_.vocabulary();
  const Tokenizer& tokenizer = *vocabulary.tokenizer;
  const auto name = [&](int32_t id) { return id < 0 ? std::string() : std::string(tokenizer.token_text(id)); };
  Json theirs = {{"messages", shown}};
  if (!tools.is_null()) theirs["tools"] = tools;
  const std::string mark = unused_mark(text_of(theirs));
  if (mark.empty()) return fail(Code::invalid, "conversation: holds all noncharacters from U+FDD0 to U+FDEF, wanted one unused");
  break_control_tokens(theirs, tokenizer, mark);
  Json context = variables;
  context["add_generation_prompt"] = true;
  context["bos_token"] = name(tokenizer.bos_id());
  context["eos_token"] = name(tokenizer.eos_id());
  context.update(theirs);

  SYN_TRY(clock, clock_of(""));
  SYN_TRY(text, template_.render(text_of(context), clock));
  const std::vector<TextRange> literal = take_marks(text, mark);
  SYN_TRY(ids, vocabulary.encode(text, {.add_special = false, .parse_special = true, .literal = literal}));
  // A template may write the token that begins a text itself.
  SYN_TRY(around, vocabulary.encode("", {}));
  const bool wants_bos = !around.empty() && around[0] == tokenizer.bos_id();
  if (wants_bos && (ids.empty() || ids[0] != around[0])) ids.insert(ids.begin(), around[0]);
  if (ids.empty()) return fail(Code::invalid, "chat template: makes an empty prompt");
  return ids;
}

Result<std::vector<int32_t>> Conversation::fitting_ids(size_t room, size_t& n_forgotten) const {
  const auto most = size_t(session_.max_seq_len());
  Json shown = messages;
  while (true) {
    SYN_TRY(ids, prompt_ids(shown));
    if (ids.size() + (forgets ? room : 1) <= most) return std::move(ids);
    const size_t before = n_forgotten;
    if (forgets) shown = without_oldest_exchange(shown, n_forgotten);
    if (n_forgotten != before) continue;
    if (forgets && ids.size() < most) return std::move(ids);
    return fail(Code::invalid, "context: the conversation has ", ids.size(), " tokens, the context holds ", most,
                forgets ? "" : "; /reset, --when-full forget or a longer -c makes room");
  }
}

Status Conversation::read(std::span<const int32_t> ids, size_t batch, Turn& turn) {
  const Tokenizer& tokenizer = *engine_.vocabulary().tokenizer;
  SYN_TRY(scratch, Region::make(resume_scratch_bytes(tokenizer)));
  SYN_TRY(resume, resume_point(tokenizer, session_.ids(), ids, scratch.arena()));
  SYN_RETURN_IF_ERROR(session_.truncate(int32_t(resume.n_kept)));
  auto rest = ids.subspan(resume.n_known);
  rest = rest.subspan(size_t(session_.feed_known(rest)));
  turn.n_read = rest.size();
  Progress progress("reading");
  for (size_t at = 0; at < rest.size(); at += batch) {
    SYN_RETURN_IF_ERROR(session_.feed(rest.subspan(at, std::min(batch, rest.size() - at))));
    progress.at(double(std::min(at + batch, rest.size())) / double(rest.size()));
  }
  turn.n_prompt = session_.ids().size();
  return session_.logits().status();
}

Result<Turn> Conversation::reply(const GenerateOptions& options, size_t batch, Status (*show)(std::string_view)) {
  Turn turn;
  const size_t room = size_t(options.max_tokens > 0 ? options.max_tokens : std::max(session_.max_seq_len() / 4, 1));
  SYN_TRY(ids, fitting_ids(room, turn.n_forgotten));
  const double start = platform::seconds();
  SYN_RETURN_IF_ERROR(read(ids, batch, turn));
  const double read_at = platform::seconds();
  turn.prefill_ms = (read_at - start) * 1000;

  const Tokenizer& tokenizer = *engine_.vocabulary().tokenizer;
  SYN_TRY(region, Region::make(Generation::arena_bytes(tokenizer, options)));
  SYN_TRY(generation, Generation::start(session_, tokenizer, options, region.arena()));
  while (turn.finish == Finish::none) {
    SYN_TRY(step, generation->step());
    turn.finish = step.finish;
    turn.n_generated += step.pick.id >= 0;
    turn.text += step.text;
    if (show && !step.text.empty()) SYN_RETURN_IF_ERROR(show(step.text));
  }
  turn.decode_ms = (platform::seconds() - read_at) * 1000;
  messages.push_back({{"role", "assistant"}, {"content", turn.text}});
  return turn;
}

bool Conversation::drop_reply() {
  if (messages.empty() || messages.back()["role"] != "assistant") return false;
  messages.erase(messages.size() - 1);
  return true;
}

void Conversation::set_system(const std::string& text) {
  if (!messages.empty() && messages[0]["role"] == "system") messages.erase(0);
  if (!text.empty()) messages.insert(messages.begin(), Json{{"role", "system"}, {"content", text}});
}

}  // namespace synapse::cli
