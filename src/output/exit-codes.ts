const meanings: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'a bug in this program',
  2: 'command line or configuration',
  3: 'the source environment',
  4: 'damage found, or a set that can not be recovered',
  5: 'a backup set, chain or restore point',
  6: 'the target, or a disk',
  7: 'another run holds the lock: try later',
  8: 'the environment is in use, or changed, where it must not',
  9: 'a page would not settle while it was being written',
  10: 'password missing or wrong',
  11: 'the newest proved set is too old',
  12: 'a hook failed: one before the run, or one after a run that went well',
  130: 'interrupted (143: terminated)',
};

/** The table of exit codes for the help of the program. */
export function exitCodeHelp(): string {
  const lines = Object.entries(meanings).map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}\n`);
  return `\nExit codes (any other code means failure too):\n${lines.join('')}`;
}
