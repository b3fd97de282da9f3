// The bundled story model through include/synapse.h, with what every test needs around it.
#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "synapse.h"

namespace synapse::test {

struct Free {
  void operator()(syn_model* model) const { syn_model_free(model); }
  void operator()(syn_session* session) const { syn_session_free(session); }
};
using ModelHandle = std::unique_ptr<syn_model, Free>;
using SessionHandle = std::unique_ptr<syn_session, Free>;

inline const std::string kStory = STORY_MODEL;
inline constexpr const char* kPrompt = "Once upon a time";
inline const std::vector<int32_t> kPromptIds = {4092, 614, 564, 258, 471};
// The greedy continuation; tests/golden has it from a reference implementation.
inline const std::vector<int32_t> kGreedyIds = {11, 429, 299, 258, 447, 591, 870, 528, 13, 372};

template <typename T>
T defaults(void (*fill)(T*, size_t)) {
  T options;
  fill(&options, sizeof options);
  return options;
}

inline ModelHandle load(const std::string& path = kStory, const syn_model_options* options = nullptr) {
  syn_model* model = nullptr;
  syn_error error;
  EXPECT_EQ(syn_model_load(path.c_str(), options, &model, &error), SYN_OK) << error.message;
  return ModelHandle(model);
}

inline SessionHandle open(syn_model* model, int32_t n_threads = 1, int32_t n_ctx = 0, int32_t n_batch = 512) {
  syn_session_options options = defaults(syn_session_options_default);
  options.n_batch = n_batch;
  options.n_threads = n_threads;
  options.n_ctx = n_ctx;
  syn_session* session = nullptr;
  syn_error error;
  EXPECT_EQ(syn_session_create(model, &options, &session, &error), SYN_OK) << error.message;
  return SessionHandle(session);
}

inline std::vector<float> logits(syn_session* session) {
  const float* row = nullptr;
  size_t n = 0;
  syn_error error;
  EXPECT_EQ(syn_session_logits(session, &row, &n, &error), SYN_OK) << error.message;
  return std::vector<float>(row, row + n);
}

inline std::vector<int32_t> tokens(syn_session* session) {
  std::vector<int32_t> ids(4096);
  size_t n = 0;
  EXPECT_EQ(syn_session_tokens(session, ids.data(), ids.size(), &n, nullptr), SYN_OK);
  ids.resize(n);
  return ids;
}

inline syn_sampler_options greedy() {
  syn_sampler_options options = defaults(syn_sampler_options_default);
  options.temperature = 0;
  return options;
}

inline std::vector<int32_t> greedy_ids(syn_session* session, size_t n) {
  const syn_sampler_options options = greedy();
  std::vector<int32_t> ids(n, -1);
  syn_error error;
  for (int32_t& id : ids) EXPECT_EQ(syn_session_sample(session, &options, &id, nullptr, &error), SYN_OK) << error.message;
  return ids;
}

inline std::vector<char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

}  // namespace synapse::test
