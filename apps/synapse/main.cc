// The one binary: parses the command line, runs the verb, turns its Status into an exit code.
#include <csignal>

#include "aliases.h"
#include "flags.h"
#include "output.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

enum Exit { kDone = 0, kError = 1, kUsage = 2, kInterrupted = 130 };

int exit_code(const Status& status) {
  if (status.ok()) return kDone;
  if (status.code() == Code::cancelled) return kInterrupted;
  note(status.message());
  return kError;
}

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // a reader that has seen enough ends us without a word
  CLI::App app("Runs, inspects and makes models on this processor.", "synapse");
  app.set_version_flag("--version", "synapse " SYNAPSE_VERSION);
  app.require_subcommand(1);
  app.footer(
      "EXAMPLES\n"
      "  synapse run -m synapse-story-4m -p \"Once upon a time\" -n 100\n"
      "  synapse show -m model.gguf\n"
      "  synapse doctor\n"
      "\n`synapse VERB --help` explains a verb. Every flag has a twin in the environment (--ctx-size: SYNAPSE_CTX_SIZE);\n"
      "the flag wins. Exit codes: 0 done, 1 error, 2 wrong usage, 130 interrupted.");
  Action action;
  for (auto add : {add_run, add_list, add_show, add_tokenize, add_detokenize, add_logits, add_synth, add_convert, add_doctor}) add(app, action);

  try {
    std::vector<std::string> words = known_names(argc, argv);
    std::reverse(words.begin(), words.end());  // the order that this parser takes words in
    app.parse(words);
    return exit_code(action());
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const auto verbs = app.get_subcommands();
    note(error.what());
    note("run `synapse " + (verbs.empty() ? "" : verbs[0]->get_name() + " ") + "--help` for its usage");
    return kUsage;
  } catch (const std::exception& error) {
    note(error.what());
    return kError;
  }
}

}  // namespace
}  // namespace synapse::cli

int main(int argc, char** argv) { return synapse::cli::main(argc, argv); }
