/** Errors and warnings as people see them. */

import { Chalk, type ChalkInstance } from 'chalk';
import { type FigaroError } from '../errors.ts';
import { fit } from './fit.ts';
import { inOneLine, printable } from './text.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * True when colours may be used. `--no-color` and NO_COLOR say no; then FORCE_COLOR decides, `0` and `false` being no;
 * otherwise streams have colours that are terminals which know them.
 */
export function hasColours(stream: { isTTY?: boolean }, env: Environment, wanted: boolean): boolean {
  if (!wanted || env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

export function colours(stream: { isTTY?: boolean }, env: Environment, wanted: boolean): ChalkInstance {
  return new Chalk({ level: hasColours(stream, env, wanted) ? 1 : 0 });
}

/** @param width of the terminal that it is for */
export function errorText(error: FigaroError, chalk: ChalkInstance, width?: number): string {
  const { hint } = error.details;
  const lines = [labelled(`error [${error.code}]:`, chalk.red, error.message, width)];
  if (hint !== undefined) lines.push(labelled('hint:', chalk.cyan, hint, width));
  return lines.join('');
}

export function warningText(warning: string, chalk: ChalkInstance, width?: number): string {
  return labelled('warning:', chalk.yellow, warning, width);
}

function labelled(label: string, colour: (text: string) => string, text: string, width: number | undefined): string {
  const line = fit(`${label} ${inOneLine(text)}`, width);
  return `${colour(label)}${line.slice(label.length)}\n`;
}

/** For something that must not happen: the one message with a stack trace. */
export function bugText(error: unknown, version: string, chalk: ChalkInstance): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return (
    `${chalk.red('error [internal]:')} ${printable(stack)}\n` +
    `${chalk.cyan('hint:')} this is a bug in figaro-backup ${version}. Please report it with the lines above.\n`
  );
}
