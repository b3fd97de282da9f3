// Expressions to values.
#include <algorithm>

#include "synapse/runtime/jinja/run.h"

namespace synapse::jinja {

bool Run::eval(const Node& node, Value& out) {
  if (!spend(1)) return false;
  if (depth_ >= limits_.depth)
    return wrong("more than ", limits_.depth, " levels of evaluation inside each other");
  line_ = node.line;
  ++depth_;
  const bool ok = eval_now(node, out);
  --depth_;
  return ok;
}

bool Run::eval_now(const Node& node, Value& out) {
  Value a, b;
  switch (node.kind) {
    case Kind::constant: return out = node.value, true;
    case Kind::name: return out = lookup(node.symbol), true;
    case Kind::list:
    case Kind::tuple:
    case Kind::concat: return eval_items(node, out);
    case Kind::dict: return eval_dict(node, out);
    case Kind::attribute: return eval(*node.a, a) && attribute(a, node.name, out);
    case Kind::item: return eval(*node.a, a) && eval(*node.b, b) && item(a, b, out);
    case Kind::slice: return eval_slice(node, out);
    case Kind::call: {
      Arguments arguments;
      const uint32_t line = node.line;
      if (!eval(*node.a, a) || !eval_arguments(node, arguments, nullptr)) return false;
      line_ = line;
      const bool ok = call(a, arguments, out);
      line_ = line;
      return ok;
    }
    case Kind::filter: return eval_filter(node, out);
    case Kind::test: {
      Arguments arguments;
      return eval(*node.a, a) && eval_arguments(node, arguments, nullptr) &&
             apply(node.row, "test", node.name, a, arguments, out);
    }
    case Kind::negate: return eval(*node.a, a) && negate(a, out);
    case Kind::plus:
      if (!eval(*node.a, a)) return false;
      if (!a.is_number()) return wrong("+ of a value of type ", type_name(a));
      return out = a.is(Type::real) ? a : integer(a.whole()), true;
    case Kind::logical_not:
      if (!eval(*node.a, a)) return false;
      return out = boolean(!truth(a)), true;
    case Kind::logical_and:
    case Kind::logical_or:
      if (!eval(*node.a, out)) return false;
      return truth(out) == (node.kind == Kind::logical_or) || eval(*node.b, out);
    case Kind::binary: return eval(*node.a, a) && eval(*node.b, b) && binary(node.op, a, b, out);
    case Kind::compare: return eval_compare(node, out);
    case Kind::conditional:
      if (!eval(*node.a, a)) return false;
      if (truth(a)) return eval(*node.b, out);
      if (node.c) return eval(*node.c, out);
      return out = undefined("an if without else"), true;
    default: return wrong("this is not an expression");
  }
}

bool Run::eval_items(const Node& node, Value& out) {
  Value item;
  if (node.kind == Kind::concat) {
    Builder text(*this);
    for (const Node* n : node.items)
      if (!eval(*n, item) || !print(item, text)) return false;
    return out = text.value(), true;
  }
  List* list = make_list(node.items.size());
  if (!list) return false;
  for (const Node* n : node.items)
    if (!eval(*n, item) || !push(list, item)) return false;
  return out = list_value(node.kind == Kind::list ? Type::list : Type::tuple, list), true;
}

bool Run::eval_dict(const Node& node, Value& out) {
  Dict* dict = make_dict(node.items.size() / 2);
  if (!dict) return false;
  for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
    Value key, value;
    if (!eval(*node.items[i], key) || !eval(*node.items[i + 1], value) || !put(dict, key, value))
      return false;
  }
  return out = dict_value(Type::dict, dict), true;
}

bool Run::eval_slice(const Node& node, Value& out) {
  Value of, part[3] = {none(), none(), none()};
  if (!eval(*node.a, of)) return false;
  for (size_t i = 0; i < 3; ++i)
    if (node.items[i] && !eval(*node.items[i], part[i])) return false;
  return slice(of, part[0], part[1], part[2], out);
}

// a < b < c: each operand is evaluated once, and nothing after the first that is false.
bool Run::eval_compare(const Node& node, Value& out) {
  Value left, right;
  if (!eval(*node.a, left)) return false;
  for (const Node* n : node.items) {
    bool holds = false;
    if (!eval(*n->a, right) || !compare(n->op, left, right, holds)) return false;
    if (!holds) return out = boolean(false), true;
    left = right;
  }
  return out = boolean(true), true;
}

bool Run::eval_arguments(const Node& node, Arguments& out, const Value* caller) {
  if (node.items.empty() && !caller) return true;
  List* positional = make_list(node.items.size());
  size_t n_named = 0, room = node.items.size() + 1;
  NamedValue* named = make<NamedValue>(room);
  if (!positional || !named) return false;
  for (const Node* argument : node.items) {
    Value value;
    const bool is_plain = argument->kind != Kind::keyword && argument->kind != Kind::splat &&
                          argument->kind != Kind::splat_dict;
    if (!eval(is_plain ? *argument : *argument->a, value)) return false;
    if (is_plain) {
      if (!push(positional, value)) return false;
    } else if (argument->kind == Kind::keyword) {
      named[n_named++] = {argument->name, value};
    } else if (argument->kind == Kind::splat) {
      List* rest = nullptr;
      if (!to_list(value, rest)) return false;
      for (uint32_t i = 0; i < rest->size; ++i)
        if (!push(positional, rest->items[i])) return false;
    } else {
      if (!value.is(Type::dict)) return wrong("** of a value of type ", type_name(value));
      room += value.dict->size;
      NamedValue* grown = make<NamedValue>(room);
      if (!grown || !spend(room)) return false;
      std::copy(named, named + n_named, grown);
      named = grown;
      for (uint32_t i = 0; i < value.dict->size; ++i) {
        const Entry& entry = value.dict->entries[i];
        if (!entry.key.is_string()) return wrong("** of a dict with a key that is no string");
        named[n_named++] = {entry.key.view(), entry.value};
      }
    }
  }
  if (caller) named[n_named++] = {"caller", *caller};
  out = {{positional->items, positional->size}, {named, n_named}};
  return true;
}

bool Run::eval_filter(const Node& node, Value& out) {
  Value input = block_text_;
  if (node.a && !eval(*node.a, input)) return false;
  Arguments arguments;
  if (!eval_arguments(node, arguments, nullptr)) return false;
  line_ = node.line;
  return apply(node.row, "filter", node.name, input, arguments, out);
}

bool Run::apply(const FunctionRow* row, std::string_view kind, std::string_view name, const Value& self,
                const Arguments& arguments, Value& out) {
  if (!row) return wrong("no ", kind, " is named ", name);
  if (!row->run) return wrong(name, " would change a value");
  Call call{*this, self, arguments, {}, {}};
  std::string_view rest = row->parameters;
  size_t n = 0, n_named = 0;
  for (; rest != "*" && !rest.empty(); ++n) {
    const size_t end = rest.find(' ');
    std::string_view parameter = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    const bool is_needed = parameter.back() == '!';
    if (is_needed) parameter.remove_suffix(1);
    if (n < arguments.positional.size()) call.at[n] = &arguments.positional[n];
    for (const NamedValue& v : arguments.named) {
      if (v.name != parameter) continue;
      if (call.at[n]) return wrong(name, ": ", parameter, " is given twice");
      call.at[n] = &v.value, ++n_named;
    }
    if (is_needed && !call.at[n]) return wrong(name, " wants ", parameter);
  }
  if (rest != "*") {
    if (arguments.positional.size() > n)
      return wrong(name, ": ", arguments.positional.size(), " arguments, at most ", n);
    if (n_named < arguments.named.size()) return wrong(name, " has no parameter of one of the names given");
  }
  if (depth_ >= limits_.depth)
    return wrong("more than ", limits_.depth, " levels of evaluation inside each other");
  ++depth_;
  const bool ok = row->run(call);
  --depth_;
  if (!ok) return failed() ? false : wrong(name, " cannot be applied to a value of type ", type_name(self));
  return out = call.result, true;
}

bool Run::call(const Value& function, const Arguments& arguments, Value& out) {
  switch (function.type) {
    case Type::undefined: return undefined_used(function);
    case Type::function:
      return apply(function.function, "function", function.function->name, {}, arguments, out);
    case Type::method:
      return apply(function.method->row, "method", function.method->row->name, function.method->self,
                   arguments, out);
    case Type::macro: return call_macro(*function.macro, arguments, out);
    case Type::joiner:
      return out = function.cycler->next++ ? function.cycler->items->items[0] : string(""), true;
    default: return wrong("a value of type ", type_name(function), " cannot be called");
  }
}

bool Call::text(size_t i, std::string_view otherwise, std::string_view& out) {
  if (at[i] && !at[i]->is_string())
    return run.wrong("an argument of type ", type_name(*at[i]), ", wanted a text");
  return out = at[i] ? at[i]->view() : otherwise, true;
}

bool Call::whole(size_t i, int64_t otherwise, int64_t& out) {
  if (at[i] && !at[i]->is_whole())
    return run.wrong("an argument of type ", type_name(*at[i]), ", wanted a whole number");
  return out = at[i] ? at[i]->whole() : otherwise, true;
}

}  // namespace synapse::jinja
