// All bodies of this folder compiled for one ISA, as a table.

#include "synapse/base/math.inl"
#include "synapse/cpu/kernels/elementwise.inl"
#include "synapse/cpu/kernels/floats.inl"
#include "synapse/cpu/kernels/norm.inl"
#include "synapse/cpu/kernels/rope.inl"
#include "synapse/cpu/kernels/attention.inl"
#include "synapse/cpu/kernels/float_linear.inl"
#include "synapse/cpu/kernels/quantize_row.inl"
#include "synapse/cpu/kernels/tile.inl"
#include "synapse/cpu/kernels/unpack.inl"
#include "synapse/cpu/kernels/q8_0.inl"
#include "synapse/cpu/kernels/q4_0.inl"

template <typename T>
Format float_format() {
  return {narrow<T>, widen<T>, 0, nullptr, nullptr, float_linear<T, false>, float_linear<T, true>};
}

void fill_table(Kernels& k, const char* isa) {
  k.isa = isa;
  Format* f = k.formats;
  f[size_t(DType::f32)] = float_format<F32>();
  f[size_t(DType::f16)] = float_format<F16>();
  f[size_t(DType::bf16)] = float_format<BF16>();
  f[size_t(DType::q8_0)] = {quantize_q8_0, dequantize_q8_0, 32, unpack_q8_0, dot_tile, nullptr, nullptr};
  f[size_t(DType::q4_0)] = {quantize_q4_0, dequantize_q4_0, 32, unpack_q4_0, dot_tile, nullptr, nullptr};

  k.activate[0] = activate<None>, k.gate[0] = gate<None>;
  k.activate[1] = activate<Silu>, k.gate[1] = gate<Silu>;
  k.activate[2] = activate<Gelu>, k.gate[2] = gate<Gelu>;
  k.activate[3] = activate<GeluTanh>, k.gate[3] = gate<GeluTanh>;
  k.activate[4] = activate<Relu>, k.gate[4] = gate<Relu>;
  k.activate[5] = activate<Sigmoid>, k.gate[5] = gate<Sigmoid>;
  k.add = add, k.scale = scale, k.add_scaled = add_scaled, k.soft_cap = soft_cap;
  k.rms_norm = rms_norm, k.layer_norm = layer_norm, k.softmax = softmax;
  k.quantize_row = quantize_row;
  k.rope_angles = rope_angles, k.rope_half = rope_half, k.rope_interleaved = rope_interleaved;
  k.attend = attend, k.page_probabilities = page_probabilities, k.add_received = add_received;
}
