# Lets an interactive zsh complete command lines, and prints what it would offer: a name, a tab, and what is said of it.
# Arguments: the completion script, then lines. Behind each line an empty one is printed.

zmodload zsh/zpty
script=$1
offers=$(mktemp)

prepare='
PROMPT=
# What no terminal would stand for: to ask before a long list.
LISTMAX=10000
autoload -Uz compinit
compinit -u -D
source $script
bindkey "^I" complete-word
zstyle ":completion:*" verbose yes
compadd() {
  # These calls look for matches; others show them.
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a hits texts
  integer at=${@[(i)-d]}
  if ((at < $#)); then
    local given=${@[at+1]}
    if [[ $given == \(* ]]; then eval "texts=$given"; else texts=("${(@P)given}"); fi
  fi
  builtin compadd -A hits -D texts "$@"
  integer i
  for ((i = 1; i <= $#hits; i++)); do print -r -- "$hits[i]"$'"'\t'"'"$texts[i]" >>$offers; done
  builtin compadd "$@"
}
comppostfuncs=(exit)
print ready
'

for line in "${@:2}"; do
  : >$offers
  zpty shell "script=${(q)script} offers=${(q)offers} zsh -f -i"
  zpty -w shell "eval ${(q)prepare}"
  while zpty -r shell text && [[ $text != ready* ]]; do :; done
  zpty -w -n shell "figaro-backup $line"$'\t'
  while zpty -r shell text; do :; done
  zpty -d shell
  sort -u $offers
  print
done
rm -f $offers
