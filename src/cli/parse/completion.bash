# Completion for bash: source <(vnet completion bash)
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
  local vnet=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} command= interface= options valued kinds kind
  local -i i first=2 n=0
  ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}
  if ((COMP_CWORD > 2)) && [[ '@PAIRS@' == *"|$command ${COMP_WORDS[2]}|"* ]]; then
    command+=" ${COMP_WORDS[2]}" first=3
  fi
  COMPREPLY=()
  case $command in
    # COMMANDS
    *) return ;;
  esac
  for ((i = first; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -*) [[ " $valued " == *" ${COMP_WORDS[i]} "* ]] && i+=1 ;;
      *) ((n == 0)) && interface=${COMP_WORDS[i]}; n+=1 ;;
    esac
  done
  # The value of an option.
  ((i > COMP_CWORD && i > first)) && return
  if [[ $current == -* ]]; then
    case $command in
      *.[jt]s|*.[cm][jt]s) _vnet_offer < <("$vnet" help "$command" --names < /dev/null 2> /dev/null) ;;
      *) _vnet_offer <<< "${options// /$'\n'}" ;;
    esac
    return
  fi
  set -- $kinds
  while ((n > 0 && $# > 0)); do
    [[ $1 == *... ]] && break
    shift
    n+=-1
  done
  kind=${1%...}
  case $kind in
    '' | none) return ;;
    file) _vnet_offer < <(compgen -f -- "$current") ;;
    file:*)
      _vnet_offer < <(compgen -f -- "$current")
      kind=${kind#file:}
      _vnet_offer <<< "${kind//|/$'\n'}"
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
      kind=${kind#command:}
      _vnet_offer <<< "${kind//|/$'\n'}"
      ;;
    *) _vnet_offer <<< "${kind//|/$'\n'}" ;;
  esac
}
complete -F _vnet vnet
