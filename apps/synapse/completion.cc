#include "completion.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace synapse::cli {
namespace {

// A flag of a verb, with every spelling.
struct Flag {
  std::vector<std::string> spellings;  // with their dashes
  std::string about;
  bool takes_value = false, is_model = false;
};

struct Verb {
  std::string name, about;
  std::vector<Flag> flags;
  bool has_model = false;  // its first word may be one
};

Flag describe(const CLI::Option& option) {
  Flag flag;
  for (const std::string& name : option.get_snames()) flag.spellings.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flag.spellings.push_back("--" + name);
  flag.about = option.get_description();
  flag.takes_value = option.get_items_expected_max() > 0;
  flag.is_model = option.check_lname("model");
  return flag;
}

std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    Verb verb{sub->get_name(), sub->get_description(), {}, false};
    for (const CLI::Option* option : sub->get_options()) {
      Flag flag = describe(*option);
      verb.has_model |= flag.is_model;
      if (!flag.spellings.empty()) verb.flags.push_back(std::move(flag));
    }
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

template <typename List, typename Text>
std::string join(const List& list, const char* between, Text text) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : between) + text(item);
  return out;
}

std::string spellings(const Flag& flag) { return join(flag.spellings, " ", [](const std::string& s) { return s; }); }
std::string names(const std::vector<Verb>& verbs) { return join(verbs, " ", [](const Verb& v) { return v.name; }); }

// Within single quotes of any of the shells; brackets and colons mean something to zsh.
std::string quoted(std::string text) {
  std::string out;
  for (char c : text) {
    if (c == '\'') out += "\\'";
    else if (c == '[' || c == ']' || c == ':' || c == '\\') out += ' ';
    else out += c;
  }
  return out;
}

// Words after a flag that takes a value are files, after one that wants a model, or as a verb's first word, models too.
std::string bash(const std::vector<Verb>& verbs) {
  std::string out =
      "_synapse() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} flags= values= models=\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    COMPREPLY=($(compgen -W '" + names(verbs) + " --help --version --completion' -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case $verb in\n";
  for (const Verb& verb : verbs) {
    std::string all, with_value = " ", with_model;
    for (const Flag& flag : verb.flags) {
      all += spellings(flag) + " ";
      if (flag.takes_value) with_value += spellings(flag) + " ";
      if (flag.is_model) with_model += " " + spellings(flag) + " ";
    }
    out += "    " + verb.name + ") flags='" + all + "' values='" + with_value + "' models='" + with_model + "' ;;\n";
  }
  out +=
      "    --completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$word\")); return ;;\n"
      "  esac\n"
      "  if [[ $models && ($models == *\" $before \"* || ($COMP_CWORD == 2 && $word != -*)) ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" --model-names 2>/dev/null)\" -- \"$word\") $(compgen -f -- \"$word\"))\n"
      "  elif [[ $values == *\" $before \"* || $word != -* ]]; then\n"
      "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -F _synapse synapse\n";
  return out;
}

std::string zsh(const std::vector<Verb>& verbs) {
  std::string out =
      "#compdef synapse\n"
      "_synapse_models() {\n"
      "  local -a names=(${(f)\"$(${(Q)words[1]} --model-names 2>/dev/null)\"})\n"
      "  compadd -a names\n"
      "  _files\n"
      "}\n"
      "_synapse() {\n"
      "  local program=$words[1]\n"
      "  if ((CURRENT == 2)); then\n"
      "    local -a verbs=(\n";
  for (const Verb& verb : verbs) out += "      $'" + verb.name + ":" + quoted(verb.about) + "'\n";
  out +=
      "    )\n"
      "    _describe verb verbs\n"
      "    compadd -- --help --version --completion\n"
      "    return\n"
      "  fi\n"
      "  local verb=$words[2]\n"
      "  case $verb in\n";
  for (const Verb& verb : verbs) {
    out += "    " + verb.name + ")\n      words=($program \"${(@)words[3,-1]}\"); ((CURRENT -= 1))\n      _arguments -S";
    for (const Flag& flag : verb.flags) {
      const std::string action = !flag.takes_value ? "" : flag.is_model ? ":model:_synapse_models" : ":value:_files";
      for (const std::string& spelling : flag.spellings) {
        out += " \\\n        $'*" + spelling + "[" + quoted(flag.about) + "]" + action + "'";
      }
    }
    out += verb.has_model ? " \\\n        '1:model:_synapse_models' '*:file:_files' ;;\n" : " \\\n        '*:file:_files' ;;\n";
  }
  out +=
      "    --completion) compadd bash zsh fish ;;\n"
      "  esac\n"
      "}\n"
      "compdef _synapse synapse\n";
  return out;
}

std::string fish(const std::vector<Verb>& verbs) {
  const std::string all = names(verbs);
  std::string out = "complete -c synapse -n 'not __fish_seen_subcommand_from " + all + "' -f\n";
  for (const Verb& verb : verbs) {
    out += "complete -c synapse -n 'not __fish_seen_subcommand_from " + all + "' -a " + verb.name + " -d '" + quoted(verb.about) + "'\n";
    const std::string seen = "complete -c synapse -n '__fish_seen_subcommand_from " + verb.name + "'";
    if (verb.has_model) out += seen + " -a '(synapse --model-names)'\n";
    for (const Flag& flag : verb.flags) {
      std::string line = seen;
      for (const std::string& spelling : flag.spellings) {
        const bool is_long = spelling.starts_with("--");
        line += (is_long ? " -l " : " -s ") + spelling.substr(is_long ? 2 : 1);
      }
      if (flag.takes_value) line += " -r";
      if (flag.is_model) line += " -a '(synapse --model-names)'";
      out += line + " -d '" + quoted(flag.about) + "'\n";
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  const std::vector<Verb> verbs = verbs_of(app);
  return shell == "bash" ? bash(verbs) : shell == "zsh" ? zsh(verbs) : fish(verbs);
}

}  // namespace synapse::cli
