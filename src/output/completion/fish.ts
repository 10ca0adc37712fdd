import {
  allCommands,
  typed,
  type ArgumentDescription,
  type CommandDescription,
  type OptionDescription,
  type Value,
} from '../command-line.ts';

/** Completion for fish 3.1 and newer. */
export function fishCompletion(program: CommandDescription): string {
  const commands = allCommands(program);
  const withValue = commands.flatMap((command) =>
    command.options
      .filter(({ value }) => value)
      .flatMap(({ names }) => names.map((name) => `${typed(command)} ${name}`)),
  );
  return `# Completion of figaro-backup for fish, made by \`figaro-backup completion fish\`.

# True behind the words of the command $argv[1]; with $argv[2], behind so many arguments of it.
function __figaro_backup_at
    set -l commands ${words(commands.slice(1).map(typed))}
    set -l with_value ${words(withValue)}
    set -l command ''
    set -l operands 0
    set -l is_value no
    set -l ended no
    set -l typed (commandline -opc)
    for word in $typed[2..-1]
        if test $is_value = yes
            set is_value no
        else if test $ended = no -a "x$word" = x--
            set ended yes
        else if test $ended = no; and string match -q -- '-*' $word
            contains -- "$command $word" $with_value; and set is_value yes
        else if test $operands -eq 0; and contains -- (string trim -- "$command $word") $commands
            set command (string trim -- "$command $word")
        else
            set operands (math $operands + 1)
        end
    end
    test "x$command" = "x$argv[1]"; and begin
        test (count $argv) -eq 1; or test $argv[2] -eq $operands
    end
end

# Names of environments or sets, which only the program knows.
function __figaro_backup_candidates
    set -l typed (commandline -opc)
    figaro-backup candidates $argv[1] $typed[2..-1] 2>/dev/null
end

complete -c figaro-backup -f
${commands.flatMap(commandLines).join('')}`;
}

function commandLines(command: CommandDescription): string[] {
  const at = `__figaro_backup_at ${quoted(typed(command))}`;
  const isGroup = command.commands.length > 0;
  return [
    '\n',
    ...command.commands.map(({ words: path, summary }) =>
      line(`${at} 0`, [`-a ${quoted(path.at(-1)!)}`, `-d ${quoted(summary)}`]),
    ),
    ...command.options.map((option) => line(isGroup ? `${at} 0` : at, optionParts(option))),
    ...command.arguments.map((argument, i) => line(`${at} ${i}`, argumentParts(argument))),
  ];
}

function line(condition: string, parts: readonly string[]): string {
  return `complete -c figaro-backup -n ${quoted(condition)} ${parts.join(' ')}\n`;
}

function optionParts({ names, description, value }: OptionDescription): string[] {
  const written = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [...written, ...(value ? ['-r', ...valueParts(value)] : []), `-d ${quoted(description)}`];
}

function argumentParts(argument: ArgumentDescription): string[] {
  const isNamed = argument.kind === 'environment' || argument.kind === 'set';
  return [...valueParts(argument), ...(isNamed ? [`-d ${quoted(argument.kind)}`] : [])];
}

function valueParts({ kind, choices }: Value): string[] {
  switch (kind) {
    case 'file':
      return ['-F'];
    case 'directory':
      return ['-f', `-a ${quoted('(__fish_complete_directories (commandline -ct))')}`];
    case 'environment':
    case 'set':
      return ['-f', `-a ${quoted(`(__figaro_backup_candidates ${kind})`)}`];
    case 'choice':
      return ['-f', `-a ${quoted(choices.join(' '))}`];
    case 'text':
      return ['-f'];
  }
}

function words(list: readonly string[]): string {
  return list.map(quoted).join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}
