#include "synapse/quant/quantize_model.h"

#include <algorithm>
#include <mutex>

#include "synapse/cpu/kernels/kernels.h"
#include "synapse/quant/quantize.h"

namespace synapse {
namespace {

constexpr int64_t kItemElements = 16384;  // what one thread takes at a time

// The matrices of a tensor: experts lie behind each other.
int64_t rows_of_matrix(const Tensor& t) { return t.rank > 2 ? t.dim(-2) : t.rows(); }

Status check_imatrix(const NamedTensor& t, const ImatrixEntry& e) {
  const auto wanted = uint64_t(t.tensor.cols()) * uint64_t(t.tensor.rows() / rows_of_matrix(t.tensor));
  if (e.sums.size() == wanted) return {};
  return fail(Code::invalid, "imatrix: ", t.name, ": ", e.sums.size(), " columns, the model has ", wanted);
}

void put_notes(Target& target, std::string_view what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const std::string more = names.size() > 1 ? " and " + std::to_string(names.size() - 1) + " more" : "";
  target.notes.push_back(names[0] + more + ": " + std::string(what));
}

}  // namespace

Result<Target> plan_quantization(const Source& source, const QuantizeOptions& options) {
  const Checkpoint& from = source.checkpoint();
  if (from.tensors.empty()) return fail(Code::invalid, source.path().c_str(), ": a vocabulary without a model");
  MixOptions mix = options.mix;
  mix.has_imatrix = options.imatrix;
  const std::vector<Choice> choices = choose_formats(from, mix);
  Target target;
  target.label = mix.mix->name, target.file_type = mix.mix->file_type;
  std::map<std::string, std::vector<std::string>> fallen;  // what happened -> to whom
  std::vector<std::string> unseen;
  for (size_t i = 0; i < choices.size(); ++i) {
    const NamedTensor& t = from.tensors[i];
    const DType to = choices[i].dtype;
    target.dtypes.push_back(to);
    if (!choices[i].why.empty()) {
      const Text<160> what("rows of ", t.tensor.cols(), " are not whole blocks of ", choices[i].why, ", taken is ", label(to));
      fallen[std::string(what.view())].emplace_back(t.name);
    }
    if (to == t.tensor.dtype) continue;
    if (is_quantised(t.tensor.dtype) && !options.allow_requantize) {
      return fail(Code::invalid, t.name, ": is ", label(t.tensor.dtype), " already and would lose more as ", label(to),
                  "; start from F32, F16 or BF16, or --allow-requantize");
    }
    if (!kernels().formats[size_t(t.tensor.dtype)].dequantize)
      return fail(Code::unsupported, t.name, ": is ", label(t.tensor.dtype), ", which is not a format we read");
    if (!kernels().formats[size_t(to)].quantize)
      return fail(Code::unsupported, t.name, ": no quantiser for ", label(to));
    if (!options.imatrix || !is_quantised(to)) continue;
    const auto entry = options.imatrix->entries.find(std::string(t.name));
    if (entry == options.imatrix->entries.end()) {
      if (t.name.starts_with("blk.")) unseen.emplace_back(t.name);
    } else if (const Status status = check_imatrix(t, entry->second); !status.ok()) {
      return status;
    }
  }
  if (is_own(mix.mix->dtype)) target.notes.push_back(std::string(mix.mix->name) + ": readable by synapse only");
  for (const auto& [what, names] : fallen) put_notes(target, what, names);
  put_notes(target, "the imatrix does not have it", unseen);
  const DType base = mix.mix->dtype;
  if (!options.imatrix && (base == DType::q2_k || base == DType::q3_k || base == DType::iq4_xs || base == DType::iq4_nl))
    target.notes.push_back(std::string(mix.mix->name) + " gains much from --imatrix (synapse imatrix makes one)");

  if (options.imatrix) {
    target.more.text("quantize.imatrix.file", options.imatrix_file);
    if (!options.imatrix->datasets.empty()) target.more.text("quantize.imatrix.dataset", options.imatrix->datasets[0]);
    target.more.put("quantize.imatrix.entries_count", meta_i32(int32_t(options.imatrix->entries.size())));
    if (options.imatrix->n_chunks)
      target.more.put("quantize.imatrix.chunks_count", meta_i32(int32_t(options.imatrix->n_chunks)));
  }
  return target;
}

RowCodec make_row_codec(platform::ThreadPool& pool, const Imatrix* imatrix) {
  RowCodec codec;
  codec.decode = [](DType from, const uint8_t* in, size_t n, float* y) {
    const auto dequantize = kernels().formats[size_t(from)].dequantize;
    if (dequantize) dequantize(y, in, n);
    return dequantize != nullptr;
  };
  struct Weights {  // of the tensor at hand
    std::string name;
    std::vector<float> importance;
  };
  codec.encode = [&pool, imatrix, weights = std::make_shared<Weights>()](
                     const NamedTensor& to, int64_t first_row, int64_t n_rows, const float* x, std::span<uint8_t> out) -> Status {
    if (weights->name != to.name) {
      weights->name = to.name, weights->importance.clear();
      if (imatrix)
        if (const auto e = imatrix->entries.find(weights->name); e != imatrix->entries.end())
          weights->importance = e->second.importance();
    }
    const int64_t cols = to.tensor.cols(), per_matrix = rows_of_matrix(to.tensor);
    const int64_t step = std::max<int64_t>(1, kItemElements / cols);
    const size_t bytes = row_bytes(to.tensor.dtype, cols);
    std::mutex mutex;
    Status first_error;
    pool.for_each(int32_t((n_rows + step - 1) / step), [&](int32_t item, int32_t) {
      const int64_t end = std::min(n_rows, (int64_t(item) + 1) * step);
      for (int64_t row = int64_t(item) * step, n; row < end; row += n) {
        const int64_t matrix = (first_row + row) / per_matrix;
        n = std::min(end - row, (matrix + 1) * per_matrix - (first_row + row));  // not beyond its matrix
        const float* importance = weights->importance.empty() ? nullptr : weights->importance.data() + matrix * cols;
        const Status status = quantize_rows(to.tensor.dtype, out.subspan(size_t(row) * bytes, size_t(n) * bytes),
                                            x + row * cols, n, cols, importance);
        if (status.ok()) continue;
        const std::lock_guard lock(mutex);
        if (first_error.ok()) first_error = status;
      }
    });
    if (first_error.ok()) return {};
    return fail(first_error.code(), to.name, ": ", first_error.message());
  };
  return codec;
}

}  // namespace synapse
