import { type Command } from 'commander';
import { type CommonOptions } from '../context.ts';
import { type PasswordOptions } from '../password.ts';

export interface StandbyOptions extends CommonOptions, PasswordOptions {
  readonly standby?: string;
}

export function withStandby(command: Command): Command {
  return command.option('--standby <dir>', 'the standby (or $FIGARO_BACKUP_STANDBY)');
}
