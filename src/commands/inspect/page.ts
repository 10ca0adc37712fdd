import { Command, InvalidArgumentError } from 'commander';
import { inspectPage } from '../../engine/inspect/page.ts';
import { describePageText, hexDump } from '../../output/page-view.ts';
import { withCommonOptions, type CommandContext } from '../context.ts';
import { examples, pageArgument } from '../options.ts';
import { findFile, withFileOptions, type FileOptions } from './file.ts';

interface PageOptions extends FileOptions {
  readonly raw?: true;
  readonly whole?: true;
}

export function inspectPageCommand(context: CommandContext): Command {
  const command = new Command('page')
    .summary('show one page of a database file: header, items, what is wrong with it')
    .description(
      'Show one page of a container, or of another database file: its header, the fields of a metadata page, its items, ' +
        'and what is wrong with it. A damaged page is shown as far as it can be read, and the exit status is 4.',
    )
    .argument('<file>', 'a container or another database file; with --home, its name in there')
    .argument('<page>', 'the number of the page', wholeNumber);
  return withCommonOptions(
    withFileOptions(command)
      .option('--raw', 'print the bytes, too, as they lie on disk')
      .option('--whole', 'print items of any length to their end'),
  )
    .addHelpText(
      'after',
      examples(
        'figaro-backup inspect page /srv/env/docs.dbxml 0',
        'figaro-backup inspect page --home /srv/env docs.dbxml 7 --raw',
        'figaro-backup inspect page /srv/env/docs.dbxml 7 --json',
      ),
    )
    .action((name: string, pgno: number, options: PageOptions) => {
      const { files, path } = findFile(context, options, name);
      const { stored, ...page } = inspectPage(files, path, pgno);
      const raw = options.raw ? stored : undefined;
      context.print(options, { file: path, ...page, raw }, () => {
        const text = describePageText(path, page, options.whole === true);
        return raw ? `${text}\n${hexDump(raw)}` : text;
      });
      const problem =
        page.fileProblem ?? page.problem ?? page.items.find((item) => item.problem !== undefined)?.problem;
      if (problem !== undefined) context.found('page-type', `${path}: page ${pgno}: ${problem}`);
    });
}

function wholeNumber(text: string): number {
  const pgno = pageArgument(text);
  if (pgno > 0xffff_ffff) throw new InvalidArgumentError('Page numbers have 32 bits.');
  return pgno;
}
