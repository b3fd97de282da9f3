#include "synapse/tensor/device.h"

namespace synapse {

std::string_view op_name(Op op) {
  static constexpr std::string_view names[] = {
#define SYN_OP(name, group) #name,
#include "synapse/tensor/op.def"
#undef SYN_OP
  };
  return names[size_t(op)];
}

Tensor Context::make(DType dtype, std::initializer_list<int32_t> dims) {
  Tensor t = make_tensor(nullptr, dtype, dims);
  t.data = arena.alloc(t.bytes());
  SYN_CHECK(t.data);
  return t;
}

void Context::run(OpCall& call) {
  if (recorder) recorder->on_call(call);
  const size_t mark = arena.mark();
  const size_t bytes = device.scratch_bytes(call);
  void* scratch = bytes ? arena.alloc(bytes) : nullptr;
  SYN_CHECK(scratch || !bytes);
  device.run(call, scratch);
  arena.rewind(mark);
}

}  // namespace synapse
