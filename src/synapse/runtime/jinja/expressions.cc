// The expressions of a template, in Jinja's precedence: if-else, or, and, not, comparison, + -, ~, * / // %,
// **, sign, filters and tests, calls and subscripts.
#include <algorithm>
#include <bit>
#include <limits>

#include "synapse/base/json.h"
#include "synapse/runtime/jinja/builtins.h"
#include "synapse/runtime/jinja/number.h"
#include "synapse/runtime/jinja/parser.h"
#include "synapse/runtime/unicode.h"

namespace synapse {

using namespace jinja;

jinja::Node* TemplateParser::tuple(bool allows_condition, std::string_view end_word, bool in_parentheses) {
  Node* list = nullptr;  // made at the first comma
  Node* item = nullptr;
  for (bool comma = true; comma && !failed();) {
    const bool ends = current().type == Tok::output_end || current().type == Tok::block_end || is_op(")") ||
                      (!end_word.empty() && is_word(end_word));
    if (ends) {
      if (!item && !in_parentheses) return wanted("an expression"), nullptr;
      if (!item) list = make(Kind::tuple);
      break;
    }
    item = allows_condition ? expression() : either();
    if (list) append(list, item);
    comma = skip_op(",");
    if (comma && !list) list = make(Kind::tuple), append(list, item);
  }
  return failed() ? nullptr : list ? list : item;
}

jinja::Node* TemplateParser::expression() {
  const Nested nested(depth_);
  if (depth_ > kDepth) return wrong("more than ", kDepth, " blocks and brackets inside each other");
  Node* value = either();
  while (value && skip_word("if")) {
    const Node* condition = either();
    const Node* otherwise = !failed() && skip_word("else") ? expression() : nullptr;
    value = failed() ? nullptr : make(Kind::conditional, condition, value, otherwise);
  }
  return value;
}

jinja::Node* TemplateParser::either() {
  Node* left = both();
  while (left && skip_word("or")) {
    const Node* right = both();
    left = right ? make(Kind::logical_or, left, right) : nullptr;
  }
  return left;
}

jinja::Node* TemplateParser::both() {
  Node* left = negation();
  while (left && skip_word("and")) {
    const Node* right = negation();
    left = right ? make(Kind::logical_and, left, right) : nullptr;
  }
  return left;
}

jinja::Node* TemplateParser::negation() {
  if (!is_word("not")) return comparison();
  const Nested nested(depth_);
  if (depth_ > kDepth) return wrong("more than ", kDepth, " blocks and brackets inside each other");
  advance();
  return make(Kind::logical_not, negation());
}

jinja::Node* TemplateParser::comparison() {
  struct Row {
    std::string_view text;
    Op op;
  };
  static constexpr Row rows[] = {{"==", Op::eq}, {"!=", Op::ne}, {"<", Op::lt},
                                 {"<=", Op::le}, {">", Op::gt},  {">=", Op::ge}};
  Node* first = binary(0);
  Node* chain = nullptr;
  while (first && !failed()) {
    std::optional<Op> op;
    for (const Row& row : rows)
      if (is_op(row.text)) op = row.op;
    if (is_word("in")) op = Op::in;
    if (is_word("not") && following().type == Tok::name && following().text == "in")
      op = Op::not_in, advance();
    if (!op) break;
    advance();
    Node* operand = make(Kind::compare_with, binary(0));
    if (operand) operand->op = *op;
    if (!chain) chain = make(Kind::compare, first);
    append(chain, operand);
  }
  return failed() ? nullptr : chain ? chain : first;
}

// Level 0: + -, 1: ~, 2: * / // %, 3: **. All associate to the left.
jinja::Node* TemplateParser::binary(int level) {
  struct Row {
    int level;
    std::string_view text;
    Op op;
  };
  static constexpr Row rows[] = {{0, "+", Op::add},    {0, "-", Op::subtract},      {2, "*", Op::multiply},
                                 {2, "/", Op::divide}, {2, "//", Op::floor_divide}, {2, "%", Op::modulo},
                                 {3, "**", Op::power}};
  if (level == 1) return concatenation();
  Node* left = level == 3 ? unary(true) : binary(level + 1);
  while (left) {
    const Row* row = std::find_if(std::begin(rows), std::end(rows),
                                  [&](const Row& r) { return r.level == level && is_op(r.text); });
    if (row == std::end(rows)) return left;
    advance();
    const Node* right = level == 3 ? unary(true) : binary(level + 1);
    left = right ? make(Kind::binary, left, right) : nullptr;
    if (left) left->op = row->op;
  }
  return nullptr;
}

jinja::Node* TemplateParser::concatenation() {
  Node* first = binary(2);
  if (!first || !is_op("~")) return first;
  Node* all = make(Kind::concat);
  append(all, first);
  while (!failed() && skip_op("~")) append(all, binary(2));
  return failed() ? nullptr : all;
}

jinja::Node* TemplateParser::unary(bool with_filters) {
  const Nested nested(depth_);
  if (depth_ > kDepth) return wrong("more than ", kDepth, " blocks and brackets inside each other");
  Node* node = nullptr;
  if (skip_op("-")) {
    node = make(Kind::negate, unary(false));
  } else if (skip_op("+")) {
    node = make(Kind::plus, unary(false));
  } else {
    node = primary();
  }
  node = postfix(node);
  return with_filters ? filtered(node) : node;
}

jinja::Node* TemplateParser::primary() {
  const Token& token = current();
  if (token.type == Tok::string) return string_constant();
  if (token.type == Tok::whole || token.type == Tok::real) return number_constant();
  if (token.type == Tok::name) {
    const std::string_view t = token.text;
    advance();
    const bool is_true = t == "true" || t == "True", is_false = t == "false" || t == "False";
    if (!is_true && !is_false && t != "none" && t != "None") {
      if (macro_)
        macro_->has_varargs |= t == "varargs", macro_->has_kwargs |= t == "kwargs",
            macro_->has_caller |= t == "caller";
      return named(Kind::name, t);
    }
    Node* node = make(Kind::constant);
    if (node) node->value = is_true || is_false ? boolean(is_true) : none();
    return node;
  }
  if (is_op("(")) {
    advance();
    Node* inside = tuple(true, {}, true);
    return inside && expect_op(")") ? inside : nullptr;
  }
  if (is_op("[")) {
    advance();
    Node* list = make(Kind::list);
    while (!failed() && !is_op("]")) {
      if (!list->items.empty() && !expect_op(",")) return nullptr;
      if (!is_op("]")) append(list, expression());
    }
    return expect_op("]") ? list : nullptr;
  }
  if (is_op("{")) return dict();
  wanted("an expression");
  return nullptr;
}

jinja::Node* TemplateParser::dict() {
  advance();
  Node* node = make(Kind::dict);
  while (!failed() && !is_op("}")) {
    if (!node->items.empty() && !expect_op(",")) return nullptr;
    if (is_op("}")) break;
    append(node, expression());
    if (!expect_op(":")) return nullptr;
    append(node, expression());
  }
  return expect_op("}") ? node : nullptr;
}

// Neighbouring strings are one.
jinja::Node* TemplateParser::string_constant() {
  Node* node = make(Kind::constant);
  size_t most = 0;
  for (size_t i = at_; tokens_[i].type == Tok::string; ++i) most += tokens_[i].text.size();
  char* text = arena_.array<char>(most);
  if (!node || !text)
    return error_ = fail(Code::out_of_memory, "template: line ", current().line, ": does not fit"), nullptr;
  size_t n = 0;
  for (; current().type == Tok::string; advance()) {
    const std::string_view quoted = current().text;
    if (!unescape(quoted.substr(1, quoted.size() - 2), text, n)) return nullptr;
  }
  node->value = jinja::string({text, n});
  return node;
}

// Python's escapes; an unknown one stays as written.
bool TemplateParser::unescape(std::string_view text, char* out, size_t& n) {
  const auto hex = [text](size_t from, size_t digits) -> std::optional<uint32_t> {
    if (from + digits > text.size()) return std::nullopt;
    const auto value = parse_whole(text.substr(from, digits), 16);
    const bool plain = text.substr(from, digits).find_first_not_of("0123456789abcdefABCDEF") == text.npos;
    return value && plain ? std::optional(uint32_t(*value)) : std::nullopt;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    constexpr std::string_view letters = "\\'\"abfnrtv", meanings = "\\'\"\a\b\f\n\r\t\v";
    if (text[i] != '\\') {
      out[n++] = text[i];
      continue;
    }
    const char c = text[++i];  // the lexer saw that something follows
    const size_t simple = letters.find(c);
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (simple != letters.npos) {
      out[n++] = meanings[simple];
    } else if (digits) {
      const auto code = hex(i + 1, digits);
      if (!code || *code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF))
        return wrong("a broken \\", c, " escape"), false;
      n += encode_utf8(*code, out + n), i += digits;
    } else if (c >= '0' && c <= '7') {
      uint32_t code = 0;
      size_t end = i;
      while (end < text.size() && end < i + 3 && text[end] >= '0' && text[end] <= '7')
        code = code * 8 + uint32_t(text[end++] - '0');
      n += encode_utf8(code, out + n), i = end - 1;
    } else if (c != '\n') {
      out[n++] = '\\', out[n++] = c;
    }
  }
  return true;
}

jinja::Node* TemplateParser::number_constant() {
  Node* node = make(Kind::constant);
  if (!node) return nullptr;
  const std::string_view text = current().text;
  const char radix = text.size() > 1 ? char(text[1] | 32) : '0';
  const int32_t base = radix == 'x' ? 16 : radix == 'o' ? 8 : radix == 'b' ? 2 : 10;
  if (current().type == Tok::whole) {
    const auto value = parse_whole(text, base);
    if (!value) return wrong("the number ", text.substr(0, 40), ", wanted one of 64 bits");
    node->value = integer(*value);
  } else {
    const auto value = parse_real(text);
    if (!value) return wrong("the number ", text.substr(0, 40), " is too long");
    node->value = real(*value);
  }
  return advance(), node;
}

jinja::Node* TemplateParser::postfix(Node* node) {
  while (node && !failed()) {
    if (is_op(".") || is_op("[")) {
      node = subscript(node);
    } else if (is_op("(")) {
      node = make(Kind::call, node);
      if (!arguments(node)) return nullptr;
    } else {
      return node;
    }
  }
  return nullptr;
}

jinja::Node* TemplateParser::subscript(Node* node) {
  if (skip_op(".")) {
    if (current().type == Tok::whole) {
      const Node* index = number_constant();
      return index ? make(Kind::item, node, index) : nullptr;
    }
    Node* attribute = make(Kind::attribute, node);
    if (current().type != Tok::name) return wanted("a name or number after ."), nullptr;
    if (attribute) attribute->name = current().text;
    return advance(), attribute;
  }
  advance();
  Node* first = is_op(":") ? nullptr : expression();
  if (failed()) return nullptr;
  if (!is_op(":")) {
    if (is_op(",")) {  // a tuple as key
      Node* key = make(Kind::tuple);
      append(key, first);
      while (!failed() && skip_op(",")) append(key, expression());
      first = key;
    }
    Node* item = make(Kind::item, node, first);
    return !failed() && expect_op("]") ? item : nullptr;
  }
  Node* slice = make(Kind::slice, node);
  append(slice, first);
  for (int part = 1; part < 3; ++part) {
    Node* value = nullptr;
    if (!failed() && skip_op(":") && !is_op("]") && !is_op(":")) value = expression();
    append(slice, value);
  }
  return !failed() && expect_op("]") ? slice : nullptr;
}

bool TemplateParser::arguments(Node* call) {
  if (!call || !expect_op("(")) return false;
  bool has_keyword = false;
  while (!failed() && !is_op(")")) {
    if (!call->items.empty() && !expect_op(",")) return false;
    if (is_op(")")) break;
    Node* argument = nullptr;
    if (skip_op("**")) {
      argument = make(Kind::splat_dict, expression()), has_keyword = true;
    } else if (skip_op("*")) {
      argument = make(Kind::splat, expression());
    } else if (current().type == Tok::name && following().type == Tok::op && following().text == "=") {
      const std::string_view name = current().text;
      advance(), advance();
      argument = make(Kind::keyword, expression()), has_keyword = true;
      if (argument) argument->name = name;
    } else {
      if (has_keyword) return wrong("an argument without a name after one with"), false;
      argument = expression();
    }
    append(call, argument);
  }
  return expect_op(")");
}

std::string_view TemplateParser::dotted_name() {
  if (current().type != Tok::name) return wanted("a name"), std::string_view();
  const char* const begin = current().text.data();
  std::string_view last = current().text;
  advance();
  while (is_op(".") && following().type == Tok::name) advance(), last = current().text, advance();
  return {begin, size_t(last.data() + last.size() - begin)};
}

jinja::Node* TemplateParser::filters(Node* node, bool at_name) {
  while (!failed() && (at_name || skip_op("|"))) {
    at_name = false;
    Node* filter = make(Kind::filter);
    const std::string_view name = dotted_name();
    if (failed()) return nullptr;
    filter->a = node, filter->name = name, filter->row = find_filter(name);
    if (is_op("(") && !arguments(filter)) return nullptr;
    node = filter;
  }
  return failed() ? nullptr : node;
}

jinja::Node* TemplateParser::filtered(Node* node) {
  while (node && !failed()) {
    if (is_op("|")) {
      node = filters(node, false);
    } else if (skip_word("is")) {
      node = test(node);
    } else if (is_op("(")) {
      node = make(Kind::call, node);
      if (!arguments(node)) return nullptr;
    } else {
      return node;
    }
  }
  return nullptr;
}

jinja::Node* TemplateParser::test(Node* node) {
  const bool negated = skip_word("not");
  Node* test = make(Kind::test, node);
  const std::string_view name = dotted_name();
  if (failed()) return nullptr;
  test->name = name, test->row = find_test(name);
  const Token& t = current();
  const bool is_word_operand = t.type == Tok::name && t.text != "else" && t.text != "or" && t.text != "and";
  if (is_word("is")) return wrong("tests cannot be chained with is");
  if (is_op("(")) {
    if (!arguments(test)) return nullptr;
  } else if (is_word_operand || t.type == Tok::string || t.type == Tok::whole || t.type == Tok::real ||
             is_op("[") || is_op("{")) {
    const Nested nested(depth_);
    if (depth_ > kDepth) return wrong("more than ", kDepth, " blocks and brackets inside each other");
    append(test, postfix(primary()));
  }
  return negated ? make(Kind::logical_not, test) : failed() ? nullptr : test;
}

}  // namespace synapse
