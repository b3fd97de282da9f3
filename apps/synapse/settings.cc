#include "settings.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sys/random.h>

#include "input.h"

namespace synapse::cli {
namespace {

// A number that has a flag. One of `real` and `whole` is set.
struct Setting {
  std::string_view name;
  const char* flags;
  const char* about;
  std::string_view key;  // of general.sampling., "" when GGUF has none
  float SamplerOptions::*real;
  int32_t SamplerOptions::*whole;
};

using O = SamplerOptions;
constexpr Setting kSettings[] = {
    {"temp", "--temp,--temperature", "temperature; 0 takes the likeliest token", "temp", &O::temperature, nullptr},
    {"top-k", "--top-k", "choose among the k likeliest; 0: all", "top_k", nullptr, &O::top_k},
    {"top-p", "--top-p", "among the likeliest that hold this probability; 1: off", "top_p", &O::top_p, nullptr},
    {"min-p", "--min-p", "among those this fraction as likely as the likeliest; 0: off", "min_p", &O::min_p, nullptr},
    {"typical", "--typical,--typical-p", "among those closest to the expected surprise that hold this probability; 1: off",
     "", &O::typical_p, nullptr},
    {"top-nsigma", "--top-nsigma,--top-n-sigma", "among those within so many standard deviations of the best logit; <= 0: off",
     "", &O::top_n_sigma, nullptr},
    {"xtc-probability", "--xtc-probability", "how often the likeliest tokens are left out, XTC; 0: off", "xtc_probability",
     &O::xtc_probability, nullptr},
    {"xtc-threshold", "--xtc-threshold", "probability from which XTC leaves out all but the last; above 0.5: off",
     "xtc_threshold", &O::xtc_threshold, nullptr},
    {"repeat-penalty", "--repeat-penalty", "makes recent tokens less likely; 1: off", "penalty_repeat", &O::repeat_penalty, nullptr},
    {"repeat-last-n", "--repeat-last-n", "tokens that count as recent; 0: none, -1: all", "penalty_last_n", nullptr, &O::repeat_last_n},
    {"presence-penalty", "--presence-penalty", "taken once from a recent token's logit", "", &O::presence_penalty, nullptr},
    {"frequency-penalty", "--frequency-penalty", "taken for each time it occurred", "", &O::frequency_penalty, nullptr},
    {"dry-multiplier", "--dry-multiplier", "DRY: weight of the penalty on repeated sequences; 0: off", "", &O::dry_multiplier, nullptr},
    {"dry-base", "--dry-base", "DRY: what the penalty grows by with every token repeated", "", &O::dry_base, nullptr},
    {"dry-allowed-length", "--dry-allowed-length", "DRY: tokens that may be repeated freely", "", nullptr, &O::dry_allowed_length},
    {"dry-penalty-last-n", "--dry-penalty-last-n", "DRY: tokens it looks back on; 0: off, -1: all", "", nullptr, &O::dry_last_n},
    {"mirostat", "--mirostat", "2: Mirostat 2.0 in place of the other truncations; 0: off", "mirostat", nullptr, &O::mirostat},
    {"mirostat-ent", "--mirostat-ent,--mirostat-tau", "Mirostat: the surprise aimed at, in bits", "mirostat_tau", &O::mirostat_tau, nullptr},
    {"mirostat-lr", "--mirostat-lr,--mirostat-eta", "Mirostat: how fast it corrects itself", "mirostat_eta", &O::mirostat_eta, nullptr},
};

constexpr const char* kBreakers[] = {"\n", ":", "\"", "*"};  // llama.cpp's

double get(const SamplerOptions& o, const Setting& s) { return s.real ? double(o.*s.real) : double(o.*s.whole); }

void set(SamplerOptions& o, const Setting& s, double value) {
  if (s.real) o.*s.real = float(value);
  else o.*s.whole = int32_t(value);
}

// A float32 as the short number that it came from.
std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", value);
  return text;
}

std::string env_name(std::string_view flag) {
  std::string name = "SYNAPSE_";
  for (char c : flag) name += c == '-' ? '_' : char(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

// "typ_p" or what else it is called. By any spelling of its flag or by llama.cpp's.
std::optional<Stage> stage_named(std::string name) {
  constexpr std::pair<const char*, Stage> kOthers[] = {{"typical", Stage::typical},         {"typical_p", Stage::typical},
                                                       {"top_nsigma", Stage::top_n_sigma},  {"nucleus", Stage::top_p},
                                                       {"temp", Stage::temperature}};
  std::replace(name.begin(), name.end(), '-', '_');
  for (const StageName& s : kStageNames)
    if (name == s.name) return s.stage;
  for (const auto& [other, stage] : kOthers)
    if (name == other) return stage;
  return std::nullopt;
}

// "top_k;top_p;temperature". An empty text is an empty chain. The error is the word that is no stage.
std::optional<std::string> read_names(const std::string& text, std::vector<Stage>& chain) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(';', at), text.size());
    const std::string name = text.substr(at, end - at);
    const auto stage = stage_named(name);
    if (!stage) return name;
    chain.push_back(*stage);
    at = end + 1;
  }
  return std::nullopt;
}

std::optional<std::string> read_letters(const std::string& text, std::vector<Stage>& chain) {
  for (char letter : text) {
    const auto* found = std::find_if(std::begin(kStageNames), std::end(kStageNames), [&](auto& s) { return s.letter == letter; });
    if (found == std::end(kStageNames)) return std::string(1, letter);
    chain.push_back(found->stage);
  }
  return std::nullopt;
}

std::string chain_text(std::span<const Stage> chain) {
  std::string text;
  for (Stage stage : chain)
    for (const StageName& s : kStageNames)
      if (s.stage == stage) text += (text.empty() ? "" : ";") + std::string(s.name);
  return text;
}

// "15043+1.5", "15043-inf"
LogitBias read_bias(const std::string& word) {
  const size_t sign = word.find_first_of("+-", 1);
  try {
    size_t id_end = 0, bias_end = 0;
    if (sign == std::string::npos) throw std::invalid_argument(word);
    const long long id = std::stoll(word.substr(0, sign), &id_end);
    const float value = std::stof(word.substr(sign), &bias_end);
    if (id_end != sign || bias_end != word.size() - sign || id < 0 || id > INT32_MAX) throw std::invalid_argument(word);
    return {int32_t(id), value};
  } catch (const std::logic_error&) {
    throw CLI::ValidationError("--logit-bias", "\"" + word + "\", wanted a token id and what is added, like 15043+1 or 15043-inf");
  }
}

uint64_t choose_seed(const std::string& text) {
  if (text.empty() || text == "-1") {
    uint64_t seed;  // from the kernel itself: a bare system has no /dev/urandom
    SYN_CHECK(getrandom(&seed, sizeof seed, 0) == ssize_t(sizeof seed));
    return seed;
  }
  size_t end = 0;
  uint64_t seed = 0;
  try {
    seed = std::stoull(text, &end);
  } catch (const std::logic_error&) {
  }
  if (end == 0 || end != text.size() || text[0] == '-') {
    throw CLI::ValidationError("--seed", "\"" + text + "\", wanted a whole number, or -1 for a new one");
  }
  return seed;
}

// Every token whose text holds one of the breakers, ascending.
Result<std::vector<int32_t>> breaker_ids(const std::vector<std::string>& breakers, const Vocabulary& vocabulary) {
  std::vector<int32_t> ids;
  std::vector<bool> is_found(breakers.size());
  for (int32_t id = 0; id < vocabulary.tokenizer->vocab_size(); ++id) {
    const std::string piece = vocabulary.piece(id);
    bool holds = false;
    for (size_t i = 0; i < breakers.size(); ++i)
      if (piece.find(breakers[i]) != std::string::npos) holds = is_found[i] = true;
    if (holds) ids.push_back(id);
  }
  for (size_t i = 0; i < breakers.size(); ++i) {
    if (is_found[i]) continue;
    return fail(Code::invalid, "dry-sequence-breaker: \"", breakers[i], "\" is in no token, wanted text within one");
  }
  return ids;
}

// What the model recommends for one setting, in `value`; a recommendation that is out of range is an error.
Result<bool> recommended(const Setting& s, const Checkpoint& checkpoint, double& value) {
  const Text<64> key("general.sampling.", s.key);
  const MetaValue* found = s.key.empty() ? nullptr : checkpoint.find(key);
  if (!found) return false;
  const auto number = found->as_float();
  const bool fits = number && (s.real || (*number == std::floor(*number) && std::abs(*number) <= INT32_MAX));
  if (!fits) return fail(Code::corrupt, key, ": not a ", s.real ? "number" : "whole number", "; --", s.name, " goes before it");
  value = *number;
  SamplerOptions alone;
  set(alone, s, value);
  if (const Status status = check(alone, INT32_MAX); !status.ok()) {
    return fail(Code::corrupt, key, ": ", status.message(), "; --", s.name, " goes before it");
  }
  return true;
}

// The order of the stages, and who chose it.
Result<std::string> choose_chain(const SamplingFlags& given, const Checkpoint& checkpoint, std::vector<Stage>& chain) {
  const auto refuse = [](const char* flag, const std::optional<std::string>& unknown) {
    if (unknown) throw CLI::ValidationError(flag, "\"" + *unknown + "\", there are: " + chain_text(kDefaultChain));
  };
  if (!given.samplers.empty()) {
    refuse("--samplers", read_names(given.samplers, chain));
    return std::string("flag");
  }
  if (!given.sampler_letters.empty()) {
    refuse("--sampler-seq", read_letters(given.sampler_letters, chain));
    return std::string("flag");
  }
  const MetaValue* sequence = checkpoint.find("general.sampling.sequence");
  if (!sequence) {
    chain.assign(std::begin(kDefaultChain), std::end(kDefaultChain));
    return std::string("default");
  }
  const std::string text(sequence->as_text().value_or("?"));
  if (!read_names(text, chain)) return std::string("general.sampling.sequence");
  chain.clear();
  if (!read_letters(text, chain)) return std::string("general.sampling.sequence");
  return fail(Code::corrupt, "general.sampling.sequence: \"", text, "\" names an unknown stage; --samplers goes before it");
}

}  // namespace

void SamplingFlags::change(const SamplingFlags& later) {
  const auto prefer = [](auto& ours, const auto& theirs) {
    if (theirs) ours = theirs;
  };
  for (size_t i = 0; i < numbers.size(); ++i) prefer(numbers[i], later.numbers[i]);
  if (!later.seed.empty()) seed = later.seed;
  if (!later.samplers.empty()) samplers = later.samplers, sampler_letters.clear();
  if (!later.sampler_letters.empty()) sampler_letters = later.sampler_letters, samplers.clear();
  if (!later.logit_bias.empty()) logit_bias = later.logit_bias;
  prefer(dry_breakers, later.dry_breakers);
  ignore_eos |= later.ignore_eos;
}

void add_sampling_flags(CLI::App& verb, SamplingFlags& given) {
  const SamplerOptions ours;
  verb.add_option("-s,--seed", given.seed, "seed of the choice of tokens (default: -1, a new one each time)")->envname("SYNAPSE_SEED");
  given.numbers.assign(std::size(kSettings), std::nullopt);
  for (size_t i = 0; i < std::size(kSettings); ++i) {
    const Setting& s = kSettings[i];
    const std::string about = std::string(s.about) + " (default: " + short_number(get(ours, s)) + ")";
    auto& slot = given.numbers[i];
    CLI::Option* option = s.real ? verb.add_option_function<float>(s.flags, [&slot](float v) { slot = double(v); }, about)
                                 : verb.add_option_function<int32_t>(s.flags, [&slot](int32_t v) { slot = double(v); }, about);
    option->envname(env_name(s.name));
  }
  verb.add_option_function<std::vector<std::string>>(
          "--dry-sequence-breaker", [&given](const std::vector<std::string>& words) { given.dry_breakers = words; },
          "DRY: text that no repetition reaches across; may be repeated, \"none\" for none (default: line break : \" *)")
      ->allow_extra_args(false);
  CLI::Option* names = verb.add_option("--samplers", given.samplers,
                                       "stages in the order they run (default: " + chain_text(kDefaultChain) + ")")
                           ->envname("SYNAPSE_SAMPLERS");
  verb.add_option("--sampler-seq,--sampling-seq", given.sampler_letters, "the same by letters (default: edskypmxt)")->excludes(names);
  verb.add_flag("--ignore-eos", given.ignore_eos, "never choose a token that ends the text");
  verb.add_option("--logit-bias", given.logit_bias, "ID+BIAS or ID-BIAS, added to a token's logit; may be repeated")
      ->allow_extra_args(false);
}

Result<Settings> choose_settings(const SamplingFlags& given, const Checkpoint& checkpoint, const Vocabulary* vocabulary) {
  Settings all;
  SamplerOptions& o = all.options;
  const bool is_folder = checkpoint.format == "safetensors";
  for (size_t i = 0; i < std::size(kSettings); ++i) {
    const Setting& s = kSettings[i];
    std::string from = "default";
    double value = get(o, s);
    if (i < given.numbers.size() && given.numbers[i]) {
      value = *given.numbers[i], from = "flag";
    } else {
      SYN_TRY(is_recommended, recommended(s, checkpoint, value));
      if (is_recommended) from = is_folder ? "generation_config.json" : "general.sampling." + std::string(s.key);
    }
    set(o, s, value);
    all.origins[std::string(s.name)] = {{"value", std::strtod(short_number(value).c_str(), nullptr)}, {"from", from}};
    if (s.whole) all.origins[std::string(s.name)]["value"] = o.*s.whole;
  }
  SYN_TRY(chain_from, choose_chain(given, checkpoint, all.chain));
  all.origins["samplers"] = {{"value", chain_text(all.chain)}, {"from", chain_from}};
  o.chain = all.chain;
  o.seed = choose_seed(given.seed);
  for (const std::string& word : given.logit_bias) all.biases.push_back(read_bias(word));
  if (vocabulary && given.ignore_eos) {
    for (int32_t id : vocabulary->end_ids)
      if (id < vocabulary->tokenizer->vocab_size()) all.biases.push_back({id, -INFINITY});
  }
  o.bias = all.biases;
  if (vocabulary && o.dry_multiplier > 0) {
    std::vector<std::string> breakers(std::begin(kBreakers), std::end(kBreakers));
    if (given.dry_breakers) breakers = *given.dry_breakers;
    if (breakers == std::vector<std::string>{"none"}) breakers.clear();
    for (std::string& breaker : breakers) breaker = unescape(breaker);
    SYN_TRY(ids, breaker_ids(breakers, *vocabulary));
    all.breakers = std::move(ids);
    o.dry_breakers = all.breakers;
  }
  return all;
}

Json shown_settings(const Json& origins) {
  Json shown;
  for (const auto& [name, setting] : origins.items()) {
    const bool is_ours = setting["from"] == "default";
    const bool is_usual = name == "temp" || name == "top-k" || name == "top-p" || name == "min-p";
    if (!is_ours || is_usual) {
      const Json& value = setting["value"];
      shown[name] = (value.is_string() ? value.get<std::string>() : short_number(value)) + " (" + setting["from"].get<std::string>() + ")";
    }
  }
  return shown;
}

}  // namespace synapse::cli
