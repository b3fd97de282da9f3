// Loading: files are mapped, their tables read and checked, the tokenizer and the model built.
#include <algorithm>

#include "synapse/capi/files.h"
#include "synapse/capi/handles.h"
#include "synapse/io/gguf.h"

syn_model::~syn_model() {
  synapse::platform::ThreadPool::destroy(threads);
  for (synapse::platform::MappedFile& file : files) file.~MappedFile();
}

namespace synapse::capi {
namespace {

constexpr size_t kFaultLines = 8192;
constexpr size_t kTokenizerTablesFloor = size_t(1) << 20;
constexpr size_t kPreloadStep = size_t(1) << 20;

Status note_end_ids(syn_model& m, const TokenizerSpec& spec, const MetaValue* more, Arena& arena) {
  const size_t n_more = more ? size_t(more->count) : 0;
  SYN_TRY(ids, arena.zeroed<int32_t>(spec.end_ids.size() + n_more, "end ids"));
  std::copy(spec.end_ids.begin(), spec.end_ids.end(), ids.begin());
  for (size_t i = 0; i < n_more; ++i) ids[spec.end_ids.size() + i] = int32_t(meta_element(*more, i).i);
  std::sort(ids.begin(), ids.end(), [](int32_t a, int32_t b) { return a < b; });  // of libc++ std::less is not inline
  m.end_ids = ids;
  return {};
}

Status read_tokenizer(syn_model& m) {
  // A table entry of a token is no larger than a few times the bytes it has in the file.
  size_t bytes = kTokenizerTablesFloor;
  for (const MetaEntry& entry : m.checkpoint.metadata) bytes += 16 * entry.value.bytes.size();
  SYN_TRY(spec_region, Region::make(bytes));
  SYN_TRY(spec, tokenizer_spec(m.checkpoint, spec_region.arena()));
  if (spec.kind == TokenizerKind::none) return fail(Code::unsupported, "tokenizer: this model has none");
  const MetaValue* more = m.checkpoint.find("synapse.generation.end_ids");
  if (more && (more->type != MetaType::array || more->element != MetaType::i32)) more = nullptr;
  const size_t n_end_ids = spec.end_ids.size() + (more ? size_t(more->count) : 0);
  SYN_TRY(region, Region::make(Tokenizer::bytes(spec) + n_end_ids * sizeof(int32_t) + Arena::kAlign));
  m.tokenizer_region = std::move(region);
  SYN_TRY(tokenizer, Tokenizer::build(spec, m.tokenizer_region.arena()));
  SYN_RETURN_IF_ERROR(note_end_ids(m, spec, more, m.tokenizer_region.arena()));
  m.tokenizer = tokenizer;
  return {};
}

Status choose_kernels(syn_model& m) {
  m.kernels = m.options.isa ? find_kernels(m.options.isa) : &kernels();
  if (m.kernels) return {};
  char text[160];
  TextBuffer known(text, sizeof text);
  for (const Kernels& k : kernel_variants()) known.append(' '), known.append(k.isa);
  return fail(Code::invalid, "isa: \"", m.options.isa, "\", this processor has", known.view());
}

Status build_model(syn_model& m) {
  SYN_RETURN_IF_ERROR(choose_kernels(m));
  SYN_TRY(threads, platform::ThreadPool::create(1));
  m.threads = threads;
  void* place = m.home.arena().alloc(sizeof(CpuDevice), alignof(CpuDevice));
  SYN_CHECK(place);
  m.device = new (place) CpuDevice(*m.kernels, *threads);

  size_t bytes = Model::arena_bytes(m.checkpoint);
  for (const NamedTensor& named : m.checkpoint.tensors) bytes += named.tensor.bytes() + Arena::kAlign;
  SYN_TRY(region, Region::make(bytes));
  m.model_region = std::move(region);
  char lines[kFaultLines];
  Faults faults(lines);
  const Result<Model*> model = Model::build(m.checkpoint, *m.device, m.model_region.arena(), faults);
  for (std::string_view rest = faults.lines(); !rest.empty();) {
    const size_t end = rest.find('\n');
    log(m, SYN_LOG_WARNING, rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (!model.ok()) return model.status();
  m.model = *model;
  return {};
}

Status check_budget(syn_model& m) {
  m.table_bytes = m.home.bytes().size() + m.tables.arena().used() + m.tokenizer_region.arena().used() +
                  m.model_region.arena().used();
  m.committed_bytes = m.model->weight_bytes() + m.table_bytes;
  if (!m.options.memory_budget || m.committed_bytes <= m.options.memory_budget) return {};
  return fail(Code::out_of_memory, "memory: weights and tables take ", m.committed_bytes, " bytes, the budget is ",
              m.options.memory_budget);
}

// Reads a byte of every page, so that the first token need not wait for the disk.
Status preload(const syn_model& m) {
  constexpr size_t kPage = 4096;
  uint64_t done = 0, total = 0;
  for (std::span<const uint8_t> part : m.parts) total += part.size();
  const auto tell = [&] {
    if (!m.options.progress || m.options.progress(m.options.progress_user, done, total) == 0) return Status();
    return fail(Code::cancelled, "load: cancelled after ", done, " of ", total, " bytes");
  };
  SYN_RETURN_IF_ERROR(tell());
  for (std::span<const uint8_t> part : m.parts)
    for (size_t at = 0; at < part.size();) {
      const size_t end = std::min(at + kPreloadStep, part.size());
      done += end - at;
      for (; at < end; at += std::min(kPage, end - at)) static_cast<void>(*static_cast<const volatile uint8_t*>(&part[at]));
      SYN_RETURN_IF_ERROR(tell());
    }
  return {};
}

Status fill(syn_model& m) {
  SYN_TRY(tables, Region::make(gguf_arena_bytes(m.parts)));
  m.tables = std::move(tables);
  SYN_TRY(checkpoint, read_gguf(m.parts, m.tables.arena()));
  m.checkpoint = checkpoint;
  SYN_RETURN_IF_ERROR(build_model(m));
  m.tokenizer_status = read_tokenizer(m);
  if (!m.tokenizer_status.ok()) log(m, SYN_LOG_WARNING, m.tokenizer_status.message());
  SYN_RETURN_IF_ERROR(check_budget(m));
  return m.options.preload && !m.files.empty() ? preload(m) : Status();
}

Result<syn_model*> make_model(size_t n_parts) {
  SYN_TRY(model, make_handle<syn_model>(n_parts * (sizeof(platform::MappedFile) + sizeof(std::span<const uint8_t>)) +
                                        sizeof(CpuDevice) + 4 * Arena::kAlign));
  SYN_TRY(parts, model->home.arena().zeroed<std::span<const uint8_t>>(n_parts, "parts"));
  model->parts = parts;
  return model;
}

Status map_files(syn_model& m, std::string_view path, platform::MappedFile& first) {
  auto* files = static_cast<platform::MappedFile*>(
      m.home.arena().alloc(m.parts.size() * sizeof(platform::MappedFile), alignof(platform::MappedFile)));
  SYN_CHECK(files);
  for (size_t i = 0; i < m.parts.size(); ++i) {
    if (m.parts.size() == 1) {
      new (files + i) platform::MappedFile(std::move(first));
    } else {
      SYN_TRY(part, open_part(path, int32_t(i) + 1, int32_t(m.parts.size())));
      new (files + i) platform::MappedFile(std::move(part));
    }
    m.files = {files, i + 1};
    m.parts[i] = files[i].bytes();
  }
  return {};
}

Result<syn_model*> load_file(std::string_view path, platform::MappedFile& first, const syn_model_options& options) {
  SYN_TRY(n_parts, count_parts(path, first));
  SYN_TRY(model, make_model(size_t(n_parts)));
  model->options = options;
  Status status = map_files(*model, path, first);
  if (status.ok()) {
    status = fill(*model);
    if (!status.ok()) status = about(path, status);
  }
  if (status.ok()) return model;
  release(model);
  return status;
}

syn_status load_to(const char* path, std::span<const uint8_t> memory, const syn_model_options* options, syn_model** model,
                   syn_error* error) {
  *model = nullptr;
  syn_model_options o;
  syn_model_options_default(&o, sizeof o);
  if (Status status = read_options(o, options, "syn_model_options"); !status.ok()) return report(status, error);
  const Result<syn_model*> loaded = load(path, memory, o);
  if (!loaded.ok()) return report(loaded.status(), error);
  *model = *loaded;
  return report({}, error);
}

}  // namespace

Result<syn_model*> load(const char* path, std::span<const uint8_t> memory, const syn_model_options& options) {
  if (options.n_threads < 0 || options.n_threads > 256)
    return fail(Code::invalid, "n_threads: ", options.n_threads, ", wanted 1 to 256, or 0");
  if (path) {
    SYN_TRY(first, platform::MappedFile::open(path));
    return load_file(path, first, options);
  }
  SYN_TRY(model, make_model(1));
  model->options = options;
  model->parts[0] = memory;
  const Status status = fill(*model);
  if (status.ok()) return model;
  release(model);
  return status;
}

}  // namespace synapse::capi

using namespace synapse;

syn_status syn_model_load(const char* path, const syn_model_options* options, syn_model** model, syn_error* error) {
  if (!model) return capi::invalid(error, "model: NULL");
  if (!path) return *model = nullptr, capi::invalid(error, "path: NULL");
  return capi::load_to(path, {}, options, model, error);
}

syn_status syn_model_load_memory(const void* data, size_t size, const syn_model_options* options, syn_model** model,
                                 syn_error* error) {
  if (!model) return capi::invalid(error, "model: NULL");
  if (!data) return *model = nullptr, capi::invalid(error, "data: NULL");
  return capi::load_to(nullptr, {static_cast<const uint8_t*>(data), size}, options, model, error);
}

void syn_model_free(syn_model* model) {
  if (model) capi::release(model);
}
