#include "synapse/quant/trace.h"

#include <algorithm>

namespace synapse {
namespace {

// Operations whose output is no more than what their weight makes of their input.
bool is_plain(Op op) {
  constexpr Op kPlain[] = {Op::linears, Op::norm_linears, Op::norm, Op::get_rows, Op::get_position_rows, Op::get_type_rows};
  return std::ranges::find(kPlain, op) != std::end(kPlain);
}

std::string stem(std::string_view weight) {
  constexpr std::string_view kTail = ".weight";
  return std::string(weight.ends_with(kTail) ? weight.substr(0, weight.size() - kTail.size()) : weight);
}

// "blk.3." of "blk.3.attn_q.weight", "" without a layer.
std::string layer_of(std::string_view weight) {
  const size_t dot = weight.starts_with("blk.") ? weight.find('.', 4) : weight.npos;
  return dot == weight.npos ? "" : std::string(weight.substr(0, dot + 1));
}

}  // namespace

void Tracer::on_call(OpCall& call) {
  hand_out();
  if (call.op == Op::view || call.op == Op::copy || call.n_out == 0) return;

  const LinearInputs linears = linear_inputs(call);
  std::string_view weight;
  for (size_t i = 0; i < call.n_in && weight.empty(); ++i) weight = names_.find(call.in[i]);
  if (!linears.weights.empty()) weight = names_.find(*linears.weights[0]);
  if (!weight.empty()) layer_ = layer_of(weight);

  const std::string op(op_name(call.op));
  for (size_t i = 0; i < call.n_out; ++i) {
    std::string name;
    if (linears.weights.size() == call.n_out) weight = names_.find(*linears.weights[i]);
    if (!linears.weights.empty() && weight == "token_embd.weight") weight = "output.weight";  // a tied head
    if (weight.empty()) {
      name = layer_ + op;
    } else {
      name = stem(weight) + (is_plain(call.op) ? "" : "." + op);
    }
    if (call.op == Op::rope) {
      name += i == 0 ? ".q" : ".k";
    } else if (call.n_out > 1 && linears.weights.size() != call.n_out) {
      name += "." + std::to_string(i);
    }
    last_names_.push_back(unique(name));
  }
  last_ = call;
}

std::string Tracer::unique(std::string name) {
  const int n = ++seen_[name];
  return n == 1 ? name : name + "." + std::to_string(n);
}

void Tracer::hand_out() {
  if (!last_names_.empty()) device_.wait();
  for (size_t i = 0; i < last_names_.size() && status_.ok(); ++i) status_ = take_(last_names_[i], last_.out[i]);
  last_names_.clear();
}

Status Tracer::finish() {
  hand_out();
  layer_.clear(), seen_.clear();
  return status_;
}

}  // namespace synapse
