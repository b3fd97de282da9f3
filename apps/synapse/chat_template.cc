#include "chat_template.h"

#include <algorithm>
#include <ctime>

#include "synapse/platform/region.h"

namespace synapse::cli {
namespace {

// Address space, not memory: what a template may take before it is refused.
constexpr size_t kRenderBytes = size_t(512) << 20;
constexpr size_t kParseBytesPerByte = 128, kParseFloor = 65536;

}  // namespace

Result<std::string> template_of(const Source& source, const std::string& name) {
  const std::string key = "tokenizer.chat_template" + (name.empty() ? "" : "." + name);
  const MetaValue* value = source.checkpoint().find(key);
  const auto text = value ? value->as_text() : std::nullopt;
  if (!text) return fail(Code::not_found, source.path().c_str(), ": has no ", key);
  return std::string(*text);
}

Result<TemplateClock> clock_of(const std::string& now) {
  if (!now.empty()) return parse_clock(now);
  const std::time_t seconds = std::time(nullptr);
  std::tm t = {};
  localtime_r(&seconds, &t);
  return TemplateClock{t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, std::min(t.tm_sec, 59)};
}

Result<ChatTemplate> ChatTemplate::parse(const std::string& text) {
  ChatTemplate made;
  SYN_TRY(region, Region::make(kParseBytesPerByte * text.size() + kParseFloor));
  made.region_ = std::move(region);
  SYN_TRY(parsed, Template::parse(text, made.region_.arena()));
  made.template_ = parsed;
  return made;
}

Result<std::string> ChatTemplate::render(std::string_view context, const TemplateClock& clock) const {
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(context.data()), context.size());
  SYN_TRY(region, Region::make(json_arena_bytes(bytes) + kRenderBytes));
  SYN_TRY(document, parse_json(bytes, region.arena()));
  SYN_TRY(prompt, template_->render(document.root(), clock, {}, region.arena()));
  return std::string(prompt);
}

}  // namespace synapse::cli
