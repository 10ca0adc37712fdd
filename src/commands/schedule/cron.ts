import { type Files } from '../../engine/files/files.ts';
import { withFile } from '../../engine/files/read.ts';
import { FigaroError } from '../../errors.ts';
import { type CommandContext } from '../context.ts';
import { type Job, type Scheduled, type When } from './plan.ts';
import { hasTool, runTool, type Part, type Scheduler } from './scheduler.ts';
import { markOf, sealLines, stateOfLines } from './seal.ts';
import { running } from './systemd.ts';

const place = 'crontab';

/** A block in the crontab of this user. */
export function cron({ files, io }: CommandContext, of: Scheduled): Scheduler {
  const mark = markOf(of);
  const end = `# end of ${mark}\n`;
  const isInstalled = (): boolean => hasTool(io, 'crontab', ['-l']);
  const read = (): string =>
    runTool(io, 'crontab', ['-l'], { isFine: (stderr) => /^(crontab: )?no crontab for /m.test(stderr) });
  /** The block, and what stands before and behind it. */
  const split = (text: string): readonly [before: string, block: string, after: string] => {
    const begins = `\n${text}`.indexOf(`\n# ${mark}\n`);
    if (begins === -1) return [text, '', ''];
    const ends = text.indexOf(`\n${end}`, begins);
    if (ends !== -1) {
      const behind = ends + 1 + end.length;
      return [text.slice(0, begins), text.slice(begins, behind), text.slice(behind)];
    }
    throw new FigaroError(
      'target-not-empty',
      `the crontab has the schedule of ${of.environment} without its last line`,
      {
        hint: `remove what is left of it by \`crontab -e\`: it begins with "# ${mark}".`,
      },
    );
  };
  return {
    name: 'cron',
    options: ['--with', 'cron'],
    partsOf: (jobs) => [{ place, text: sealLines(mark, `${jobs.map(lineOf).join('')}${end}`) }],
    found() {
      const block = isInstalled() ? split(read())[1] : '';
      return block === '' ? [] : [{ place, text: block }];
    },
    stateOf: ({ text }: Part) => stateOfLines(mark, text),
    obstacles() {
      if (!isInstalled()) return ['cron is not installed here: there is no program crontab'];
      return isSeenNotToRun(files) ? ['cron does not run here, so nothing begins until it is started'] : [];
    },
    apply({ write, remove }) {
      if (write.length === 0 && remove.length === 0) return [];
      const [before, , after] = split(read());
      const lead = before === '' || before.endsWith('\n') ? before : `${before}\n`;
      const text = `${lead}${write.map((part) => part.text).join('')}${after}`;
      if (text === '') runTool(io, 'crontab', ['-r']);
      else runTool(io, 'crontab', ['-'], { input: text });
      return [];
    },
  };
}

/** Cron of Debian and of BusyBox, cronie, dcron; fcron. */
const daemons: ReadonlySet<string> = new Set(['cron', 'crond', 'fcron']);

/** Of systemd-cron, which has no daemon: systemd runs what is in crontabs. */
const generators = ['/lib', '/usr/lib', '/etc'].map(
  (place) => `${place}/systemd/system-generators/systemd-crontab-generator`,
);

/** Whether all processes can be seen, and cron is none of them. Where there is no /proc, or it shows a user no others, nothing is known. */
function isSeenNotToRun(files: Files): boolean {
  const nameOf = (pid: string): string => {
    try {
      // What is in /proc has no size.
      const name = new Uint8Array(64);
      return withFile(files, `/proc/${pid}/comm`, (opened) =>
        Buffer.from(name.subarray(0, opened.readAt(name, 0)))
          .toString()
          .trim(),
      );
    } catch {
      // It has ended, or is not to be seen.
      return '';
    }
  };
  if (nameOf('1') === '') return false;
  if (files.statIfThere(running) && generators.some((file) => files.statIfThere(file))) return false;
  return !(files.listIfThere('/proc') ?? []).some((name) => /^\d+$/.test(name) && daemons.has(nameOf(name)));
}

function lineOf({ words, when }: Job): string {
  return `${timeOf(when)}  ${words.map(cronWord).join(' ')}\n`;
}

function timeOf(when: When): string {
  if (when.each === 'minutes') {
    const { minutes } = when;
    if (minutes < 60) return minutes === 1 ? '* * * * *' : `*/${minutes} * * * *`;
    return minutes === 60 ? '0 * * * *' : minutes === 1440 ? '0 0 * * *' : `0 */${minutes / 60} * * *`;
  }
  const { each, day, hour, minute } = when;
  return `${minute} ${hour} ${each === 'month' ? day : '*'} * ${each === 'week' ? day : '*'}`;
}

/**
 * A word for `sh`, as cron hands it on: a `%` without a backslash would end the command. Of two backslashes some crons take the first for
 * the escape of the second, and only one is left of them: so none stands before another one, or before that of a `%`.
 */
function cronWord(word: string): string {
  if (/^[\w@+=:,./-]+$/.test(word)) return word;
  const quoted = `'${word.replaceAll("'", String.raw`'\''`)}'`;
  return quoted.replaceAll(/\\(?=[\\%])/g, String.raw`\''`).replaceAll('%', String.raw`\%`);
}
