#include "bench_streams.h"

#include <algorithm>

#include "synapse/base/rng.h"
#include "synapse/platform/platform.h"

namespace synapse::cli {

std::string BenchTest::name() const {
  std::string text = n_prompt ? "pp" + std::to_string(n_prompt) : "";
  if (n_gen) text += (text.empty() ? "tg" : "+tg") + std::to_string(n_gen);
  if (n_depth) text += " @ d" + std::to_string(n_depth);
  return n_streams > 1 ? text + " x " + std::to_string(n_streams) : text;
}

Result<std::unique_ptr<BenchStreams>> BenchStreams::open(Engine& engine, Meter& meter, std::span<const int32_t> text, SessionOptions options, int32_t n_streams,
                                                         int32_t n_positions, const bool* interrupted) {
  const Model& model = engine.model();
  const StateLayout& layout = model.state_layout();
  auto streams = std::make_unique<BenchStreams>();
  options.max_seq_len = std::min(n_positions, model.config().max_seq_len);
  options.logit_rows = n_streams;
  streams->options_ = options, streams->text_ = text;
  streams->vocab_size_ = model.config().vocab_size;
  streams->n_ours_.resize(size_t(n_streams));

  const size_t page_bytes = PagePool::bytes_for(layout, options.k_dtype, options.v_dtype, limits_of(model, options)) * size_t(n_streams + 1);
  SYN_TRY(pages, Region::make(page_bytes));
  streams->pages_ = std::move(pages);
  SYN_TRY(tables, Region::make(PagePool::arena_bytes(layout, options.k_dtype, options.v_dtype, page_bytes) +
                               (Session::arena_bytes(model, meter, options) + Arena::kAlign) * size_t(n_streams + 1)));
  streams->tables_ = std::move(tables);
  Arena& arena = streams->tables_.arena();
  SYN_TRY(pool, PagePool::make(meter, layout, options.k_dtype, options.v_dtype, streams->pages_.bytes(), arena));
  for (int32_t i = 0; i <= n_streams; ++i) {
    SYN_TRY(session, Session::open(model, meter, *pool, options, arena));
    session->cancel_on(interrupted);
    if (i < n_streams) streams->sessions_.push_back(session);
    else streams->before_ = session;
  }
  return streams;
}

// Tokens first .. of a prompt that is the same every time: the text, or random ones that every stream has of its own.
std::vector<int32_t> BenchStreams::prompt(size_t stream, int32_t first, int32_t n) const {
  std::vector<int32_t> ids;
  for (int32_t i = first; i < first + n; ++i)
    ids.push_back(text_.empty() ? int32_t(random_bits(stream, uint64_t(i)) % uint64_t(vocab_size_)) : text_[size_t(i) % text_.size()]);
  return ids;
}

Status BenchStreams::read(size_t stream, int32_t n) {
  const int32_t first = int32_t(sessions_[stream]->ids().size());
  if (n_ours_[stream] == first) n_ours_[stream] += n;
  return sessions_[stream]->feed(prompt(stream, first, n));
}

// What stands before a test has been read once, by a stream whose pages the first one shares.
Status BenchStreams::read_before(int32_t depth) {
  const int32_t n = int32_t(before_->ids().size());
  if (n < depth) SYN_RETURN_IF_ERROR(before_->feed(prompt(0, n, depth - n)));
  SYN_RETURN_IF_ERROR(before_->clone_to(*sessions_[0]));
  n_ours_[0] = depth;
  return sessions_[0]->truncate(depth);
}

Status BenchStreams::prepare(const BenchTest& test) {
  const int32_t depth = std::max(test.n_depth, int32_t(test.n_prompt == 0));
  for (size_t i = 0; i < size_t(test.n_streams); ++i) {
    if (i == 0 && test.n_depth) SYN_RETURN_IF_ERROR(read_before(depth));
    n_ours_[i] = std::min({n_ours_[i], depth, int32_t(sessions_[i]->ids().size())});
    SYN_RETURN_IF_ERROR(sessions_[i]->truncate(n_ours_[i]));
    if (n_ours_[i] < depth) SYN_RETURN_IF_ERROR(read(i, depth - n_ours_[i]));
    if (depth > 0) SYN_RETURN_IF_ERROR(sessions_[i]->logits().status());  // reads what going back has lost
  }
  return {};
}

// Every stream writes n_gen tokens, and then reads what it wrote last. Several read together.
Status BenchStreams::write(const BenchTest& test) {
  SamplerOptions greedy;
  greedy.temperature = 0, greedy.with_logprob = false;
  const std::span<Session* const> sessions(sessions_.data(), size_t(test.n_streams));
  for (int32_t step = 0; step < test.n_gen; ++step) {
    if (step > 0 && test.n_streams > 1) SYN_RETURN_IF_ERROR(Session::read_together(sessions));
    for (Session* session : sessions) {
      if (session->full()) SYN_RETURN_IF_ERROR(session->truncate(1));
      SYN_RETURN_IF_ERROR(session->next(greedy).status());
    }
  }
  return Session::read_together(sessions);
}

Result<double> BenchStreams::run(const BenchTest& test) {
  const double start = platform::seconds();
  for (size_t i = 0; i < size_t(test.n_streams); ++i)
    for (int32_t rest = test.n_prompt; rest > 0;) {
      Session& session = *sessions_[i];
      if (session.full()) SYN_RETURN_IF_ERROR(session.truncate(0));
      const int32_t n = std::min(rest, session.max_seq_len() - int32_t(session.ids().size()));
      SYN_RETURN_IF_ERROR(read(i, n));
      rest -= n;
    }
  if (test.n_gen) SYN_RETURN_IF_ERROR(write(test));
  return platform::seconds() - start;
}

}  // namespace synapse::cli
