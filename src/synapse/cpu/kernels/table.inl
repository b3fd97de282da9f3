// All bodies of this folder compiled for one ISA, as a table.

#include "synapse/base/math.inl"
#include "synapse/cpu/kernels/elementwise.inl"
#include "synapse/cpu/kernels/floats.inl"
#include "synapse/cpu/kernels/norm.inl"
#include "synapse/cpu/kernels/rope.inl"
#include "synapse/cpu/kernels/attention.inl"
#include "synapse/cpu/kernels/hadamard.inl"
#include "synapse/cpu/kernels/conv.inl"
#include "synapse/cpu/kernels/scan.inl"
#include "synapse/cpu/kernels/float_linear.inl"
#include "synapse/cpu/kernels/quantize_row.inl"
#include "synapse/cpu/kernels/tile.inl"
#include "synapse/cpu/kernels/blocks.inl"
#include "synapse/cpu/kernels/unpack.inl"
#include "synapse/cpu/kernels/q8_0.inl"
#include "synapse/cpu/kernels/q4_0.inl"
#include "synapse/cpu/kernels/q4_1.inl"
#include "synapse/cpu/kernels/q5_0.inl"
#include "synapse/cpu/kernels/q5_1.inl"
#include "synapse/cpu/kernels/q2_k.inl"
#include "synapse/cpu/kernels/q3_k.inl"
#include "synapse/cpu/kernels/q4_k.inl"
#include "synapse/cpu/kernels/q5_k.inl"
#include "synapse/cpu/kernels/q6_k.inl"
#include "synapse/cpu/kernels/iq4_nl.inl"
#include "synapse/cpu/kernels/iq4_xs.inl"
#include "synapse/cpu/kernels/mxfp4.inl"
#include "synapse/cpu/kernels/tq2_0.inl"
#include "synapse/cpu/kernels/int8.inl"
#include "synapse/cpu/kernels/q2_32.inl"

template <DType type>
void fit(void* blocks, const float* x, size_t n) {
  fit_blocks(type, blocks, x, nullptr, n);
}

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
  const auto set = [&](DType t, auto quantize, auto dequantize, int32_t group, auto unpack) {
    f[size_t(t)] = {quantize, dequantize, group, unpack, nullptr, nullptr, nullptr};
  };
  set(DType::q8_0, quantize_q8_0, dequantize_q8_0, 32, unpack_q8_0);
  set(DType::q4_0, quantize_q4_0, dequantize_q4_0, 32, unpack_q4_0);
  set(DType::q4_1, quantize_q4_1, dequantize_q4_1, 32, unpack_q4_1);
  set(DType::q5_0, quantize_q5_0, dequantize_q5_0, 32, unpack_q5_0);
  set(DType::q5_1, quantize_q5_1, dequantize_q5_1, 32, unpack_q5_1);
  set(DType::q2_k, fit<DType::q2_k>, dequantize_q2_k, 256, unpack_q2_k);
  set(DType::q3_k, fit<DType::q3_k>, dequantize_q3_k, 256, unpack_q3_k);
  set(DType::q4_k, fit<DType::q4_k>, dequantize_q4_k, 256, unpack_q4_k);
  set(DType::q5_k, fit<DType::q5_k>, dequantize_q5_k, 256, unpack_q5_k);
  set(DType::q6_k, fit<DType::q6_k>, dequantize_q6_k, 256, unpack_q6_k);
  set(DType::iq4_nl, fit<DType::iq4_nl>, dequantize_iq4_nl, 32, unpack_iq4_nl);
  set(DType::iq4_xs, fit<DType::iq4_xs>, dequantize_iq4_xs, 256, unpack_iq4_xs);
  set(DType::mxfp4, quantize_mxfp4, dequantize_mxfp4, 32, unpack_mxfp4);
  set(DType::tq2_0, quantize_tq2_0, dequantize_tq2_0, 256, unpack_tq2_0);
  set(DType::int8, quantize_int8, dequantize_int8, 32, unpack_int8);
  set(DType::q2_32, fit<DType::q2_32>, dequantize_two_bits<32>, 32, unpack_q2_32);
  set(DType::q2_64, fit<DType::q2_64>, dequantize_two_bits<64>, 64, unpack_q2_64);
  fill_dots(f);

  k.activate[0] = activate<None>, k.gate[0] = gate<None>;
  k.activate[1] = activate<Silu>, k.gate[1] = gate<Silu>;
  k.activate[2] = activate<Gelu>, k.gate[2] = gate<Gelu>;
  k.activate[3] = activate<GeluTanh>, k.gate[3] = gate<GeluTanh>;
  k.activate[4] = activate<Relu>, k.gate[4] = gate<Relu>;
  k.activate[5] = activate<Sigmoid>, k.gate[5] = gate<Sigmoid>;
  k.activate[6] = activate<Tanh>, k.gate[6] = gate<Tanh>;
  k.activate[7] = activate<Relu2>, k.gate[7] = gate<Relu2>;
  k.add = add, k.scale = scale, k.add_scaled = add_scaled, k.lerp = lerp, k.soft_cap = soft_cap;
  k.rms_norm = rms_norm, k.layer_norm = layer_norm, k.softmax = softmax;
  k.quantize_row = quantize_row;
  k.rope_angles = rope_angles, k.rope_half = rope_half, k.rope_interleaved = rope_interleaved;
  k.hadamard = hadamard, k.interleave_rows = interleave_rows;
  k.attend = attend, k.page_probabilities = page_probabilities, k.add_received = add_received;
  k.conv1d = conv1d, k.selective_scan = selective_scan, k.ssd_scan = ssd_scan, k.wkv7 = wkv7, k.gated_delta = gated_delta;
}
