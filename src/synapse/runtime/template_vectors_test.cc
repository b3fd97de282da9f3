// What Python's Jinja2 renders: our own table of small templates (tests/templates), and published chat templates where
// the data is there.
#include "tests/templates.h"

namespace synapse {
namespace {

TEST(template_vectors, small_templates_render_as_in_python) {
  const std::string file = read_file(SYNAPSE_SOURCE_DIR "/tests/templates/cases.json");
  TestMemory memory;
  const auto document = parse_json(file, memory.arena);
  ASSERT_TRUE(document.ok()) << document.status().message();
  const JsonValue root = document->root();
  int n = 0;
  for (const JsonValue c : root["cases"].elements()) {
    const Rendered r = render(c["template"].as_string(), root["context"], root["now"].as_string());
    ++n;
    if (c["output"].is_string()) {
      EXPECT_EQ(r.error, "") << c["template"].as_string();
      EXPECT_EQ(r.text, c["output"].as_string()) << c["template"].as_string();
    } else {
      EXPECT_NE(r.error, "") << c["template"].as_string() << "\nrenders " << r.text << "\nPython: " << c["error"].as_string();
    }
  }
  EXPECT_GT(n, 500);
}

// The scenario as a context with the template's own tokens.
std::string with_tokens(std::string_view scenario, std::string_view bos, std::string_view eos) {
  const auto quoted = [](std::string_view text) {
    std::string out = "\"";
    for (const char c : text) out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return out + "\"";
  };
  return std::string(scenario.substr(0, scenario.rfind('}'))) + ",\"bos_token\":" + quoted(bos) + ",\"eos_token\":" + quoted(eos) + "}";
}

// A value as JSON text.
std::string to_json(JsonValue v) {
  std::string out;
  const auto quoted = [](std::string_view text) {
    std::string q = "\"";
    for (const char c : text) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", unsigned(uint8_t(c)));
      q += uint8_t(c) < 32 || c == '"' || c == '\\' ? std::string(code) : std::string(1, c);
    }
    return q + "\"";
  };
  switch (v.type()) {
    case JsonType::null: return "null";
    case JsonType::boolean: return *v.as_bool() ? "true" : "false";
    case JsonType::number: return std::string(v.number_text());
    case JsonType::string: return quoted(v.as_string());
    case JsonType::array:
      for (const JsonValue e : v.elements()) out.append(out.empty() ? "" : ",").append(to_json(e));
      return std::string("[").append(out).append("]");
    case JsonType::object:
      for (const JsonMember m : v.members()) {
        out.append(out.empty() ? "" : ",").append(quoted(m.key)).append(":").append(to_json(m.value));
      }
      return std::string("{").append(out).append("}");
  }
  return out;
}

TEST(template_vectors, published_templates_render_as_in_python) {
  const std::string file = read_file(test_data("templates/renderings.json"));
  if (file.empty()) GTEST_SKIP() << "no " << test_data("templates/renderings.json");
  TestMemory memory;
  const auto document = parse_json(file, memory.arena);
  ASSERT_TRUE(document.ok()) << document.status().message();
  int n_texts = 0, n_errors = 0;
  for (const auto [name, t] : document->root()["templates"].members()) {
    const std::string source = read_file(test_data("templates/" + std::string(name)));
    ASSERT_NE(source, "") << name;
    for (const auto [scenario, wanted] : t["render"].members()) {
      const std::string context = with_tokens(to_json(document->root()["scenarios"][scenario]), t["bos_token"].as_string(),
                                              t["eos_token"].as_string());
      const Rendered r = render(source, context);
      const JsonValue output = wanted["output"];
      ++(output.is_string() ? n_texts : n_errors);
      if (output.is_string()) {
        EXPECT_EQ(r.error, "") << name << " " << scenario;
        EXPECT_EQ(r.text, output.as_string()) << name << " " << scenario;
      } else {  // "TemplateError: what the template raised"
        const std::string_view error = wanted["error"].as_string();
        EXPECT_TRUE(std::string_view(r.error).ends_with(error.substr(error.find(": ") + 2))) << r.error << " for " << error;
      }
    }
  }
  EXPECT_GE(n_texts, 150);
  EXPECT_GE(n_errors, 3);
}

TEST(template_vectors, the_vectors_of_llama_cpp_that_python_agrees_with) {
  const std::string file = read_file(test_data("templates/llamacpp_chat_template_vectors.json"));
  if (file.empty()) GTEST_SKIP() << "no " << test_data("templates/llamacpp_chat_template_vectors.json");
  TestMemory memory;
  const auto document = parse_json(file, memory.arena);
  ASSERT_TRUE(document.ok()) << document.status().message();
  const std::string scenario =
      "{\"add_generation_prompt\":true,\"messages\":" + to_json(document->root()["conversation"]) + "}";
  int n = 0;
  for (const JsonValue c : document->root()["cases"].elements()) {
    if (!c["python_jinja2_equals_expected"].as_bool().value_or(false)) continue;
    const Rendered r = render(c["template_str"].as_string(),
                              with_tokens(scenario, c["bos_token"].as_string(), c["eos_token"].as_string()));
    const std::string_view jinja = c["expected_output_jinja"].as_string();
    EXPECT_EQ(r.error, "") << c["name"].as_string();
    EXPECT_EQ(r.text, jinja.empty() ? c["expected_output"].as_string() : jinja) << c["name"].as_string();
    ++n;
  }
  EXPECT_EQ(n, 24);
}

}  // namespace
}  // namespace synapse
