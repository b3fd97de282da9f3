// The same as story.c in C++: handles that free themselves, errors as exceptions, a lambda for the tokens.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <synapse.h>
#include <vector>

struct Free {
  void operator()(syn_model* model) const { syn_model_free(model); }
  void operator()(syn_session* session) const { syn_session_free(session); }
};
using Model = std::unique_ptr<syn_model, Free>;
using Session = std::unique_ptr<syn_session, Free>;

static void check(syn_status status, const syn_error& error) {
  if (status != SYN_OK) throw std::runtime_error(error.message);
}

static std::vector<int32_t> tokenize(const Model& model, const std::string& text) {
  syn_error error;
  size_t n = 0;
  std::vector<int32_t> ids(text.size() + 16);
  syn_status status = SYN_OK;
  while ((status = syn_tokenize(model.get(), text.data(), text.size(), SYN_ADD_SPECIAL, ids.data(), ids.size(), &n,
                                &error)) == SYN_ERROR_TOO_SMALL)
    ids.resize(n);
  check(status, error);
  ids.resize(n);
  return ids;
}

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error("usage: story MODEL.gguf [PROMPT [TOKENS]]");
  if (syn_abi_version() != SYN_ABI_VERSION) throw std::runtime_error("not the library this was built for");
  syn_error error;
  syn_model* loaded;
  check(syn_model_load(argv[1], nullptr, &loaded, &error), error);
  const Model model(loaded);
  syn_session* created;
  check(syn_session_create(model.get(), nullptr, &created, &error), error);
  const Session session(created);
  const std::vector<int32_t> ids = tokenize(model, argc > 2 ? argv[2] : "Once upon a time");
  check(syn_session_feed(session.get(), ids.data(), ids.size(), &error), error);

  syn_sampler_options greedy;
  syn_sampler_options_default(&greedy, sizeof greedy);
  greedy.temperature = 0;
  syn_generate_options options;
  syn_generate_options_default(&options, sizeof options);
  options.sampler = &greedy;
  options.max_tokens = argc > 3 ? std::atoi(argv[3]) : 200;
  const auto show = [](void*, const syn_token* token) { return std::cout << token->text << std::flush, 0; };
  check(syn_session_generate(session.get(), &options, show, nullptr, nullptr, &error), error);
  std::cout << '\n';
} catch (const std::exception& e) {
  return std::cerr << "story: " << e.what() << '\n', 1;
}
