// Templates as a whole: names, blocks and the statements in {% %}.
#include <algorithm>
#include <bit>

#include "synapse/base/rng.h"
#include "synapse/runtime/jinja/builtins.h"
#include "synapse/runtime/jinja/parser.h"

namespace synapse {

using namespace jinja;

Result<Template*> Template::parse(std::string_view source, Arena& arena) {
  SYN_TRY(tokens, lex_template(source, arena));
  return TemplateParser(tokens, arena).run();
}

Result<Template*> TemplateParser::run() {
  size_t n_names = 8;
  for (const Token& t : tokens_) n_names += t.type == Tok::name;
  SYN_TRY(symbols, arena_.zeroed<std::string_view>(n_names, "template: names"));
  SYN_TRY(table, arena_.zeroed<uint32_t>(std::bit_ceil(2 * n_names), "template: names"));
  symbols_ = symbols, symbol_table_ = table;
  auto* result = arena_.array<Template>(1);
  auto* program = arena_.array<Program>(1);
  if (!result || !program) return fail(Code::out_of_memory, "template: does not fit");
  const uint32_t loop = symbol("loop"), caller = symbol("caller"), varargs = symbol("varargs"),
                 kwargs = symbol("kwargs");
  const Node* root = block("");
  if (!failed() && current().type != Tok::end)
    wrong("found ", token_name(current()), ", wanted text or a tag");
  if (failed()) return error_;
  *program = {root, symbols_.first(n_symbols_), loop, caller, varargs, kwargs};
  *result = Template();
  result->program_ = program;
  return result;
}

uint32_t TemplateParser::symbol(std::string_view name) {
  const size_t mask = symbol_table_.size() - 1;
  for (size_t slot = hash64(name.data(), name.size()) & mask;; slot = (slot + 1) & mask) {
    const uint32_t found = symbol_table_[slot];
    if (found && symbols_[found - 1] == name) return found - 1;
    if (found) continue;
    symbols_[n_symbols_] = name;
    symbol_table_[slot] = ++n_symbols_;
    return n_symbols_ - 1;
  }
}

jinja::Node* TemplateParser::make(Kind kind) {
  Node* node = failed() ? nullptr : arena_.array<Node>(1);
  if (!node) {
    if (!failed()) error_ = fail(Code::out_of_memory, "template: line ", current().line, ": does not fit");
    return nullptr;
  }
  *node = Node();
  node->kind = kind, node->line = current().line;
  return node;
}

jinja::Node* TemplateParser::make(Kind kind, const Node* a, const Node* b, const Node* c) {
  Node* node = a ? make(kind) : nullptr;
  if (node) node->a = a, node->b = b, node->c = c;
  return node;
}

jinja::Node* TemplateParser::named(Kind kind, std::string_view name) {
  Node* node = make(kind);
  if (node) node->name = name, node->symbol = symbol(name);
  return node;
}

bool TemplateParser::append(Node* list, Node* item) {
  if (!list || failed()) return false;
  const size_t n = list->items.size();
  if (n == 0 || (n & (n - 1)) == 0) {  // full: room for twice as many
    Node** grown = arena_.array<Node*>(n ? 2 * n : 1);
    if (!grown)
      return error_ = fail(Code::out_of_memory, "template: line ", current().line, ": does not fit"), false;
    std::copy(list->items.begin(), list->items.end(), grown);
    list->items = Nodes(grown, n);
  }
  const_cast<Node**>(list->items.data())[n] = item;
  list->items = Nodes(list->items.data(), n + 1);
  return true;
}

bool TemplateParser::wanted(std::string_view what) {
  wrong("found ", token_name(current()), ", wanted ", what);
  return false;
}

bool TemplateParser::expect(Tok type, std::string_view what) {
  if (current().type != type) return wanted(what);
  return advance(), true;
}

jinja::Node* TemplateParser::block(std::string_view ends) {
  const Nested nested(depth_);
  if (depth_ > kDepth) return wrong("more than ", kDepth, " blocks and brackets inside each other");
  Node* list = make(Kind::block);
  while (!failed() && current().type != Tok::end) {
    if (current().type == Tok::data) {
      Node* text = make(Kind::text);
      if (text) text->value = jinja::string(current().text);
      advance();
      append(list, text);
    } else if (current().type == Tok::output_begin) {
      advance();
      Node* output = make(Kind::output, tuple(true));
      expect(Tok::output_end, "}}");
      append(list, output);
    } else {
      advance();  // over {%: data and outputs end where they end
      if (current().type != Tok::name) return wanted("a statement"), nullptr;
      const size_t found = ends.find(current().text);
      const size_t after = found + current().text.size();
      if (found != ends.npos && (found == 0 || ends[found - 1] == ' ') &&
          (after == ends.size() || ends[after] == ' '))
        return list;
      append(list, statement());
    }
  }
  if (!ends.empty() && !failed())
    wrong("the template ends, wanted {% ", ends.substr(ends.rfind(' ') + 1), " %}");
  return failed() ? nullptr : list;
}

bool TemplateParser::end_tag(std::string_view word) {
  return !failed() && expect_word(word) && expect(Tok::block_end, "%}");
}

jinja::Node* TemplateParser::statement() {
  struct Row {
    std::string_view word;
    Node* (TemplateParser::*parse)();
  };
  static constexpr Row rows[] = {
      {"if", &TemplateParser::if_statement},         {"for", &TemplateParser::for_statement},
      {"set", &TemplateParser::set_statement},       {"macro", &TemplateParser::macro_statement},
      {"call", &TemplateParser::call_statement},     {"filter", &TemplateParser::filter_statement},
      {"with", &TemplateParser::with_statement},     {"generation", &TemplateParser::generation_statement},
  };
  for (const Row& row : rows)
    if (is_word(row.word)) return advance(), (this->*row.parse)();
  if (is_word("break") || is_word("continue")) {
    if (loops_ == 0) return wrong(current().text, " outside of a loop");
    Node* node = make(is_word("break") ? Kind::break_loop : Kind::continue_loop);
    advance();
    return expect(Tok::block_end, "%}") ? node : nullptr;
  }
  return wrong("unknown statement ", current().text);
}

jinja::Node* TemplateParser::if_statement() {
  Node* branch = make(Kind::branch);
  bool more = true;
  while (more && !failed()) {
    append(branch, tuple(false));
    expect(Tok::block_end, "%}");
    append(branch, block("elif else endif"));
    more = skip_word("elif");
  }
  if (!failed() && skip_word("else")) {
    expect(Tok::block_end, "%}");
    append(branch, nullptr);
    append(branch, block("endif"));
  }
  return end_tag("endif") ? branch : nullptr;
}

jinja::Node* TemplateParser::for_statement() {
  Node* loop = make(Kind::loop);
  Node* variable = target(false);
  if (!variable || !expect_word("in")) return nullptr;
  const Node* iterated = tuple(false, "recursive");
  const Node* condition = !failed() && skip_word("if") ? expression() : nullptr;
  if (!failed() && is_word("recursive")) return wrong("recursive loops are not supported");
  expect(Tok::block_end, "%}");
  ++loops_;
  append(loop, block("else endfor"));
  --loops_;
  Node* otherwise = nullptr;
  if (!failed() && skip_word("else")) expect(Tok::block_end, "%}"), otherwise = block("endfor");
  append(loop, otherwise);
  if (!end_tag("endfor")) return nullptr;
  loop->a = variable, loop->b = iterated, loop->c = condition;
  return loop;
}

// A name, names in a tuple, or where `allows_attribute` one attribute of a name.
jinja::Node* TemplateParser::target(bool allows_attribute) {
  Node* list = make(Kind::tuple);
  bool is_tuple = false;
  while (!failed()) {
    if (skip_op("(")) {
      const Nested nested(depth_);
      if (depth_ > kDepth) return wrong("more than ", kDepth, " blocks and brackets inside each other");
      append(list, target(false));
      if (!expect_op(")")) return nullptr;
    } else {
      if (current().type != Tok::name) return wanted("a name"), nullptr;
      Node* name = named(Kind::name, current().text);
      advance();
      if (allows_attribute && list && list->items.empty() && skip_op(".")) {
        Node* attribute = make(Kind::attribute, name);
        if (current().type != Tok::name) return wanted("a name"), nullptr;
        if (attribute) attribute->name = current().text;
        return advance(), attribute;
      }
      append(list, name);
    }
    if (!skip_op(",")) break;
    is_tuple = true;
    if (is_word("in") || is_op("=") || is_op(")") || current().type == Tok::block_end) break;
  }
  if (failed()) return nullptr;
  return is_tuple ? list : const_cast<Node*>(list->items[0]);
}

jinja::Node* TemplateParser::set_statement() {
  const Node* variable = target(true);
  if (!variable) return nullptr;
  if (skip_op("=")) {
    Node* set = make(Kind::set, variable, tuple(true));
    return expect(Tok::block_end, "%}") ? set : nullptr;
  }
  const Node* chain = is_op("|") ? filters(nullptr, false) : nullptr;
  expect(Tok::block_end, "%}");
  Node* set = make(Kind::set_block, variable, chain, block("endset"));
  return end_tag("endset") ? set : nullptr;
}

bool TemplateParser::parameters(Node* macro) {
  if (!macro || !expect_op("(")) return false;
  bool has_default = false;
  while (!failed() && !is_op(")")) {
    if (!macro->items.empty() && !expect_op(",")) return false;
    if (is_op(")")) break;
    if (current().type != Tok::name) return wanted("a parameter");
    Node* parameter = named(Kind::parameter, current().text);
    advance();
    if (parameter && skip_op("=")) {
      parameter->a = expression(), has_default = true;
    } else if (has_default) {
      return wrong("a parameter without a default after one with"), false;
    }
    append(macro, parameter);
  }
  return expect_op(")");
}

jinja::Node* TemplateParser::macro_body(Node* macro, std::string_view end) {
  if (!expect(Tok::block_end, "%}")) return nullptr;
  Node* const outer = macro_;
  const int32_t loops = loops_;
  macro_ = macro, loops_ = 0;
  macro->a = block(end);
  macro_ = outer, loops_ = loops;
  if (outer && !failed()) {  // what an inner body names may be the outer one's
    outer->has_varargs |= macro->has_varargs, outer->has_kwargs |= macro->has_kwargs;
    outer->has_caller |= macro->has_caller;
  }
  return end_tag(end) ? macro : nullptr;
}

jinja::Node* TemplateParser::macro_statement() {
  if (current().type != Tok::name) return wanted("a name"), nullptr;
  Node* macro = named(Kind::macro, current().text);
  advance();
  return parameters(macro) ? macro_body(macro, "endmacro") : nullptr;
}

jinja::Node* TemplateParser::call_statement() {
  Node* macro = named(Kind::macro, "caller");
  if (is_op("(") && !parameters(macro)) return nullptr;
  Node* called = expression();
  if (called && called->kind != Kind::call) return wrong("{% call %} wants a call");
  if (!called || !macro_body(macro, "endcall")) return nullptr;
  return make(Kind::call_block, called, macro);
}

jinja::Node* TemplateParser::filter_statement() {
  const Node* chain = filters(nullptr, true);
  expect(Tok::block_end, "%}");
  Node* body = block("endfilter");
  if (!end_tag("endfilter")) return nullptr;
  Node* node = make(Kind::filter_block);
  if (node) node->b = chain, node->c = body;
  return node;
}

jinja::Node* TemplateParser::with_statement() {
  Node* scope = make(Kind::scope);
  while (!failed() && current().type != Tok::block_end) {
    if (!scope->items.empty() && !expect_op(",")) return nullptr;
    if (current().type != Tok::name) return wanted("a name"), nullptr;
    Node* variable = named(Kind::parameter, current().text);
    advance();
    if (!variable || !expect_op("=")) return nullptr;
    variable->a = expression();
    append(scope, variable);
  }
  expect(Tok::block_end, "%}");
  if (failed()) return nullptr;
  scope->a = block("endwith");
  return end_tag("endwith") ? scope : nullptr;
}

jinja::Node* TemplateParser::generation_statement() {
  Node* scope = make(Kind::scope);
  if (!scope || !expect(Tok::block_end, "%}")) return nullptr;
  scope->a = block("endgeneration");
  return end_tag("endgeneration") ? scope : nullptr;
}

}  // namespace synapse
