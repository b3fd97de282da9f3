/* Streams a story: story MODEL.gguf [PROMPT [TOKENS]]. Ctrl-C ends it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <synapse.h>

static syn_session* running; /* for the signal handler alone */

static void on_interrupt(int signal) {
  (void)signal;
  syn_session_cancel(running, 1);
}

static int show(void* user, const syn_token* token) {
  (void)user;
  fwrite(token->text, 1, token->text_size, stdout);
  fflush(stdout);
  return 0; /* go on */
}

static int tell(syn_model* model, const char* prompt, int32_t n_tokens, syn_error* error) {
  syn_session* session = NULL;
  syn_sampler_options sampler;
  syn_generate_options options;
  int32_t ids[256];
  size_t n = 0;
  int32_t finish;
  syn_sampler_options_default(&sampler, sizeof sampler);
  sampler.temperature = 0; /* the likeliest token, so the same story every time */
  syn_generate_options_default(&options, sizeof options);
  options.sampler = &sampler;
  options.max_tokens = n_tokens;

  syn_session_create(model, NULL, &session, error);
  if (session && syn_tokenize(model, prompt, strlen(prompt), SYN_ADD_SPECIAL, ids, 256, &n, error) == SYN_OK &&
      syn_session_feed(session, ids, n, error) == SYN_OK) {
    running = session;
    signal(SIGINT, on_interrupt);
    syn_session_generate(session, &options, show, NULL, &finish, error);
    signal(SIGINT, SIG_DFL);
    puts("");
  }
  syn_session_free(session);
  return error->code;
}

int main(int argc, char** argv) {
  syn_error error = {0, ""};
  syn_model* model = NULL;
  if (argc < 2) return fprintf(stderr, "usage: story MODEL.gguf [PROMPT [TOKENS]]\n"), 2;
  if (syn_abi_version() != SYN_ABI_VERSION) return fprintf(stderr, "this is not the library I was built for\n"), 1;
  if (syn_model_load(argv[1], NULL, &model, &error) == SYN_OK)
    tell(model, argc > 2 ? argv[2] : "Once upon a time", argc > 3 ? atoi(argv[3]) : 200, &error);
  if (error.code != SYN_OK) fprintf(stderr, "story: %s\n", error.message);
  syn_model_free(model);
  return error.code != SYN_OK;
}
