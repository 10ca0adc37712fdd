import { type Command } from 'commander';
import { type CommonOptions } from '../context.ts';
import { type PasswordOptions } from '../password.ts';

export interface StandbyOptions extends CommonOptions, PasswordOptions {
  readonly standby?: string;
}

export const standbyVariables = ['FIGARO_BACKUP_STANDBY'] as const;

export function withStandby(command: Command): Command {
  return command.option('--standby <dir>', `the standby (or $${standbyVariables[0]})`);
}
