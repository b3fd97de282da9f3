// A continuation, token by token, through a callback.
#include "synapse/capi/handles.h"

namespace synapse::capi {
namespace {

constexpr size_t kMaxStops = 64;

int32_t finish_of(Finish finish) {
  switch (finish) {
    case Finish::end_token: return SYN_FINISH_END;
    case Finish::stop_string: return SYN_FINISH_STOP;
    case Finish::length: return SYN_FINISH_LENGTH;
    case Finish::cancelled: return SYN_FINISH_CANCELLED;
    case Finish::none: break;
  }
  return SYN_FINISH_NONE;
}

struct Listener {
  syn_token_fn callback;
  void* user;
  char* text;  // room for what one step shows, and a NUL

  // Whether the caller wants to stop.
  bool tell(const Step& step) const {
    if (step.pick.id < 0 && step.text.empty()) return false;
    syn_token token = {};
    token.struct_size = sizeof token;
    token.text = text;
    token.text_size = step.text.size();
    token.id = step.pick.id;
    token.logprob = step.pick.logprob;
    step.text.copy(text, step.text.size());
    text[step.text.size()] = 0;
    return callback(user, &token) != 0;
  }
};

Status read_stops(const syn_generate_options& o, std::span<std::string_view> texts) {
  if (o.n_stop > texts.size()) return fail(Code::invalid, "n_stop: ", o.n_stop, ", at most ", texts.size());
  if (o.n_stop && !o.stop) return fail(Code::invalid, "stop: NULL with ", o.n_stop);
  for (size_t i = 0; i < o.n_stop; ++i) {
    if (!o.stop[i]) return fail(Code::invalid, "stop[", i, "]: NULL");
    texts[i] = o.stop[i];
  }
  return {};
}

Status generate(syn_session& s, const syn_generate_options& o, syn_token_fn callback, void* user, int32_t& finish) {
  const syn_model& model = *s.model;
  if (!model.tokenizer_status.ok()) return model.tokenizer_status;
  std::string_view stops[kMaxStops];
  SYN_RETURN_IF_ERROR(read_stops(o, stops));
  GenerateOptions options;
  Sampler sampler;
  SYN_RETURN_IF_ERROR(sampler.read(s, o.sampler));
  options.sampler = sampler.options;
  options.max_tokens = o.max_tokens;
  options.stop = std::span(stops).first(o.n_stop);
  options.show_special = o.show_special != 0;
  if (!o.ignore_end) options.end_ids = model.end_ids;

  const size_t most = Generation::arena_bytes(*model.tokenizer, options);  // what a step shows lies in it
  SYN_TRY(region, Region::make(2 * most + Arena::kAlign));
  SYN_TRY(generation, Generation::start(*s.session, *model.tokenizer, options, region.arena()));
  const Listener listener{callback, user, region.arena().array<char>(most)};
  SYN_CHECK(listener.text);
  while (true) {
    SYN_TRY(step, generation->step());
    const bool stop = listener.tell(step);
    if (step.finish == Finish::none && !stop) continue;
    finish = step.finish == Finish::none ? int32_t(SYN_FINISH_CALLBACK) : finish_of(step.finish);
    return finish == SYN_FINISH_CANCELLED ? fail(Code::cancelled, "cancelled after ", s.session->ids().size(), " tokens")
                                          : Status();
  }
}

}  // namespace

}  // namespace synapse::capi

using namespace synapse;

syn_status syn_session_generate(syn_session* session, const syn_generate_options* options, syn_token_fn callback,
                                void* user, int32_t* finish, syn_error* error) {
  int32_t ended = SYN_FINISH_NONE;
  if (finish) *finish = ended;
  if (!session || !callback) return capi::invalid(error, session ? "callback: NULL" : "session: NULL");
  syn_generate_options o;
  syn_generate_options_default(&o, sizeof o);
  if (Status status = capi::read_options(o, options, "syn_generate_options"); !status.ok())
    return capi::report(status, error);
  capi::Use use(*session);
  if (!use.held()) return capi::busy(error);
  const Status status = capi::generate(*session, o, callback, user, ended);
  if (finish) *finish = status.code() == Code::cancelled ? int32_t(SYN_FINISH_CANCELLED) : ended;
  return use.report(status, error);
}
