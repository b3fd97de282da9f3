#include "synapse/import/convert.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <deque>
#include <map>

#include "synapse/import/metadata.h"
#include "synapse/import/tokenizer_metadata.h"
#include "synapse/io/gguf_write.h"
#include "synapse/io/own_formats.h"
#include "synapse/platform/platform.h"
#include "synapse/runtime/tokenizer_rules.h"

namespace synapse {
namespace {

constexpr size_t kPieceElements = 1 << 20;
constexpr float kMostF16 = 65504;

bool is_narrow(DType t) { return t == DType::f32 || t == DType::f16 || t == DType::bf16; }

// The format that most of the weights have.
DType main_dtype(std::span<const NamedTensor> tensors) {
  std::array<uint64_t, kNDTypes> elements = {};
  for (const NamedTensor& t : tensors)
    if (t.tensor.rank > 1) elements[size_t(t.tensor.dtype)] += t.tensor.size();
  return DType(std::ranges::max_element(elements) - elements.begin());
}

class Writer {
 public:
  Writer(Source& source, const Target& target, const WriteOptions& options)
      : source_(source), target_(target), options_(options) {}

  Result<Converted> run() {
    const std::span<const NamedTensor> from = source_.checkpoint().tensors;
    SYN_CHECK(from.size() == target_.dtypes.size());
    for (size_t i = 0; i < from.size(); ++i) {
      NamedTensor to = from[i];
      to.tensor.dtype = target_.dtypes[i];
      targets_.push_back(to);
      all_bytes_ += to.tensor.bytes(), n_parameters_ += to.tensor.size();
      if (!is_own(to.tensor.dtype)) {
        tensors_.push_back(to);
        continue;
      }
      const OwnParts parts = parts_of(to.tensor);
      tensors_.push_back({to.name, parts.values});
      tensors_.push_back({names_.emplace_back(std::string(to.name).append(kScalesSuffix)), parts.scales});
    }
    out_.notes = target_.notes;
    SYN_RETURN_IF_ERROR(plan_metadata());
    out_.n_tensors = tensors_.size(), out_.n_metadata = metadata_.entries().size();
    out_.path = options_.path.empty() ? name_.file(target_.label) : options_.path;
    SYN_TRY(file, platform::NewFile::create(out_.path.c_str(), options_.overwrite));
    SYN_TRY(writer, GgufWriter::begin(file.sink(), metadata_.entries(), tensors_));
    for (size_t i = 0; i < from.size(); ++i) SYN_RETURN_IF_ERROR(write_tensor(writer, from[i], targets_[i]));
    SYN_RETURN_IF_ERROR(writer.finish());
    out_.bytes = file.bytes();
    SYN_RETURN_IF_ERROR(file.finish());
    return out_;
  }

 private:
  Status plan_metadata() {
    const Checkpoint& from = source_.checkpoint();
    for (const MetaEntry& e : from.metadata) {
      if (!e.key.starts_with("split.")) metadata_.put(e.key, e.value);
    }
    metadata_.drop("general.file_type");
    if (target_.file_type) metadata_.put("general.file_type", meta_u32(*target_.file_type));
    metadata_.put("general.quantization_version", meta_u32(2));
    if (!metadata_.find("general.type")) metadata_.text("general.type", "model");
    for (const MetaEntry& e : target_.more.entries()) metadata_.put(e.key, e.value);
    const MetaValue* text = metadata_.find("general.name");
    name_ = ModelName::of((text ? text->as_text() : std::nullopt).value_or(source_.path().stem().string()),
                          n_parameters_);
    for (const auto& [key, value] : {std::pair("general.basename", &name_.base),
                                     {"general.size_label", &name_.size},
                                     {"general.finetune", &name_.finetune}}) {
      if (!value->empty() && !metadata_.find(key)) metadata_.text(key, *value);
    }
    if (metadata_.find("tokenizer.ggml.model")) return {};

    const Result<TokenizerSpec>& spec = source_.tokenizer();
    if (!spec.ok()) return spec.status();
    const Tensor* embedding = from.tensor("token_embd.weight");
    SYN_RETURN_IF_ERROR(put_tokenizer(*spec, embedding ? embedding->rows() : 0, metadata_));
    if (metadata_.find(kPreKey) && spec->kind == TokenizerKind::byte_bpe)
      out_.notes.push_back(
          "tokenizer.ggml.pre: has no name for how text is split here; other programs will split it as "
          "GPT-2");
    if (const std::vector<int32_t> ends = source_.end_ids(); !ends.empty())
      metadata_.put("synapse.generation.end_ids", meta_array(ends));
    return {};
  }

  Status advance(const NamedTensor& t, size_t bytes) {
    done_bytes_ += bytes;
    if (!options_.progress || options_.progress(options_.context, done_bytes_, all_bytes_)) return {};
    return fail(Code::cancelled, "interrupted at ", t.name);
  }

  Status write_tensor(GgufWriter& writer, const NamedTensor& from, const NamedTensor& to) {
    SYN_CHECK(from.tensor.contiguous());
    const auto cols = size_t(to.tensor.cols()), rows = size_t(to.tensor.rows());
    const size_t step = std::max<size_t>(1, kPieceElements / cols), row_in = from.tensor.row_bytes();
    scales_.clear();
    for (size_t row = 0; row < rows; row += step) {
      const size_t n = std::min(step, rows - row);
      const std::span in(static_cast<const uint8_t*>(from.tensor.data) + row * row_in, n * row_in);
      std::span<const uint8_t> piece = in;
      if (to.tensor.dtype != from.tensor.dtype) {
        SYN_RETURN_IF_ERROR(convert(from, to, int64_t(row), int64_t(n), in.data()));
        piece = is_own(to.tensor.dtype) ? split(to, int64_t(n)) : bytes_;
      }
      SYN_RETURN_IF_ERROR(writer.write(piece));
      source_.release(in);
      SYN_RETURN_IF_ERROR(advance(to, piece.size()));
    }
    return scales_.empty() ? Status() : writer.write(scales_);
  }

  // The numbers of n_rows rows of blocks in bytes_; their scales go behind those kept.
  std::span<const uint8_t> split(const NamedTensor& to, int64_t n_rows) {
    const OwnParts parts = parts_of(to.tensor);
    const size_t rows = size_t(to.tensor.rows()), n_scales = scales_.size();
    values_part_.resize(parts.values.bytes() / rows * size_t(n_rows));
    scales_.resize(n_scales + parts.scales.bytes() / rows * size_t(n_rows));
    split_rows(to.tensor, bytes_.data(), n_rows, values_part_.data(), scales_.data() + n_scales);
    return values_part_;
  }

  // Rows first .. first + n_rows into bytes_.
  Status convert(const NamedTensor& from, const NamedTensor& to, int64_t first, int64_t n_rows, const uint8_t* in) {
    const size_t n = size_t(n_rows) * size_t(to.tensor.cols());
    values_.resize(n);
    const RowCodec& codec = options_.codec;
    if (!codec.decode || !codec.decode(from.tensor.dtype, in, n, values_.data())) {
      return fail(Code::unsupported, from.name, ": is ", label(from.tensor.dtype), ", which is not a format we read");
    }
    float most = 0;
    for (const float v : values_) most = std::max(most, std::isfinite(v) ? std::abs(v) : INFINITY);
    if (!std::isfinite(most)) return fail(Code::corrupt, from.name, ": holds an infinity or a NaN");
    if (to.tensor.dtype == DType::f16 && most > kMostF16) {
      return fail(Code::unsupported, from.name, ": holds ", double(most),
                  ", F16 ends at 65504; wanted F32 or BF16");
    }
    bytes_.resize(row_bytes(to.tensor.dtype, int64_t(n)));
    return codec.encode(to, first, n_rows, values_.data(), bytes_);
  }

  Source& source_;
  const Target& target_;
  const WriteOptions& options_;
  Converted out_;
  ModelName name_;
  Metadata metadata_;
  std::vector<NamedTensor> targets_;  // one for each of the source
  std::vector<NamedTensor> tensors_;  // as the file has them: two for a format of our own
  std::deque<std::string> names_;
  uint64_t all_bytes_ = 0, done_bytes_ = 0, n_parameters_ = 0;
  std::vector<float> values_;
  std::vector<uint8_t> bytes_, values_part_, scales_;
};

// Of several dims, but no matrix that a linear multiplies by: ssm_a has no ".weight".
bool is_parameter(std::string_view name) {
  constexpr std::string_view kInside[] = {"_norm.weight", "ssm_conv1d.weight", "time_mix_lerp_fused.weight", "time_mix_r_k.weight",
                                          "channel_mix_lerp_k.weight"};
  return !name.ends_with(".weight") || std::ranges::any_of(kInside, [&](std::string_view part) { return name.ends_with(part); });
}

DType wanted(const NamedTensor& t, std::optional<DType> dtype) {
  if (!dtype) return t.tensor.dtype;
  if (t.tensor.rank < 2 || is_parameter(t.name)) return DType::f32;
  const bool at_an_end = t.name == "token_embd.weight" || t.name == "output.weight";
  return at_an_end ? find_file_type(*dtype)->embedding : *dtype;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "0.6b", "8x7B", "4m": digits, at most one dot, perhaps experts in front, and one letter.
bool is_size(std::string_view part) {
  if (part.size() < 2 || std::string_view("kKmMbBtT").find(part.back()) == std::string_view::npos)
    return false;
  part.remove_suffix(1);
  if (const size_t times = part.find('x'); times != part.npos) {
    if (times == 0 || !std::ranges::all_of(part.substr(0, times), is_digit)) return false;
    part.remove_prefix(times + 1);
  }
  return !part.empty() && is_digit(part[0]) && is_digit(part.back()) && std::ranges::count(part, '.') <= 1 &&
         std::ranges::all_of(part, [](char c) { return is_digit(c) || c == '.'; });
}

}  // namespace

Result<Target> plan_conversion(const Source& source, std::optional<DType> dtype) {
  const std::span<const NamedTensor> tensors = source.checkpoint().tensors;
  if (tensors.empty()) return fail(Code::invalid, source.path().c_str(), ": a vocabulary without a model");
  Target target;
  std::map<std::string, std::vector<std::string_view>> kept;  // why -> tensors
  for (const NamedTensor& from : tensors) {
    DType to = wanted(from, dtype);
    if (to != from.tensor.dtype && !is_narrow(from.tensor.dtype)) {
      return fail(Code::unsupported, from.name, ": is ", label(from.tensor.dtype), " and cannot become ",
                  label(to), "; wanted F32, F16 or BF16");
    }
    if (from.tensor.cols() % info(to).block_elements) {
      const Text<200> why("rows of ", from.tensor.cols(), " are not whole blocks of ", label(to),
                          ", kept as ", label(from.tensor.dtype));
      kept[std::string(why.view())].push_back(from.name);
      to = from.tensor.dtype;
    }
    target.dtypes.push_back(to);
  }
  for (const auto& [why, names] : kept) {
    const std::string more = names.size() > 1 ? " and " + std::to_string(names.size() - 1) + " more" : "";
    target.notes.push_back(std::string(names[0]) + more + ": " + why);
  }
  const DType main = dtype.value_or(main_dtype(tensors));
  target.label = label(main);
  if (const FileType* type = find_file_type(main)) {
    target.file_type = type->number;
  } else if (const MetaValue* as_it_was = source.checkpoint().find("general.file_type")) {
    target.file_type = uint32_t(as_it_was->as_int().value_or(0));
  }
  return target;
}

Result<Converted> write_gguf_of(Source& source, const Target& target, const WriteOptions& options) {
  return Writer(source, target, options).run();
}

std::string size_label(uint64_t n_parameters) {
  constexpr std::pair<double, char> kUnits[] = {{1e12, 'T'}, {1e9, 'B'}, {1e6, 'M'}, {1e3, 'K'}};
  for (const auto& [unit, letter] : kUnits) {
    const double n = double(n_parameters) / unit;
    if (n < 1 && unit > 1e3) continue;
    char text[32];
    std::snprintf(text, sizeof text, n < 9.95 ? "%.1f%c" : "%.0f%c", n, letter);
    return text;
  }
  return {};
}

ModelName ModelName::of(std::string_view text, uint64_t n_parameters) {
  ModelName name;
  std::string part;
  const auto end_part = [&] {
    if (name.size.empty() && !name.base.empty() && is_size(part)) {
      part.back() = char(std::toupper(uint8_t(part.back())));
      name.size = part;
    } else if (!part.empty() && !dtype_from_label(part)) {  // not the format that it had
      std::string& whole = name.size.empty() ? name.base : name.finetune;
      whole += (whole.empty() ? "" : "-") + part;
    }
    part.clear();
  };
  for (const char c : text) {
    const auto b = uint8_t(c);
    const bool separates = c == '-' || c == ' ' || c == '/' || b < 32 || b == 127;
    separates ? end_part() : part.push_back(c);
  }
  end_part();
  name.base.erase(0, name.base.find_first_not_of(".-"));
  if (name.base.empty()) name.base = "model";
  if (name.size.empty()) name.size = size_label(n_parameters);
  return name;
}

std::string ModelName::file(std::string_view type) const {
  const bool said = base.size() >= size.size() && base.ends_with(size);  // stories260K
  return base + (said ? "" : "-" + size) + (finetune.empty() ? "" : "-" + finetune) + "-" + std::string(type) + ".gguf";
}

}  // namespace synapse
