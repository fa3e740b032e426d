#include "common/cli/completion_script.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace kalavai {
namespace {

// 'it'\''s': for bash and zsh.
std::string Quote(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string FishQuote(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string FunctionName(const std::string& program) {
  return absl::StrCat("_", absl::StrReplaceAll(program, {{"-", "_"}}));
}

const CommandNode* Find(const std::vector<CommandNode>& tree, const std::string& path) {
  for (const CommandNode& node : tree) {
    if (node.path == path) return &node;
  }
  return nullptr;
}

std::string SummaryOf(const std::vector<CommandNode>& tree, const std::string& path) {
  const CommandNode* node = Find(tree, path);
  return node == nullptr ? "" : node->summary;
}

// A `case` of bash and zsh that walks over the words before the cursor: `place` becomes the path of
// the command, `flag` the flag whose value comes next, if any.
std::string Walk(const std::vector<CommandNode>& tree, const std::string& words) {
  std::string text =
      absl::StrCat("  local place=", Quote(tree.front().path), " flag= word\n  for word in ", words,
                   "; do\n"
                   "    [[ $word == = ]] && continue\n"
                   "    if [[ -n $flag ]]; then flag=; continue; fi\n"
                   "    case \"$place:$word\" in\n");
  for (const CommandNode& node : tree) {
    for (const FlagNode& flag : node.flags) {
      if (!flag.takes_value) continue;
      absl::StrAppend(&text, "      ", Quote(absl::StrCat(node.path, ":", flag.name)),
                      ") flag=$word ;;\n");
    }
    for (const std::string& command : node.commands) {
      absl::StrAppend(&text, "      ", Quote(absl::StrCat(node.path, ":", command)),
                      ") place=", Quote(absl::StrCat(node.path, " ", command)), " ;;\n");
    }
  }
  absl::StrAppend(&text, "    esac\n  done\n");
  return text;
}

std::string FlagNames(const CommandNode& node) {
  return absl::StrJoin(node.flags, " ", [](std::string* out, const FlagNode& flag) {
    absl::StrAppend(out, flag.name);
  });
}

std::string Words(const CommandNode& node) {
  std::vector<std::string> words = node.commands;
  words.insert(words.end(), node.positional.begin(), node.positional.end());
  return absl::StrJoin(words, " ");
}

// name:summary, the form of zsh's _describe.
std::string Described(const std::string& name, const std::string& summary) {
  return Quote(absl::StrCat(absl::StrReplaceAll(name, {{":", "\\:"}}), ":", summary));
}

std::string ZshPlace(const std::vector<CommandNode>& tree, const CommandNode& node) {
  std::string text = absl::StrCat("    ", Quote(node.path), ")\n      words_here=(");
  for (const std::string& command : node.commands) {
    absl::StrAppend(&text, "\n        ",
                    Described(command, SummaryOf(tree, absl::StrCat(node.path, " ", command))));
  }
  for (const std::string& value : node.positional) absl::StrAppend(&text, " ", Quote(value));
  absl::StrAppend(&text, ")\n      flags_here=(");
  for (const FlagNode& flag : node.flags) {
    absl::StrAppend(&text, "\n        ", Described(flag.name, flag.summary));
  }
  return absl::StrCat(text, ") ;;\n");
}

}  // namespace

std::string BashCompletion(const std::vector<CommandNode>& tree) {
  const std::string& program = tree.front().path;
  std::string text =
      absl::StrCat("# bash completion of ", program, ": source it, or put it into\n# ",
                   "~/.local/share/bash-completion/completions/", program, "\n",
                   FunctionName(program), "() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n",
                   // --format=js is three words to bash, the second of them '='.
                   "  [[ $cur == = ]] && cur=\n", Walk(tree, "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\""),
                   "  COMPREPLY=()\n", "  if [[ -n $flag ]]; then\n    case \"$place:$flag\" in\n");
  for (const CommandNode& node : tree) {
    for (const FlagNode& flag : node.flags) {
      if (flag.values.empty()) continue;
      absl::StrAppend(&text, "      ", Quote(absl::StrCat(node.path, ":", flag.name)),
                      ") COMPREPLY=($(compgen -W ", Quote(absl::StrJoin(flag.values, " ")),
                      " -- \"$cur\")) ;;\n");
    }
  }
  absl::StrAppend(&text,
                  "      *) compopt -o filenames 2>/dev/null\n"
                  "         local IFS=$'\\n'\n"
                  "         COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n    esac\n    return\n  fi\n"
                  "  local words_here= flags_here=\n  case \"$place\" in\n");
  for (const CommandNode& node : tree) {
    absl::StrAppend(&text, "    ", Quote(node.path), ") words_here=", Quote(Words(node)),
                    " flags_here=", Quote(FlagNames(node)), " ;;\n");
  }
  absl::StrAppend(&text,
                  "  esac\n  if [[ $cur == -* ]]; then\n"
                  "    COMPREPLY=($(compgen -W \"$flags_here\" -- \"$cur\"))\n"
                  "  elif [[ -n $words_here ]]; then\n"
                  "    COMPREPLY=($(compgen -W \"$words_here\" -- \"$cur\"))\n"
                  "  else\n    compopt -o filenames 2>/dev/null\n    local IFS=$'\\n'\n"
                  "    COMPREPLY=($(compgen -f -- \"$cur\"))\n  fi\n}\ncomplete -F ",
                  FunctionName(program), " ", program, "\n");
  return text;
}

std::string ZshCompletion(const std::vector<CommandNode>& tree) {
  const std::string& program = tree.front().path;
  const std::string function = FunctionName(program);
  std::string text = absl::StrCat("#compdef ", program, "\n# zsh completion of ", program,
                                  ": put it into a folder of $fpath as ", function,
                                  ",\n# or source it after compinit.\n", function, "() {\n",
                                  Walk(tree, "\"${(@)words[2,CURRENT-1]}\""),
                                  // --format=js is one word to zsh.
                                  "  if [[ -z $flag && ${words[CURRENT]} == --*=* ]]; then\n"
                                  "    flag=${words[CURRENT]%%=*}\n    compset -P '*='\n  fi\n"
                                  "  if [[ -n $flag ]]; then\n    case \"$place:$flag\" in\n");
  for (const CommandNode& node : tree) {
    for (const FlagNode& flag : node.flags) {
      if (flag.values.empty()) continue;
      absl::StrAppend(&text, "      ", Quote(absl::StrCat(node.path, ":", flag.name)),
                      ") compadd -- ", absl::StrJoin(flag.values, " "), " ;;\n");
    }
  }
  absl::StrAppend(&text,
                  "      *) _files ;;\n    esac\n    return\n  fi\n"
                  "  local -a words_here flags_here\n  case \"$place\" in\n");
  for (const CommandNode& node : tree) absl::StrAppend(&text, ZshPlace(tree, node));
  absl::StrAppend(
      &text,
      "  esac\n  if [[ ${words[CURRENT]} == -* ]]; then\n"
      "    _describe flag flags_here\n"
      "  elif (( ${#words_here} )); then\n    _describe command words_here\n"
      "  else\n    _files\n  fi\n}\n",
      // As an autoloaded function the file is the function's body; sourced, it registers.
      "if [[ $funcstack[1] == ", function, " ]]; then ", function, " \"$@\"; else compdef ",
      function, " ", program, "; fi\n");
  return text;
}

std::string FishCompletion(const std::vector<CommandNode>& tree) {
  const std::string& program = tree.front().path;
  const std::string place = absl::StrCat("_", FunctionName(program), "_place");
  std::string text = absl::StrCat(
      "# fish completion of ", program, ": put it into ~/.config/fish/completions/", program,
      ".fish\nfunction ", place, "\n  set -l place ", FishQuote(program), "\n  set -l skip 0\n",
      "  set -l words (commandline -opc)\n  for word in $words[2..-1]\n",
      "    if test $skip = 1\n      set skip 0\n      continue\n    end\n",
      "    switch \"$place:$word\"\n");
  for (const CommandNode& node : tree) {
    for (const FlagNode& flag : node.flags) {
      if (!flag.takes_value) continue;
      absl::StrAppend(&text, "      case ", FishQuote(absl::StrCat(node.path, ":", flag.name)),
                      "\n        set skip 1\n");
    }
    for (const std::string& command : node.commands) {
      absl::StrAppend(&text, "      case ", FishQuote(absl::StrCat(node.path, ":", command)),
                      "\n        set place ", FishQuote(absl::StrCat(node.path, " ", command)),
                      "\n");
    }
  }
  absl::StrAppend(&text, "    end\n  end\n  test \"$place\" = \"$argv\"\nend\n");
  for (const CommandNode& node : tree) {
    const std::string line = absl::StrCat("complete -c ", program, " -n ",
                                          FishQuote(absl::StrCat(place, " ", node.path)), " ");
    for (const std::string& command : node.commands) {
      absl::StrAppend(&text, line, "-f -a ", FishQuote(command), " -d ",
                      FishQuote(SummaryOf(tree, absl::StrCat(node.path, " ", command))), "\n");
    }
    if (!node.positional.empty()) {
      absl::StrAppend(&text, line, "-f -a ", FishQuote(absl::StrJoin(node.positional, " ")), "\n");
    }
    for (const FlagNode& flag : node.flags) {
      const std::string values =
          !flag.takes_value ? ""
          : flag.values.empty()
              ? " -r"
              : absl::StrCat(" -x -a ", FishQuote(absl::StrJoin(flag.values, " ")));
      absl::StrAppend(&text, line, "-l ", flag.name.substr(2), values, " -d ",
                      FishQuote(flag.summary), "\n");
    }
  }
  return text;
}

}  // namespace kalavai
