// Statements: what they print and what they name.
#include "synapse/runtime/jinja/run.h"

namespace synapse::jinja {

Flow Run::exec(const Node& node) {
  if (!spend(1)) return Flow::failed;
  line_ = node.line;
  if (depth_ >= limits_.depth)
    return wrong("more than ", limits_.depth, " levels of evaluation inside each other"), Flow::failed;
  ++depth_;
  const Flow flow = exec_now(node);
  --depth_;
  return flow;
}

Flow Run::exec_now(const Node& node) {
  const auto flow = [](bool ok) { return ok ? Flow::next : Flow::failed; };
  Value value;
  switch (node.kind) {
    case Kind::text: return flow(out_->add(node.value.view()));
    case Kind::output: return flow(eval(*node.a, value) && print(value, *out_));
    case Kind::branch: return exec_branch(node);
    case Kind::block: return exec_block(node);
    case Kind::loop: return exec_loop(node);
    case Kind::set: return flow(eval(*node.b, value) && assign(*node.a, value));
    case Kind::set_block: return exec_set_block(node);
    case Kind::macro: return flow(define_macro(node, value) && bind(node.symbol, value));
    case Kind::call_block: return exec_call_block(node);
    case Kind::filter_block: {
      const Value outer = block_text_;
      const bool ok = capture(*node.c, block_text_) && eval(*node.b, value) && print(value, *out_);
      block_text_ = outer;
      return flow(ok);
    }
    case Kind::scope: return exec_scope(node);
    case Kind::break_loop: return Flow::broke;
    case Kind::continue_loop: return Flow::continued;
    default: return flow(wrong("this is not a statement"));
  }
}

Flow Run::exec_block(const Node& block) {
  for (const Node* node : block.items) {
    const Flow flow = exec(*node);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Flow Run::exec_branch(const Node& node) {
  for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
    Value condition = boolean(true);
    if (node.items[i] && !eval(*node.items[i], condition)) return Flow::failed;
    if (truth(condition)) return exec(*node.items[i + 1]);
  }
  return Flow::next;
}

Flow Run::exec_loop(const Node& node) {
  Value of;
  Sequence items;
  if (!eval(*node.b, of) || !sequence(of, items) || (node.c && !keep_if(node, items))) return Flow::failed;
  if (items.size) return exec_loop_over(node, items);
  return node.items[1] ? exec(*node.items[1]) : Flow::next;
}

// Leaves those items for which the condition of the loop holds.
bool Run::keep_if(const Node& node, Sequence& items) {
  List* kept = make_list(0);
  for (uint32_t i = 0; kept && i < items.size; ++i) {
    Scope* outer = scope_;
    scope_ = open_scope(outer);
    if (!scope_) return false;
    Value condition;
    const bool ok = assign(*node.a, items.at(i)) && eval(*node.c, condition);
    close_scope(scope_);
    scope_ = outer;
    if (!ok || (truth(condition) && !push(kept, items.at(i)))) return false;
  }
  if (!kept) return false;
  items.of = list_value(Type::list, kept), items.size = kept->size;
  return true;
}

Flow Run::exec_loop_over(const Node& node, const Sequence& items) {
  Loop* loop = make<Loop>();
  if (!loop) return Flow::failed;
  *loop = {items, 0, 0, {}};
  Value loop_value;
  loop_value.type = Type::loop, loop_value.loop = loop;
  Flow flow = Flow::next;
  for (uint32_t i = 0; i < items.size && (flow == Flow::next || flow == Flow::continued); ++i) {
    Scope* outer = scope_;
    scope_ = open_scope(outer);
    if (!scope_) return Flow::failed;
    loop->index = i;
    const bool ok = bind(program_.loop, loop_value) && assign(*node.a, items.at(i));
    flow = ok ? exec(*node.items[0]) : Flow::failed;
    close_scope(scope_);
    scope_ = outer;
  }
  return flow == Flow::failed ? flow : Flow::next;
}

bool Run::assign(const Node& target, const Value& value) {
  if (target.kind == Kind::name) return bind(target.symbol, value);
  if (target.kind == Kind::attribute) {
    Value of;
    if (!eval(*target.a, of)) return false;
    if (!of.is(Type::space))
      return wrong("an attribute of a value of type ", type_name(of), " is set, wanted a namespace");
    return put(of.dict, string(target.name), value);
  }
  Sequence parts;
  if (!sequence(value, parts)) return false;
  if (parts.size != target.items.size())
    return wrong("unpacking ", parts.size, " values, wanted ", target.items.size());
  for (uint32_t i = 0; i < parts.size; ++i)
    if (!assign(*target.items[i], parts.at(i))) return false;
  return true;
}

bool Run::capture(const Node& block, Value& out) {
  Builder text(*this);
  Builder* const outer_text = out_;
  Scope* const outer = scope_;
  scope_ = open_scope(outer);
  if (!scope_) return false;
  out_ = &text;
  const Flow flow = exec(block);
  out_ = outer_text;
  close_scope(scope_);
  scope_ = outer;
  return flow != Flow::failed && (out = text.value(), true);
}

Flow Run::exec_set_block(const Node& node) {
  const Value outer = block_text_;
  Value value;
  bool ok = capture(*node.c, value);
  block_text_ = value;
  ok = ok && (!node.b || eval(*node.b, value)) && assign(*node.a, value);
  block_text_ = outer;
  return ok ? Flow::next : Flow::failed;
}

Flow Run::exec_call_block(const Node& node) {
  Value caller, function, result;
  Arguments arguments;
  const bool ok = define_macro(*node.b, caller) && eval(*node.a->a, function) &&
                  eval_arguments(*node.a, arguments, &caller) && call(function, arguments, result) &&
                  print(result, *out_);
  return ok ? Flow::next : Flow::failed;
}

Flow Run::exec_scope(const Node& node) {
  List* values = make_list(node.items.size());  // all of them see the outer scope
  for (const Node* variable : node.items) {
    Value value;
    if (!eval(*variable->a, value) || !push(values, value)) return Flow::failed;
  }
  Scope* const outer = scope_;
  scope_ = values ? open_scope(outer) : nullptr;
  if (!scope_) return scope_ = outer, Flow::failed;
  bool ok = true;
  for (uint32_t i = 0; i < values->size && ok; ++i) ok = bind(node.items[i]->symbol, values->items[i]);
  const Flow flow = ok ? exec(*node.a) : Flow::failed;
  close_scope(scope_);
  scope_ = outer;
  return flow;
}

bool Run::define_macro(const Node& node, Value& out) {
  Macro* macro = make<Macro>();
  if (!macro) return false;
  *macro = {&node, scope_};
  for (Scope* scope = scope_; scope && !scope->is_kept; scope = scope->parent) scope->is_kept = true;
  out = {};
  out.type = Type::macro, out.macro = macro;
  return true;
}

bool Run::call_macro(const Macro& macro, const Arguments& arguments, Value& out) {
  Scope* const outer = scope_;
  Builder text(*this);
  Builder* const outer_text = out_;
  scope_ = open_scope(macro.scope);
  if (!scope_) return scope_ = outer, false;
  out_ = &text;
  const bool ok = bind_parameters(macro, arguments) && exec(*macro.node->a) != Flow::failed;
  out_ = outer_text;
  close_scope(scope_);
  scope_ = outer;
  return ok && (out = text.value(), true);
}

bool Run::bind_parameters(const Macro& macro, const Arguments& arguments) {
  const Node& node = *macro.node;
  List* varargs = node.has_varargs ? make_list(0) : nullptr;
  Dict* kwargs = node.has_kwargs ? make_dict(0) : nullptr;
  if (node.has_caller && !bind(program_.caller, undefined("caller"))) return false;
  for (size_t i = node.items.size(); i < arguments.positional.size(); ++i) {
    if (!node.has_varargs)
      return wrong("macro ", node.name, ": ", arguments.positional.size(), " arguments, at most ",
                   node.items.size());
    if (!push(varargs, arguments.positional[i])) return false;
  }
  if (!spend(node.items.size() * arguments.named.size() / 8)) return false;
  for (size_t i = 0; i < node.items.size(); ++i) {
    const Node& parameter = *node.items[i];
    Value value = undefined(parameter.name);
    const NamedValue* named = nullptr;
    for (const NamedValue& v : arguments.named)
      if (v.name == parameter.name) named = &v;
    if (i < arguments.positional.size()) {
      if (named) return wrong("macro ", node.name, ": ", parameter.name, " is given twice");
      value = arguments.positional[i];
    } else if (named) {
      value = named->value;
    } else if (parameter.a && !eval(*parameter.a, value)) {
      return false;
    }
    if (!bind(parameter.symbol, value)) return false;
  }
  for (const NamedValue& v : arguments.named) {
    bool is_parameter = false;
    for (const Node* parameter : node.items) is_parameter |= parameter->name == v.name;
    if (is_parameter) continue;
    if (v.name == "caller" && node.has_caller) {
      if (!bind(program_.caller, v.value)) return false;
    } else if (!node.has_kwargs) {
      return wrong("macro ", node.name, " has no parameter ", v.name);
    } else if (!put(kwargs, string(v.name), v.value)) {
      return false;
    }
  }
  return (!varargs || bind(program_.varargs, list_value(Type::tuple, varargs))) &&
         (!kwargs || bind(program_.kwargs, dict_value(Type::dict, kwargs)));
}

}  // namespace synapse::jinja
