// What a session takes: by its options, the model and what the budget of the model leaves.
#include "synapse/capi/handles.h"

namespace synapse::capi {
namespace {

Result<DType> cache_type(int32_t type, DType otherwise, std::string_view name) {
  switch (type) {
    case SYN_TYPE_AUTO: return otherwise;
    case SYN_TYPE_F32: return DType::f32;
    case SYN_TYPE_F16: return DType::f16;
    case SYN_TYPE_Q8_0: return DType::q8_0;
    case SYN_TYPE_Q4_0: return DType::q4_0;
  }
  return fail(Code::invalid, name, ": ", type, ", wanted SYN_TYPE_AUTO, F32, F16, Q8_0 or Q4_0");
}

Status refuse(const syn_plan& plan, size_t budget) {
  return fail(Code::out_of_memory, "memory: ", plan.n_ctx, " positions take ", plan.total_bytes,
              " bytes with the weights, the budget is ", budget);
}

void describe(const MemoryPlan& from, const syn_model& model, syn_plan& plan) {
  plan.weight_bytes = from.weight_bytes;
  plan.table_bytes = model.table_bytes;
  plan.cache_bytes = from.cache_bytes;
  plan.scratch_bytes = from.scratch_bytes;
  plan.total_bytes = from.total() + model.table_bytes;
  plan.n_ctx = from.n_positions;
}

syn_status plan_on(const syn_model& model, const syn_session_options* options, syn_plan* plan, syn_error* error) {
  syn_session_options o;
  syn_session_options_default(&o, sizeof o);
  Status status = read_options(o, options, "syn_session_options");
  if (!status.ok()) return report(status, error);
  const Result<platform::ThreadPool*> threads = start_threads(model, o);
  if (!threads.ok()) return report(threads.status(), error);
  CpuDevice device(*model.kernels, **threads);
  SessionOptions made;
  syn_plan found = {};
  status = plan_session(model, device, o, made, found);
  platform::ThreadPool::destroy(*threads);
  if (status.ok() || status.code() == Code::out_of_memory) {
    if (Status written = write_result(plan, found, "syn_plan"); !written.ok()) return report(written, error);
  }
  return report(status, error);
}

}  // namespace

Result<platform::ThreadPool*> start_threads(const syn_model& model, const syn_session_options& options) {
  if (options.n_threads < 0 || options.n_threads > 256)
    return fail(Code::invalid, "n_threads: ", options.n_threads, ", wanted 1 to 256, or 0");
  const int32_t asked = options.n_threads ? options.n_threads : model.options.n_threads;
  return platform::ThreadPool::create(asked ? asked : platform::resources().default_threads);
}

Status plan_session(const syn_model& model, Device& device, const syn_session_options& options, SessionOptions& made,
                    syn_plan& plan) {
  const Model& m = *model.model;
  const int32_t longest = m.config().max_seq_len;
  if (options.n_ctx < 0 || options.n_ctx > longest)
    return fail(Code::invalid, "n_ctx: ", options.n_ctx, ", the model has ", longest, " positions");
  if (options.n_batch < 1) return fail(Code::invalid, "n_batch: ", options.n_batch, ", wanted at least 1");
  const DType otherwise = default_cache_dtype(m);
  SYN_TRY(k_dtype, cache_type(options.cache_type_k, otherwise, "cache_type_k"));
  SYN_TRY(v_dtype, cache_type(options.cache_type_v, otherwise, "cache_type_v"));
  made.k_dtype = k_dtype, made.v_dtype = v_dtype;
  made.chunk = options.n_batch;
  made.max_seq_len = options.n_ctx ? options.n_ctx : longest;

  const size_t budget = model.options.memory_budget;
  MemoryPlan wanted = plan_memory(m, device, made);
  describe(wanted, model, plan);
  if (!budget) return {};
  const size_t committed = __atomic_load_n(&model.committed_bytes, __ATOMIC_RELAXED);
  const size_t others = committed - m.weight_bytes();  // tables and the sessions that there are
  if (wanted.total() + others <= budget) return {};
  if (options.n_ctx) return refuse(plan, budget);
  wanted = plan_within(m, device, made, others, budget);
  if (wanted.n_positions == 0) {
    made.max_seq_len = longest < kPageRows ? longest : kPageRows;
    describe(plan_memory(m, device, made), model, plan);
    return refuse(plan, budget);
  }
  describe(wanted, model, plan);
  made.max_seq_len = wanted.n_positions;
  log(model, SYN_LOG_INFO, Text<160>("context: ", plan.n_ctx, " of the model's ", longest, " positions fit the budget"));
  return {};
}

}  // namespace synapse::capi

using namespace synapse;

syn_status syn_plan_session(const syn_model* model, const syn_session_options* options, syn_plan* plan,
                            syn_error* error) {
  if (!model || !plan) return capi::invalid(error, model ? "plan: NULL" : "model: NULL");
  return capi::plan_on(*model, options, plan, error);
}

syn_status syn_plan_file(const char* path, const syn_model_options* options, const syn_session_options* session,
                         syn_plan* plan, syn_error* error) {
  if (!path || !plan) return capi::invalid(error, path ? "plan: NULL" : "path: NULL");
  syn_model_options o;
  syn_model_options_default(&o, sizeof o);
  if (Status status = capi::read_options(o, options, "syn_model_options"); !status.ok()) return capi::report(status, error);
  const uint64_t budget = o.memory_budget;
  o.preload = 0;
  o.memory_budget = 0;  // the plan is made whether it fits or not
  const Result<syn_model*> model = capi::load(path, {}, o);
  if (!model.ok()) return capi::report(model.status(), error);
  (*model)->options.memory_budget = budget;
  const syn_status status = capi::plan_on(**model, session, plan, error);
  capi::release(*model);
  return status;
}
