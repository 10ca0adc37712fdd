import { FigaroError } from '../../errors.ts';
import { type Io } from '../context.ts';
import { type Job, type Scheduled, type When } from './plan.ts';
import { runTool, type Part, type Scheduler } from './scheduler.ts';
import { markOf, sealLines, stateOfLines } from './seal.ts';

const place = 'crontab';

/** A block in the crontab of this user. */
export function cron(io: Io, of: Scheduled): Scheduler {
  const mark = markOf(of);
  const end = `# end of ${mark}\n`;
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
    partsOf: (jobs) => [{ place, text: sealLines(mark, `${jobs.map(lineOf).join('')}${end}`) }],
    found: () => [split(read())[1]].filter((text) => text !== '').map((text) => ({ place, text })),
    stateOf: ({ text }: Part) => stateOfLines(mark, text),
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
