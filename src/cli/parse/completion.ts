/**
 * `vnet completion`: scripts for bash and zsh, generated from the commands. Both shells look a
 * command up in the same table: its options, which of them take a value, and the kinds of its
 * arguments. The names of interfaces, parameters and faults, and the options of a driver file, come
 * from vnet itself. vnet runs the file for its options. So this is done only for a file that the
 * user has named as the command, and not to complete that name.
 *
 * Names are chosen by strangers and may be `$(...)`. The shells compare them and quote what they
 * insert. They must never be expanded, as bash's `compgen -W` and an unquoted `$(...)` would do.
 */
import { type Argument, type LazyCommand, Option } from './option.ts'

/** The pattern of a driver file's name, for `case` of both shells. */
const FILES = '*.[jt]s|*.[cm][jt]s'

/** Returns the script, to be sourced or put where the shell looks for completions. */
export function completion(shell: 'bash' | 'zsh', commands: readonly LazyCommand[]): string {
  const pairs = commands.filter(({ under }) => under !== undefined).map(({ under, name }) => `${under} ${name}`)
  return (shell === 'bash' ? bash : zsh)(table(commands), `|${pairs.join('|')}|`)
}

/** Returns the branches of a `case` on the command, in the syntax of both shells. */
function table(commands: readonly LazyCommand[]): string {
  const [usual] = commands
  const named = commands.filter(({ under }) => under === undefined)
  const names = named.map(({ name }) => name).join('|')
  const branch = (pattern: string, options: readonly Option[], kinds: string) => {
    const flags = options.flatMap(({ short, long }) => [long, short])
    const valued = options
      .filter(({ value, isOptional }) => value !== undefined && !isOptional)
      .flatMap(({ short, long }) => [long, short])
    const words = (flags: readonly (string | undefined)[]) => [...new Set(flags)].filter(Boolean).join(' ')
    return `    ${pattern}) options='${words(flags)}' valued='${words(valued)}' kinds='${kinds}' ;;\n`
  }
  const optionsOf = (command: LazyCommand | undefined) => [
    ...(command?.options ?? []).filter(({ isHidden }) => !isHidden),
    ...(command === usual ? [new Option('-V, --version')] : []),
    new Option('-h, --help'),
  ]
  const ofCommand = (command: LazyCommand) => {
    const { name, under, args = [] } = command
    const subs = commands.filter(each => each.under === name && under === undefined).map(each => each.name)
    const kinds = [...(subs.length === 0 ? [] : [subs.join('|')]), ...args.map(each => kind(each, names))]
    return branch(under === undefined ? name : `${under}' '${name}`, optionsOf(command), kinds.join(' '))
  }
  return [
    branch("''", optionsOf(usual), `command:${names}`),
    ...commands.map(ofCommand),
    // Only the driver in the file has a list of its parameters: the shells request it.
    branch(FILES, optionsOf(usual), 'none...'),
  ].join('')
}

/**
 * Returns `interface`, `param`, `fault`, `file`, `file:` with names that are accepted instead of a
 * file, `none` or the list of names; with `...` if it repeats. A file that repeats may follow
 * interfaces: `either`.
 */
function kind(argument: Argument, commands: string): string {
  const { name, variadic } = argument
  const offered = argument.offered?.().join('|')
  const words =
    argument.words?.join('|') ??
    (offered === undefined ? undefined : (name.includes('FILE') ? 'file:' : '') + offered) ??
    { COMMAND: commands, IF: 'interface', NAME: 'param', FAULT: 'fault', FILE: variadic ? 'either' : 'file' }[name] ??
    'none'
  return words + (variadic ? '...' : '')
}

/** `pairs` lists the commands of two words: `|lan show|`. */
function bash(table: string, pairs: string): string {
  return `# Completion for bash: source <(vnet completion bash)
# Offers, quoted and never expanded, the input lines that begin with the current word. They are read
# as bytes: a name may end in the middle of a UTF-8 character, and read would take the newline for
# the rest of it.
_vnet_offer() {
  local word quoted
  while LC_ALL=C IFS= read -r word; do
    printf -v quoted %q "$word"
    [[ -n $word && ($word == "$current"* || $quoted == "$current"*) ]] && COMPREPLY+=("$quoted")
  done
}
_vnet() {
  local vnet=\${COMP_WORDS[0]} current=\${COMP_WORDS[COMP_CWORD]} command= interface= options valued kinds kind
  local -i i first=2 n=0
  ((COMP_CWORD > 1)) && command=\${COMP_WORDS[1]}
  if ((COMP_CWORD > 2)) && [[ '${pairs}' == *"|$command \${COMP_WORDS[2]}|"* ]]; then
    command+=" \${COMP_WORDS[2]}" first=3
  fi
  COMPREPLY=()
  case $command in
${table}    *) return ;;
  esac
  for ((i = first; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      -*) [[ " $valued " == *" \${COMP_WORDS[i]} "* ]] && i+=1 ;;
      *) ((n == 0)) && interface=\${COMP_WORDS[i]}; n+=1 ;;
    esac
  done
  # The value of an option.
  ((i > COMP_CWORD && i > first)) && return
  if [[ $current == -* ]]; then
    case $command in
      ${FILES}) _vnet_offer < <("$vnet" help "$command" --names < /dev/null 2> /dev/null) ;;
      *) _vnet_offer <<< "\${options// /$'\\n'}" ;;
    esac
    return
  fi
  set -- $kinds
  while ((n > 0 && $# > 0)); do
    [[ $1 == *... ]] && break
    shift
    n+=-1
  done
  kind=\${1%...}
  case $kind in
    '' | none) return ;;
    file) _vnet_offer < <(compgen -f -- "$current") ;;
    file:*)
      _vnet_offer < <(compgen -f -- "$current")
      kind=\${kind#file:}
      _vnet_offer <<< "\${kind//|/$'\\n'}"
      ;;
    interface) _vnet_offer < <("$vnet" list --names 2> /dev/null) ;;
    either)
      _vnet_offer < <("$vnet" list --names 2> /dev/null)
      _vnet_offer < <(compgen -f -- "$current")
      ;;
    param) _vnet_offer < <("$vnet" param "$interface" --names 2> /dev/null) ;;
    fault) _vnet_offer < <("$vnet" trigger "$interface" 2> /dev/null) ;;
    command:*)
      _vnet_offer < <(compgen -f -X '!*.*[jt]s' -- "$current")
      kind=\${kind#command:}
      _vnet_offer <<< "\${kind//|/$'\\n'}"
      ;;
    *) _vnet_offer <<< "\${kind//|/$'\\n'}" ;;
  esac
}
complete -F _vnet vnet
`
}

function zsh(table: string, pairs: string): string {
  return `#compdef vnet
# Completion for zsh: source <(vnet completion zsh) after compinit, or install it as _vnet in a
# directory of $fpath.
_vnet() {
  local vnet=\${words[1]} current=\${words[CURRENT]} command= interface= options valued kinds kind
  local -i i first=3 n=0
  local -a left
  ((CURRENT > 2)) && command=\${words[2]}
  if ((CURRENT > 3)) && [[ '${pairs}' == *"|$command \${words[3]}|"* ]]; then
    command+=" \${words[3]}"
    first=4
  fi
  case $command in
${table}    *) return 1 ;;
  esac
  for ((i = first; i < CURRENT; i++)); do
    case \${words[i]} in
      -*) [[ " $valued " == *" \${words[i]} "* ]] && ((i++)) ;;
      *) ((n == 0)) && interface=\${words[i]}; ((n++)) ;;
    esac
  done
  # The value of an option.
  ((i > CURRENT && i > first)) && return 1
  if [[ $current == -* ]]; then
    case $command in
      ${FILES}) compadd -- \${(f)"$("$vnet" help "$command" --names < /dev/null 2> /dev/null)"} ;;
      *) compadd -- \${=options} ;;
    esac
    return
  fi
  left=(\${=kinds})
  while ((n > 0 && $#left > 0)); do
    [[ $left[1] == *... ]] && break
    shift left
    ((n--))
  done
  kind=\${\${left[1]-}%...}
  case $kind in
    '' | none) return 1 ;;
    file) _files ;;
    file:*)
      compadd -- \${(s:|:)kind#file:}
      _files
      ;;
    interface) compadd -- \${(f)"$("$vnet" list --names 2> /dev/null)"} ;;
    either)
      compadd -- \${(f)"$("$vnet" list --names 2> /dev/null)"}
      _files
      ;;
    param) compadd -- \${(f)"$("$vnet" param "$interface" --names 2> /dev/null)"} ;;
    fault) compadd -- \${(f)"$("$vnet" trigger "$interface" 2> /dev/null)"} ;;
    command:*)
      compadd -- \${(s:|:)kind#command:}
      _files -g '*.*[jt]s'
      ;;
    *) compadd -- \${(s:|:)kind} ;;
  esac
}
if [[ $funcstack[1] == _vnet ]]; then _vnet "$@"; else compdef _vnet vnet; fi
`
}
