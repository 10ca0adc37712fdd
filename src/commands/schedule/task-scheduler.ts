import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { removeIfPossible, writeNew } from '../../engine/files/durable.ts';
import { readIfThere } from '../../engine/files/read.ts';
import { FigaroError } from '../../errors.ts';
import { type CommandContext } from '../context.ts';
import { jobNames, type Job, type Scheduled, type When } from './plan.ts';
import { runTool, type Part, type Scheduler } from './scheduler.ts';
import { markOf, sealOf, type State } from './seal.ts';

/** A task for each job, of the system account or of this user. Tasks begin programs without a shell. */
export function taskScheduler(context: CommandContext, of: Scheduled, isOfUser: boolean): Scheduler {
  const { files, io } = context;
  const mark = markOf(of);
  const nameOf = (job: string): string => `figaro-backup\\${fitting(of.environment)} ${job}`;
  const { USERDOMAIN: domain, USERNAME: name = '' } = io.env;
  const user = isOfUser ? (domain === undefined ? name : `${domain}\\${name}`) : undefined;
  const tasks = path.join(io.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'Tasks');
  return {
    name: 'task-scheduler',
    options: ['--with', 'task-scheduler', ...(isOfUser ? ['--user'] : [])],
    partsOf: (jobs) => jobs.map((job) => ({ place: nameOf(job.name), text: taskOf(job, mark, user) })),
    found: () =>
      jobNames.map(nameOf).flatMap((place) => {
        const bytes = readIfThere(files, path.join(tasks, ...place.split('\\')));
        return bytes ? [{ place, text: decoded(Buffer.from(bytes)) }] : [];
      }),
    stateOf: ({ text }) => stateOfTask(mark, text),
    obstacles: () => [],
    apply({ write, remove }) {
      for (const { place } of remove) runTool(io, 'schtasks', ['/Delete', '/TN', place, '/F']);
      for (const part of write) create(context, part);
      return isOfUser && write.length > 0
        ? [
            'tasks of a user stand still while that user is logged out: without --user, in a console of an administrator, they are of the system',
          ]
        : [];
    },
  };
}

function create({ files, io }: CommandContext, { place, text }: Part): void {
  const file = path.join(tmpdir(), `figaro-task-${randomBytes(6).toString('hex')}.xml`);
  try {
    writeNew(files, file, Buffer.from(`\uFEFF${text}`, 'utf16le'), 0o600);
    runTool(io, 'schtasks', ['/Create', '/TN', place, '/XML', file, '/F']);
  } finally {
    removeIfPossible(files, file);
  }
}

function decoded(bytes: Buffer): string {
  return (bytes[0] === 0xff && bytes[1] === 0xfe ? bytes.subarray(2).toString('utf16le') : bytes.toString()).replace(
    /^\uFEFF/,
    '',
  );
}

/** Names of tasks are names of files. */
function fitting(name: string): string {
  return name.replaceAll(/[^\p{L}\p{N} _.-]/gu, (character) => `~${character.codePointAt(0)!.toString(16)}~`);
}

function taskOf({ words, when }: Job, mark: string, user: string | undefined): string {
  const [program = '', ...args] = words;
  const principal =
    user === undefined
      ? '      <UserId>S-1-5-18</UserId>\n      <RunLevel>HighestAvailable</RunLevel>'
      : `      <UserId>${escaped(user)}</UserId>\n      <LogonType>InteractiveToken</LogonType>\n      <RunLevel>LeastPrivilege</RunLevel>`;
  const told = `${triggerOf(when)}
  <Principals>
    <Principal id="Author">
${principal}
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${escaped(literal(program))}</Command>
      <Arguments>${escaped(args.map((arg) => windowsWord(literal(arg))).join(' '))}</Arguments>
    </Exec>
  </Actions>
`;
  const description = `${mark}, sealed ${sealOf(mark, valuesIn(told))}`;
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Author>figaro-backup</Author>
    <Description>${escaped(description)}</Description>
  </RegistrationInfo>
${told}</Task>
`;
}

/** It began long ago, so that the text is the same at each time it is made. */
function triggerOf(when: When): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const isRepeated = when.each === 'minutes';
  const time = isRepeated ? '00:00' : `${two(when.hour)}:${two(when.minute)}`;
  const repetition =
    isRepeated && when.minutes < 1440
      ? `      <Repetition>\n        <Interval>PT${when.minutes % 60 === 0 ? `${when.minutes / 60}H` : `${when.minutes}M`}</Interval>\n        <Duration>P1D</Duration>\n      </Repetition>\n`
      : '';
  return `  <Triggers>
    <CalendarTrigger>
${repetition}      <StartBoundary>2020-01-01T${time}:00</StartBoundary>
      ${isRepeated ? everyDay : daysOf(when)}
    </CalendarTrigger>
  </Triggers>`;
}

const everyDay = '<ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>';
const weekdays = ['Sunday', 'Monday'] as const;
const months =
  '<January /><February /><March /><April /><May /><June /><July /><August /><September /><October /><November /><December />';

function daysOf({ each, day }: Exclude<When, { each: 'minutes' }>): string {
  if (each === 'day') return everyDay;
  if (each === 'week') {
    return `<ScheduleByWeek><WeeksInterval>1</WeeksInterval><DaysOfWeek><${weekdays[day]!} /></DaysOfWeek></ScheduleByWeek>`;
  }
  return `<ScheduleByMonth><DaysOfMonth><Day>${day}</Day></DaysOfMonth><Months>${months}</Months></ScheduleByMonth>`;
}

/** A word of a command line, as Windows programs take it apart. */
function windowsWord(word: string): string {
  if (/^[^\s"]+$/.test(word)) return word;
  // Backslashes count where a quote follows them.
  return `"${word.replaceAll(/(\\*)"/g, String.raw`$1$1\"`).replace(/(\\+)$/, '$1$1')}"`;
}

/** Windows puts values in the place of these, and knows no way to write them. */
function literal(word: string): string {
  if (!/%[^%]+%|\$\(Arg\d+\)/i.test(word)) return word;
  throw new FigaroError('usage', `${word}: Windows would take a part of it for a variable`, {
    hint: 'give the file, the directory or the environment a name without % and $(.',
  });
}

/** Windows writes the XML anew: only what it says is compared, and not how. */
const compared =
  /<(StartBoundary|Interval|Duration|DaysInterval|WeeksInterval|Day|Command|Arguments|WorkingDirectory|UserId|LogonType)>([^<]*)<|<(Sunday|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday) ?\/>|<Enabled>(false)</g;

function valuesIn(xml: string): string {
  const values = [...xml.matchAll(compared)].map(([, name, value, weekday, enabled]) =>
    name === undefined ? (weekday ?? enabled!) : `${name} ${unescaped(value!)}`,
  );
  // Who runs it is written as a name, or added.
  return values
    .filter((value) => !/^(UserId|LogonType) /.test(value))
    .sort()
    .join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", '#39': "'", amp: '&' };

function unescaped(text: string): string {
  return text.replaceAll(/&(lt|gt|quot|apos|#39|amp);/g, (_match, name: string) => entities[name]!);
}

function stateOfTask(mark: string, text: string): State {
  const description = unescaped(/<Description>([^<]*)</.exec(text)?.[1] ?? '');
  if (!description.startsWith(`${mark}, sealed `)) return { kind: 'foreign' };
  const seal = description.slice(`${mark}, sealed `.length);
  return seal === sealOf(mark, valuesIn(text)) ? { kind: 'own', seal } : { kind: 'edited' };
}
