import {
  allCommands,
  kindAndChoices,
  typed,
  type CommandDescription,
  type OptionDescription,
} from '../command-line.ts';

/** Completion for PowerShell 5 and newer, on any system. */
export function powershellCompletion(program: CommandDescription): string {
  return `# Completion of figaro-backup for PowerShell, made by \`figaro-backup completion powershell\`.

Register-ArgumentCompleter -Native -CommandName 'figaro-backup', 'figaro-backup.cmd', 'figaro-backup.ps1' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # Arguments and values are a kind, and the choices there are.
    $table = @{
${allCommands(program).map(commandEntry).join('')}    }

    # The words before the one that is being completed.
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
    $current = [string]$wordToComplete
    $prefix = ''

    # The command, how many arguments it has so far, and whether an option waits for its value.
    $command = ''
    $operands = 0
    $ended = $false
    $value = @()
    foreach ($word in $words) {
        if ($value.Count -gt 0) { $value = @(); continue }
        if (-not $ended -and $word -ceq '--') { $ended = $true; continue }
        if (-not $ended -and $word.StartsWith('-')) {
            $option = $table[$command].Options | Where-Object { $_.Names -ccontains $word } | Select-Object -First 1
            if ($option) { $value = @($option.Value) }
            continue
        }
        if ($operands -eq 0 -and @($table[$command].Commands | ForEach-Object { $_.Name }) -ccontains $word) {
            $command = ($command + ' ' + $word).Trim()
            continue
        }
        $operands++
    }
    if ($value.Count -eq 0 -and -not $ended -and $current -cmatch '^(--[^=]+)=(.*)$') {
        $name = $Matches[1]
        $option = $table[$command].Options | Where-Object { $_.Names -ccontains $name } | Select-Object -First 1
        if ($option) { $value = @($option.Value); $prefix = $name + '='; $current = $Matches[2] }
    }

    # What is wanted here, as pairs of a text and what is said of it.
    $found = @()
    if ($value.Count -eq 0) {
        if (-not $ended -and $current.StartsWith('-')) {
            $found = @($table[$command].Options | ForEach-Object { foreach ($name in $_.Names) { , @($name, $_.Text) } })
        } elseif ($table[$command].Commands.Count -gt 0) {
            $found = @($table[$command].Commands | ForEach-Object { , @($_.Name, $_.Text) })
        } elseif ($operands -lt $table[$command].Arguments.Count) {
            $value = @($table[$command].Arguments[$operands])
        }
    }
    if ($value.Count -gt 0) {
        $kind = $value[0]
        if ($kind -ceq 'choice') {
            $found = @($value | Select-Object -Skip 1 | ForEach-Object { , @($_, $_) })
        } elseif ($kind -ceq 'environment' -or $kind -ceq 'set') {
            $found = @(& figaro-backup candidates $kind $words 2>$null | ForEach-Object { , @($_, $kind) })
        } elseif ($kind -ceq 'directory' -or $kind -ceq 'file') {
            return [System.Management.Automation.CompletionCompleters]::CompleteFilename($current) |
                Where-Object { $kind -ceq 'file' -or $_.ResultType -eq 'ProviderContainer' } |
                ForEach-Object { [System.Management.Automation.CompletionResult]::new($prefix + $_.CompletionText, $_.ListItemText, $_.ResultType, $_.ToolTip) }
        }
    }
    foreach ($pair in $found) {
        if (-not $pair[0].StartsWith($current)) { continue }
        $text = $pair[0]
        if ($text -cmatch '[^\\w.:/=-]') { $text = '''' + $text.Replace('''', '''''') + '''' }
        [System.Management.Automation.CompletionResult]::new($prefix + $text, $pair[0], 'ParameterValue', $pair[1])
    }
}
`;
}

function commandEntry(command: CommandDescription): string {
  const entries = {
    Commands: command.commands.map(({ words, summary }) =>
      hash({ Name: quoted(words.at(-1)!), Text: quoted(summary) }),
    ),
    Options: command.options.map(optionEntry),
    Arguments: command.arguments.map((argument) => `, ${list(kindAndChoices(argument).map(quoted))}`),
  };
  const lines = Object.entries(entries).map(([name, items]) =>
    items.length === 0
      ? `            ${name} = @()\n`
      : `            ${name} = @(\n${items.map((item) => `                ${item}\n`).join('')}            )\n`,
  );
  return `        ${quoted(typed(command))} = @{\n${lines.join('')}        }\n`;
}

function optionEntry({ names, description, value }: OptionDescription): string {
  return hash({
    Names: list(names.map(quoted)),
    Text: quoted(description),
    Value: list((value ? kindAndChoices(value) : []).map(quoted)),
  });
}

function hash(entries: Readonly<Record<string, string>>): string {
  const parts = Object.entries(entries).map(([name, text]) => `${name} = ${text}`);
  return `@{ ${parts.join('; ')} }`;
}

function list(items: readonly string[]): string {
  return `@(${items.join(', ')})`;
}

/** Also the curly quotes end a text in PowerShell. */
function quoted(text: string): string {
  return `'${text.replaceAll(/['‘’‚‛]/g, '$&$&')}'`;
}
