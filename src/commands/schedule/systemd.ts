import { homedir } from 'node:os';
import path from 'node:path';
import { readOwnIfThere } from '../../engine/files/read.ts';
import { replaceFile } from '../../engine/files/replace-file.ts';
import { FigaroError } from '../../errors.ts';
import { posixWord } from '../../output/text.ts';
import { type CommandContext } from '../context.ts';
import { jobNames, type Job, type Scheduled, type When } from './plan.ts';
import { runTool, type Part, type Scheduler } from './scheduler.ts';
import { markOf, sealLines, stateOfLines } from './seal.ts';

/** Where it runs. */
export const running = '/run/systemd/system';

/** What has timers begin with the system. */
const wanting = 'timers.target';
/** Where it has links to them. */
const wantedBy = `${wanting}.wants`;

/** A service and a timer for each job, of the system or of this user. */
export function systemd({ files, io }: CommandContext, of: Scheduled, isOfUser: boolean): Scheduler {
  const mark = markOf(of);
  const directory = isOfUser ? userDirectory(io.env) : '/etc/systemd/system';
  const unit = (job: string, kind: string): string =>
    path.join(directory, `figaro-backup-${escapedName(of.environment)}-${job}.${kind}`);
  const systemctl = (...args: readonly string[]): void => {
    runTool(io, 'systemctl', [...(isOfUser ? ['--user'] : []), ...args]);
  };
  const timersOf = (parts: readonly Part[]): readonly string[] =>
    parts.map(({ place }) => path.basename(place)).filter((name) => name.endsWith('.timer'));
  return {
    name: 'systemd',
    options: ['--with', 'systemd', ...(isOfUser ? ['--user'] : [])],
    partsOf: (jobs) =>
      jobs.flatMap((job) => [
        { place: unit(job.name, 'service'), text: sealLines(mark, serviceOf(job, of)) },
        { place: unit(job.name, 'timer'), text: sealLines(mark, timerOf(job, of)) },
      ]),
    found: () =>
      jobNames
        .flatMap((job) => [unit(job, 'service'), unit(job, 'timer')])
        .flatMap((place) => {
          const bytes = readOwnIfThere(files, place);
          return bytes ? [{ place, text: Buffer.from(bytes).toString() }] : [];
        }),
    stateOf: ({ text }) => stateOfLines(mark, text),
    // What it lacks depends on what it is given: `apply` says it.
    obstacles: () => [],
    apply({ write, remove, wanted }) {
      const isRunning = files.statIfThere(running) !== undefined;
      const gone = timersOf(remove);
      if (isRunning && gone.length > 0) systemctl('disable', '--now', ...gone);
      // Where it does not run, links of a time when it did would be left, to units that are no more.
      if (!isRunning) for (const timer of gone) removeLink(files, path.join(directory, wantedBy, timer));
      for (const { place } of remove) files.remove(place);
      if (write.length > 0) makeDirectories(files, directory);
      for (const { place, text } of write) replaceFile(files, place, text, '');
      const timers = timersOf(wanted);
      const enable = ['enable', '--now', ...timers];
      if (!isRunning) {
        const how = ['systemctl', ...(isOfUser ? ['--user'] : []), ...enable].map(posixWord).join(' ');
        return timers.length > 0 ? [`systemd does not run here, so nothing begins yet: ${how}`] : [];
      }
      systemctl('daemon-reload');
      if (timers.length > 0) systemctl(...enable);
      // One that is active already goes by its times of before.
      const changed = timersOf(write);
      if (changed.length > 0) systemctl('restart', ...changed);
      if (!isOfUser || timers.length === 0) return [];
      return ['timers of a user stand still while that user is logged out: `loginctl enable-linger` changes that'];
    },
  };
}

function removeLink(files: CommandContext['files'], file: string): void {
  if (files.statIfThere(file)?.kind === 'link') files.remove(file);
}

function userDirectory(env: NodeJS.ProcessEnv): string {
  return path.resolve(env['XDG_CONFIG_HOME'] || path.join(env['HOME'] || homedir(), '.config'), 'systemd/user');
}

function makeDirectories(files: CommandContext['files'], directory: string): void {
  if (files.statThrough(directory)) return;
  makeDirectories(files, path.dirname(directory));
  files.makeDirectory(directory, 0o755);
}

/** As `systemd-escape` does: names of units are ASCII, and have no `/`. */
function escapedName(name: string): string {
  return [...Buffer.from(name)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[\w.-]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}

function serviceOf({ name, words }: Job, { environment }: Scheduled): string {
  const [program = '', ...args] = words;
  if (/["'\\]/.test(program)) {
    throw new FigaroError('usage', `${program}: systemd starts no program with quotes or backslashes in its path`);
  }
  // The path of the program knows no variables, the other words do.
  const line = [quoted(program), ...args.map((word) => quoted(word).replaceAll('$', '$$$$'))].join(' ');
  return `[Unit]
Description=${described(name, environment)}

[Service]
Type=oneshot
ExecStart=${line}
Nice=10
IOSchedulingClass=idle
`;
}

function timerOf({ name, when }: Job, { environment }: Scheduled): string {
  return `[Unit]
Description=${described(name, environment)}

[Timer]
OnCalendar=${calendarOf(when)}
Persistent=true

[Install]
WantedBy=${wanting}
`;
}

function described(job: string, environment: string): string {
  // A backslash at its end would take the next line along.
  return `figaro-backup: ${job} of ${environment.replaceAll('%', '%%').replaceAll('\\', '/')}`;
}

/** A word of a command line, but for variables. */
export function quoted(word: string): string {
  if (/^[\w@+=:,./-]+$/.test(word)) return word;
  return `"${word.replaceAll(/[\\"]/g, String.raw`\$&`).replaceAll('%', '%%')}"`;
}

const weekdays = ['Sun', 'Mon'] as const;

function calendarOf(when: When): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  if (when.each === 'minutes') {
    const { minutes } = when;
    if (minutes <= 60) return minutes === 60 ? '*-*-* *:00' : `*-*-* *:00/${minutes}`;
    return minutes === 1440 ? '*-*-* 00:00' : `*-*-* 00/${minutes / 60}:00`;
  }
  const { each, day, hour, minute } = when;
  const weekday = each === 'week' ? `${weekdays[day]} ` : '';
  return `${weekday}*-*-${each === 'month' ? two(day) : '*'} ${two(hour)}:${two(minute)}`;
}
