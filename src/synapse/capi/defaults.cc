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
  const synapse::SamplerOptions from;
  syn_sampler_options o = {};
  o.seed = from.seed;
  o.temperature = from.temperature;
  o.top_k = from.top_k;
  o.top_p = from.top_p;
  o.min_p = from.min_p;
  o.repeat_penalty = from.repeat_penalty;
  o.frequency_penalty = from.frequency_penalty;
  o.presence_penalty = from.presence_penalty;
  o.repeat_last_n = from.repeat_last_n;
  fill(options, struct_size, o);
}

void syn_generate_options_default(syn_generate_options* options, size_t struct_size) {
  syn_generate_options o = {};
  o.max_tokens = -1;
  fill(options, struct_size, o);
}

namespace synapse::capi {

SamplerOptions sampler_options(const syn_sampler_options& from) {
  static_assert(sizeof(LogitBias) == sizeof(syn_logit_bias) && offsetof(LogitBias, bias) == offsetof(syn_logit_bias, bias));
  SamplerOptions o;
  o.seed = from.seed;
  o.temperature = from.temperature;
  o.top_k = from.top_k;
  o.top_p = from.top_p;
  o.min_p = from.min_p;
  o.repeat_penalty = from.repeat_penalty;
  o.frequency_penalty = from.frequency_penalty;
  o.presence_penalty = from.presence_penalty;
  o.repeat_last_n = from.repeat_last_n;
  o.bias = {reinterpret_cast<const LogitBias*>(from.bias), from.n_bias};
  return o;
}

}  // namespace synapse::capi
