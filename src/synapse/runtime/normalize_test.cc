// The steps of a normaliser, one by one.
#include "synapse/runtime/normalize.h"

#include "tests/tokenizer_draft.h"

namespace synapse {
namespace {

std::string run(std::vector<Normalizer> steps, const std::string& text) {
  std::vector<char> memory(normalize_bytes(steps, text.size()));
  Arena arena(memory.data(), memory.size());
  const Status status = check_normalizers(steps);
  if (!status.ok()) return std::string(status.message());
  const auto done = normalize(steps, text, arena);
  EXPECT_TRUE(done.ok()) << done.status().message();
  EXPECT_LE(done->size(), normalized_size(steps, text.size()));
  return std::string(*done);
}

TEST(normalize, steps_do_what_they_say) {
  EXPECT_EQ(run({{NormalStep::lowercase}}, "A\u00C9\u0130\u1E9E\xFF"), "a\u00E9i\u0307\u00DF\xFF");
  EXPECT_EQ(run({{NormalStep::nfd}, {NormalStep::strip_nonspacing}}, "\u00C9\u1EED\u0903"), "E\u0075\u0903");
  EXPECT_EQ(run({{NormalStep::nfd}, {NormalStep::strip_marks}}, "\u00C9\u0903"), "E");
  EXPECT_EQ(run({{NormalStep::nfkc}}, "\uFB01\uFF21\u00B2"), "fiA2");
  EXPECT_EQ(run({{NormalStep::strip_left}}, " \u3000 a "), "a ");
  EXPECT_EQ(run({{NormalStep::strip_right}}, " a \u3000\n"), " a");
  EXPECT_EQ(run({{NormalStep::strip_left}, {NormalStep::strip_right}}, " \n "), "");
  EXPECT_EQ(run({{NormalStep::replace, "``", "\""}}, "```a``"), "\"`a\"");
  EXPECT_EQ(run({{NormalStep::replace, "ab", ""}}, "abaabb"), "ab");
  EXPECT_EQ(run({{NormalStep::squeeze, " ", "\u2581"}}, "a  b c   "), "a\u2581b c\u2581");
  EXPECT_EQ(run({{NormalStep::squeeze_space, "", " "}}, "a\n\n\u3000b "), "a b ");
  EXPECT_EQ(run({{NormalStep::prepend, "", "x"}}, "a"), "xa");
  EXPECT_EQ(run({{NormalStep::prepend, "", "x"}}, ""), "");
  EXPECT_EQ(run({{NormalStep::bert_clean}}, "b\x01\u0085\t\u00A0\u00ADc\uE000\U000E0001"), "b  c");
  EXPECT_EQ(run({{NormalStep::bert_chinese}}, "a\u4E00b"), "a \u4E00 b");
}

TEST(normalize, the_room_it_asks_for_is_enough) {
  constexpr uint32_t kWide[] = {0xFDFA, 0x1D160, 0x390, 0x130, 0x23A, 0x4E00, 0x20000, 0xAC01, 'a', ' ', 0x3000};
  for (int step = 0; step <= int(NormalStep::bert_chinese); ++step) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
      std::string text;
      for (uint64_t i = 0; i < 60; ++i) {
        char bytes[4];
        const uint64_t r = random_bits(seed, i);
        text.append(bytes, encode_utf8(r % 5 ? kWide[r / 8 % std::size(kWide)] : kInvalidByte + uint32_t(r / 8 % 128 + 128), bytes));
      }
      run({{NormalStep(step), "a", "abc"}, {NormalStep::nfc}}, text);
    }
  }
}

TEST(normalize, what_would_grow_without_bound_is_refused) {
  EXPECT_EQ(run({{NormalStep::replace, "", "a"}}, "x"), "tokenizer: a normalizer replaces 0 bytes by 1, wanted 1 to 64");
  EXPECT_EQ(run({{NormalStep::replace, "a", std::string_view("aaaaaaaaa")}, {NormalStep::replace, "a", "aaaaaaaaa"}}, "x"),
            "tokenizer: the normalizers make more than 64 bytes of one");
  EXPECT_EQ(run(std::vector<Normalizer>(17, Normalizer{NormalStep::strip_left}), "x"), "tokenizer: 17 normalizers, at most 16");
}

}  // namespace
}  // namespace synapse
