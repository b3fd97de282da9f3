#include "synapse/runtime/unicode.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <algorithm>
#include <string>
#include <vector>

#include "synapse/base/rng.h"
#include "synapse/runtime/normal_form.h"

namespace synapse {
namespace {

constexpr uint32_t kCodePoints = 0x110000;

std::string utf8(std::initializer_list<uint32_t> code_points) {
  std::string s;
  for (const uint32_t c : code_points) {
    char bytes[4];
    s.append(bytes, encode_utf8(c, bytes));
  }
  return s;
}

std::string normal(const std::string& text, NormalForm form) {
  std::vector<char> memory(normal_form_bytes(form, text.size()));
  Arena arena(memory.data(), memory.size());
  const auto result = to_normal_form(text, form, arena);
  EXPECT_TRUE(result.ok()) << result.status().message();
  EXPECT_LE(arena.used(), normal_form_growth(form) * text.size());
  return result.ok() ? std::string(*result) : "";
}

std::string nfc(const std::string& text) { return normal(text, kNfc); }

std::string oracle(const std::string& text, NormalForm form) {
  utf8proc_uint8_t* out = nullptr;
  const int options = UTF8PROC_STABLE | (form.compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) | (form.compatible ? UTF8PROC_COMPAT : 0);
  const auto n = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), utf8proc_ssize_t(text.size()), &out,
                              utf8proc_option_t(options));
  std::string s(reinterpret_cast<const char*>(out), n > 0 ? size_t(n) : 0);
  std::free(out);
  return s;
}

// utf8proc knows an older Unicode: what it does not call assigned, it cannot judge.
bool judged(uint32_t c) {
  return !(c >= 0xD800 && c < 0xE000) && utf8proc_category(utf8proc_int32_t(c)) != UTF8PROC_CATEGORY_CN;
}

TEST(unicode, utf8_round_trips_every_code_point) {
  for (uint32_t c = 0; c < kCodePoints; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const std::string s = utf8({c});
    const CodePoint back = decode_utf8(s, 0);
    ASSERT_EQ(back.value, c);
    ASSERT_EQ(back.bytes, s.size());
  }
}

TEST(unicode, broken_utf8_is_single_invalid_bytes) {
  for (const std::string s : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                              "\xF5\x80\x80\x80", "\xFF", "\xE2\x82", "\xF0\x9F\x98", "\xC3"}) {
    EXPECT_EQ(decode_utf8(s, 0).value, kInvalidByte + uint8_t(s[0]));
    EXPECT_EQ(decode_utf8(s, 0).bytes, 1u);
  }
}

TEST(unicode, classes_equal_utf8procs) {
  for (uint32_t c = 0; c < kCodePoints; ++c) {
    if (!judged(c)) continue;
    const char category = utf8proc_category_string(utf8proc_int32_t(c))[0];
    const CharClass cls = char_class(c);
    if (cls == CharClass::space) continue;  // White_Space is no category
    EXPECT_EQ(cls == CharClass::letter, category == 'L') << std::hex << c;
    EXPECT_EQ(cls == CharClass::number, category == 'N') << std::hex << c;
    EXPECT_EQ(cls == CharClass::mark, category == 'M') << std::hex << c;
  }
}

TEST(unicode, white_space_has_25_code_points) {
  int n = 0;
  for (uint32_t c = 0; c < kCodePoints; ++c) n += char_class(c) == CharClass::space;
  EXPECT_EQ(n, 25);
  for (const uint32_t c : {0x9, 0xD, 0x20, 0x85, 0xA0, 0x1680, 0x200A, 0x2029, 0x3000}) {
    EXPECT_EQ(char_class(c), CharClass::space) << std::hex << c;
  }
  EXPECT_EQ(char_class(0x200B), CharClass::other);
  EXPECT_EQ(char_class(kInvalidByte + 0x20), CharClass::other);
}

constexpr uint32_t kStep = SYNAPSE_IS_SANITIZED ? 7 : 1;  // every one, where it does not take long

TEST(unicode, nfc_of_every_code_point_equals_utf8procs) {
  for (uint32_t c = 1; c < kCodePoints; c += kStep) {
    if (!judged(c)) continue;
    const std::string alone = utf8({c}), among = utf8({'a', 0x315, 0x300, 0x316, c, 0x327, 0x301});
    ASSERT_EQ(nfc(alone), oracle(alone, kNfc)) << std::hex << c;
    ASSERT_EQ(nfc(among), oracle(among, kNfc)) << std::hex << c;
  }
}

TEST(unicode, other_forms_of_every_code_point_equal_utf8procs) {
  for (uint32_t c = 1; c < kCodePoints; c += kStep) {
    if (!judged(c)) continue;
    const std::string s = utf8({'a', c, 0x327, 0x301});
    for (const NormalForm form : {kNfd, kNfkc, kNfkd}) ASSERT_EQ(normal(s, form), oracle(s, form)) << std::hex << c;
  }
}

TEST(unicode, kinds_equal_utf8procs) {
  // Characters that changed their category after utf8proc's version.
  constexpr uint32_t kMoved[] = {0x1734, 0x1171E, 0x180F};
  for (uint32_t c = 0; c < kCodePoints; ++c) {
    if (!judged(c) || char_kind(c) == CharKind::space || std::find(std::begin(kMoved), std::end(kMoved), c) != std::end(kMoved)) continue;
    const std::string_view category = utf8proc_category_string(utf8proc_int32_t(c));
    using enum CharKind;
    const CharKind wanted = category == "Lu" || category == "Lt" ? upper : category == "Ll" ? lower : category == "Lm" ? modifier
                          : category == "Lo" ? letter : category[0] == 'N' ? number : category == "Mn" ? nonspacing
                          : category[0] == 'M' ? mark : category[0] == 'P' ? punctuation : category[0] == 'S' ? symbol : control;
    EXPECT_EQ(char_kind(c), wanted) << std::hex << c << " " << category;
  }
}

TEST(unicode, lower_case_equals_utf8procs) {
  for (uint32_t c = 0; c < kCodePoints; ++c) {
    if (!judged(c) || c == 0x130) continue;
    EXPECT_EQ(to_lower(c), uint32_t(utf8proc_tolower(utf8proc_int32_t(c)))) << std::hex << c;
  }
}

TEST(unicode, nfc_of_random_text_equals_utf8procs) {
  constexpr uint32_t kBases[] = {'a', 'A', 0xC5, 0x1100, 0x1161, 0x11A8, 0xAC00, 0xAC01, 0x9C7, 0x9BE, 0xCC6, 0xCC2, 0xCD5,
                                 0x212B, 0x1F82, 0x1D15E, 0xFB1D, 0x2F800, 0x4E00, 0x110B9, 0x110BA, 0x1112F, 0x11131, 0x11127};
  for (uint64_t round = 0; round < 20000; ++round) {
    std::string s;
    const uint64_t n = 1 + random_bits(round, 0) % 40;
    for (uint64_t i = 1; i <= n; ++i) {
      const uint64_t r = random_bits(round, i);
      s += utf8({r % 3 ? uint32_t(0x300 + (r >> 8) % 0x70) : kBases[(r >> 8) % std::size(kBases)]});
    }
    ASSERT_EQ(nfc(s), oracle(s, kNfc)) << round;
  }
}

TEST(unicode, nfc_keeps_invalid_bytes_where_they_are) {
  EXPECT_EQ(nfc("e\xCC\x81\xFF\xCC\x81"), "\xC3\xA9\xFF\xCC\x81");
  EXPECT_EQ(nfc("\xED\xA0\x80"), "\xED\xA0\x80");
}

TEST(unicode, nfc_without_room_says_so) {
  char memory[16];
  Arena arena(memory, sizeof memory);
  EXPECT_EQ(to_normal_form("a\u0301a\u0301", kNfc, arena).status().code(), Code::out_of_memory);
}

}  // namespace
}  // namespace synapse
