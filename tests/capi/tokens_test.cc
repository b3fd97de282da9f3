// Text to ids and back, in buffers of the caller.
#include <cstring>

#include "formula.h"
#include "story.h"

namespace synapse::test {
namespace {

TEST(CapiTokens, encodes_as_the_command_line_does) {
  const ModelHandle model = load();
  int32_t ids[16];
  size_t n = 0;
  ASSERT_EQ(syn_tokenize(model.get(), kPrompt, std::strlen(kPrompt), SYN_ADD_SPECIAL, ids, 16, &n, nullptr), SYN_OK);
  EXPECT_EQ(std::vector<int32_t>(ids, ids + n), kPromptIds);
}

TEST(CapiTokens, a_small_buffer_is_told_what_it_lacks) {
  const ModelHandle model = load();
  size_t n = 0;
  syn_error error;
  EXPECT_EQ(syn_tokenize(model.get(), kPrompt, std::strlen(kPrompt), SYN_ADD_SPECIAL, nullptr, 0, &n, &error), SYN_ERROR_TOO_SMALL);
  EXPECT_EQ(n, kPromptIds.size());
  EXPECT_EQ(error.code, SYN_ERROR_TOO_SMALL);
  int32_t ids[5] = {-7, -7, -7, -7, -7};
  EXPECT_EQ(syn_tokenize(model.get(), kPrompt, std::strlen(kPrompt), SYN_ADD_SPECIAL, ids, 4, &n, nullptr), SYN_ERROR_TOO_SMALL);
  EXPECT_EQ(ids[0], -7);
  EXPECT_EQ(syn_tokenize(model.get(), kPrompt, std::strlen(kPrompt), SYN_ADD_SPECIAL, ids, 5, &n, nullptr), SYN_OK);

  char text[17];
  EXPECT_EQ(syn_detokenize(model.get(), ids, 5, 0, text, 16, &n, nullptr), SYN_ERROR_TOO_SMALL);
  EXPECT_EQ(n, 16u) << "16 bytes and a NUL";
  EXPECT_EQ(syn_detokenize(model.get(), ids, 5, 0, text, 17, &n, nullptr), SYN_OK);
  EXPECT_STREQ(text, kPrompt);
}

TEST(CapiTokens, any_bytes_come_back_through_a_decoder_as_through_detokenize) {
  const ModelHandle model = load();
  const std::string texts[] = {"", std::string("a\0b", 3), "h\xC3\xA9llo \xF0\x9F\x98\x80!", "\xFF\xFE broken \xF0\x9F"};
  std::vector<char> piece(syn_model_piece_capacity(model.get()));
  for (const std::string& text : texts) {
    int32_t ids[64];
    size_t n_ids = 0, n = 0;
    ASSERT_EQ(syn_tokenize(model.get(), text.data(), text.size(), 0, ids, 64, &n_ids, nullptr), SYN_OK);
    char whole[256];
    ASSERT_EQ(syn_detokenize(model.get(), ids, n_ids, 0, whole, sizeof whole, &n, nullptr), SYN_OK);
    const std::string wanted(whole, n);
    syn_decoder decoder;
    ASSERT_EQ(syn_decoder_start(&decoder, model.get(), 0, nullptr), SYN_OK);
    for (int round = 0; round < 2; ++round) {  // finish leaves it as it was at the start
      std::string joined;
      for (size_t i = 0; i < n_ids; ++i) {
        ASSERT_EQ(syn_decoder_push(&decoder, ids[i], piece.data(), piece.size(), &n, nullptr), SYN_OK);
        joined.append(piece.data(), n);
      }
      ASSERT_EQ(syn_decoder_finish(&decoder, piece.data(), piece.size(), &n, nullptr), SYN_OK);
      joined.append(piece.data(), n);
      EXPECT_EQ(joined, wanted);
    }
  }
}

TEST(CapiTokens, special_tokens_show_when_asked) {
  const ModelHandle model = load();
  syn_model_info info;
  info.struct_size = sizeof info;
  ASSERT_EQ(syn_model_get_info(model.get(), &info, nullptr), SYN_OK);
  std::vector<char> piece(syn_model_piece_capacity(model.get()));
  size_t n = 7;
  EXPECT_EQ(syn_token_piece(model.get(), info.eos_id, 0, piece.data(), piece.size(), &n, nullptr), SYN_OK);
  EXPECT_EQ(n, 0u);
  EXPECT_EQ(syn_token_piece(model.get(), info.eos_id, SYN_SHOW_SPECIAL, piece.data(), piece.size(), &n, nullptr), SYN_OK);
  EXPECT_GT(n, 0u);
  EXPECT_EQ(std::strlen(piece.data()), n);
}

TEST(CapiTokens, bad_arguments_are_invalid) {
  const ModelHandle model = load();
  char text[4];
  int32_t ids[4] = {0, -1, 1 << 30, 0};
  size_t n = 0;
  syn_decoder decoder = {};
  const syn_model* m = model.get();
  EXPECT_EQ(syn_tokenize(nullptr, "a", 1, 0, ids, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_tokenize(m, nullptr, 1, 0, ids, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_tokenize(m, "a", 1, 0, nullptr, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_tokenize(m, "a", 1, 0, ids, 4, nullptr, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_tokenize(m, "a", 1, 256, ids, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_tokenize(m, "a", SIZE_MAX, 0, ids, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_detokenize(m, nullptr, 1, 0, text, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_detokenize(m, ids + 1, 1, 0, text, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_detokenize(m, ids + 2, 1, 0, text, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_detokenize(m, ids, SIZE_MAX, 0, text, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_token_piece(m, -1, 0, text, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_token_piece(m, 0, 0, text, 4, &n, nullptr), SYN_ERROR_TOO_SMALL);
  EXPECT_EQ(n, syn_model_piece_capacity(m));
  EXPECT_EQ(syn_token_is_end(m, -5), 0);
  EXPECT_EQ(syn_token_is_end(nullptr, 0), 0);
  EXPECT_EQ(syn_model_piece_capacity(nullptr), 0u);
  EXPECT_EQ(syn_decoder_push(&decoder, 0, text, 4, &n, nullptr), SYN_ERROR_INVALID) << "not started";
  EXPECT_EQ(syn_decoder_finish(&decoder, text, 4, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_decoder_start(nullptr, m, 0, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_decoder_start(&decoder, nullptr, 0, nullptr), SYN_ERROR_INVALID);
  ASSERT_EQ(syn_decoder_start(&decoder, m, 0, nullptr), SYN_OK);
  EXPECT_EQ(syn_decoder_push(&decoder, 0, text, 4, &n, nullptr), SYN_ERROR_TOO_SMALL);
  EXPECT_EQ(syn_decoder_push(&decoder, -1, text, 4, &n, nullptr), SYN_ERROR_INVALID);
}

TEST(CapiTokens, a_model_without_tokenizer_runs_on_ids_and_says_so) {
  const FormulaBytes bytes;
  const ModelHandle model = bytes.load();
  size_t n = 0;
  syn_error error;
  EXPECT_EQ(syn_tokenize(model.get(), "a", 1, 0, nullptr, 0, &n, &error), SYN_ERROR_UNSUPPORTED);
  EXPECT_EQ(syn_model_piece_capacity(model.get()), 0u);
  const SessionHandle session = open(model.get());
  EXPECT_EQ(syn_session_feed(session.get(), bytes.prompt(5).data(), 5, nullptr), SYN_OK);
  EXPECT_EQ(greedy_ids(session.get(), 3).size(), 3u);
  EXPECT_EQ(syn_session_generate(session.get(), nullptr, [](void*, const syn_token*) { return 0; }, nullptr, nullptr,
                                 nullptr),
            SYN_ERROR_UNSUPPORTED);
}

}  // namespace
}  // namespace synapse::test
