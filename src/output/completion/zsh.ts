import {
  allCommands,
  typed,
  type ArgumentDescription,
  type CommandDescription,
  type OptionDescription,
  type Value,
} from '../command-line.ts';

/** Completion for zsh, for a directory of `$fpath` or to be sourced. */
export function zshCompletion(program: CommandDescription): string {
  return `#compdef figaro-backup
# Completion of figaro-backup for zsh, made by \`figaro-backup completion zsh\`.

${allCommands(program).map(commandFunction).join('\n')}
# Names of environments or sets, which only the program knows.
__figaro_backup_candidates() {
  local expl
  local -a names
  names=(\${(f)"$(figaro-backup candidates $1 "\${typed[@]}" 2>/dev/null)"})
  _wanted $1s expl $1 compadd -a names
}

_figaro-backup() {
  local curcontext=$curcontext
  # Below, the words of the command are cut off.
  local -a typed
  typed=("\${(@Q)words[2,CURRENT-1]}")
  ${functionName(program)}
}

if [[ \${funcstack[1]} == _figaro-backup ]]; then
  _figaro-backup "$@"
else
  compdef _figaro-backup figaro-backup
fi
`;
}

function commandFunction(command: CommandDescription): string {
  return command.commands.length > 0 ? groupFunction(command) : leafFunction(command);
}

function leafFunction(command: CommandDescription): string {
  const specs = [...command.options.map(optionSpec), ...command.arguments.map(argumentSpec)];
  return `${functionName(command)}() {\n  _arguments -s -S : \\\n${specLines(specs)}\n}\n`;
}

function groupFunction(command: CommandDescription): string {
  const specs = [...command.options.map(optionSpec), quoted('1: :->command'), quoted('*:: :->rest')];
  const names = command.commands.map(
    ({ words, summary }) => `      ${quoted(`${words.at(-1)!}:${summary.replaceAll(/[\\:]/g, String.raw`\$&`)}`)}\n`,
  );
  const branches = command.commands.map((child) => `      ${child.words.at(-1)!}) ${functionName(child)} ;;\n`);
  return `${functionName(command)}() {
  local context state state_descr line
  local -A opt_args
  local -a commands
  _arguments -s -S -C : \\
${specLines(specs)} && return
  case $state in
  command)
    commands=(
${names.join('')}    )
    _describe -t commands command commands
    ;;
  rest)
    case $line[1] in
${branches.join('')}    esac
    ;;
  esac
}
`;
}

function specLines(specs: readonly string[]): string {
  return specs.map((spec) => `    ${spec}`).join(' \\\n');
}

/** `'(-q --quiet)'{-q,--quiet}'[print errors only]'`, `'*--from=[a plain copy]:dir:_files -/'`. */
function optionSpec({ names, description, value, isRepeatable }: OptionDescription): string {
  // Behind --help and --version nothing counts any more.
  const isLast = names.includes('--help') || names.includes('--version');
  const excluded = isLast ? '(- *)' : names.length > 1 ? `(${names.join(' ')})` : '';
  const before = isRepeatable ? '*' : excluded;
  const after = `[${description.replaceAll(/[\\[\]:]/g, String.raw`\$&`)}]${value ? actionOf(value) : ''}`;
  const written = names.map((name) => (value ? `${name}${name.startsWith('--') ? '=' : '+'}` : name));
  if (written.length === 1) return quoted(`${before}${written[0]}${after}`);
  return `${quoted(before)}{${written.join(',')}}${quoted(after)}`;
}

function argumentSpec(argument: ArgumentDescription): string {
  return quoted(`${argument.isRequired ? '' : ':'}${actionOf(argument)}`);
}

/** A message, and what offers the values. */
function actionOf({ name, kind, choices }: Value): string {
  // A space keeps _arguments from adding words of its own.
  const actions = {
    directory: '_files -/',
    file: '_files',
    environment: ' __figaro_backup_candidates environment',
    set: ' __figaro_backup_candidates set',
    choice: `(${choices.join(' ')})`,
    text: ' ',
  } as const;
  return `:${name}:${actions[kind]}`;
}

function functionName(command: CommandDescription): string {
  return ['__figaro_backup_command', ...typed(command).split(' ')].filter((part) => part !== '').join('_');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
