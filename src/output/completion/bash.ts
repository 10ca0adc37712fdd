import { allCommands, kindAndChoices, typed, type CommandDescription } from '../command-line.ts';
import { posixWord } from '../text.ts';

/** Completion for bash 4 and newer; the bash 3.2 of macOS completes, too, but does not quote names. */
export function bashCompletion(program: CommandDescription): string {
  const commands = allCommands(program);
  return `# Completion of figaro-backup for bash, made by \`figaro-backup completion bash\`.

# What can follow the words of the command $1. Arguments and values are a kind, and the choices there are.
__figaro_backup_command() {
  commands=() options=() arguments=()
  case $1 in
${commands.map(commandCase).join('')}  esac
}

# What the value of the option $2 of the command $1 is; nothing for a switch.
__figaro_backup_value() {
  value=()
  case "$1 $2" in
${commands.flatMap(valueCases).join('')}  esac
}

__figaro_backup() {
  local IFS=$' \\t\\n' words=() commands=() options=() arguments=() value=()
  local command='' operands=0 ended='' word i last current name

  # The words up to the cursor, without their quotes. Bash makes three of --home=/srv/env.
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    [[ $word == '=' ]] || words+=("\${word//[\\"\\'\\\\]/}")
  done
  [[ \${COMP_WORDS[COMP_CWORD]} != '=' ]] || words+=('')
  last=$((\${#words[@]} - 1))
  current=\${words[last]}

  # The command, how many arguments it has so far, and whether an option waits for its value.
  __figaro_backup_command ''
  for ((i = 0; i < last; i++)); do
    word=\${words[i]}
    if [[ -z $ended && $word == -- ]]; then
      ended=yes
    elif [[ -z $ended && $word == -* ]]; then
      __figaro_backup_value "$command" "$word"
      ((\${#value[@]} == 0 || i + 1 == last)) || { value=() && i=$((i + 1)); }
    elif ((operands == 0)) && [[ " \${commands[*]} " == *" $word "* ]]; then
      command=\${command:+$command }$word
      __figaro_backup_command "$command"
    else
      operands=$((operands + 1))
    fi
  done

  # What is wanted here.
  if ((\${#value[@]} == 0)); then
    if [[ -z $ended && $current == -* ]]; then
      value=(choice "\${options[@]}")
    elif ((\${#commands[@]} > 0)); then
      value=(choice "\${commands[@]}")
    else
      value=(\${arguments[operands]-})
      ((\${#value[@]} > 0)) || value=(choice "\${options[@]}")
    fi
  fi

  COMPREPLY=()
  while IFS= read -r name; do
    [[ $name == "$current"* ]] || continue
    [[ \${value[0]} != environment ]] || printf -v name %q "$name"
    COMPREPLY+=("$name")
  done < <(
    case \${value[0]} in
    directory) compgen -d -- "$current" ;;
    file) compgen -f -- "$current" ;;
    choice) printf '%s\\n' "\${value[@]:1}" ;;
    environment | set) figaro-backup candidates "\${value[0]}" "\${words[@]:0:last}" 2>/dev/null ;;
    esac
  )
  # Lets bash quote names, and end those of directories with a slash.
  [[ \${value[0]} != directory && \${value[0]} != file ]] || compopt -o filenames 2>/dev/null
}

complete -F __figaro_backup figaro-backup
`;
}

function commandCase(command: CommandDescription): string {
  const lists = {
    commands: command.commands.map(({ words }) => words.at(-1)!),
    options: command.options.flatMap(({ names }) => names),
    arguments: command.arguments.map((argument) => kindAndChoices(argument).join(' ')),
  };
  const lines = Object.entries(lists).filter(([, items]) => items.length > 0);
  const assignments = lines.map(([name, items]) => `    ${name}=(${items.map(posixWord).join(' ')})\n`);
  return `  ${quoted(typed(command))})\n${assignments.join('')}    ;;\n`;
}

function valueCases(command: CommandDescription): string[] {
  return command.options.flatMap(({ names, value }) => {
    if (!value) return [];
    const patterns = names.map((name) => quoted(`${typed(command)} ${name}`));
    return [`  ${patterns.join(' | ')}) value=(${kindAndChoices(value).map(posixWord).join(' ')}) ;;\n`];
  });
}

function quoted(text: string): string {
  return `'${text}'`;
}
