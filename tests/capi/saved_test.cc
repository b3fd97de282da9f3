// Sessions as bytes and files.
#include <unistd.h>

#include <filesystem>

#include "story.h"

namespace synapse::test {
namespace {

int append(void* user, const void* data, size_t size) {
  auto& all = *static_cast<std::vector<char>*>(user);
  all.insert(all.end(), static_cast<const char*>(data), static_cast<const char*>(data) + size);
  return 0;
}

class CapiSaved : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(syn_session_feed(session.get(), kPromptIds.data(), kPromptIds.size(), nullptr), SYN_OK);
    ASSERT_EQ(syn_session_save(session.get(), append, &bytes, nullptr), SYN_OK);
    std::filesystem::create_directory(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  const std::string folder = testing::TempDir() + "synapse-capi-saved-" + std::to_string(getpid());
  ModelHandle model = load();
  SessionHandle session = open(model.get());
  std::vector<char> bytes;
};

TEST_F(CapiSaved, restored_bytes_go_on_as_the_original_at_any_address) {
  bytes.insert(bytes.begin(), 1);
  const SessionHandle other = open(model.get());
  syn_error error;
  ASSERT_EQ(syn_session_restore(other.get(), bytes.data() + 1, bytes.size() - 1, &error), SYN_OK) << error.message;
  EXPECT_EQ(tokens(other.get()), kPromptIds);
  EXPECT_EQ(logits(other.get()), logits(session.get()));
  EXPECT_EQ(greedy_ids(other.get(), kGreedyIds.size()), kGreedyIds);
}

TEST_F(CapiSaved, a_file_holds_the_same_bytes_and_comes_back) {
  const std::string path = folder + "/story.session";
  std::ofstream(path) << "old";
  ASSERT_EQ(syn_session_save_file(session.get(), path.c_str(), nullptr), SYN_OK);
  EXPECT_EQ(read_file(path), bytes);
  const SessionHandle other = open(model.get());
  ASSERT_EQ(syn_session_restore_file(other.get(), path.c_str(), nullptr), SYN_OK);
  EXPECT_EQ(greedy_ids(other.get(), kGreedyIds.size()), kGreedyIds);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "nothing else is left behind";
}

TEST_F(CapiSaved, every_damaged_byte_and_length_is_refused_and_leaves_the_session_empty) {
  const SessionHandle other = open(model.get());
  for (size_t at : {size_t(0), size_t(5), size_t(9), size_t(30), bytes.size() / 2, bytes.size() - 1}) {
    std::vector<char> damaged = bytes;
    damaged[at] = char(damaged[at] ^ 0x40);
    EXPECT_NE(syn_session_restore(other.get(), damaged.data(), damaged.size(), nullptr), SYN_OK) << at;
    EXPECT_TRUE(tokens(other.get()).empty());
  }
  for (size_t size : {size_t(0), size_t(1), size_t(47), bytes.size() - 1}) {
    EXPECT_NE(syn_session_restore(other.get(), bytes.data(), size, nullptr), SYN_OK) << size;
  }
}

TEST_F(CapiSaved, a_write_callback_that_refuses_ends_the_save) {
  int calls = 0;
  const auto refuse = [](void* user, const void*, size_t) { return ++*static_cast<int*>(user) == 2 ? 1 : 0; };
  EXPECT_EQ(syn_session_save(session.get(), refuse, &calls, nullptr), SYN_ERROR_IO);
  EXPECT_EQ(calls, 2);
}

TEST_F(CapiSaved, a_path_that_cannot_be_written_or_read_is_named) {
  syn_error error;
  const std::string nowhere = folder + "/no/such/folder";
  EXPECT_EQ(syn_session_save_file(session.get(), nowhere.c_str(), &error), SYN_ERROR_NOT_FOUND);
  EXPECT_NE(std::string(error.message).find(nowhere), std::string::npos) << error.message;
  EXPECT_EQ(syn_session_restore_file(session.get(), nowhere.c_str(), &error), SYN_ERROR_NOT_FOUND);
  EXPECT_EQ(syn_session_save_file(session.get(), std::string(5000, 'x').c_str(), &error), SYN_ERROR_INVALID);
}

TEST_F(CapiSaved, bad_arguments_are_invalid) {
  EXPECT_EQ(syn_session_save(nullptr, append, &bytes, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_session_save(session.get(), nullptr, nullptr, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_session_save_file(nullptr, "x", nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_session_save_file(session.get(), nullptr, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_session_restore(nullptr, bytes.data(), bytes.size(), nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_session_restore(session.get(), nullptr, 1, nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_session_restore_file(nullptr, "x", nullptr), SYN_ERROR_INVALID);
  EXPECT_EQ(syn_session_restore_file(session.get(), nullptr, nullptr), SYN_ERROR_INVALID);
}

}  // namespace
}  // namespace synapse::test
