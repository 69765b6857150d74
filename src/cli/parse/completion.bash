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
# Sets `words` and `cword`: bash breaks container:web at the colon, into three words.
_vnet_words() {
  local -i i
  words=() cword=0
  for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
    if ((i > 1)) && [[ ${COMP_WORDS[i]} == :* || ${COMP_WORDS[i - 1]} == *: ]]; then
      words[${#words[@]} - 1]+=${COMP_WORDS[i]}
    else
      words+=("${COMP_WORDS[i]}")
    fi
    ((i <= COMP_CWORD)) && cword=${#words[@]}-1
  done
}
_vnet_complete() {
  local vnet=${words[0]} current=${words[cword]} command= interface= options valued kinds kind
  local -i i first=2 n=0
  ((cword > 1)) && command=${words[1]}
  if ((cword > 2)) && [[ '@PAIRS@' == *"|$command ${words[2]}|"* ]]; then
    command+=" ${words[2]}" first=3
  fi
  COMPREPLY=()
  case $command in
    # COMMANDS
    *) return ;;
  esac
  for ((i = first; i < cword; i++)); do
    case ${words[i]} in
      -*) [[ " $valued " == *" ${words[i]} "* ]] && i+=1 ;;
      *) ((n == 0)) && interface=${words[i]}; n+=1 ;;
    esac
  done
  # The value of an option.
  ((i > cword && i > first)) && return
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
_vnet() {
  local -a words=()
  local -i cword=0
  local prefix
  _vnet_words
  _vnet_complete
  # Bash replaces only what is after the last colon.
  prefix=${words[cword]%"${words[cword]##*:}"}
  if [[ $COMP_WORDBREAKS == *:* ]]; then COMPREPLY=("${COMPREPLY[@]#"$prefix"}"); fi
}
complete -F _vnet vnet
