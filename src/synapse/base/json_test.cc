#include "synapse/base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

namespace synapse {
namespace {

struct Parsed {
  explicit Parsed(std::string_view source, JsonLimits limits = {})
      : text(source), memory(json_arena_bytes(bytes())), arena(memory.data(), memory.size()),
        result(parse_json(bytes(), arena, limits)) {}
  std::span<const uint8_t> bytes() const { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
  JsonValue root() { return result->root(); }
  std::string error() const { return std::string(result.status().message()); }

  std::string text;
  std::vector<uint8_t> memory;
  Arena arena;
  Result<JsonDocument> result;
};

TEST(json, reads_every_type_in_file_order) {
  Parsed p(R"( {"a": [1, -2.5e1, true, false, null, []], "b": {"c": "d", "e": {}}, "": "x"} )");
  ASSERT_TRUE(p.result.ok()) << p.error();
  const JsonValue a = p.root()["a"];
  ASSERT_EQ(a.size(), 6u);
  EXPECT_EQ(a.at(0).as_int(), 1);
  EXPECT_EQ(a.at(1).as_number(), -25.0);
  EXPECT_EQ(a.at(1).as_int(), -25);
  EXPECT_EQ(a.at(2).as_bool(), true);
  EXPECT_EQ(a.at(3).as_bool(), false);
  EXPECT_TRUE(a.at(4).is_null());
  EXPECT_TRUE(a.at(5).is_array());
  EXPECT_TRUE(a.at(6).is_null());
  EXPECT_EQ(p.root()["b"]["c"].as_string(), "d");
  EXPECT_TRUE(p.root()["b"]["nothing"]["here"].is_null());
  EXPECT_EQ(p.root()[""].as_string(), "x");
  std::string keys;
  for (const auto [key, value] : p.root().members()) keys += std::string(key) + ":" + std::to_string(value.size()) + " ";
  EXPECT_EQ(keys, "a:6 b:2 :0 ");
  int n = 0;
  for (const JsonValue v : a.elements()) n += v.is_null() ? 10 : 1;
  EXPECT_EQ(n, 15);
}

TEST(json, asking_for_the_wrong_type_gives_nothing) {
  Parsed p(R"(["1", 1.5, 9223372036854775808, true])");
  EXPECT_EQ(p.root().at(0).as_int(), std::nullopt);
  EXPECT_EQ(p.root().at(1).as_int(), std::nullopt);
  EXPECT_EQ(p.root().at(2).as_int(), std::nullopt);
  EXPECT_EQ(p.root().at(3).as_number(), std::nullopt);
  EXPECT_EQ(p.root().at(1).as_string(), "");
  EXPECT_EQ(p.root()["key"].size(), 0u);
  EXPECT_EQ(JsonValue().at(0).as_bool(), std::nullopt);
}

TEST(json, integers_reach_both_ends_of_int64) {
  Parsed p("[9223372036854775807, -9223372036854775808, -9223372036854775809, 1e6, 0, -0]");
  EXPECT_EQ(p.root().at(0).as_int(), INT64_MAX);
  EXPECT_EQ(p.root().at(1).as_int(), INT64_MIN);
  EXPECT_EQ(p.root().at(2).as_int(), std::nullopt);
  EXPECT_EQ(p.root().at(3).as_int(), 1000000);
  EXPECT_EQ(p.root().at(4).as_int(), 0);
  EXPECT_TRUE(std::signbit(*p.root().at(5).as_number()));
}

TEST(json, unescapes_strings) {
  Parsed p(R"(["\"\\\/\b\f\n\r\t", "\u0041\u00e9\u20AC\uD83D\uDE00", "\u0000", "plain é 😀", "tail\\"])");
  ASSERT_TRUE(p.result.ok()) << p.error();
  EXPECT_EQ(p.root().at(0).as_string(), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(p.root().at(1).as_string(), "A\u00e9\u20ac\U0001F600");
  EXPECT_EQ(p.root().at(2).as_string(), std::string_view("\0", 1));
  EXPECT_EQ(p.root().at(3).as_string(), "plain é 😀");
  EXPECT_EQ(p.root().at(4).as_string(), "tail\\");
  const char* view = p.root().at(3).as_string().data();
  EXPECT_TRUE(view > p.text.data() && view < p.text.data() + p.text.size());
}

struct BadCase {
  std::string_view text, message;
};

TEST(json, wrong_text_is_an_error_that_says_where) {
  using namespace std::literals;
  const BadCase cases[] = {
      {"", "byte 0: the text ends, wanted a value"},
      {"{", "byte 1: the text ends, wanted a key"},
      {"[1", "byte 2: the text ends, wanted ',' or ']'"},
      {"[1,\n 2,]", "line 2, byte 7: found ']', wanted a value"},
      {"[1 2]", "found '2', wanted ',' or ']'"},
      {"{\"a\" 1}", "found '1', wanted ':'"},
      {"{\"a\":1,}", "found '}', wanted a key"},
      {"{a:1}", "found 'a', wanted a key"},
      {"{1:1}", "wanted a key"},
      {"[}", "found '}', wanted a value"},
      {"{]", "found ']', wanted a key"},
      {"1 1", "trailing bytes"},
      {"{}x", "trailing bytes"},
      {"NaN", "found 'N'"},
      {"Infinity", "found 'I'"},
      {"-Infinity", "wanted a digit"},
      {"01", "leading zero"},
      {"-", "wanted a digit"},
      {"1.", "wanted a digit"},
      {".5", "wanted a value"},
      {"+1", "wanted a value"},
      {"1e", "wanted a digit"},
      {"1e+", "wanted a digit"},
      {"tru", "wanted a value"},
      {"\"abc", "ends inside a string"},
      {"\"abc\\", "ends inside a string"},
      {"\"\\\"", "ends inside a string"},
      {"\"a\nb\"", "control character 10"},
      {"\"a\0b\""sv, "control character 0"},
      {"\"\\x41\"", "unknown escape"},
      {"\"\\u12g4\"", "unknown escape"},
      {"\"\\u123\"", "unknown escape"},
      {"\"\\uD800\"", "lone high surrogate"},
      {"\"\\uD800\\u0041\"", "lone high surrogate"},
      {"\"\\uDC00\"", "lone low surrogate"},
      {"\"\xff\"", "byte 255 is not UTF-8"},
      {"\"\xc0\x80\"", "not UTF-8"},
      {"\"\xe0\x80\x80\"", "not UTF-8"},
      {"\"\xed\xa0\x80\"", "not UTF-8"},
      {"\"\xf4\x90\x80\x80\"", "not UTF-8"},
      {"\"\xe2\x82\"", "not UTF-8"},
      {"\xef\xbb\xbf{}", "found byte 239"},
      {"{\"a\":1,\"b\":2,\"a\":3}", "key \"a\" twice"},
      {"{\"a\":1,\"\\u0061\":2}", "key \"a\" twice"},
  };
  for (const BadCase& c : cases) {
    Parsed p(c.text);
    EXPECT_FALSE(p.result.ok()) << c.text;
    EXPECT_NE(p.error().find(c.message), std::string::npos) << c.text << " -> " << p.error();
  }
}

TEST(json, every_prefix_of_a_document_is_an_error) {
  const std::string text = R"({"a":[1.5e3,"\u00e9\"",{"b":null}],"c":true})";
  ASSERT_TRUE(Parsed(text).result.ok());
  for (size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(Parsed(text.substr(0, n)).result.ok()) << n;
}

TEST(json, the_numbers_that_only_python_writes_have_no_value_where_asked_for) {
  constexpr std::string_view text = R"([0.0, Infinity, -Infinity, NaN, -1])";
  JsonLimits python;
  python.python_numbers = true;
  Parsed p(text, python);
  ASSERT_TRUE(p.result.ok()) << p.error();
  for (size_t i : {1u, 2u, 3u}) {
    EXPECT_TRUE(p.root().at(i).is_number()) << i;
    EXPECT_EQ(p.root().at(i).as_number(), std::nullopt) << i;
    EXPECT_EQ(p.root().at(i).as_int(), std::nullopt) << i;
  }
  EXPECT_EQ(p.root().at(2).number_text(), "-Infinity");
  EXPECT_EQ(p.root().at(4).as_int(), -1);
  EXPECT_FALSE(Parsed(text).result.ok());
  EXPECT_FALSE(Parsed("[Infinit]", python).result.ok());
}

TEST(json, limits_hold) {
  EXPECT_TRUE(Parsed(std::string(64, '[') + std::string(64, ']')).result.ok());
  EXPECT_NE(Parsed(std::string(65, '[') + std::string(65, ']')).error().find("64 levels"), std::string::npos);
  EXPECT_FALSE(Parsed(std::string(1000000, '[')).result.ok());
  JsonLimits few;
  few.nodes = 3;
  EXPECT_TRUE(Parsed("[1,2]", few).result.ok());
  EXPECT_NE(Parsed("[1,2,3]", few).error().find("more than 3 values"), std::string::npos);
  JsonLimits lax;
  lax.check_duplicates = false;
  EXPECT_TRUE(Parsed(R"({"a":1,"a":2})", lax).result.ok());
  uint8_t small[64];
  Arena arena(small, sizeof small);
  EXPECT_EQ(parse_json("[1,2,3,4,5,6,7,8]", arena).status().code(), Code::out_of_memory);
}

TEST(json, a_big_object_is_checked_and_walked) {
  std::string text = "{";
  for (int i = 0; i < 100000; ++i) text += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":" + std::to_string(i);
  Parsed good(text + "}");
  ASSERT_TRUE(good.result.ok()) << good.error();
  EXPECT_EQ(good.root().size(), 100000u);
  EXPECT_LE(good.arena.peak(), good.memory.size());
  EXPECT_NE(Parsed(text + ",\"k77\":0}").error().find("\"k77\" twice"), std::string::npos);
}

TEST(json, decimals_agree_with_the_c_library) {
  const char* exact[] = {"0", "-0.0", "1", "0.1", "1e-06", "1e22", "123456789012345", "3.141592653589793", "1e-5",
                         "10000.0", "500000.0", "2.2250738585072014e-308", "1.7976931348623157e308", "5e-324",
                         "0.000001", "123456789.123456789", "4.9406564584124654e-324", "1e-400", "0e999999999",
                         "100000000000000000000000", "9007199254740993", "0.00000000000000000000000000000000001"};
  for (const char* text : exact) EXPECT_EQ(parse_decimal(text), std::strtod(text, nullptr)) << text;
  for (const char* text : {"1e309", "-1e400", "1e999999999999", "1.8e308"}) EXPECT_EQ(parse_decimal(text), std::nullopt);
}

TEST(json, long_decimals_are_within_0_51_ulp) {
  uint64_t state = 1;
  const auto next = [&] { return state = state * 6364136223846793005u + 1442695040888963407u, state >> 33; };
  for (int i = 0; i < 200000; ++i) {
    std::string text = std::to_string(next() % 10) + ".";
    for (int d = int(next() % 22); d >= 0; --d) text += char('0' + next() % 10);
    text += "e" + std::to_string(int(next() % 640) - 325);
    const long double want = std::strtold(text.c_str(), nullptr);
    const double rounded = std::strtod(text.c_str(), nullptr);
    const std::optional<double> got = parse_decimal(text);
    if (std::isinf(rounded)) {
      EXPECT_FALSE(got.has_value()) << text;
      continue;
    }
    ASSERT_TRUE(got.has_value()) << text;
    const long double ulp = (long double)std::nextafter(rounded, INFINITY) - rounded;
    EXPECT_LE(std::fabs(*got - want), 0.51L * ulp) << text << " " << *got << " " << rounded;
  }
}

}  // namespace
}  // namespace synapse
