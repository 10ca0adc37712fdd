import { exitCodes, type ErrorCode } from '../errors.ts';

const meanings: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'a bug in this program',
  2: 'command line or configuration',
  3: 'the source environment',
  4: 'damage found, or a set that cannot be recovered',
  5: 'a backup set, chain, restore point or standby',
  6: 'the target, or a disk',
  7: 'another run holds the lock: try later',
  8: 'the environment is in use, or changed, where it must not',
  9: 'a page would not settle while it was being written',
  10: 'password missing or wrong',
  11: 'the newest proven set is too old',
  12: 'a hook failed: one before the run, or one after a run that went well',
  13: 'the store of a repository cannot be reached: try later',
  130: 'interrupted (143: terminated; of any signal: 128 and its number)',
};

interface ExitStatus {
  readonly status: number;
  readonly meaning: string;
  /** The codes in messages that end with it. */
  readonly codes: readonly string[];
}

/** All there are, in order. */
export const exitStatuses: readonly ExitStatus[] = Object.entries(meanings).map(([text, meaning]) => {
  const status = Number(text);
  return { status, meaning, codes: Object.keys(exitCodes).filter((code) => exitCodes[code as ErrorCode] === status) };
});

/** From the worst on: damage before what is merely late, and last what another try may mend. */
const bySeverity: readonly number[] = [1, 4, 5, 3, 6, 2, 10, 9, 8, 12, 11, 7, 13, 0];

/** The exit status for several runs: that of a signal before all others. */
export function worstStatus(statuses: readonly number[]): number {
  const signal = Math.max(0, ...statuses.filter((status) => status > 128));
  return signal > 0 ? signal : (bySeverity.find((status) => statuses.includes(status)) ?? exitCodes.internal);
}
