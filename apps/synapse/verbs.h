// The verbs of the command line, one file each. Each adds its subcommand; the one that was given leaves in
// `action` what is to be done.
//
// An action's Status becomes the exit code: 0, 130 when interrupted, else 1 and the message on stderr. A flag that
// only the action can judge is refused by throwing CLI::ValidationError: exit code 2, with a hint at --help.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>

#include "synapse/base/status.h"

namespace synapse::cli {

using Action = std::function<Status()>;

void add_run(CLI::App& app, Action& action);
void add_chat(CLI::App& app, Action& action);
void add_list(CLI::App& app, Action& action);
void add_show(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_detokenize(CLI::App& app, Action& action);
void add_logits(CLI::App& app, Action& action);
void add_embed(CLI::App& app, Action& action);
void add_render(CLI::App& app, Action& action);
void add_convert(CLI::App& app, Action& action);
void add_quantize(CLI::App& app, Action& action);
void add_imatrix(CLI::App& app, Action& action);
void add_pack(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_trace(CLI::App& app, Action& action);
void add_synth(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
inline constexpr void (*kVerbs[])(CLI::App&, Action&) = {add_run, add_chat, add_list, add_show, add_tokenize, add_detokenize,
                                                          add_logits, add_embed, add_render, add_convert, add_quantize, add_imatrix, add_pack, add_eval, add_trace,
                                                          add_synth, add_bench, add_doctor};

// A subcommand whose action runs when it was the one given. Environment twins are read for that one alone.
template <typename Options>
CLI::App* add_verb(CLI::App& app, Action& action, const char* name, const char* about, const char* examples,
                   const std::shared_ptr<Options>& options, Status (*run)(const Options&)) {
  CLI::App* verb = app.add_subcommand(name, about);
  verb->footer(std::string("EXAMPLES\n") + examples);
  verb->parse_complete_callback([&action, options, run] { action = [options, run] { return run(*options); }; });
  return verb;
}

}  // namespace synapse::cli
