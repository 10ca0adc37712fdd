# Lets an interactive zsh complete command lines, and prints what it offers: a name, a tab, and what is said of it.
# Behind the offers for each line comes a form feed. Arguments: the completion script, which
# is sourced unless it has the name it has in fpath, then lines.

zmodload zsh/zpty
script=$1
lines=("${@:2}")
offers=$(mktemp)

prepare='
PROMPT=
stty columns 400
autoload -Uz compinit
if [[ ${script:t} == _figaro-backup ]]; then
  fpath=(${script:h} $fpath)
  compinit -u -D
else
  compinit -u -D
  source $script
fi
# A line for each name, even where two mean the same.
zstyle ":completion:*" list-grouped false
compadd() {
  # These calls look for matches; others show them.
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a hits texts
  integer i at=${@[(i)-[a-zA-Z0-9]#d]}
  if ((at < $#)); then
    local given=${@[at+1]}
    if [[ $given == \(* ]]; then eval "texts=$given"; else texts=("${(@P)given}"); fi
  fi
  builtin compadd -A hits -D texts "$@"
  for ((i = 1; i <= $#hits; i++)); do print -r -- "$hits[i]"$'"'\t'"'"$texts[i]" >>$offers; done
  builtin compadd "$@"
}
complete-lines() {
  local line
  for line in "${lines[@]}"; do
    BUFFER="figaro-backup $line"
    CURSOR=$#BUFFER
    zle list-choices
    print "\f" >>$offers
  done
  exit
}
zle -N complete-lines
bindkey "^I" complete-lines
print ready
'

zpty shell "script=${(q)script} offers=${(q)offers} zsh -f -i"
zpty -w shell "setopt extendedglob; lines=(${(@qq)lines})"
zpty -w shell "eval ${(qq)prepare}"
while zpty -r shell text && [[ $text != ready* ]]; do :; done
zpty -w -n shell $'\t'
while zpty -r shell text; do :; done
zpty -d shell
cat $offers
rm -f $offers
