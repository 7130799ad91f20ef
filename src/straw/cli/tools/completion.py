"""straw completion: what a shell offers behind TAB, made from the code.

Commands and their flags come from the commands' own help, options and their values from the page's options, names from
the registry. The script holds them as words, so TAB starts no Python; runs and pages are looked up where you stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from straw.cli.arguments import wants_help
from straw.errors import ConfigError, did_you_mean
from straw.text.shown.say import say_lines

COMPLETION = """straw completion bash|zsh|fish

Print a script that completes commands, flags, options, their values, runs and pages.

  bash    eval "$(straw completion bash)"                          in ~/.bashrc
  zsh     eval "$(straw completion zsh)"                           in ~/.zshrc, behind compinit
  fish    straw completion fish > ~/.config/fish/completions/straw.fish

It is made from the options and names of the moment: print it again after an upgrade or a new plug-in.
"""
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]*")  # that is offered; others could mean something to a shell
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
PAGES = ("train", "resume", "sweep", "check", "demo", "eval", "observe", "plan")  # that take a page's options
RUNS = ("resume", "export", "show", "compare", "report", "chat", "watch", "clean", "eval")
TOML = ("train", "sweep", "check", "eval", "plan")


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that is offered, as plain words."""

    commands: list[str]
    flags: dict[str, list[str]]  # by command
    first: dict[str, list[str]]  # what may stand behind a command first
    options: list[str]
    values: dict[str, list[str]] = field(default_factory=dict)  # by option


def completion(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(COMPLETION)
        return 0 if words else 2
    if len(words) != 1 or words[0] not in SHELLS:
        raise ConfigError(f"straw completion knows the shells {', '.join(SHELLS)}; {did_you_mean(words[0], SHELLS)}")
    say_lines(SHELLS[words[0]](offered()))
    return 0


def offered() -> Words:
    from straw import registry
    from straw.cli.main import COMMANDS
    from straw.cli.new.new import KINDS as NEW
    from straw.cli.tools.kinds import KINDS
    from straw.config.names import ALIASES, options_of_all
    from straw.config.recipes import SWEEPS, recipe_names

    options = options_of_all()
    values = {name: safe(values_of(option)) for name, option in options.items()}
    values |= {alias: values[name] for alias, name in ALIASES.items() if name in values}
    first = {
        "train": safe([*registry.names("tasks"), *recipe_names()]),
        "plan": safe([*registry.names("tasks"), *recipe_names()]),
        "check": safe(recipe_names()),
        "sweep": safe(recipe_names(SWEEPS)),
        "eval": safe(registry.names("tasks")),
        "serve-task": safe(registry.names("tasks")),
        "worlds": ["add"],
        "list": list(KINDS),
        "new": list(NEW),
        "models": ["list", "add"],
        "completion": list(SHELLS),
    }
    return Words(
        commands=sorted(COMMANDS), flags={name: flags_of(name) for name in COMMANDS}, first=first,
        options=sorted({*options, *ALIASES}), values={name: found for name, found in values.items() if found},
    )  # fmt: skip


def values_of(option: object) -> list[str]:
    from straw import registry
    from straw.config import Option

    assert isinstance(option, Option)
    found = list(option.choices) or (registry.names(option.registry) if option.registry else [])
    found = ["true", "false"] if option.type is bool else found
    return [*found, "none"] if found and option.is_optional and "none" not in found else found


def safe(words: list[str]) -> list[str]:
    return [word for word in words if WORD.fullmatch(word) and not word.endswith(":NAME")]


def flags_of(command: str) -> list[str]:
    """Those that the command's help names, which stands in its module as TRAIN, RUNS, ..."""
    from importlib import import_module

    from straw.cli.main import COMMANDS

    module = import_module(COMMANDS[command].partition(":")[0])
    text: str = getattr(module, command.upper().replace("-", "_"))
    return sorted({*FLAG.findall(text), "--help"} - {"--key"})  # --key value stands for any option


# --- the shells


def cases(by_name: dict[str, list[str]], form: str) -> str:
    return "\n".join(form.format(name, " ".join(words)) for name, words in sorted(by_name.items()) if words)


BASH = """# completion of straw for bash: eval "$(straw completion bash)"
_straw() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="" before="" name="" words="" value=0
  (( COMP_CWORD > 0 )) && prev="${{COMP_WORDS[COMP_CWORD-1]}}"
  (( COMP_CWORD > 1 )) && before="${{COMP_WORDS[COMP_CWORD-2]}}"
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=( $(compgen -W "{commands} --help --version" -- "$cur") )
    return
  fi
  if [[ "$cur" == "=" ]]; then name="$prev"; cur=""; value=1
  elif [[ "$prev" == "=" ]]; then name="$before"; value=1
  elif [[ "$cur" == *=* ]]; then name="${{cur%%=*}}"; value=2
  elif [[ "$prev" == --* ]]; then name="$prev"; fi
  name="${{name#--}}"; name="${{name//-/_}}"
  case "$name" in
{values}
  esac
  if (( value == 2 )); then
    COMPREPLY=( $(compgen -P "${{cur%%=*}}=" -W "$words" -- "${{cur#*=}}") )
    return
  fi
  if (( value == 1 )) || [[ -n "$words" ]]; then
    if [[ -n "$words" ]]; then COMPREPLY=( $(compgen -W "$words" -- "$cur") )
    else COMPREPLY=( $(compgen -f -- "$cur") ); fi
    return
  fi
  local command="${{COMP_WORDS[1]}}" flags="" first="" runs="" pages="" options=""
  case "$command" in
{flags}
  esac
  case "$command" in
{first}
  esac
  case "$command" in {run_commands}) runs=1 ;; esac
  case "$command" in {toml_commands}) pages=1 ;; esac
  case "$command" in {page_commands}) options="{options}" ;; esac
  if [[ "$cur" == -* ]]; then
    COMPREPLY=( $(compgen -W "$flags" -- "$cur") )
    return
  fi
  (( COMP_CWORD == 2 )) && COMPREPLY+=( $(compgen -W "$first" -- "$cur") )
  [[ -n "$runs" ]] && COMPREPLY+=( $(cd runs 2>/dev/null && compgen -d -- "$cur") $(compgen -d -S / -- "$cur") )
  if [[ -n "$pages" ]] && (( COMP_CWORD == 2 )); then
    COMPREPLY+=( $(compgen -f -X '!*.toml' -- "$cur") $(compgen -d -S / -- "$cur") )
  fi
  if [[ -n "$cur" || COMP_CWORD -gt 2 ]] && [[ -n "$options" ]]; then
    local found=( $(compgen -S = -W "$options" -- "$cur") )
    (( ${{#found[@]}} )) && COMPREPLY+=( "${{found[@]}}" ) && compopt -o nospace 2>/dev/null
  fi
}}
complete -F _straw straw
"""


def bash(words: Words) -> str:
    return BASH.format(
        commands=" ".join(words.commands),
        values=cases(words.values, '    {}) words="{}" ;;'),
        flags=cases(words.flags, '    {}) flags="{}" ;;'),
        first=cases(words.first, '    {}) first="{}" ;;'),
        run_commands="|".join(RUNS), toml_commands="|".join(TOML), page_commands="|".join(PAGES),
        options=" ".join(words.options),
    )  # fmt: skip


ZSH = """#compdef straw
# completion of straw for zsh: eval "$(straw completion zsh)" behind compinit
_straw() {{
  local -a offered
  local command="${{words[2]}}" current="${{words[CURRENT]}}" name
  if (( CURRENT == 2 )); then
    compadd -- {commands} --help --version
    return
  fi
  if [[ "$current" == *=* ]]; then
    name="${{${{current%%=*}}#--}}"; name="${{name//-/_}}"
    compset -P '*='
    case "$name" in
{values}
      *) _files ;;
    esac
    return
  fi
  case "$command" in
{flags}
  esac
  if [[ "$current" == -* ]]; then
    compadd -- $offered
    return
  fi
  if (( CURRENT == 3 )); then
    case "$command" in
{first}
    esac
    case "$command" in {toml_commands}) _files -g '*.toml' ;; esac
  fi
  case "$command" in {run_commands}) compadd -f -- runs/*(N/:t) ; _files -/ ;; esac
  case "$command" in {page_commands}) compadd -S '=' -- {options} ;; esac
}}
compdef _straw straw
"""


def zsh(words: Words) -> str:
    return ZSH.format(
        commands=" ".join(words.commands),
        values=cases(words.values, "      {}) compadd -- {} ;;"),
        flags=cases(words.flags, "    {}) offered=({}) ;;"),
        first=cases(words.first, "      {}) compadd -- {} ;;"),
        run_commands="|".join(RUNS), toml_commands="|".join(TOML), page_commands="|".join(PAGES),
        options=" ".join(words.options),
    )  # fmt: skip


def fish(words: Words) -> str:
    """Rules, one a line."""
    named = "__fish_seen_subcommand_from"
    lines = ["# completion of straw for fish: straw completion fish > ~/.config/fish/completions/straw.fish"]
    lines += ["complete -c straw -f", f"complete -c straw -n __fish_use_subcommand -a '{' '.join(words.commands)}'"]
    for command, flags in words.flags.items():
        lines += [f"complete -c straw -n '{named} {command}' -l {flag.removeprefix('--')}" for flag in flags]
    for command, first in words.first.items():
        lines.append(f"complete -c straw -n '{named} {command}' -a '{' '.join(first)}'")
    with_values = {name: words.values.get(name, []) for name in words.options}
    pairs = " ".join(f"{name}={value}" for name, values in with_values.items() for value in (values or [""]))
    lines.append(f"complete -c straw -n '{named} {' '.join(PAGES)}' -a '{pairs}'")
    lines.append(f"complete -c straw -n '{named} {' '.join(RUNS)}' -a '(__fish_complete_directories runs/)'")
    lines.append(f"complete -c straw -n '{named} {' '.join(TOML)}' -a '(__fish_complete_suffix .toml)'")
    return "\n".join(lines)


SHELLS: dict[str, Callable[[Words], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
