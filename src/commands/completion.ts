/** `completion`: scripts that let shells complete command lines. */

import { Argument, Command } from 'commander';
import { bashCompletion } from '../output/completion/bash.ts';
import { fishCompletion } from '../output/completion/fish.ts';
import { powershellCompletion } from '../output/completion/powershell.ts';
import { zshCompletion } from '../output/completion/zsh.ts';
import { type CommandDescription } from '../output/command-line.ts';
import { type CommandContext } from './context.ts';
import { describeCommand } from './describe.ts';
import { examples } from './options.ts';

const scripts = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
  powershell: powershellCompletion,
} satisfies Record<string, (program: CommandDescription) => string>;

export function completionCommand(context: CommandContext): Command {
  return new Command('completion')
    .summary('print a script that lets a shell complete command lines')
    .description(
      'Print a script that lets a shell complete commands, options and their values: directories, files, environments of the configuration file, and sets of the repository given.\n\n' +
        'bash: put it where bash-completion looks (below), or source it in ~/.bashrc.\n' +
        'zsh: put it as _figaro-backup into a directory of $fpath, before compinit is called.\n' +
        'fish: put it into ~/.config/fish/completions.\n' +
        'PowerShell, 5 or newer: run it in $PROFILE. To see the names of sets and environments, figaro-backup has to be in $env:PATH.',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(scripts)))
    .addHelpText(
      'after',
      examples(
        'source <(figaro-backup completion bash)',
        'figaro-backup completion bash > ~/.local/share/bash-completion/completions/figaro-backup',
        'figaro-backup completion zsh > /usr/local/share/zsh/site-functions/_figaro-backup',
        'figaro-backup completion fish > ~/.config/fish/completions/figaro-backup.fish',
        'figaro-backup completion powershell | Out-String | Invoke-Expression',
      ),
    )
    .action((shell: keyof typeof scripts, _options: object, command: Command) => {
      context.results.write(scripts[shell](describeCommand(command.parent!)));
    });
}
