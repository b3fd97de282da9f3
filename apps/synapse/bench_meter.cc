#include "bench_meter.h"

#include <algorithm>

#include "synapse/nn/state.h"
#include "synapse/platform/platform.h"

namespace synapse::cli {
namespace {

// The matrices among the inputs of a linear: first, first + step ... until `last` (tensor/op.def has the order).
struct Matrices {
  Op op;
  int first, step, last;
};
constexpr Matrices kMatrices[] = {{Op::linears, 1, 2, 5},        {Op::norm_linears, 3, 2, 7},   {Op::gated_linears, 1, 1, 2},
                                  {Op::linear_add, 1, 1, 1},     {Op::expert_linears, 2, 1, 2}, {Op::expert_gated_linears, 2, 1, 3},
                                  {Op::norm_screen, 3, 1, 3},    {Op::norm_linear_groups, 3, 1, 3}};

template <typename F>
bool for_each_matrix(const OpCall& call, F&& visit) {
  const auto* m = std::ranges::find(kMatrices, call.op, &Matrices::op);
  if (m == std::end(kMatrices)) return false;
  for (int i = m->first; i <= std::min(m->last, int(call.n_in) - 1); i += m->step)
    if (!call.in[i].empty()) visit(call.in[i]);
  return true;
}

bool is_experts(const OpCall& call) { return call.op == Op::expert_linears || call.op == Op::expert_gated_linears; }

// Keys and values that the queries of a call see.
double kv_bytes(const OpCall& call) {
  double bytes = 0;
  for (const Stream& s : call.batch->streams) {
    if (!s.kv) continue;
    const int32_t end = s.position + s.n_rows, keys = end - first_key(s.position, call.attrs.window);
    const KvPage* last = s.kv->pages[size_t(call.attrs.kv_slot) * size_t(s.kv->max_pages) + size_t((end - 1) / kPageRows)];
    const int32_t D = call.in[0].cols();
    bytes += double(keys) * call.attrs.n_kv_heads * double(row_bytes(last->k_dtype, D) + row_bytes(last->v_dtype, D));
  }
  return bytes;
}

}  // namespace

void Cost::add(const Cost& c) {
  weight_bytes += c.weight_bytes, kv_bytes += c.kv_bytes, other_bytes += c.other_bytes;
  int8_ops += c.int8_ops, float_ops += c.float_ops;
  head_rows += c.head_rows, head_rows_of += c.head_rows_of;
}

Cost cost_of(const OpCall& call) {
  Cost cost;
  if (call.op == Op::norm_screen || call.op == Op::norm_linear_groups) {
    const Tensor& w = call.in[3];
    const bool is_screen = call.op == Op::norm_screen;
    const double rows = is_screen ? double(w.rows()) : double(call.out[0].size());
    const double row_bytes = double(w.cols()) / kBlock / kTileRows * double(is_screen ? kHighBytes : kHighBytes + kLowBytes);
    cost.weight_bytes = rows * row_bytes, cost.int8_ops = 2 * rows * double(w.cols());
    (is_screen ? cost.head_rows_of : cost.head_rows) = rows;
    return cost;
  }
  const bool is_linear = for_each_matrix(call, [&](const Tensor& w) {
    // Of experts each row meets k matrices of E, and at most all are read.
    const double n = is_experts(call) ? double(call.in[1].size()) : double(call.in[0].rows());
    const double share = is_experts(call) ? std::min(1.0, n / double(w.dim(0))) : 1;
    const double matrix = is_experts(call) ? double(w.size()) / double(w.dim(0)) : double(w.size());
    cost.weight_bytes += share * double(w.bytes());
    (is_quantised(w.dtype) ? cost.int8_ops : cost.float_ops) += 2 * n * matrix;
  });
  if (is_linear) return cost;
  if (call.op == Op::attention) cost.kv_bytes = kv_bytes(call);
  const bool reads_table = call.op == Op::get_rows || call.op == Op::get_position_rows || call.op == Op::get_type_rows;
  for (int i = reads_table; i < call.n_in; ++i) cost.other_bytes += double(call.in[i].bytes());
  for (int i = 0; i < call.n_out; ++i) cost.other_bytes += double(call.out[i].bytes());
  return cost;
}

void Meter::set(Mode mode, int32_t vocab_size) {
  mode_ = mode, vocab_size_ = vocab_size;
  rows_.clear();
}

Cost Meter::total() const {
  Cost all;
  for (const Row& row : rows_) all.add(row.cost);
  return all;
}

Meter::Row& Meter::row_of(const OpCall& call) {
  bool is_head = false;
  for_each_matrix(call, [&](const Tensor& w) { is_head |= w.rank == 2 && w.dim(0) == vocab_size_; });
  const std::string name = std::string(op_name(call.op)) + (is_head ? " (head)" : "");
  const auto found = std::ranges::find(rows_, name, &Row::op);
  return found != rows_.end() ? *found : rows_.emplace_back(Row{name, 0, 0, {}});
}

void Meter::run(const OpCall& call, void* scratch) {
  if (mode_ == Mode::off) return inner_.run(call, scratch);
  const double start = platform::seconds();
  inner_.run(call, scratch);
  inner_.wait();
  const double seconds = platform::seconds() - start;
  Row& row = row_of(call);
  ++row.calls;
  if (mode_ == Mode::times) row.seconds += seconds;
  row.cost.add(cost_of(call));
  for_each_matrix(call, [&](const Tensor& w) { note_place(w); });
}

// Packed where it is, else in the file.
void Meter::note_place(const Tensor& w) {
  const auto note = [&](const void* data, size_t n) {
    const auto* from = static_cast<const uint8_t*>(data);
    if (std::ranges::find(matrices_, from, &Bytes::data) == matrices_.end()) matrices_.push_back({from, n});
  };
  const Packed packed = inner_.packed() ? inner_.packed()->find(w) : Packed{};
  if (!packed.low) return note(packed.rows ? packed.rows : w.data, w.bytes());
  const size_t n_blocks = w.size() / (kBlock * kTileRows);  // a last group that is not whole apart
  note(packed.rows, n_blocks * kHighBytes), note(packed.low, n_blocks * kLowBytes);
}

}  // namespace synapse::cli
