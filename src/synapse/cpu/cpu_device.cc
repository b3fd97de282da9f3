#include "synapse/cpu/cpu_device.h"

#include "synapse/cpu/run.h"

namespace synapse {
namespace {

struct OpRow {
  void (*run)(const cpu::Run&);
  cpu::Scratch scratch;  // null: none
};

// In the order of op.def.
constexpr OpRow kOps[] = {
    {nullptr, nullptr},  // view: a record, never run
    {cpu::run_copy, nullptr},
    {cpu::run_get_rows, nullptr},
    {cpu::run_get_position_rows, nullptr},
    {cpu::run_get_type_rows, nullptr},
    {cpu::run_linears, cpu::scratch_linear},
    {cpu::run_norm_linears, cpu::scratch_linear},
    {cpu::run_gated_linears, cpu::scratch_linear},
    {cpu::run_linear_add, cpu::scratch_linear},
    {cpu::run_norm, nullptr},
    {cpu::run_activate, nullptr},
    {cpu::run_add, nullptr},
    {cpu::run_scale, nullptr},
    {cpu::run_soft_cap, nullptr},
    {cpu::run_rope, cpu::scratch_rope},
    {cpu::run_kv_append, cpu::scratch_kv_append},
    {cpu::run_attention, cpu::scratch_attention},
    {cpu::run_route, cpu::scratch_route},
    {cpu::run_expert_linears, cpu::scratch_experts},
    {cpu::run_expert_gated_linears, cpu::scratch_experts},
    {cpu::run_expert_sum, nullptr},
    {cpu::run_gate, nullptr},
    {cpu::run_lerp, nullptr},
    {cpu::run_slice, nullptr},
    {cpu::run_token_shift, nullptr},
    {cpu::run_conv1d, nullptr},
    {cpu::run_selective_scan, cpu::scratch_scan},
    {cpu::run_ssd_scan, cpu::scratch_scan},
    {cpu::run_wkv7, cpu::scratch_scan},
    {cpu::run_gated_delta, cpu::scratch_scan},
    {cpu::run_norm_screen, cpu::scratch_screen},
    {cpu::run_norm_linear_groups, cpu::scratch_screen},
};
static_assert(sizeof kOps / sizeof kOps[0] == size_t(Op::count));
static_assert(kActs == int(Act::relu2) + 1 && kAttendKeys == kPageRows);

const OpRow& row_of(const OpCall& call) {
  SYN_CHECK(call.op < Op::count && kOps[size_t(call.op)].run);
  return kOps[size_t(call.op)];
}

// Between a strided tensor and a contiguous copy of it, row by row; `visit` moves one row.
template <typename F>
void for_each_row(const Tensor& t, F&& visit) {
  const size_t row_bytes = t.row_bytes();
  for (int32_t row = 0; row < t.rows(); ++row) {
    size_t offset = 0;
    int32_t rest = row;
    for (int i = t.rank - 2; i >= 0; --i) {
      offset += size_t(rest % t.dims[size_t(i)]) * t.strides[i];
      rest /= t.dims[size_t(i)];
    }
    visit(static_cast<uint8_t*>(t.data) + offset, size_t(row) * row_bytes, row_bytes);
  }
}

}  // namespace

Result<Tensor> CpuDevice::prepare(std::string_view name, const Tensor& weight, Arena&) {
  if (!kernels_.formats[size_t(weight.dtype)].dequantize)
    return fail(Code::unsupported, name, ": ", label(weight.dtype), " is not a format we run");
  return weight;
}

bool CpuDevice::screens(const Tensor& w) const {
  return kernels_.formats[size_t(w.dtype)].screen && packed_ && packed_->find(w).low;
}

size_t CpuDevice::scratch_bytes(const OpCall& call) const {
  const OpRow& row = row_of(call);
  if (!row.scratch) return 0;
  Arena arena = Arena::counting();
  row.scratch(call, kernels_, pool_.size(), arena);
  return arena.used();
}

void CpuDevice::run(const OpCall& call, void* scratch) {
  if (pool_.cancelled()) return;  // its inputs may not have been computed
  Arena arena(scratch, scratch_bytes(call));
  row_of(call).run({call, kernels_, pool_, packed_, arena});
}

void CpuDevice::read(void* host, const Tensor& from) {
  for_each_row(from, [&](const uint8_t* row, size_t at, size_t n) { std::memcpy(static_cast<uint8_t*>(host) + at, row, n); });
}

void CpuDevice::write(const Tensor& to, const void* host) {
  for_each_row(to, [&](uint8_t* row, size_t at, size_t n) { std::memcpy(row, static_cast<const uint8_t*>(host) + at, n); });
}

}  // namespace synapse
