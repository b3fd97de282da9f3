// Generation through a callback, and how it ends.
#include "story.h"

namespace synapse::test {
namespace {

struct Heard {
  std::string text;
  std::vector<int32_t> ids;
  int32_t stop_after = -1;         // tokens
  syn_session* cancel = nullptr;   // at the third token
  syn_session* busy = nullptr;     // is called from inside
  syn_status from_inside = SYN_OK;

  static int hear(void* user, const syn_token* token) {
    auto& h = *static_cast<Heard*>(user);
    EXPECT_EQ(token->struct_size, sizeof(syn_token));
    EXPECT_EQ(token->text[token->text_size], 0);
    h.text.append(token->text, token->text_size);
    if (token->id >= 0) h.ids.push_back(token->id);
    if (h.cancel && h.ids.size() == 3) syn_session_cancel(h.cancel, 1);
    if (h.busy) h.from_inside = syn_session_truncate(h.busy, 0, nullptr);
    return int32_t(h.ids.size()) == h.stop_after;
  }
};

class CapiGenerate : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(syn_session_feed(session.get(), kPromptIds.data(), kPromptIds.size(), nullptr), SYN_OK);
    options.sampler = &sampler;
    options.max_tokens = 10;
  }
  syn_status run() { return syn_session_generate(session.get(), &options, Heard::hear, &heard, &finish, &error); }

  ModelHandle model = load();
  SessionHandle session = open(model.get());
  syn_sampler_options sampler = greedy();
  syn_generate_options options = defaults(syn_generate_options_default);
  Heard heard;
  int32_t finish = -1;
  syn_error error = {};
};

TEST_F(CapiGenerate, streams_the_story_to_its_length) {
  ASSERT_EQ(run(), SYN_OK) << error.message;
  EXPECT_EQ(finish, SYN_FINISH_LENGTH);
  EXPECT_EQ(heard.ids, kGreedyIds);
  EXPECT_EQ(heard.text, ", there was a little girl named Lily. She");
}

TEST_F(CapiGenerate, ends_at_a_stop_text_without_showing_it) {
  const char* stops[] = {"xyz", "little girl"};
  options.stop = stops;
  options.n_stop = 2;
  ASSERT_EQ(run(), SYN_OK) << error.message;
  EXPECT_EQ(finish, SYN_FINISH_STOP);
  EXPECT_EQ(heard.text, ", there was a ");
}

TEST_F(CapiGenerate, ends_when_the_callback_says_so_and_keeps_the_tokens) {
  heard.stop_after = 4;
  ASSERT_EQ(run(), SYN_OK);
  EXPECT_EQ(finish, SYN_FINISH_CALLBACK);
  EXPECT_EQ(heard.ids.size(), 4u);
  EXPECT_EQ(tokens(session.get()).size(), kPromptIds.size() + 4);
  heard.stop_after = -1;
  options.max_tokens = 6;
  ASSERT_EQ(run(), SYN_OK);
  EXPECT_EQ(heard.ids, kGreedyIds) << "a second call goes on";
}

TEST_F(CapiGenerate, ends_when_it_is_cancelled) {
  heard.cancel = session.get();
  EXPECT_EQ(run(), SYN_ERROR_CANCELLED);
  EXPECT_EQ(finish, SYN_FINISH_CANCELLED);
  EXPECT_EQ(heard.ids.size(), 3u);
  heard.cancel = nullptr;
  options.max_tokens = 7;
  ASSERT_EQ(run(), SYN_OK) << "the request was spent";
  EXPECT_EQ(heard.ids, kGreedyIds);
}

TEST_F(CapiGenerate, a_callback_cannot_use_its_own_session) {
  heard.busy = session.get();
  options.max_tokens = 2;
  ASSERT_EQ(run(), SYN_OK);
  EXPECT_EQ(heard.from_inside, SYN_ERROR_BUSY);
}

TEST_F(CapiGenerate, ends_when_the_context_is_full) {
  const SessionHandle small = open(model.get(), 1, 8);
  ASSERT_EQ(syn_session_feed(small.get(), kPromptIds.data(), kPromptIds.size(), nullptr), SYN_OK);
  options.max_tokens = -1;
  ASSERT_EQ(syn_session_generate(small.get(), &options, Heard::hear, &heard, &finish, &error), SYN_OK) << error.message;
  EXPECT_EQ(finish, SYN_FINISH_LENGTH);
  EXPECT_EQ(heard.ids.size(), 3u);
}

TEST_F(CapiGenerate, ends_at_the_end_of_the_text_unless_told_not_to) {
  syn_model_info info;
  info.struct_size = sizeof info;
  ASSERT_EQ(syn_model_get_info(model.get(), &info, nullptr), SYN_OK);
  const syn_logit_bias bias = {info.eos_id, 1000};
  sampler.bias = &bias;
  sampler.n_bias = 1;
  ASSERT_EQ(run(), SYN_OK);
  EXPECT_EQ(finish, SYN_FINISH_END);
  EXPECT_EQ(heard.text, "");
  options.ignore_end = 1;
  options.max_tokens = 3;
  ASSERT_EQ(run(), SYN_OK);
  EXPECT_EQ(finish, SYN_FINISH_LENGTH);
}

TEST_F(CapiGenerate, bad_arguments_are_invalid) {
  EXPECT_EQ(syn_session_generate(nullptr, &options, Heard::hear, &heard, &finish, &error), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_session_generate(session.get(), &options, nullptr, &heard, &finish, &error), SYN_ERROR_INVALID);
  const char* stops[65] = {};
  options.n_stop = 1;
  EXPECT_EQ(run(), SYN_ERROR_INVALID) << "stop is NULL";
  options.stop = stops;
  EXPECT_EQ(run(), SYN_ERROR_INVALID) << "stop[0] is NULL";
  stops[0] = "";
  EXPECT_EQ(run(), SYN_ERROR_INVALID) << "an empty stop text";
  options.n_stop = 65;
  EXPECT_EQ(run(), SYN_ERROR_INVALID) << "too many";
  options.n_stop = 0;
  sampler.temperature = -1;
  EXPECT_EQ(run(), SYN_ERROR_INVALID);
  EXPECT_EQ(tokens(session.get()), kPromptIds);
}

}  // namespace
}  // namespace synapse::test
