// Completion for shells: a script made from the tree of verbs and flags, and of our aliases.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

namespace synapse::cli {

constexpr const char* kShells[] = {"bash", "zsh", "fish"};

// The script to source; names of models are asked for as they are needed. REQUIRES one of kShells.
std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace synapse::cli
