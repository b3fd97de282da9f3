#include "synapse/runtime/resume.h"

#include "tests/tokenizers.h"

namespace synapse {
namespace {

// a b c ab bc abc and a control token whose name is "<e>", which < e > spell too.
class ResumeTest : public testing::Test {
 protected:
  enum Id : int32_t { a, b, c, ab, bc, abc, less, e, more, end };

  ResumeTest() {
    spec_.kind = TokenizerKind::byte_bpe;
    spec_.tokens = texts_;
    types_.fill(TokenType::normal);
    types_[end] = TokenType::control;
    spec_.types = types_;
    made_.build(spec_);
    EXPECT_EQ(made_.error, "");
  }

  std::pair<size_t, size_t> resume(const Ids& read, const Ids& wanted) {
    std::vector<uint8_t> memory(resume_scratch_bytes(*made_.tokenizer));
    Arena scratch(memory.data(), memory.size());
    const auto found = resume_point(*made_.tokenizer, read, wanted, scratch);
    EXPECT_TRUE(found.ok());
    EXPECT_EQ(scratch.used(), 0u);
    return {found->n_kept, found->n_known};
  }
  using Pair = std::pair<size_t, size_t>;

 private:
  std::array<std::string_view, 10> texts_{"a", "b", "c", "ab", "bc", "abc", "<", "e", ">", "<e>"};
  std::array<TokenType, 10> types_;
  TokenizerSpec spec_;
  TestTokenizer made_;
};

TEST_F(ResumeTest, EqualIds) {
  EXPECT_EQ(resume({a, b, c}, {a, b, c, end, a}), Pair(3, 3));
  EXPECT_EQ(resume({a, b, c}, {a, b, a}), Pair(2, 2));
  EXPECT_EQ(resume({a, b, c}, {a, b}), Pair(2, 2));
  EXPECT_EQ(resume({}, {a}), Pair(0, 0));
  EXPECT_EQ(resume({a}, {b}), Pair(0, 0));
}

TEST_F(ResumeTest, TheSameTextInOtherTokens) {
  EXPECT_EQ(resume({a, bc, end}, {ab, c, end, a}), Pair(3, 3));
  EXPECT_EQ(resume({a, b, c, end}, {abc, end, b}), Pair(4, 2));
  EXPECT_EQ(resume({abc}, {a, b, c, c}), Pair(1, 3));
}

TEST_F(ResumeTest, NotWithinAToken) {
  EXPECT_EQ(resume({c, a}, {c, ab}), Pair(1, 1));
  EXPECT_EQ(resume({c, a, b}, {c, abc}), Pair(1, 1));
  EXPECT_EQ(resume({c, ab, a}, {c, a, bc}), Pair(1, 1));
}

TEST_F(ResumeTest, AControlTokenIsNotItsName) {
  EXPECT_EQ(resume({a, end}, {a, less, e, more}), Pair(1, 1));
  EXPECT_EQ(resume({a, less, e, more}, {a, end}), Pair(1, 1));
  EXPECT_EQ(resume({a, less, e, more}, {a, less, e, more}), Pair(4, 4));
}

}  // namespace
}  // namespace synapse
