// The options of every kind, with their defaults.
#include <algorithm>

#include "synapse/capi/handles.h"

namespace {

// As much of `defaults` as a struct of `size` bytes has room for, zero beyond.
template <typename T>
void fill(T* options, size_t size, T defaults) {
  if (!options || size < sizeof(size_t)) return;
  defaults.struct_size = size;
  std::memset(static_cast<void*>(options), 0, size);
  std::memcpy(static_cast<void*>(options), &defaults, std::min(size, sizeof(T)));
}

// What both kinds of sampler options call the same.
template <typename From, typename To>
void copy_numbers(const From& from, To& to) {
  to.seed = from.seed;
  to.temperature = from.temperature;
  to.top_k = from.top_k;
  to.top_p = from.top_p;
  to.min_p = from.min_p;
  to.repeat_penalty = from.repeat_penalty;
  to.frequency_penalty = from.frequency_penalty;
  to.presence_penalty = from.presence_penalty;
  to.repeat_last_n = from.repeat_last_n;
  to.typical_p = from.typical_p;
  to.top_n_sigma = from.top_n_sigma;
  to.xtc_probability = from.xtc_probability;
  to.xtc_threshold = from.xtc_threshold;
  to.dry_multiplier = from.dry_multiplier;
  to.dry_base = from.dry_base;
  to.dry_allowed_length = from.dry_allowed_length;
  to.dry_last_n = from.dry_last_n;
  to.mirostat = from.mirostat;
  to.mirostat_tau = from.mirostat_tau;
  to.mirostat_eta = from.mirostat_eta;
}

}  // namespace

void syn_model_options_default(syn_model_options* options, size_t struct_size) {
  syn_model_options o = {};
  o.preload = 1;
  fill(options, struct_size, o);
}

void syn_session_options_default(syn_session_options* options, size_t struct_size) {
  const synapse::SessionOptions from;
  syn_session_options o = {};
  o.n_batch = from.chunk;
  o.cache_type_k = o.cache_type_v = SYN_TYPE_AUTO;
  fill(options, struct_size, o);
}

void syn_sampler_options_default(syn_sampler_options* options, size_t struct_size) {
  syn_sampler_options o = {};
  copy_numbers(synapse::SamplerOptions(), o);
  fill(options, struct_size, o);
}

void syn_generate_options_default(syn_generate_options* options, size_t struct_size) {
  syn_generate_options o = {};
  o.max_tokens = -1;
  fill(options, struct_size, o);
}

namespace synapse::capi {

Status Sampler::read(const syn_session& session, const syn_sampler_options* given) {
  static_assert(sizeof(LogitBias) == sizeof(syn_logit_bias) && offsetof(LogitBias, bias) == offsetof(syn_logit_bias, bias));
  static_assert(int(Stage::penalties) == SYN_STAGE_PENALTIES && int(Stage::temperature) == SYN_STAGE_TEMPERATURE);
  syn_sampler_options from;
  syn_sampler_options_default(&from, sizeof from);
  SYN_RETURN_IF_ERROR(read_options(from, given, "syn_sampler_options"));
  if (from.n_bias && !from.bias) return fail(Code::invalid, "bias: NULL with ", from.n_bias);
  if (from.n_dry_breakers && !from.dry_breakers) return fail(Code::invalid, "dry_breakers: NULL with ", from.n_dry_breakers);
  if (from.n_stages && !from.stages) return fail(Code::invalid, "stages: NULL with ", from.n_stages);
  if (from.n_stages > std::size(stages)) return fail(Code::invalid, "n_stages: ", from.n_stages, ", at most ", std::size(stages));
  copy_numbers(from, options);
  options.bias = {reinterpret_cast<const LogitBias*>(from.bias), from.n_bias};
  options.dry_breakers = {from.dry_breakers, from.n_dry_breakers};
  for (size_t i = 0; i < from.n_stages; ++i) {
    if (from.stages[i] < 0 || from.stages[i] > SYN_STAGE_TEMPERATURE)
      return fail(Code::invalid, "stages[", i, "]: ", from.stages[i], ", wanted a SYN_STAGE_*");
    stages[i] = Stage(from.stages[i]);
  }
  if (from.stages) options.chain = std::span(stages).first(from.n_stages);
  return check(options, session.model->model->config().vocab_size);
}

}  // namespace synapse::capi
