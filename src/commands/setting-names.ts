/** What can be set outside of the command line, and for which commands apart. */

/** Options that can be set outside of the command line, and what they are for. */
export const settingNames = [
  'home',
  'repo',
  'data-dir',
  'log-dir',
  'password-file',
  'lock-wait',
  'max-rate',
  'limit-upload',
  'spool',
  'storage-class',
  'identity',
  'key-file',
  'include',
  'exclude',
  'cache-size',
  'any-order',
  'share',
  'budget',
  'max-age',
  'max-rehearsal-age',
  'min-free',
  'prometheus',
  'keep-full',
  'keep-within',
  'keep-daily',
  'keep-weekly',
  'keep-monthly',
  'run-before',
  'run-after',
  'run-failed',
  'hook-timeout',
  'hook-fails',
  'heartbeat',
  'log-file',
  'log-format',
] as const;

/** Options that variables alone stand for. */
export const variablesAlone = ['standby'] as const;

/** Options that can be given several times: in the configuration file, lists. */
export const repeatedSettings: ReadonlySet<string> = new Set<SettingName>([
  'data-dir',
  'include',
  'exclude',
  'identity',
]);

/** Commands whose settings can have a table of their own: those that run by themselves, day by day. */
export const commandsWithTables = [
  'offline',
  'hot',
  'incremental',
  'consolidate',
  'recover',
  'verify',
  'check',
  'expire',
  'copy',
  'logs prune',
] as const;

/** Commands that tell what others would find and do, with the settings of those: which command, by option. */
export const settingsOfOthers: Partial<Record<string, Partial<Record<SettingName, string>>>> = {
  report: {
    'max-age': 'check',
    'max-rehearsal-age': 'check',
    'min-free': 'check',
    'keep-full': 'expire',
    'keep-within': 'expire',
    'keep-daily': 'expire',
    'keep-weekly': 'expire',
    'keep-monthly': 'expire',
  },
};

export type SettingName = (typeof settingNames)[number] | (typeof variablesAlone)[number];

/** Options that name what a command is about. */
export type DirectoryName = 'home' | 'repo' | 'standby';
