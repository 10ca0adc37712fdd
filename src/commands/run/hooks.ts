/** What happens around a run: a heartbeat and a hook before it, hooks and a heartbeat after it. */

import { Option, type Command } from 'commander';
import { throwIfStopped } from '../../engine/pause.ts';
import { FigaroError } from '../../errors.ts';
import { withStores } from '../stores.ts';
import { type CommandContext, type CommonOptions } from '../context.ts';
import { timeoutArgument } from '../options.ts';
import { commandName } from '../settings.ts';
import { heartbeatUrl, sendHeartbeat, type HeartbeatEvent } from './heartbeat.ts';
import { hookEnvironment, type RunResult } from './hook-environment.ts';
import { runShell } from './shell.ts';

interface HookOptions extends CommonOptions {
  readonly runBefore?: string;
  readonly runAfter?: string;
  readonly runFailed?: string;
  /** In ms. */
  readonly hookTimeout?: number;
  readonly hookFails?: 'abort' | 'continue';
  readonly heartbeat?: string;
  readonly home?: string;
  readonly repo?: string;
  readonly to?: string;
  readonly dryRun?: true;
}

const defaultTimeoutMs = 300_000;

type HookName = 'run-before' | 'run-failed' | 'run-after';

/** Adds the options of commands whose runs have hooks. */
export function withHooks(command: Command): Command {
  const options = [
    new Option('--run-before <command>', 'run this shell command first; when it fails, the run is not begun'),
    new Option('--run-after <command>', 'run this shell command last, whatever happened'),
    new Option('--run-failed <command>', 'run this shell command when the run failed, before --run-after'),
    new Option('--hook-timeout <time>', 'stop such a command after this time (default: 5m)').argParser(timeoutArgument),
    new Option('--hook-fails <policy>', 'continue: a command that fails is a warning only (default: abort)').choices([
      'abort',
      'continue',
    ]),
    new Option('--heartbeat <url>', 'tell this URL that all went well, URL/start before and URL/fail otherwise'),
  ];
  for (const option of options) command.addOption(option.helpGroup('Hooks and heartbeats:'));
  return command;
}

/**
 * The action of a command, with its hooks and heartbeats around it. A dry run has none: it must not stop an application,
 * nor say that a backup was taken.
 */
export function hooked<T extends HookOptions>(
  context: CommandContext,
  action: (environment: string | undefined, options: T) => Promise<void> | void,
  isDry: (options: T) => boolean = ({ dryRun }) => dryRun === true,
): (environment: string | undefined, options: T, command: Command) => Promise<void> {
  const work: HookedAction<T> = async (environment, options, command) =>
    await withStores(context, command, options, async (resolved) => await action(environment, resolved));
  return hookedBesideStores(context, work, isDry);
}

type HookedAction<T> = (environment: string | undefined, options: T, command: Command) => Promise<void>;

/** The same for an action that opens stores itself, since it has something to do where that fails. */
export function hookedBesideStores<T extends HookOptions>(
  context: CommandContext,
  action: HookedAction<T>,
  isDry: (options: T) => boolean = () => false,
): HookedAction<T> {
  return async (environment, options, command) => {
    const work = async (): Promise<void> => await action(environment, options, command);
    if (isDry(options)) await work();
    else await new HookedRun(context, { environment, options, command }).perform(work);
  };
}

interface Subject {
  readonly environment: string | undefined;
  readonly options: HookOptions;
  readonly command: Command;
}

class HookedRun {
  readonly #context: CommandContext;
  readonly #subject: Subject;
  readonly #heartbeat: URL | undefined;
  readonly #began = performance.now();

  constructor(context: CommandContext, subject: Subject) {
    this.#context = context;
    this.#subject = subject;
    const { heartbeat } = subject.options;
    this.#heartbeat = heartbeat ? heartbeatUrl(heartbeat) : undefined;
  }

  async perform(work: () => Promise<void>): Promise<void> {
    const { signal } = this.#context.io;
    const failure = await this.#try(work);
    const result = this.#resultOf(failure);
    // The application may be waiting to be started again: neither a failure nor a signal keeps these from running.
    if (result.exitCode !== 0) await this.#finally('run-failed', result);
    await this.#finally('run-after', result);
    const isGood = failure === undefined && this.#context.exitCode === 0;
    // Who interrupts does not want to wait for a service that does not answer.
    if (signal?.aborted) await this.#tell(isGood ? 'success' : 'failure', { pace: { timeoutMs: 3000, delaysMs: [] } });
    else await this.#tell(isGood ? 'success' : 'failure', { signal });
    if (failure) throw failure.error;
  }

  async #try(work: () => Promise<void>): Promise<{ readonly error: unknown } | undefined> {
    const { signal } = this.#context.io;
    try {
      await this.#tell('start', { signal });
      throwIfStopped(signal ? { signal } : {});
      await this.#before();
      await work();
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  /** No lock is held meanwhile: the hook may take its time, and run this program. */
  async #before(): Promise<void> {
    const { signal } = this.#context.io;
    const problem = await this.#run('run-before', undefined, signal);
    throwIfStopped(signal ? { signal } : {});
    if (problem === undefined) return;
    if (this.#goesOn) return this.#context.addWarning(this.#subject.options, problem);
    throw new FigaroError('hook-failed', problem, {
      hint: 'nothing was done. What the hook printed is above; with --hook-fails continue the run goes on all the same.',
    });
  }

  async #finally(name: HookName, result: RunResult): Promise<void> {
    const { options } = this.#subject;
    const { io } = this.#context;
    const tellToWait = (): void => void io.stderr.write(`waiting for ${name}; a second signal ends at once\n`);
    if (!io.signal?.aborted) io.signal?.addEventListener('abort', tellToWait);
    const problem = await this.#run(name, result);
    io.signal?.removeEventListener('abort', tellToWait);
    if (problem === undefined) return;
    if (this.#goesOn) this.#context.addWarning(options, problem);
    else this.#context.addFailure(options, new FigaroError('hook-failed', problem));
  }

  /** Returns what went wrong. */
  async #run(name: HookName, result?: RunResult, signal?: AbortSignal): Promise<string | undefined> {
    const { environment, options, command } = this.#subject;
    const { io, madeSet } = this.#context;
    const hook = this.#commandOf(name);
    if (!hook) return undefined;
    const env = hookEnvironment(io.env, {
      hook: name,
      command: commandName(command),
      environment,
      home: options.home,
      repo: options.repo,
      target: options.to,
      set: madeSet,
      ...(result ? { result, seconds: Math.round((performance.now() - this.#began) / 1000) } : {}),
    });
    const problem = await runShell(hook, { env, signal, timeoutMs: options.hookTimeout ?? defaultTimeoutMs });
    return problem === undefined ? undefined : `${name} ${problem}`;
  }

  /** A run that a hook starts has only hooks that its command line names: it would start itself again and again. */
  #commandOf(name: HookName): string | undefined {
    const { options, command } = this.#subject;
    const key = ({ 'run-before': 'runBefore', 'run-failed': 'runFailed', 'run-after': 'runAfter' } as const)[name];
    const isInHook = Boolean(this.#context.io.env['FIGARO_BACKUP_HOOK']);
    return isInHook && command.getOptionValueSource(key) !== 'cli' ? undefined : options[key];
  }

  get #goesOn(): boolean {
    return this.#subject.options.hookFails === 'continue';
  }

  #resultOf(failure: { readonly error: unknown } | undefined): RunResult {
    const { exitCode, problem } = this.#context;
    if (!failure) return { exitCode, ...problem };
    const { error } = failure;
    const code = error instanceof FigaroError ? error.code : 'internal';
    return {
      exitCode: this.#context.exitCodeOf(error),
      code,
      message: this.#context.shown(error instanceof Error ? error.message : String(error)),
    };
  }

  async #tell(event: HeartbeatEvent, options: Parameters<typeof sendHeartbeat>[2]): Promise<void> {
    if (!this.#heartbeat) return;
    const problem = await sendHeartbeat(this.#heartbeat, event, options);
    if (problem !== undefined) this.#context.addWarning(this.#subject.options, problem);
  }
}
