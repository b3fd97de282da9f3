#include "synapse/import/model_card.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace synapse {
namespace {

constexpr size_t kMostBytes = size_t(256) << 10, kMostItems = 1024;

using Fields = std::map<std::string_view, std::vector<std::string_view>>;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
  return first == text.npos ? std::string_view() : text.substr(first, last - first + 1);
}

// A plain or quoted scalar, without the comment behind a plain one.
std::string_view scalar(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && (text[0] == '"' || text[0] == '\'')) {
    const size_t end = text.find(text[0], 1);
    return end == text.npos ? std::string_view() : text.substr(1, end - 1);
  }
  if (text.starts_with('#')) return {};
  return trimmed(text.substr(0, text.find(" #")));
}

void add(std::vector<std::string_view>& values, std::string_view text) {
  if (const std::string_view value = scalar(text); !value.empty() && values.size() < kMostItems)
    values.push_back(value);
}

void add_flow(std::vector<std::string_view>& values, std::string_view list) {  // "a, b]"
  list = list.substr(0, list.find(']'));
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    add(values, list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

// The lines between the first two "---".
std::string_view front_matter(std::string_view card) {
  if (card.starts_with("\xEF\xBB\xBF")) card.remove_prefix(3);
  const size_t first = card.find('\n');
  if (first == card.npos || trimmed(card.substr(0, first)) != "---") return {};
  card.remove_prefix(first + 1);
  const size_t end = card.starts_with("---") ? 0 : card.find("\n---");
  return end == card.npos ? std::string_view() : card.substr(0, end);
}

Fields read_fields(std::string_view text) {
  Fields fields;
  std::vector<std::string_view>* open = nullptr;  // the list whose items may follow
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end), inner = trimmed(line);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (inner.empty() || inner[0] == '#') continue;
    if (inner.starts_with("- ")) {
      if (open) add(*open, inner.substr(2));
      continue;
    }
    open = nullptr;
    const size_t colon = line.find(':');
    if (colon == line.npos || line[0] == ' ' || line[0] == '\t') continue;
    const std::string_view value = trimmed(line.substr(colon + 1));
    auto& values = fields[trimmed(line.substr(0, colon))];
    values.clear();
    if (value.empty()) {
      open = &values;
    } else if (value[0] == '[') {
      add_flow(values, value.substr(1));
    } else if (value[0] != '|' && value[0] != '>' && value[0] != '{') {
      add(values, value);
    }
  }
  return fields;
}

// Qwen/Qwen3-0.6B-Base -> name "Qwen3 0.6B Base", organization "Qwen", its page.
void put_base_models(const std::vector<std::string_view>& ids, Metadata& out) {
  uint32_t n = 0;
  for (const std::string_view id : ids) {
    const size_t slash = id.find('/');
    if (slash == id.npos || slash == 0 || slash + 1 == id.size() || id.find('/', slash + 1) != id.npos)
      continue;
    const std::string key = "general.base_model." + std::to_string(n++) + ".";
    std::string name(id.substr(slash + 1));
    std::ranges::replace(name, '-', ' ');
    out.text(key + "name", name);
    out.text(key + "organization", id.substr(0, slash));
    out.text(key + "repo_url", "https://huggingface.co/" + std::string(id));
  }
  if (n) out.put("general.base_model.count", meta_u32(n));
}

}  // namespace

void read_model_card(std::string_view card, Metadata& out) {
  const std::string_view text = front_matter(card);
  if (text.size() > kMostBytes) return;
  const Fields fields = read_fields(text);
  const auto values = [&](std::string_view key) {
    const auto found = fields.find(key);
    return found == fields.end() ? std::vector<std::string_view>() : found->second;
  };
  constexpr std::pair<std::string_view, std::string_view> kTexts[] = {
      {"license", "general.license"},
      {"license_name", "general.license.name"},
      {"license_link", "general.license.link"},
      {"author", "general.author"}};
  for (const auto& [from, to] : kTexts) {
    if (const auto found = values(from); !found.empty()) out.text(to, found[0]);
  }
  if (const auto found = values("language"); !found.empty()) out.texts("general.languages", found);
  if (const auto found = values("tags"); !found.empty()) out.texts("general.tags", found);
  put_base_models(values("base_model"), out);
}

}  // namespace synapse
