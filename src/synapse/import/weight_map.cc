#include "synapse/import/weight_map.h"

#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "synapse/import/transforms.h"

namespace synapse {
namespace {

constexpr std::string_view kLayer = "{i}", kExpert = "{e}";

struct Rule {
  std::string_view from;
  JsonValue options;  // an object, or the name alone
  bool required;
  bool skipped;       // the same as another tensor

  std::string_view to() const { return options.is_string() ? options.as_string() : options["to"].as_string(); }
  bool has_experts() const { return from.find(kExpert) != from.npos; }
  bool is_stacked() const { return has_experts() || !options["at"].is_null(); }
};

std::string with_number(std::string_view pattern, std::string_view place, int32_t number) {
  std::string name(pattern);
  if (const size_t at = name.find(place); at != name.npos) name.replace(at, place.size(), std::to_string(number));
  return name;
}

std::vector<Rule> rules_of(JsonValue tensors, const HfValues& values) {
  std::vector<Rule> rules;
  for (const auto [name, value] : tensors.members()) {
    const std::string_view unless = value["unless"].as_string();
    const bool skipped = !unless.empty() && values[unless].as_bool().value_or(false);
    rules.push_back({name, value, !skipped && !value["optional"].as_bool().value_or(false), skipped});
  }
  return rules;
}

// A decimal number at the front of `text`, which loses it.
std::optional<int32_t> take_number(std::string_view& text) {
  int32_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  const auto length = size_t(end - text.data());
  if (error != std::errc() || n < 0 || text[0] == '-' || (length > 1 && text[0] == '0')) return {};
  text.remove_prefix(length);
  return n;
}

class Mapper {
 public:
  Mapper(const WeightMap& map, const HfValues& values, int32_t n_layers, std::deque<std::string>& texts, Arena& arena,
         Faults& faults)
      : map_(map), n_layers_(n_layers), texts_(texts), faults_(faults), transforms_(values, arena, faults),
        rules_(rules_of(map.root["tensors"], values)) {}

  std::vector<NamedTensor> run(std::span<const NamedTensor> from) {
    for (const NamedTensor& t : from) take(t);
    for (const Rule& rule : rules_) note_missing(rule);
    for (const auto& [name, pieces] : stacks_) stack(name, pieces);
    return std::move(out_);
  }

 private:
  // Its name as the table has it.
  std::string_view plain_name(std::string_view name) {
    for (const auto [prefix, instead] : map_.root["prefixes"].members()) {
      if (!name.starts_with(prefix)) continue;
      name = texts_.emplace_back(std::string(instead.as_string()).append(name.substr(prefix.size())));
      break;
    }
    NameMatch m;
    for (const auto [alias, instead] : map_.root["aliases"].members())
      if (match_name(alias, name, m)) return texts_.emplace_back(with_number(instead.as_string(), kLayer, m.layer));
    return name;
  }

  bool ignored(std::string_view name) const {
    for (const JsonValue pattern : map_.root["ignore"].elements())
      if (NameMatch m; match_name(pattern.as_string(), name, m)) return true;
    return false;
  }

  void take(NamedTensor t) {
    t.name = plain_name(t.name);
    const Rule* rule = nullptr;
    NameMatch m;
    for (size_t i = 0; i < rules_.size() && !rule; ++i)
      if (match_name(rules_[i].from, t.name, m)) rule = &rules_[i];
    if (!rule || m.layer >= n_layers_) {
      if (!ignored(t.name))
        faults_.add(t.name, ": not a tensor of a ", map_.architecture, " model of ", n_layers_, " layers");
      return;
    }
    seen_.insert(t.name);
    if (rule->skipped || !transforms_.apply(rule->options, t)) return;
    if (rule->is_stacked()) {
      const auto at = rule->has_experts() ? std::optional<int64_t>(m.expert) : transforms_.integer(t, rule->options, "at");
      if (at) stacks_[with_number(rule->to(), kLayer, m.layer)].add(*rule, m.layer, *at, t);
    } else if (rule->options["parts"].is_array()) {
      split(*rule, m.layer, t);
    } else {
      give(rule->to(), m.layer, t);
    }
  }

  void give(std::string_view name, int32_t layer, const NamedTensor& t) {
    out_.push_back({texts_.emplace_back(with_number(name, kLayer, layer)), t.tensor});
  }

  void split(const Rule& rule, int32_t layer, const NamedTensor& t) {
    const bool in_each = rule.options["in_each"].as_bool().value_or(false);
    int64_t first = 0, left = t.tensor.dims[in_each ? 1 : 0];
    for (const JsonValue part : rule.options["parts"].elements()) {
      if (part["rows"].is_null()) continue;
      const auto n = transforms_.integer(t, part, "rows");
      if (!n) return;
      left -= *n;
    }
    for (const JsonValue part : rule.options["parts"].elements()) {
      const int64_t n = part["rows"].is_null() ? left : *transforms_.integer(t, part, "rows");
      NamedTensor piece = t;
      if (!(in_each ? transforms_.rows_in_each(piece, first, n) : transforms_.rows(piece, first, n))) return;
      give(part["to"].as_string(), layer, piece);
      first += n;
    }
    const int32_t n_rows = t.tensor.dims[in_each ? 1 : 0];
    if (first != n_rows) faults_.add(t.name, ": ", n_rows, " rows, its parts have ", first);
  }

  void note_missing(const Rule& rule) {
    if (!rule.required) return;
    const int32_t n = rule.from.find(kLayer) == rule.from.npos ? 1 : n_layers_;
    for (int32_t layer = 0; layer < n; ++layer) {
      const std::string name = with_number(rule.from, kLayer, layer);
      if (rule.has_experts() ? !stacks_.contains(with_number(rule.to(), kLayer, layer)) : !seen_.contains(name))
        faults_.add(name, ": missing");
    }
  }

  // Tensors that become one.
  struct Stack {
    const Rule* rule = nullptr;
    int32_t layer = -1;
    std::map<int64_t, NamedTensor> pieces;

    void add(const Rule& r, int32_t of_layer, int64_t at, const NamedTensor& t) {
      rule = &r, layer = of_layer;
      pieces.emplace(at, t);
    }
  };

  void stack(const std::string& name, const Stack& found) {
    const Rule& rule = *found.rule;
    const auto count = transforms_.integer(found.pieces.begin()->second, rule.options, "count");
    if (!count) return;
    std::vector<NamedTensor> parts;
    for (const auto& [at, t] : found.pieces) {
      if (at != int64_t(parts.size())) break;
      parts.push_back(t);
    }
    if (int64_t(parts.size()) != *count || found.pieces.size() != parts.size()) {
      return faults_.add(with_number(rule.from, kLayer, found.layer), ": ", found.pieces.size(), " to stack, ", parts.size(),
                         " of them without a gap, wanted ", *count);
    }
    NamedTensor whole = parts[0];
    if (transforms_.stack(parts, whole)) out_.push_back({texts_.emplace_back(name), whole.tensor});
  }

  const WeightMap& map_;
  int32_t n_layers_;
  std::deque<std::string>& texts_;
  Faults& faults_;
  Transforms transforms_;
  std::vector<Rule> rules_;
  std::set<std::string_view> seen_;
  std::map<std::string, Stack> stacks_;  // by the name that they get
  std::vector<NamedTensor> out_;
};

}  // namespace

Result<WeightMap> WeightMap::of(std::string_view model_type, std::string_view inner_type, const FamilyList& list,
                                Arena& arena) {
  std::string known;
  for (const std::string_view wanted : {model_type, inner_type}) {
    if (wanted.empty()) continue;
    known.clear();
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i].weights_json.empty()) continue;
      const size_t mark = arena.mark();
      const auto document = parse_json(list[i].weights_json, arena);
      if (!document.ok()) {
        return fail(document.status().code(), "models/", list[i].name, "/weights.json: ", document.status().message());
      }
      for (const JsonValue type : document->root()["hf_model_types"].elements()) {
        if (type.as_string() == wanted)
          return WeightMap{document->root(), document->root()["gguf_architectures"].at(0).as_string()};
        known.append(known.empty() ? "" : ", ").append(type.as_string());
      }
      arena.rewind(mark);
    }
  }
  return fail(Code::unsupported, "config.json model_type: found \"", model_type.substr(0, 64),
              "\" (docs/add-a-model.md says how to add it), wanted one of ", known);
}

bool match_name(std::string_view pattern, std::string_view name, NameMatch& match) {
  match = {};
  while (!pattern.empty()) {
    if (pattern == "*") return true;
    if (pattern.starts_with(kLayer) || pattern.starts_with(kExpert)) {
      const auto n = take_number(name);
      if (!n) return false;
      (pattern.starts_with(kLayer) ? match.layer : match.expert) = *n;
      pattern.remove_prefix(kLayer.size());
    } else if (name.empty() || name[0] != pattern[0]) {
      return false;
    } else {
      pattern.remove_prefix(1), name.remove_prefix(1);
    }
  }
  return name.empty();
}

std::vector<NamedTensor> map_tensors(const WeightMap& map, const HfValues& values, int32_t n_layers,
                                     std::span<const NamedTensor> from, std::deque<std::string>& texts,
                                     Arena& arena, Faults& faults) {
  return Mapper(map, values, n_layers, texts, arena, faults).run(from);
}

}  // namespace synapse
