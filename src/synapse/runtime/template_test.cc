// Chat templates: what errors say, what bounds hold, numbers and texts at their edges.
#include <bit>
#include <cmath>
#include <cstdio>

#include "synapse/base/rng.h"
#include "synapse/runtime/jinja/number.h"
#include "synapse/runtime/jinja/text.h"
#include "tests/templates.h"

namespace synapse {
namespace {

using jinja::kRealBytes;

std::string error_of(std::string_view source, std::string_view context = "{}") { return render(source, context).error; }

TEST(templates, errors_name_the_line_and_what_was_found) {
  EXPECT_EQ(error_of("a\nb\n{{ x.y }}"), "template: line 3: 'x' is undefined");
  EXPECT_EQ(error_of("\n{% if a %}"), "template: line 2: the template ends, wanted {% endif %}");
  EXPECT_EQ(error_of("{{ 1 + }}"), "template: line 1: found }}, wanted an expression");
  EXPECT_EQ(error_of("{{ a b }}"), "template: line 1: found b, wanted }}");
  EXPECT_EQ(error_of("{% include 'x' %}"), "template: line 1: unknown statement include");
  EXPECT_EQ(error_of("{{ 1|nope }}"), "template: line 1: no filter is named nope");
  EXPECT_EQ(error_of("\n\n{{ raise_exception('no system role') }}"), "template: line 3: no system role");
  EXPECT_EQ(error_of("{{ 'a' < 1 }}"), "template: line 1: values of types str and int have no order");
  EXPECT_EQ(error_of("{{ 9223372036854775807 + 1 }}"), "template: line 1: 9223372036854775807 + 1 does not fit 64 bits");
  EXPECT_EQ(error_of("{{ a }}", "[1]"), "context: wanted an object");
}

TEST(templates, lines_of_errors_after_calls_are_the_callers) {
  EXPECT_EQ(error_of("{% macro m() %}\n\nx\n{% endmacro %}\n{{ m().x.y }}"), "template: line 5: 'x' is undefined");
}

TEST(templates, the_context_wins_over_functions) { EXPECT_EQ(render("{{ range }}", R"({"range": 3})").text, "3"); }

TEST(templates, numbers_of_the_context) {
  const std::string_view context = R"({"a": 1, "b": -9223372036854775808, "c": 1.0, "d": 1e2, "e": 0.1, "f": 1e400})";
  EXPECT_EQ(render("{{ [a, b, c, d, e, f] }}", context).text, "[1, -9223372036854775808, 1.0, 100.0, 0.1, inf]");
  EXPECT_EQ(error_of("{{ a }}", R"({"a": 9223372036854775808})"),
            "template: line 1: context: the number 9223372036854775808, wanted one of 64 bits");
}

TEST(templates, render_as_often_as_wanted) {
  TestMemory memory;
  const auto parsed = Template::parse("{% set x = n + 1 %}{{ x }}", memory.arena);
  ASSERT_TRUE(parsed.ok());
  for (int n = 0; n < 3; ++n) {
    const size_t mark = memory.arena.mark();
    const std::string text = "{\"n\": " + std::to_string(n) + "}";
    const auto context = parse_json(text, memory.arena);
    EXPECT_EQ(*(*parsed)->render(context->root(), {}, {}, memory.arena), std::to_string(n + 1));
    memory.arena.rewind(mark);
  }
}

TEST(templates, clocks) {
  const auto clock = [](std::string_view text) { return parse_clock(text).ok(); };
  EXPECT_TRUE(clock("2024-02-29T23:59:59"));
  EXPECT_TRUE(clock("2024-02-29 00:00:00"));
  EXPECT_TRUE(clock("2024-02-29"));
  for (const char* bad : {"", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-01-01T24:00:00", "2024-01-01T00:60:00",
                          "2024-01-01T00:00", "2024/01/01", "0000-01-01", "2024-01-01X00:00:00", "now"}) {
    EXPECT_FALSE(clock(bad)) << bad;
  }
}

// Every one of these would run for ages, fill the memory or the stack.
constexpr const char* kHostile[] = {
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% for i in range(100000) %}{% for j in range(100000) %}x{{ i }}{% endfor %}{% endfor %}",
    "{% for i in range(10**15) %}x{% endfor %}",
    "{{ range(99999)|list * 100000000 }}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% macro a(x) %}{{ caller() }}{% endmacro %}{% macro b() %}{% call a(1) %}{{ b() }}{% endcall %}{% endmacro %}{{ b() }}",
    "{% macro a(x=a()) %}{% endmacro %}{{ a() }}",
    "{% set ns=namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns=namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns=namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns=namespace(s=[1]) %}{% for i in range(1000) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "{% set ns=namespace(s=[1]) %}{% for i in range(90) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "{% set ns=namespace(s=[1]) %}{% for i in range(90) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
    "{% set ns=namespace(s=[1],t=[1]) %}{% for i in range(90) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}",
    "{% set ns=namespace(s={1:1}) %}{% for i in range(1000) %}{% set ns.s = {'a': ns.s} %}{% endfor %}",
    "{{ 'x' * 100000000000 }}",
    "{{ 'x'.ljust(100000000000) }}",
    "{{ '%1000000000s'|format('x') }}{{ '{:999999999}'.format('x') }}",
    "{{ 'a'|indent(999999999999, true) }}",
    "{% set x = 'a'*1000000 %}{% for i in range(100000) %}{{ x|length }}{% endfor %}",
    "{% set x = 'a'*1000000 %}{% for i in range(100000) %}{% if x|upper == 3 %}{% endif %}{% endfor %}",
    "{% set x = 'a'*1000000 %}{% set z = 'a'*5000 ~ 'b' %}{% for i in range(100000) %}{% set y = z in x %}{% endfor %}",
    "{% set x = 'ab'*100000 %}{% for i in range(100000) %}{% set y = x.split('a') %}{% endfor %}",
    "{% set x = 'ab'*100000 %}{% for i in range(100000) %}{% set y = x.replace('a','bbbbbbbb') %}{% endfor %}",
    "{% set x = range(100000)|list %}{% for i in range(100000) %}{% set y = x|sort %}{% endfor %}",
    "{% set x = range(100000)|list %}{% set y = x|unique %}",
    "{% set x = range(100000)|list %}{% for i in range(100000) %}{% set y = x|tojson(indent=99) %}{% endfor %}",
    "{% for i in range(100000) %}{{ 1e300 }}{{ '%.60f'|format(1e300) }}{% endfor %}",
    "{% for i in range(100000) %}{% set x = 1e308 % 3e-308 %}{% set y = 1.0000001 ** 1023 %}{% set z = 2 ** 99999999 %}{% endfor %}",
    "{{ 3 ** 999999999999 }}",
};

TEST(templates, hostile_ones_stop) {
  const auto begin = platform::seconds();
  for (const char* source : kHostile) EXPECT_NE(error_of(source), "") << source;
  // Each is held to its steps; together they must not take what one of them alone would without.
  EXPECT_LT(platform::seconds() - begin, 60);
}

TEST(templates, deep_ones_stop) {
  const auto repeat = [](std::string_view text, size_t n) {
    std::string out;
    while (n-- > 0) out += text;
    return out;
  };
  for (const char* open : {"(", "[", "{'a':", "-", "not ", "x if ", "1 + (", "x[", "f(", "x|f(", "x is in ["}) {
    EXPECT_NE(error_of("{{ " + repeat(open, 100000)), "") << open;
  }
  EXPECT_NE(error_of(repeat("{% if x %}", 100000)), "");
  EXPECT_NE(error_of("{% for " + repeat("(", 100000)), "");
  EXPECT_EQ(render("{{ 1" + repeat("+1", 400) + " }}").text, "401");
  EXPECT_NE(error_of("{{ 1" + repeat("+1", 100000) + " }}"), "");
  EXPECT_NE(error_of("{{ x" + repeat(".x", 100000) + " }}"), "");
  EXPECT_NE(error_of("{{ 'a'|map(" + repeat("'map',", 100000) + "'upper')|list }}"), "");
  EXPECT_EQ(render("{% if x %}" + repeat("{% elif x %}", 20000) + "{% else %}y{% endif %}").text, "y");
}

TEST(templates, bounds_are_the_callers) {
  EXPECT_EQ(render("{{ 'abcd' * 4 }}", "{}", {.text_bytes = 16}).text, "abcdabcdabcdabcd");
  EXPECT_EQ(render("{{ 'abcd' * 5 }}", "{}", {.text_bytes = 16}).error, "template: line 1: a text of more than 16 bytes");
  EXPECT_EQ(render("{% for i in range(50) %}{% endfor %}", "{}", {.steps = 100}).error, "");
  EXPECT_NE(render("{% for i in range(500) %}{% endfor %}", "{}", {.steps = 100}).error, "");
  EXPECT_EQ(render("{{ ((1 + 1) + 1) + 1 }}", "{}", {.depth = 5}).error, "template: line 1: more than 5 levels of evaluation inside each other");
  // Every amount of memory ends in a text or an error.
  const std::string source = "{% macro m(x) %}{{ x|tojson }}{% endmacro %}{% for i in range(9) %}{{ m([i, {'a': i}]) }}{% endfor %}";
  int n_errors = 0;
  for (size_t bytes = 4096; bytes <= 65536; bytes += 512) n_errors += !render(source, "{}", {}, bytes).error.empty();
  EXPECT_GT(n_errors, 5);
  EXPECT_LT(n_errors, 100);
}

TEST(template_numbers, reals_are_written_with_the_fewest_digits_that_read_back) {
  char text[kRealBytes];
  for (uint64_t i = 0; i < 20000; ++i) {
    const double x = std::bit_cast<double>(random_bits(7, i));
    if (!std::isfinite(x)) continue;
    const std::string written(text, jinja::write_real(x, text));
    EXPECT_EQ(std::strtod(written.c_str(), nullptr), x) << written;
    std::string all;
    for (const char c : written.substr(0, written.find('e'))) all += isdigit(c) ? std::string(1, c) : "";
    all.erase(0, all.find_first_not_of('0'));
    const size_t digits = all.find_last_not_of('0') + 1;
    char shorter[64];
    std::snprintf(shorter, sizeof shorter, "%.*e", int(digits) - 2, x);
    EXPECT_TRUE(digits == 1 || std::strtod(shorter, nullptr) != x) << written << " " << shorter;
  }
}

TEST(template_numbers, fixed_notation_is_that_of_printf) {
  char text[kRealBytes], wanted[kRealBytes];
  for (uint64_t i = 0; i < 20000; ++i) {
    const uint64_t bits = random_bits(8, i);
    const int precision = int(bits % 20);
    const double x = i % 2 ? std::bit_cast<double>(random_bits(9, i)) : double(int64_t(bits) >> (bits % 60)) / 1024;
    if (!std::isfinite(x)) continue;
    std::snprintf(wanted, sizeof wanted, "%.*f", precision, x);
    EXPECT_EQ(std::string(text, jinja::write_fixed(x, precision, text)), wanted);
  }
}

TEST(template_numbers, remainders_have_the_sign_of_the_divisor) {
  for (uint64_t i = 0; i < 2000; ++i) {
    const double x = double(int64_t(random_bits(1, i)) >> (i % 50)) / 64, y = double(int64_t(random_bits(2, i)) >> (i % 40)) / 256;
    if (y == 0) continue;
    double wanted = std::fmod(x, y);
    if (wanted != 0 && (wanted < 0) != (y < 0)) wanted += y;
    EXPECT_EQ(jinja::remainder_real(x, y), wanted) << x << " % " << y;
  }
}

TEST(template_texts, case_maps_undo_each_other) {
  for (uint32_t c = 0; c < 0x600; ++c) {
    const uint32_t up = jinja::to_upper(c), low = jinja::to_lower(c);
    EXPECT_TRUE(up == c || low == c) << c;
    const bool one_way = c == 0xB5 || c == 0x131 || c == 0x17F || c == 0x3C2;
    if (up != c && !one_way) {
      EXPECT_EQ(jinja::to_lower(up), c) << c;
    }
    if (low != c) {
      EXPECT_EQ(jinja::to_upper(low), c) << c;
    }
  }
}

}  // namespace
}  // namespace synapse
