// Importance matrices, windows, scores and names of weights.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "synapse/import/sha256.h"
#include "synapse/quant/imatrix.h"
#include "synapse/quant/score.h"
#include "synapse/quant/windows.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("synapse-quant-" + std::to_string(getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
  std::string path(const char* name) const { return (folder / name).string(); }
  std::string write(const std::string& bytes) const {
    std::ofstream(path("file"), std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
    return path("file");
  }
  std::string error(const std::string& bytes) const {
    const auto read = read_imatrix(write(bytes));
    return read.ok() ? "" : std::string(read.status().message());
  }
};

std::string number(int32_t n) { return std::string(reinterpret_cast<const char*>(&n), sizeof n); }
std::string floats(std::initializer_list<float> values) {
  return std::string(reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(float));
}
std::string text(const std::string& s) { return number(int32_t(s.size())) + s; }

TEST_F(Files, an_imatrix_reads_back_as_it_was_written) {
  Imatrix made;
  made.entries["blk.0.attn_q.weight"] = {{1, 4, 9}, {2}};
  made.entries["blk.0.ffn_up_exps.weight"] = {{1, 2, 3, 4, 0, 0}, {4, 1, 0}};
  made.datasets = {"a.txt", "b.txt"}, made.n_chunks = 7, made.chunk_size = 512;
  ASSERT_TRUE(write_imatrix(path("i.gguf"), made, false).ok());
  EXPECT_FALSE(write_imatrix(path("i.gguf"), made, false).ok());
  const auto read = read_imatrix(path("i.gguf"));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->datasets, made.datasets);
  EXPECT_EQ(read->n_chunks, 7u);
  EXPECT_EQ(read->chunk_size, 512u);
  ASSERT_EQ(read->entries.size(), 2u);
  for (const auto& [name, e] : made.entries) {
    EXPECT_EQ(read->entries.at(name).sums, e.sums) << name;
    EXPECT_EQ(read->entries.at(name).counts, e.counts) << name;
  }
  EXPECT_EQ(read->entries.at("blk.0.attn_q.weight").importance(), (std::vector<float>{0.5, 2, 4.5}));
  EXPECT_EQ(read->entries.at("blk.0.ffn_up_exps.weight").importance(), (std::vector<float>{0.25, 0.5, 3, 4, 1, 1}));
}

TEST_F(Files, the_older_form_is_read) {
  const std::string entry = text("blk.0.attn_q.weight") + number(4) + number(2) + floats({8, 2});
  const auto read = read_imatrix(write(number(1) + entry + number(9) + text("wiki.txt")));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->entries.at("blk.0.attn_q.weight").importance(), (std::vector<float>{2, 0.5}));
  EXPECT_EQ(read->n_chunks, 9u);
  EXPECT_EQ(read->datasets, std::vector<std::string>{"wiki.txt"});
  EXPECT_TRUE(read_imatrix(write(number(1) + entry)).ok());  // older still
}

TEST_F(Files, a_damaged_imatrix_is_an_error) {
  const std::string entry = text("blk.0.attn_q.weight") + number(4) + number(2) + floats({8, 2});
  for (const std::string& bytes : {std::string(), std::string("ab"), number(0), number(2) + entry, number(1) + entry.substr(0, 30),
                                   number(1) + number(-5), number(1) + number(0x7fffffff), number(1) + text("x") + number(1) + number(-1)})
    EXPECT_NE(error(bytes).find("neither GGUF nor a .dat"), std::string::npos) << error(bytes);
  for (const float bad : {-1.0f, NAN, INFINITY})
    EXPECT_NE(error(number(1) + text("x") + number(1) + number(1) + floats({bad})).find("wanted 0 or more"), std::string::npos);
  EXPECT_NE(error("GGUF").size(), 0u);
}

TEST(windows, halves_of_windows_are_scored_as_llama_does) {
  const auto windows = half_windows(1100, 512, 0);
  ASSERT_EQ(windows->size(), 2u);
  EXPECT_EQ((*windows)[1].first, 512);
  EXPECT_EQ((*windows)[1].n, 512);
  EXPECT_EQ((*windows)[1].score_from, 257);  // 255 of 512: the logits of positions 256 to 510
  EXPECT_EQ(half_windows(1100, 512, 1)->size(), 1u);
  EXPECT_EQ(half_windows(7, 7, 0)->at(0).score_from, 4);
  EXPECT_FALSE(half_windows(511, 512, 0).ok());
}

TEST(windows, sliding_ones_score_every_token_once) {
  for (const int32_t stride : {1, 3, 8, 10})
    for (const int64_t n_ids : {2, 9, 10, 11, 37}) {
      std::vector<int> scored(size_t(n_ids), 0);
      const auto windows = sliding_windows(n_ids, 10, stride, 0);
      ASSERT_TRUE(windows.ok());
      for (const Window& w : *windows) {
        EXPECT_LE(w.n, 10);
        EXPECT_GE(w.score_from, 1);
        for (int32_t i = w.score_from; i < w.n; ++i) ++scored[size_t(w.first + i)];
      }
      for (int64_t i = 0; i < n_ids; ++i) {
        const bool begins = i == 0 || (stride == 10 && i % 10 == 0);  // nothing goes before it in its window
        EXPECT_EQ(scored[size_t(i)], begins ? 0 : 1) << stride << " " << n_ids << " " << i;
      }
    }
  EXPECT_FALSE(sliding_windows(100, 10, 11, 0).ok());
}

TEST(score, of_hand_made_logits) {
  const float base[] = {std::log(0.5f), std::log(0.25f), std::log(0.25f)}, other[] = {5, 5, 5};
  EXPECT_NEAR(negative_log_likelihood(base, 1), std::log(4.0), 1e-7);
  const Divergence d = compare(base, other, 0);
  EXPECT_NEAR(d.base_nll, std::log(2.0), 1e-7);
  EXPECT_NEAR(d.nll, std::log(3.0), 1e-15);
  EXPECT_NEAR(d.kl, 0.5 * std::log(1.5) + 0.5 * std::log(0.75), 1e-7);
  EXPECT_TRUE(d.same_top);
  EXPECT_EQ(compare(base, base, 0).kl, 0);
  const float far[] = {-3000, 3000, 0};
  EXPECT_NEAR(compare(far, base, 0).kl, std::log(4.0), 1e-6);  // all of base's mass is on the second
  EXPECT_FALSE(compare(far, base, 0).same_top);
}

TEST(score, statistics) {
  Mean m;
  for (const double x : {1.0, 2.0, 3.0, 4.0}) m.add(x);
  EXPECT_EQ(m.mean(), 2.5);
  EXPECT_NEAR(m.standard_error(), std::sqrt(1.25 / 3), 1e-15);
  std::vector<double> values = {4, 1, 3, 2};
  EXPECT_EQ(quantile(values, 0.5), 2.5);
  EXPECT_EQ(quantile(values, 1), 4);
  EXPECT_NEAR(quantile(values, 0.9), 3.7, 1e-12);
}

TEST(sha256, of_published_examples) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace synapse
