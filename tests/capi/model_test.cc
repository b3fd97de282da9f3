// Loading, and what a model says about itself.
#include <cstdio>
#include <cstring>

#include "story.h"

namespace synapse::test {
namespace {

std::string text_of(syn_status (*get)(const syn_model*, const char*, char*, size_t, size_t*, syn_error*),
                    const syn_model* model, const char* key) {
  char text[256] = "";
  size_t n = 0;
  syn_error error;
  EXPECT_EQ(get(model, key, text, sizeof text, &n, &error), SYN_OK) << error.message;
  EXPECT_EQ(std::strlen(text), n);
  return text;
}

TEST(CapiModel, tells_its_numbers_and_metadata) {
  const ModelHandle model = load();
  syn_model_info info;
  info.struct_size = sizeof info;
  ASSERT_EQ(syn_model_get_info(model.get(), &info, nullptr), SYN_OK);
  EXPECT_EQ(info.n_vocab, 4096);
  EXPECT_EQ(info.n_layers, 4);
  EXPECT_GT(info.n_weight_bytes, 4'000'000u);
  EXPECT_EQ(info.has_tokenizer, 1);
  EXPECT_EQ(syn_token_is_end(model.get(), info.eos_id), 1);
  EXPECT_EQ(syn_token_is_end(model.get(), kPromptIds[1]), 0);
  EXPECT_EQ(text_of(syn_model_meta_text, model.get(), "general.architecture"), "qwen3");
  EXPECT_EQ(text_of(syn_model_meta_text, model.get(), "{arch}.block_count"), "4");
  char key[128];
  size_t n = 0;
  ASSERT_EQ(syn_model_meta_key(model.get(), 0, key, sizeof key, &n, nullptr), SYN_OK);
  EXPECT_EQ(std::strlen(key), n);
  EXPECT_EQ(syn_model_meta_key(model.get(), info.n_meta, key, sizeof key, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_meta_key(model.get(), -1, key, sizeof key, &n, nullptr), SYN_ERROR_INVALID);
}

TEST(CapiModel, a_key_that_is_absent_or_an_array_is_an_error) {
  const ModelHandle model = load();
  char text[64];
  size_t n = 0;
  syn_error error;
  EXPECT_EQ(syn_model_meta_text(model.get(), "no.such.key", text, sizeof text, &n, &error), SYN_ERROR_NOT_FOUND);
  EXPECT_STREQ(error.message, "no.such.key: the file has no such key");
  EXPECT_EQ(syn_model_meta_text(model.get(), "tokenizer.ggml.tokens", text, sizeof text, &n, &error),
            SYN_ERROR_UNSUPPORTED);
  EXPECT_EQ(syn_model_chat_template(model.get(), nullptr, text, sizeof text, &n, &error), SYN_ERROR_NOT_FOUND);
  EXPECT_EQ(syn_model_chat_template(model.get(), "tool_use", text, sizeof text, &n, &error), SYN_ERROR_NOT_FOUND);
  EXPECT_NE(std::string(error.message).find("tokenizer.chat_template.tool_use"), std::string::npos);
}

TEST(CapiModel, of_bytes_in_memory_gives_the_logits_of_the_file) {
  const std::vector<char> bytes = read_file(kStory);
  syn_model* loaded = nullptr;
  syn_error error;
  ASSERT_EQ(syn_model_load_memory(bytes.data(), bytes.size(), nullptr, &loaded, &error), SYN_OK) << error.message;
  const ModelHandle from_memory(loaded), from_file = load();
  const SessionHandle a = open(from_memory.get()), b = open(from_file.get(), 2);
  for (syn_session* session : {a.get(), b.get()})
    ASSERT_EQ(syn_session_feed(session, kPromptIds.data(), kPromptIds.size(), nullptr), SYN_OK);
  EXPECT_EQ(logits(a.get()), logits(b.get()));
}

TEST(CapiModel, refuses_bytes_at_an_odd_address) {
  std::vector<char> bytes = read_file(kStory);
  bytes.insert(bytes.begin(), 1);
  syn_model* model = nullptr;
  syn_error error;
  EXPECT_EQ(syn_model_load_memory(bytes.data() + 1, bytes.size() - 1, nullptr, &model, &error), SYN_ERROR_INVALID);
  EXPECT_EQ(model, nullptr);
  EXPECT_NE(error.message[0], 0);
}

TEST(CapiModel, refuses_every_truncation_and_garbage) {
  const std::vector<char> bytes = read_file(kStory);
  for (size_t size : {size_t(0), size_t(3), size_t(24), size_t(1000), bytes.size() / 2, bytes.size() - 1}) {
    syn_model* model = reinterpret_cast<syn_model*>(1);
    syn_error error;
    EXPECT_NE(syn_model_load_memory(bytes.data(), size, nullptr, &model, &error), SYN_OK) << size;
    EXPECT_EQ(model, nullptr);
    EXPECT_NE(error.message[0], 0) << size;
  }
  const std::vector<char> garbage(4096, char(0x5A));
  syn_model* model = nullptr;
  EXPECT_EQ(syn_model_load_memory(garbage.data(), garbage.size(), nullptr, &model, nullptr), SYN_ERROR_CORRUPT);
}

TEST(CapiModel, errors_name_the_file) {
  syn_model* model = nullptr;
  syn_error error;
  EXPECT_EQ(syn_model_load("/no/such/model.gguf", nullptr, &model, &error), SYN_ERROR_NOT_FOUND);
  EXPECT_EQ(error.code, SYN_ERROR_NOT_FOUND);
  EXPECT_NE(std::string(error.message).find("/no/such/model.gguf"), std::string::npos);
  EXPECT_EQ(syn_model_load("/", nullptr, &model, &error), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_load("/dev/null", nullptr, &model, &error), SYN_ERROR_INVALID);
}

TEST(CapiModel, null_arguments_are_invalid_and_null_is_freed) {
  syn_model* model = nullptr;
  char text[8];
  size_t n = 0;
  EXPECT_EQ(syn_model_load(nullptr, nullptr, &model, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_load(kStory.c_str(), nullptr, nullptr, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_load_memory(nullptr, 8, nullptr, &model, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_load_memory(text, 8, nullptr, nullptr, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_get_info(nullptr, nullptr, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_meta_key(nullptr, 0, text, 8, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_meta_text(nullptr, "a", text, 8, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_chat_template(nullptr, nullptr, text, 8, &n, nullptr), SYN_ERROR_INVALID);
  const ModelHandle loaded = load();
  EXPECT_EQ(syn_model_get_info(loaded.get(), nullptr, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_meta_text(loaded.get(), nullptr, text, 8, &n, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_meta_text(loaded.get(), "general.name", text, 8, nullptr, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_model_meta_text(loaded.get(), "general.architecture", nullptr, 8, &n, nullptr), SYN_ERROR_INVALID);
  syn_model_free(nullptr);
  syn_session_free(nullptr);
  syn_session_cancel(nullptr, 1);
}

struct Progress {
  uint64_t stop_at = UINT64_MAX;
  std::vector<uint64_t> done;
  uint64_t total = 0;
  static int note(void* user, uint64_t done, uint64_t total) {
    auto& p = *static_cast<Progress*>(user);
    p.done.push_back(done);
    p.total = total;
    return done >= p.stop_at;
  }
};

TEST(CapiModel, reports_progress_to_the_last_byte) {
  Progress progress;
  syn_model_options options = defaults(syn_model_options_default);
  options.progress = Progress::note;
  options.progress_user = &progress;
  const ModelHandle model = load(kStory, &options);
  EXPECT_EQ(progress.total, read_file(kStory).size());
  ASSERT_GE(progress.done.size(), 4u);
  EXPECT_EQ(progress.done.front(), 0u);
  EXPECT_EQ(progress.done.back(), progress.total);
  EXPECT_TRUE(std::is_sorted(progress.done.begin(), progress.done.end()));
}

TEST(CapiModel, a_progress_callback_ends_the_load) {
  Progress progress;
  progress.stop_at = 2'000'000;
  syn_model_options options = defaults(syn_model_options_default);
  options.progress = Progress::note;
  options.progress_user = &progress;
  syn_model* model = nullptr;
  syn_error error;
  EXPECT_EQ(syn_model_load(kStory.c_str(), &options, &model, &error), SYN_ERROR_CANCELLED);
  EXPECT_EQ(model, nullptr);
  EXPECT_LT(progress.done.back(), progress.total);
}

// Two parts of a split file, in one folder.
TEST(CapiModel, of_a_split_file_wants_all_parts) {
  const std::string folder = testing::TempDir();
  const std::string first = folder + "capi-00001-of-00002.gguf";
  // A file that says it is one of two parts, and nothing else.
  std::string bytes("GGUF\3\0\0\0", 8);
  const auto number = [&](uint64_t v, size_t n) { bytes.append(reinterpret_cast<const char*>(&v), n); };
  number(0, 8), number(1, 8), number(11, 8);
  bytes += "split.count";
  number(2, 4), number(2, 2);
  std::ofstream(first, std::ios::binary) << bytes;
  std::ofstream(folder + "capi-one.gguf", std::ios::binary) << bytes;
  syn_model* model = nullptr;
  syn_error error;
  EXPECT_EQ(syn_model_load(first.c_str(), nullptr, &model, &error), SYN_ERROR_NOT_FOUND);
  EXPECT_NE(std::string(error.message).find("capi-00002-of-00002.gguf"), std::string::npos) << error.message;
  EXPECT_EQ(syn_model_load((folder + "capi-one.gguf").c_str(), nullptr, &model, &error), SYN_ERROR_INVALID);
  std::remove(first.c_str());
  std::remove((folder + "capi-one.gguf").c_str());
}

}  // namespace
}  // namespace synapse::test
