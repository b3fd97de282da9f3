// The one binary: parses the command line, runs the verb, turns its Status into an exit code.
#include <algorithm>
#include <csignal>

#include "aliases.h"
#include "completion.h"
#include "flags.h"
#include "output.h"
#include "synapse/import/names.h"
#include "verbs.h"
#include "version.h"

namespace synapse::cli {
namespace {

enum Exit { kDone = 0, kError = 1, kUsage = 2, kInterrupted = 130 };

int exit_code(const Status& status) {
  if (status.ok()) return kDone;
  if (status.code() == Code::cancelled) return kInterrupted;
  note(status.message());
  return kError;
}

std::string name_lines() {
  std::string lines;
  for (const NamedModel& model : list_models()) lines += model.name + "\n";
  return lines;
}

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // a reader that has seen enough ends us without a word
  CLI::App app("Runs, inspects and makes models on this processor.", "synapse");
  bool is_json = false, wants_version = false, wants_models = false;
  std::string shell;
  app.add_flag("--version", wants_version, "version, commit, compiler, target and kernels");
  app.add_flag("--json", is_json, "with --version: as a JSON object");
  app.add_option("--completion", shell, "print the completion script of a shell: bash, zsh or fish")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kShells), std::end(kShells))));
  app.add_flag("--model-names", wants_models, "print the names that -m takes, a line each");
  app.require_subcommand(0, 1);
  app.footer(
      "EXAMPLES\n"
      "  synapse run -m synapse-story-4m -p \"Once upon a time\" -n 100\n"
      "  synapse show -m model.gguf\n"
      "  synapse doctor\n"
      "\n`synapse VERB --help` explains a verb. Every flag has a twin in the environment (--ctx-size: SYNAPSE_CTX_SIZE);\n"
      "the flag wins. Exit codes: 0 done, 1 error, 2 wrong usage, 130 interrupted.");
  Action action;
  for (auto add : kVerbs) add(app, action);

  try {
    std::vector<std::string> words = known_names(argc, argv);
    std::reverse(words.begin(), words.end());  // the order that this parser takes words in
    app.parse(words);
    if (wants_version) return exit_code(put(version_text(is_json) + "\n"));
    if (!shell.empty()) return exit_code(put(completion_script(app, shell)));
    if (wants_models) return exit_code(put(name_lines()));
    if (!action) throw CLI::RequiredError("A verb");
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
