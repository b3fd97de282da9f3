// From tokens to nodes, by recursive descent. An error ends the parse: functions then return null.
#pragma once
#include <span>
#include <string_view>

#include "synapse/runtime/template.h"
#include "synapse/runtime/jinja/lexer.h"
#include "synapse/runtime/jinja/node.h"

namespace synapse {

class TemplateParser {
 public:
  TemplateParser(std::span<const jinja::Token> tokens, Arena& arena) : tokens_(tokens), arena_(arena) {}
  Result<Template*> run();

 private:
  using Node = jinja::Node;
  using Kind = jinja::Kind;
  using Token = jinja::Token;
  using Tok = jinja::Tok;

  // Statements, statements.cc. A block ends before a tag that begins with one of the words of
  // `ends`.
  Node* block(std::string_view ends);
  Node* statement();
  Node* if_statement();
  Node* for_statement();
  Node* set_statement();
  Node* macro_statement();
  Node* call_statement();
  Node* filter_statement();
  Node* with_statement();
  Node* generation_statement();
  Node* macro_body(Node* macro, std::string_view end);
  bool parameters(Node* macro);
  Node* target(bool allows_attribute);
  bool end_tag(std::string_view word);  // consumes the tag that a block ended before

  // Expressions, expressions.cc
  Node* tuple(bool allows_condition, std::string_view end_word = {}, bool in_parentheses = false);
  Node* expression();
  Node* either();     // or
  Node* both();       // and
  Node* negation();   // not
  Node* comparison();
  Node* binary(int level);
  Node* concatenation();
  Node* unary(bool with_filters);
  Node* primary();
  Node* string_constant();
  Node* number_constant();
  Node* dict();
  Node* postfix(Node* node);
  Node* subscript(Node* node);
  Node* filters(Node* node, bool at_name);  // node | name(...) | ...; `at_name`: the first | is not there
  Node* filtered(Node* node);               // filters, tests and calls after an operand
  Node* test(Node* node);
  bool arguments(Node* call);               // from '(' to ')'
  std::string_view dotted_name();
  bool unescape(std::string_view text, char* out, size_t& n);

  const Token& current() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  void advance() { at_ += at_ + 1 < tokens_.size(); }
  bool is_op(std::string_view op) const { return current().type == Tok::op && current().text == op; }
  bool is_word(std::string_view word) const { return current().type == Tok::name && current().text == word; }
  bool skip_op(std::string_view op) { return is_op(op) && (advance(), true); }
  bool skip_word(std::string_view word) { return is_word(word) && (advance(), true); }
  bool expect_op(std::string_view op) { return skip_op(op) || wanted(op); }
  bool expect_word(std::string_view word) { return skip_word(word) || wanted(word); }
  bool expect(Tok type, std::string_view what);

  Node* make(Kind kind);
  Node* make(Kind kind, const Node* a, const Node* b = nullptr, const Node* c = nullptr);  // null when a is
  Node* named(Kind kind, std::string_view name);
  uint32_t symbol(std::string_view name);
  bool append(Node* list, Node* item);  // to list->items; false when item is null

  bool failed() const { return !error_.ok(); }
  bool wanted(std::string_view what);
  template <typename... Parts>
  SYN_COLD Node* wrong(const Parts&... parts) {
    if (!failed()) error_ = fail(Code::corrupt, "template: line ", current().line, ": ", parts...);
    return nullptr;
  }

  static constexpr int32_t kDepth = 200;  // of blocks and brackets inside each other
  struct Nested {
    explicit Nested(int32_t& d) : depth(d) { ++depth; }
    ~Nested() { --depth; }
    int32_t& depth;
  };

  std::span<const Token> tokens_;
  Arena& arena_;
  size_t at_ = 0;
  int32_t depth_ = 0, loops_ = 0;
  Node* macro_ = nullptr;  // whose body is being read
  std::span<std::string_view> symbols_;
  std::span<uint32_t> symbol_table_;  // number + 1 by hash; 0: free
  uint32_t n_symbols_ = 0;
  Status error_;
};

}  // namespace synapse
