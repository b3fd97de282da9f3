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
#include "synapse/cpu/kernels/formats.inl"
#include "synapse/cpu/kernels/tile.inl"
#include "synapse/cpu/kernels/peak.inl"

template <DType type>
void fit(void* blocks, const float* x, size_t n) {
  fit_blocks(type, blocks, x, nullptr, n);
}

template <typename T>
Format float_format() {
  Format f = {};
  f.quantize = narrow<T>, f.dequantize = widen<T>, f.exact = float_linear<T, false>, f.fast = float_linear<T, true>;
  return f;
}

void fill_table(Kernels& k, const char* isa) {
  k.isa = isa;
  k.peak_bytes = peak_bytes, k.peak_floats = peak_floats, k.peak_read = peak_read;
  Format* f = k.formats;
  f[size_t(DType::f32)] = float_format<F32>();
  f[size_t(DType::f16)] = float_format<F16>();
  f[size_t(DType::bf16)] = float_format<BF16>();
  const auto set = [&](DType t, auto quantize, auto dequantize) {
    f[size_t(t)].quantize = quantize, f[size_t(t)].dequantize = dequantize;
  };
  set(DType::q8_0, quantize_q8_0, dequantize_q8_0);
  set(DType::q4_0, quantize_q4_0, dequantize_q4_0);
  set(DType::q4_1, quantize_q4_1, dequantize_q4_1);
  set(DType::q5_0, quantize_q5_0, dequantize_q5_0);
  set(DType::q5_1, quantize_q5_1, dequantize_q5_1);
  set(DType::q2_k, fit<DType::q2_k>, dequantize_q2_k);
  set(DType::q3_k, fit<DType::q3_k>, dequantize_q3_k);
  set(DType::q4_k, fit<DType::q4_k>, dequantize_q4_k);
  set(DType::q5_k, fit<DType::q5_k>, dequantize_q5_k);
  set(DType::q6_k, fit<DType::q6_k>, dequantize_q6_k);
  set(DType::iq4_nl, fit<DType::iq4_nl>, dequantize_iq4_nl);
  set(DType::iq4_xs, fit<DType::iq4_xs>, dequantize_iq4_xs);
  set(DType::mxfp4, quantize_mxfp4, dequantize_mxfp4);
  set(DType::tq2_0, quantize_tq2_0, dequantize_tq2_0);
  set(DType::int8, quantize_int8, dequantize_int8);
  set(DType::q2_32, fit<DType::q2_32>, dequantize_two_bits<32>);
  set(DType::q2_64, fit<DType::q2_64>, dequantize_two_bits<64>);
  each_format([&](auto format) {
    using T = decltype(format);
    Format& to = f[size_t(T::kType)];
    to.group = T::kBlocks * kBlock, to.unpack = unpack<T, FileRows>, to.unpack_packed = unpack<T, PackedRows>;
  });
  f[size_t(DType::q8_0)].unpack_planes = unpack<Q8_0Planes, PlaneRows>;
  fill_dots(f);

  k.activate[0] = activate<None>, k.gate[0] = gate<None>;
  k.activate[1] = activate<Silu>, k.gate[1] = gate<Silu>;
  k.activate[2] = activate<Gelu>, k.gate[2] = gate<Gelu>;
  k.activate[3] = activate<GeluTanh>, k.gate[3] = gate<GeluTanh>;
  k.activate[4] = activate<Relu>, k.gate[4] = gate<Relu>;
  k.activate[5] = activate<Sigmoid>, k.gate[5] = gate<Sigmoid>;
  k.activate[6] = activate<Tanh>, k.gate[6] = gate<Tanh>;
  k.activate[7] = activate<Relu2>, k.gate[7] = gate<Relu2>;
  k.add = add, k.scale = scale, k.divide = divide, k.add_scaled = add_scaled, k.lerp = lerp, k.soft_cap = soft_cap;
  k.rms_norm = rms_norm, k.layer_norm = layer_norm, k.softmax = softmax;
  k.quantize_row = quantize_row;
  k.rope_angles = rope_angles, k.rope_half = rope_half, k.rope_interleaved = rope_interleaved;
  k.hadamard = hadamard, k.interleave_rows = interleave_rows;
  k.scores = scores, k.values = values, k.merge = merge, k.add_received = add_received;
  k.conv1d = conv1d, k.selective_scan = selective_scan, k.ssd_scan = ssd_scan, k.wkv7 = wkv7, k.gated_delta = gated_delta;
}
