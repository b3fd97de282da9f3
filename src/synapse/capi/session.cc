// Sessions: opened within the budget of their model, fed, sampled, cut and cloned.
#include "synapse/capi/handles.h"

syn_session::~syn_session() {
  synapse::platform::ThreadPool::destroy(threads);
  if (!model) return;
  if (session) __atomic_fetch_sub(&model->committed_bytes, size_t(plan.total_bytes - plan.weight_bytes - plan.table_bytes),
                                  __ATOMIC_RELAXED);
  synapse::capi::release(model);
}

namespace synapse::capi {
namespace {

// Takes a session's part of the budget; false when another session took it meanwhile.
bool commit(syn_model& model, size_t bytes) {
  size_t before = __atomic_load_n(&model.committed_bytes, __ATOMIC_RELAXED);
  do {
    if (model.options.memory_budget && before + bytes > model.options.memory_budget) return false;
  } while (!__atomic_compare_exchange_n(&model.committed_bytes, &before, before + bytes, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
  return true;
}

Status open(syn_session& s) {
  syn_model& model = *s.model;
  SYN_TRY(threads, start_threads(model, s.options));
  s.threads = threads;
  void* place = s.home.arena().alloc(sizeof(CpuDevice), alignof(CpuDevice));
  SYN_CHECK(place);
  s.device = new (place) CpuDevice(*model.kernels, *threads);
  SessionOptions options;
  SYN_RETURN_IF_ERROR(plan_session(model, *s.device, s.options, options, s.plan));
  s.options.n_ctx = s.plan.n_ctx;

  const StateLayout& layout = model.model->state_layout();
  SYN_TRY(pages, Region::make(PagePool::bytes_for(layout, options.k_dtype, options.v_dtype, limits_of(*model.model, options))));
  s.pages = std::move(pages);
  const size_t page_bytes = s.pages.bytes().size();
  SYN_TRY(memory, Region::make(PagePool::arena_bytes(layout, options.k_dtype, options.v_dtype, page_bytes) +
                               Session::arena_bytes(*model.model, *s.device, options) + Arena::kAlign));
  s.memory = std::move(memory);
  Arena& arena = s.memory.arena();
  SYN_TRY(pool, PagePool::make(*s.device, layout, options.k_dtype, options.v_dtype, s.pages.bytes(), arena));
  SYN_TRY(session, Session::open(*model.model, *s.device, *pool, options, arena));
  const size_t own_bytes = size_t(s.plan.total_bytes - s.plan.weight_bytes - s.plan.table_bytes);
  if (!commit(model, own_bytes))
    return fail(Code::out_of_memory, "memory: a session of ", own_bytes, " bytes does not fit what the budget leaves");
  s.session = session;
  s.session->cancel_on(&s.cancel);
  s.threads->cancel_on(&s.cancel);
  return {};
}

syn_status create(syn_model* model, const syn_session_options& options, syn_session** session, syn_error* error) {
  const Result<syn_session*> made = make_handle<syn_session>(sizeof(CpuDevice) + Arena::kAlign);
  if (!made.ok()) return report(made.status(), error);
  syn_session* s = *made;
  hold(model);
  s->model = model;
  s->options = options;
  const Status status = open(*s);
  if (status.ok()) *session = s;
  else destroy_handle(s);
  return report(status, error);
}

}  // namespace
}  // namespace synapse::capi

using namespace synapse;

syn_status syn_session_create(syn_model* model, const syn_session_options* options, syn_session** session,
                              syn_error* error) {
  if (!session) return capi::invalid(error, "session: NULL");
  *session = nullptr;
  if (!model) return capi::invalid(error, "model: NULL");
  syn_session_options o;
  syn_session_options_default(&o, sizeof o);
  if (Status status = capi::read_options(o, options, "syn_session_options"); !status.ok())
    return capi::report(status, error);
  return capi::create(model, o, session, error);
}

void syn_session_free(syn_session* session) {
  if (session) capi::destroy_handle(session);
}

syn_status syn_session_feed(syn_session* session, const int32_t* ids, size_t n_ids, syn_error* error) {
  if (!session) return capi::invalid(error, "session: NULL");
  if (!ids && n_ids) return capi::invalid(error, "ids: NULL with ", n_ids);
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  return use.report(session->session->feed({ids, n_ids}), error);
}

syn_status syn_session_logits(syn_session* session, const float** logits, size_t* n, syn_error* error) {
  if (!session || !logits || !n)
    return capi::invalid(error, !session ? "session: NULL" : !logits ? "logits: NULL" : "n: NULL");
  *logits = nullptr;
  *n = 0;
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  const Result<std::span<const float>> row = session->session->logits();
  if (row.ok()) *logits = row->data(), *n = row->size();
  return use.report(row.status(), error);
}

syn_status syn_session_sample(syn_session* session, const syn_sampler_options* options, int32_t* id, float* logprob,
                              syn_error* error) {
  if (!session || !id) return capi::invalid(error, session ? "id: NULL" : "session: NULL");
  *id = -1;
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  capi::Sampler sampler;
  if (Status status = sampler.read(*session, options); !status.ok()) return use.report(status, error);
  if (use.cancelled()) return use.report(fail(Code::cancelled, "cancelled before a token was chosen"), error);
  const Result<Pick> pick = session->session->next(sampler.options);
  if (pick.ok()) {
    *id = pick->id;
    if (logprob) *logprob = pick->logprob;
  }
  return use.report(pick.status(), error);
}

void syn_session_cancel(syn_session* session, int32_t on) {
  if (session) __atomic_store_n(&session->cancel, on != 0, __ATOMIC_RELAXED);
}

syn_status syn_session_tokens(syn_session* session, int32_t* out, size_t capacity, size_t* n, syn_error* error) {
  if (!session || !n) return capi::invalid(error, session ? "n: NULL" : "session: NULL");
  *n = 0;
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  return capi::give(session->session->ids(), out, capacity, n, error);
}

syn_status syn_session_get_plan(const syn_session* session, syn_plan* plan, syn_error* error) {
  if (!session || !plan) return capi::invalid(error, session ? "plan: NULL" : "session: NULL");
  return capi::report(capi::write_result(plan, session->plan, "syn_plan"), error);
}

syn_status syn_session_truncate(syn_session* session, size_t n, syn_error* error) {
  if (!session) return capi::invalid(error, "session: NULL");
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  const size_t n_ids = session->session->ids().size();
  if (n > n_ids) return capi::invalid(error, "truncate: to ", n, ", there are ", n_ids, " tokens");
  return use.report(session->session->truncate(int32_t(n)), error);
}

syn_status syn_session_clone(syn_session* session, syn_session** clone, syn_error* error) {
  if (!clone) return capi::invalid(error, "clone: NULL");
  *clone = nullptr;
  if (!session) return capi::invalid(error, "session: NULL");
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  syn_session* made = nullptr;
  if (syn_status status = capi::create(session->model, session->options, &made, error); status != SYN_OK) return status;
  const Status status = session->session->clone_to(*made->session);
  if (status.ok()) *clone = made;
  else syn_session_free(made);
  return use.report(status, error);
}
