// One rendering: scopes, the bounds on time and memory, and what every part of the evaluation builds on.
// Functions that can fail return false once error() is set; nothing goes on after that.
#pragma once
#include "synapse/base/arena.h"
#include "synapse/base/json.h"
#include "synapse/runtime/template.h"
#include "synapse/runtime/jinja/builtins.h"
#include "synapse/runtime/jinja/node.h"

namespace synapse::jinja {

struct Binding {
  uint32_t symbol;
  Binding* next;
  Value value;
};

struct Scope {
  Binding* first;
  Scope* parent;
  bool is_kept;  // a macro was made in it: it may be needed after its end
};

struct Macro {
  const Node* node;
  Scope* scope;  // where it was made
};

enum class Flow : uint8_t { next, broke, continued, failed };

class Run;

// A text that grows in the arena, at most as long as the limits allow.
class Builder {
 public:
  explicit Builder(Run& run) : run_(run) {}
  bool add(std::string_view text);
  bool add(char c) { return add(std::string_view(&c, 1)); }
  bool add_point(uint32_t code_point);
  bool add_fill(size_t n, std::string_view fill);  // n times
  std::string_view view() const { return {data_, size_}; }
  Value value() const { return string(view()); }

 private:
  Run& run_;
  char* data_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

struct JsonStyle {
  bool has_lines = false;  // an item a line
  std::string_view indent, comma = ", ", colon = ": ";
  bool ascii = false, sorts = false;
};

struct Keyed {
  Value key, value;
};

class Run {
 public:
  Run(const Program& program, const TemplateClock& clock, TemplateLimits limits, Arena& arena)
      : program_(program), clock_(clock), limits_(limits), arena_(arena), steps_(limits.steps) {}

  Result<std::string_view> render(JsonValue context);

  // run.cc: memory, texts, containers
  bool spend(uint64_t steps) {
    steps_ -= int64_t(steps);
    return steps_ >= 0 || out_of_steps();
  }
  bool spend_bytes(uint64_t n) { return spend(n / 32); }   // moved or compared
  bool spend_points(uint64_t n) { return spend(n / 2); }   // looked at one by one
  template <typename T>
  T* make(size_t n = 1) {
    T* p = arena_.array<T>(n);
    if (!p) out_of_memory();
    return p;
  }
  List* make_list(size_t capacity);
  Dict* make_dict(size_t capacity);
  bool push(List* list, const Value& item);
  bool put(Dict* dict, const Value& key, const Value& value);       // overwrites
  bool find(const Dict& dict, const Value& key, const Value*& out);  // null when absent
  const Value* find(const Dict& dict, std::string_view key);         // the same, null after an error too
  // Where `wanted` first, or last, stands in the text; npos when nowhere. What is compared is spent.
  bool search(std::string_view text, std::string_view wanted, bool last, size_t& at);
  bool equals(const Value& a, const Value& b, bool& out);
  bool sequence(const Value& v, Sequence& out);  // what a loop over v walks; an iterator is used up
  bool to_list(const Value& v, List*& out);      // a new list of that
  bool length(const Value& v, uint64_t& out);    // len(v)
  bool is_iterable(const Value& v) const;

  // print.cc: texts of values
  bool to_text(const Value& v, std::string_view& out);  // str(v)
  bool print(const Value& v, Builder& out);             // the same, appended
  bool print_repr(const Value& v, Builder& out);
  bool print_json(const Value& v, const JsonStyle& style, size_t level, Builder& out);

  // operators.cc
  bool binary(Op op, const Value& a, const Value& b, Value& out);
  bool compare(Op op, const Value& a, const Value& b, bool& out);
  bool order(const Value& a, const Value& b,
             int& out);  // -1, 0, 1; an error between kinds that have no order
  bool contains(const Value& container, const Value& item, bool& out);
  bool negate(const Value& v, Value& out);

  // sort.cc: stable; `reverse` keeps equal ones in order too
  bool sort(Keyed* items, size_t n, bool reverse);
  bool sort_dict(Dict& dict);  // by key; its entries are copied first
  bool fold_case(const Value& v, Value& out);  // a text in lower case, anything else as it is

  // format.cc: 'text %s' % value and 'text {}'.format(value)
  bool format_percent(std::string_view format, const Value& values, Value& out);
  bool format_braces(std::string_view format, const Arguments& arguments, Value& out);

  // access.cc
  bool attribute(const Value& v, std::string_view name, Value& out);
  bool item(const Value& v, const Value& key, Value& out);
  bool slice(const Value& v, const Value& start, const Value& stop, const Value& step, Value& out);
  // "a.b.0" as the filters take it: attributes and indices of v in turn; `otherwise`, when there is one,
  // where nothing is found
  bool path(const Value& v, const Value& steps, const Value* otherwise, Value& out);

  // eval.cc, exec.cc
  bool eval(const Node& node, Value& out);
  Flow exec(const Node& node);
  bool call(const Value& function, const Arguments& arguments, Value& out);
  bool apply(const FunctionRow* row, std::string_view kind, std::string_view name, const Value& self,
             const Arguments& arguments, Value& out);

  const TemplateClock& clock() const { return clock_; }
  const TemplateLimits& limits() const { return limits_; }
  const Status& error() const { return error_; }
  bool failed() const { return !error_.ok(); }

  template <typename... Parts>
  SYN_COLD bool wrong(const Parts&... parts) {
    if (!failed()) error_ = fail(Code::invalid, "template: line ", line_, ": ", parts...);
    return false;
  }
  bool undefined_used(const Value& v) { return wrong("'", v.view(), "' is undefined"); }

 private:
  SYN_COLD bool out_of_steps();
  SYN_COLD void out_of_memory();
  bool import(JsonValue json, uint32_t depth, Value& out);  // from the context
  bool bind_globals(JsonValue context);

  Scope* open_scope(Scope* parent);
  void close_scope(Scope* scope);
  bool bind(uint32_t symbol, const Value& value);  // in the innermost scope
  Binding* binding(const Scope& scope, uint32_t symbol);
  Value lookup(uint32_t symbol);

  bool print_json_items(const Value& v, const JsonStyle& style, size_t level, Builder& out);

  bool eval_now(const Node& node, Value& out);
  bool eval_items(const Node& node, Value& out);
  bool eval_dict(const Node& node, Value& out);
  bool eval_slice(const Node& node, Value& out);
  bool eval_compare(const Node& node, Value& out);
  bool eval_arguments(const Node& node, Arguments& out, const Value* caller);
  bool eval_filter(const Node& node, Value& out);
  bool loop_attribute(Loop& loop, std::string_view name, Value& out);

  Flow exec_now(const Node& node);
  Flow exec_block(const Node& block);
  Flow exec_branch(const Node& node);
  Flow exec_loop(const Node& node);
  Flow exec_loop_over(const Node& node, const Sequence& items);
  bool keep_if(const Node& node, Sequence& items);
  bool assign(const Node& target, const Value& value);
  bool capture(const Node& block, Value& out);  // its output as a text
  Flow exec_set_block(const Node& node);
  Flow exec_call_block(const Node& node);
  Flow exec_scope(const Node& node);
  bool define_macro(const Node& node, Value& out);
  bool call_macro(const Macro& macro, const Arguments& arguments, Value& out);
  bool bind_parameters(const Macro& macro, const Arguments& arguments);

  const Program& program_;
  const TemplateClock& clock_;
  const TemplateLimits limits_;
  Arena& arena_;
  int64_t steps_;
  int32_t depth_ = 0;
  uint32_t line_ = 1;
  Value* globals_ = nullptr;  // by symbol
  Scope* scope_ = nullptr;
  Scope* free_scopes_ = nullptr;
  Binding* free_bindings_ = nullptr;
  Builder* out_ = nullptr;
  Value block_text_;  // what the filters of a block are applied to
  Status error_;
};

}  // namespace synapse::jinja
