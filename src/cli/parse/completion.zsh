#compdef vnet
# Completion for zsh: source <(vnet completion zsh) after compinit, or install it as _vnet in a
# directory of $fpath.
_vnet() {
  local vnet=${words[1]} current=${words[CURRENT]} command= interface= options valued kinds kind
  local -i i first=3 n=0
  local -a left
  ((CURRENT > 2)) && command=${words[2]}
  if ((CURRENT > 3)) && [[ '@PAIRS@' == *"|$command ${words[3]}|"* ]]; then
    command+=" ${words[3]}"
    first=4
  fi
  case $command in
    # COMMANDS
    *) return 1 ;;
  esac
  for ((i = first; i < CURRENT; i++)); do
    case ${words[i]} in
      -*) [[ " $valued " == *" ${words[i]} "* ]] && ((i++)) ;;
      *) ((n == 0)) && interface=${words[i]}; ((n++)) ;;
    esac
  done
  # The value of an option.
  ((i > CURRENT && i > first)) && return 1
  if [[ $current == -* ]]; then
    case $command in
      *.[jt]s|*.[cm][jt]s) compadd -- ${(f)"$("$vnet" help "$command" --names < /dev/null 2> /dev/null)"} ;;
      *) compadd -- ${=options} ;;
    esac
    return
  fi
  left=(${=kinds})
  while ((n > 0 && $#left > 0)); do
    [[ $left[1] == *... ]] && break
    shift left
    ((n--))
  done
  kind=${${left[1]-}%...}
  case $kind in
    '' | none) return 1 ;;
    file) _files ;;
    file:*)
      compadd -- ${(s:|:)kind#file:}
      _files
      ;;
    interface) compadd -- ${(f)"$("$vnet" list --names 2> /dev/null)"} ;;
    either)
      compadd -- ${(f)"$("$vnet" list --names 2> /dev/null)"}
      _files
      ;;
    param) compadd -- ${(f)"$("$vnet" param "$interface" --names 2> /dev/null)"} ;;
    fault) compadd -- ${(f)"$("$vnet" trigger "$interface" 2> /dev/null)"} ;;
    command:*)
      compadd -- ${(s:|:)kind#command:}
      _files -g '*.*[jt]s'
      ;;
    *) compadd -- ${(s:|:)kind} ;;
  esac
}
if [[ $funcstack[1] == _vnet ]]; then _vnet "$@"; else compdef _vnet vnet; fi
