#include "engine.h"

#include <algorithm>
#include <cstdio>

#include "expand.h"
#include "output.h"
#include "synapse/runtime/matrices.h"
#include "synapse/runtime/prefix_cache.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse::cli {
namespace {

constexpr size_t kFaultLines = 8192;

// One fault is the Status's own message; more are worth a list.
std::string fault_list(const Faults& faults) { return std::string(faults.count() > 1 ? faults.lines() : ""); }

DType cache_type(const std::string& name, DType otherwise) {
  return name.empty() ? otherwise : *dtype_from_label(name);
}

}  // namespace

Result<std::unique_ptr<Processor>> Processor::open(const Flags& flags) {
  std::unique_ptr<Processor> processor(new Processor);
  processor->kernels_ = flags.isa.empty() ? &synapse::kernels() : find_kernels(flags.isa);
  const int32_t n_threads = flags.threads ? flags.threads : platform::resources().default_threads;
  SYN_TRY(threads, platform::ThreadPool::create(n_threads));
  processor->threads_ = threads;
  processor->device_ = std::make_unique<CpuDevice>(*processor->kernels_, *threads);
  return processor;
}

Processor::~Processor() {
  device_.reset();
  platform::ThreadPool::destroy(threads_);
}

Result<Region> Processor::pack(const PackedSet& set, const Source& source) {
  SYN_TRY(region, Region::make(set.bytes()));
  const ReleasePart release = {
      [](void* from, std::span<const uint8_t> part) { static_cast<const Source*>(from)->release(part); }, const_cast<Source*>(&source)};
  synapse::pack(region.bytes().data(), set, *threads_, release);
  return std::move(region);
}

Status Processor::read_at(const PackedSet& set, const uint8_t* packed) {
  SYN_TRY(table, Region::make(PackedWeights::table_bytes(set)));
  SYN_TRY(weights, PackedWeights::make(set, packed, device_->packed(), table.arena()));
  packed_.push_back(std::move(table));
  device_->read_from(weights);
  return {};
}

Status Processor::read_packed(const PackedSet& set, Region packed) {
  packed_.push_back(std::move(packed));
  return read_at(set, packed_.back().bytes().data());
}

Status Processor::read_packed(const PackedSet& set, PackFile packed) {
  packed_files_.push_back(std::move(packed));
  return read_at(set, packed_files_.back().bytes());
}

Result<std::unique_ptr<Vocabulary>> Vocabulary::open(Source& source) {
  const Result<TokenizerSpec>& spec = source.tokenizer();
  if (!spec.ok()) return spec.status();
  if (spec->kind == TokenizerKind::none) return fail(Code::unsupported, source.path().c_str(), ": has no tokenizer");
  auto vocabulary = std::make_unique<Vocabulary>();
  SYN_TRY(region, Region::make(Tokenizer::bytes(*spec)));
  vocabulary->region = std::move(region);
  SYN_TRY(tokenizer, Tokenizer::build(*spec, vocabulary->region.arena()));
  vocabulary->tokenizer = tokenizer;
  vocabulary->kind = spec->kind;
  vocabulary->bytes = vocabulary->region.arena().used();
  vocabulary->end_ids = source.end_ids();
  source.drop_tokenizer();
  return vocabulary;
}

std::string Vocabulary::piece(int32_t id) const {
  std::string text(tokenizer->max_piece_bytes(), 0);
  text.resize(tokenizer->piece(id, true, text.data()));
  return text;
}

Result<std::vector<int32_t>> Vocabulary::encode(std::string_view text, EncodeOptions options) const {
  SYN_TRY(scratch, Region::make(tokenizer->encode_scratch_bytes(text.size())));
  std::vector<int32_t> ids(tokenizer->max_ids(text.size()));
  SYN_TRY(n, tokenizer->encode(text, options, ids, scratch.arena()));
  ids.resize(n);
  return ids;
}

Result<std::unique_ptr<Engine>> Engine::open(const Flags& flags) {
  std::unique_ptr<Engine> engine(new Engine);
  engine->flags_ = flags;
  SYN_TRY(processor, Processor::open(flags));
  engine->processor_ = std::move(processor);
  SYN_TRY(source, open_source(flags.model, flags.family_dirs));
  engine->source_ = std::move(source);
  return engine;
}

Result<std::unique_ptr<Engine>> Engine::open_beside(Engine& other, const Flags& flags) {
  std::unique_ptr<Engine> engine(new Engine);
  engine->flags_ = flags;
  engine->processor_ = other.processor_;
  SYN_TRY(source, open_source(flags.model, flags.family_dirs));
  engine->source_ = std::move(source);
  other.beside_ = engine.get();
  return engine;
}

void Engine::expect_drafts(int32_t n_tokens) {
  options_.logit_rows = n_tokens + 1;
  options_.rollback = std::max(options_.rollback, n_tokens + 1);
}

Status Engine::read_vocabulary() {
  SYN_TRY(vocabulary, Vocabulary::open(*source_));
  vocabulary_ = std::move(vocabulary);
  return {};
}

Status Engine::build_model(bool expand) {
  Checkpoint checkpoint = source_->checkpoint();
  if (checkpoint.tensors.empty()) return fail(Code::invalid, source_->path().c_str(), ": a vocabulary without a model");
  if (expand) {
    SYN_TRY(region, Region::make(expanded_bytes(checkpoint)));
    expanded_ = std::move(region);
    SYN_TRY(expanded, expand_to_f32(*source_, processor_->kernels(), expanded_.arena()));
    checkpoint = expanded;
  }
  size_t bytes = Model::arena_bytes(checkpoint);
  for (const NamedTensor& named : checkpoint.tensors) bytes += named.tensor.bytes() + Arena::kAlign;
  SYN_TRY(region, Region::make(bytes));
  model_region_ = std::move(region);
  char lines[kFaultLines];
  Faults faults(lines);
  const Result<Model*> model = Model::build(checkpoint, processor_->device(), model_region_.arena(), faults, source_->families());
  faults_ = fault_list(faults);
  if (!model.ok()) return model.status();
  model_ = *model;

  const size_t named = vocabulary_ ? vocabulary_->bytes : 0;
  const size_t resident = platform::resources().resident;
  process_bytes_ = resident > named ? resident - named : 0;
  const DType otherwise = default_cache_dtype(*model_);
  options_.k_dtype = cache_type(flags_.cache_type_k, otherwise);
  options_.v_dtype = cache_type(flags_.cache_type_v, otherwise);
  options_.chunk = flags_.batch_size;
  return {};
}

Result<PackedSet> Engine::packable(Region& list) {
  SYN_TRY(region, Region::make(matrices_bytes(*model_) + Arena::kAlign));
  list = std::move(region);
  SYN_TRY(all, list_matrices(*model_, processor_->device(), list.arena()));
  const std::span<const uint8_t> own = model_region_.bytes();
  size_t n = 0;
  for (const Tensor& w : all) {  // not what was made when the model was built: that would be there twice
    const auto* data = static_cast<const uint8_t*>(w.data);
    if (data < own.data() || data >= own.data() + own.size()) all[n++] = w;
  }
  return PackedSet{all.first(n), flags_.full_head || !model_->is_plain_head() ? Tensor{} : model_->head_weight()};
}

Status Engine::pack_weights() {
  if (flags_.no_repack || model_->all_float()) return {};
  Region list;
  SYN_TRY(set, packable(list));
  source_->expect_few_reads();
  const PackPlace place(set, *source_);
  if (std::optional<PackFile> file = place.find()) return processor_->read_packed(set, std::move(*file));
  const size_t bytes = set.bytes(), available = platform::resources().memory_available;
  if (bytes > available) {
    note("weights: " + human_bytes(bytes) + " to pack them, available are " + human_bytes(available) +
         "; they are read from the file as it is, slower (`synapse pack` keeps them packed in a file)");
    return {};
  }
  SYN_TRY(packed, processor_->pack(set, *source_));
  return processor_->read_packed(set, std::move(packed));
}

MemoryPlan Engine::plan(int32_t n_positions) {
  SessionOptions options = options_;
  options.max_seq_len = n_positions;
  MemoryPlan plan = plan_memory(*model_, processor_->device(), options);
  plan.process_bytes = process_bytes_;
  plan.tokenizer_bytes = vocabulary_ ? vocabulary_->bytes : 0;
  if (prefix_cache_bytes_) {
    plan.cache_bytes += prefix_cache_bytes_;
    plan.scratch_bytes += PrefixCache::arena_bytes(model_->state_layout(), options_.k_dtype, options_.v_dtype, prefix_cache_bytes_);
  }
  if (beside_) {
    const MemoryPlan other = beside_->plan(std::min(plan.n_positions, beside_->model().config().max_seq_len));
    plan.tokenizer_bytes += other.tokenizer_bytes, plan.weight_bytes += other.weight_bytes;
    plan.cache_bytes += other.cache_bytes, plan.scratch_bytes += other.scratch_bytes;
  }
  return plan;
}

int32_t Engine::longest_within(uint64_t budget, int32_t longest) {
  int32_t fits = 0, fails = (longest + kPageRows - 1) / kPageRows + 1;  // pages
  while (fails - fits > 1) {
    const int32_t middle = fits + (fails - fits) / 2;
    (plan(std::min(middle * kPageRows, longest)).total() <= budget ? fits : fails) = middle;
  }
  return std::min(fits * kPageRows, longest);
}

Result<int32_t> Engine::choose_context() {
  const int32_t longest = model_->config().max_seq_len;
  const int32_t asked = flags_.ctx_size;
  if (asked > longest) return fail(Code::invalid, "context: ", asked, " positions, the model has ", longest);
  if (flags_.memory_budget.empty()) return asked ? asked : longest;

  const uint64_t budget = *parse_bytes(flags_.memory_budget);
  const auto refuse = [&](const MemoryPlan& plan) {
    std::fputs(plan_text(plan).c_str(), stderr);
    return fail(Code::out_of_memory, "memory: ", plan.n_positions, " positions take ", human_bytes(plan.total()),
                ", the budget is ", human_bytes(budget));
  };
  if (asked) {
    const MemoryPlan wanted = plan(asked);
    if (wanted.total() > budget) return refuse(wanted);
    return asked;
  }
  const int32_t fits = longest_within(budget, longest);
  if (fits == 0) return refuse(plan(std::min(longest, 64)));
  if (fits < longest) {
    note("context: " + std::to_string(fits) + " of the model's " + std::to_string(longest) + " positions fit " +
         human_bytes(budget));
  }
  return fits;
}

Result<Session*> Engine::start(int32_t reach) {
  SYN_TRY(context, choose_context());
  options_.max_seq_len = context;
  const MemoryPlan expected = plan(std::min(reach, context));
  const size_t available = platform::resources().memory_available;
  if (flags_.memory_budget.empty() && expected.total() > available + process_bytes_) {
    note("memory: the plan for " + std::to_string(expected.n_positions) + " positions is " +
         human_bytes(expected.total()) + ", available are " + human_bytes(available) +
         "; -c and --memory-budget bound it");
  }

  SYN_RETURN_IF_ERROR(pack_weights());
  const StateLayout& layout = model_->state_layout();
  Device& device = processor_->device();
  SYN_TRY(pages, Region::make(PagePool::bytes_for(layout, options_.k_dtype, options_.v_dtype, limits_of(*model_, options_)) +
                             prefix_cache_bytes_));
  pages_ = std::move(pages);
  const size_t memory = pages_.bytes().size();
  const size_t cache_tables =
      prefix_cache_bytes_ ? PrefixCache::arena_bytes(layout, options_.k_dtype, options_.v_dtype, prefix_cache_bytes_) : 0;
  SYN_TRY(region, Region::make(PagePool::arena_bytes(layout, options_.k_dtype, options_.v_dtype, memory) + cache_tables +
                               Session::arena_bytes(*model_, device, options_) + Arena::kAlign));
  session_region_ = std::move(region);
  Arena& arena = session_region_.arena();
  SYN_TRY(pool, PagePool::make(device, layout, options_.k_dtype, options_.v_dtype, pages_.bytes(), arena));
  if (prefix_cache_bytes_) {
    SYN_TRY(cache, PrefixCache::make(*pool, layout, prefix_cache_bytes_, arena));
    options_.prefix_cache = cache;
  }
  return Session::open(*model_, device, *pool, options_, arena);
}

Result<std::unique_ptr<Source>> open_source(const std::string& name, const std::vector<std::string>& family_dirs) {
  SYN_TRY(families, FamilyFiles::read(family_dirs));
  char lines[kFaultLines];
  Faults faults(lines);
  Result<std::unique_ptr<Source>> source = Source::open(name, faults, std::move(families));
  if (!source.ok()) std::fputs(fault_list(faults).c_str(), stderr);
  return source;
}

Status require_model(Engine& engine, bool expand) {
  const Status status = engine.build_model(expand);
  if (!status.ok()) std::fputs(engine.faults().c_str(), stderr);
  return status;
}

std::string plan_text(const MemoryPlan& plan) {
  const std::pair<const char*, size_t> rows[] = {
      {"process", plan.process_bytes}, {"tokenizer", plan.tokenizer_bytes}, {"weights", plan.weight_bytes},
      {"cache", plan.cache_bytes},     {"scratch", plan.scratch_bytes},     {"total", plan.total()},
  };
  std::string text = "memory for " + std::to_string(plan.n_positions) + " positions\n";
  for (const auto& [name, bytes] : rows) {
    char line[64];
    std::snprintf(line, sizeof line, "  %-10s %12s\n", name, human_bytes(bytes).c_str());
    text += line;
  }
  return text;
}

}  // namespace synapse::cli
