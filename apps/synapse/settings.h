// How tokens are chosen. For every setting: what its flag (or the flag's environment twin) says, else what the model's
// files recommend (generation_config.json, GGUF's general.sampling.*), else ours.
#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine.h"
#include "output.h"
#include "synapse/runtime/sampler.h"

namespace synapse::cli {

// The flags as given.
struct SamplingFlags {
  std::vector<std::optional<double>> numbers;  // in the order of settings.cc's table
  std::string seed, samplers, sampler_letters;
  std::vector<std::string> logit_bias;
  std::optional<std::vector<std::string>> dry_breakers;
  bool ignore_eos = false;

  void change(const SamplingFlags& later);  // what those say goes before what these said
};

void add_sampling_flags(CLI::App& verb, SamplingFlags& given);

struct Settings {
  Settings() = default;
  Settings(Settings&&) = default;
  Settings& operator=(Settings&&) = default;

  SamplerOptions options;  // views what follows
  Json origins;            // {temp: {value, from}}: every setting and who chose it
  std::vector<LogitBias> biases;
  std::vector<int32_t> breakers;
  std::vector<Stage> chain;
};

// `vocabulary` may be null where nothing will be generated: then no biases and no breakers.
Result<Settings> choose_settings(const SamplingFlags& given, const Checkpoint& checkpoint, const Vocabulary* vocabulary);

// Of `origins` what a person wants to see: the usual four, and whatever is not ours. "0.6 (generation_config.json)"
Json shown_settings(const Json& origins);

}  // namespace synapse::cli
