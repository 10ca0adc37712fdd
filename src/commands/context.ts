import { constants } from 'node:os';
import path from 'node:path';
import { Option, type Command } from 'commander';
import { exitCodes, FigaroError, type ErrorCode } from '../errors.ts';
import { type Disk } from '../engine/files/files.ts';
import { type OpenStore } from '../engine/store/stores.ts';
import { type Progress, type Watch } from '../engine/pause.ts';
import { errorDocument, schemaVersion, toJson, type Envelope } from '../output/json.ts';
import { fit, widthOf } from '../output/fit.ts';
import { type MetricSet, type NagiosResult } from '../output/monitoring.ts';
import { showProgress } from '../output/progress.ts';
import { type ReportSection } from '../output/report-page/shown-survey.ts';
import { programVersion } from '../engine/version.ts';
import { bugText, colours, errorText, hasColours, warningText } from '../output/report.ts';
import { Results } from '../output/results.ts';
import { paint } from '../output/styles.ts';
import { inOneLine, printable } from '../output/text.ts';
import { addStoreOptions, commonHeading } from './options.ts';
import { withName, type ShownAs } from './shown-as.ts';
import { type LogFormat, type RunLog, type RunSubject } from './run/run-log.ts';

/** The streams and surroundings of a run. */
export interface Io {
  /** Read from when a command asks for it. */
  readonly stdin?: NodeJS.ReadableStream & { isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  readonly stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** Options every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color?: boolean;
  readonly config?: string;
  readonly logFile?: string;
  readonly logFormat?: LogFormat;
}

interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What `--all` makes one of when each environment had its turn. */
export interface Gathered {
  /** By the file that they go to. */
  readonly metrics: Map<string, MetricSet[]>;
  readonly nagios: { readonly environment: string; readonly result: NagiosResult }[];
  /** Of a report. */
  readonly sections: ReportSection[];
}

/** An environment of those that `--all` goes through. */
interface Turn {
  readonly environment: string;
  readonly shownAs: ShownAs;
  readonly results: Results;
  readonly gathered: Gathered;
}

/** Most runs have no store. */
const openWhenUsed: OpenStore = async (url, options) =>
  await (await import('../engine/store/stores.ts')).openStoreWithThread(url, options);

/** What a command gets from the process: streams, files, progress. */
export class CommandContext {
  readonly io: Io;
  /** What no password opens: `unlockedFiles` has the key, too. */
  files: Disk;
  readonly openStore: OpenStore;
  /** Where `--all` goes through environments, the one whose turn it is. */
  readonly turn: Turn | undefined;
  /** Where results go: standard output, unless that is for bytes. */
  readonly reports: Io['stdout'];
  /** That stream as it is, for long results; others use `print`. */
  readonly results: Results;
  /** Brings what was changed so far to where the repository is. */
  sendChanges: () => Promise<void> = async () => {};
  /** The exit status of a run that found something wrong but did its work. */
  exitCode = 0;
  /** The worst of what such a run found. */
  problem: Problem | undefined;
  /** What would have been written, of one environment of many. */
  document: object | undefined;
  /** The id of the set that this run made. */
  madeSet: string | undefined;
  /** The command that runs, as typed; undefined until that is known. */
  command: string | undefined;
  /** Where what is told is written down as well, with `--log-file`. */
  log: RunLog | undefined;
  /** With `--json`, this command prints many documents, one a line. */
  printsLines = false;
  /** With `--json`, the result, until the run is over. */
  #document: object | undefined;
  /** Those about the run rather than its result. */
  #warnings: string[] = [];
  /** What was found has been printed. */
  #isTold = false;
  /** What was found stands among the errors. */
  #isError = false;
  #hasHeading = false;
  /** All environments of a run have this one: what is gathered of them is printed when they have had their turns. */
  readonly shownAs: ShownAs;

  constructor(io: Io, files: Disk, openStore: OpenStore = openWhenUsed, reports = io.stdout, turn?: Turn) {
    this.io = io;
    this.files = files;
    this.openStore = openStore;
    this.reports = reports;
    this.turn = turn;
    this.shownAs = turn?.shownAs ?? [];
    this.results = turn?.results ?? new Results(reports);
  }

  /** From now on, people read `name` where a path begins with `directory`. */
  showAs(directory: string, name: string): void {
    this.shownAs.push([directory, name]);
  }

  /** What people are to read. */
  shown(text: string): string {
    return this.shownAs.reduce((before, [directory, name]) => withName(before, directory, name), text);
  }

  /** The same of a JSON document. */
  #shownJson(value: object): string {
    const inText = (text: string): string => toJson(text, true).trim().slice(1, -1);
    return this.shownAs.reduce(
      (before, [directory, name]) => withName(before, inText(directory), inText(name), inText(path.sep)),
      toJson(value, this.printsLines),
    );
  }

  /** Where the bytes of a directory are: what stands for something else lies in the spool. */
  placeOf(directory: string): string {
    return this.shownAs.some(([mirror]) => directory === mirror) ? 'the spool' : directory;
  }

  /** In messages of one run over many environments, each says which one it is about. */
  named(text: string): string {
    return this.turn ? `${this.turn.environment}: ${text}` : text;
  }

  /** Runs engine work with progress and interruption. With `note`, it can say something where progress is shown. */
  async withWatch<T>(
    options: CommonOptions,
    work: (watch: Watch, note: (text: string) => void) => Promise<T>,
  ): Promise<T> {
    const { stderr, env, signal } = this.io;
    const view = await showProgress(stderr, {
      quiet: options.quiet === true || options.json === true,
      verbose: options.verbose === true,
      color: hasColours(stderr, env, options.color !== false),
    });
    try {
      const onProgress = (progress: Progress): void =>
        view.update({ ...progress, phase: this.shown(this.named(progress.phase)) });
      return await work({ onProgress, ...(signal ? { signal } : {}) }, (text) =>
        this.#noted(text, (line) => view.note(line)),
      );
    } finally {
      view.stop();
    }
  }

  /** A line about the run that is no warning. */
  note(text: string, isWanted = true): void {
    this.#noted(text, (line) => isWanted && this.io.stderr.write(`${inOneLine(line)}\n`));
  }

  #noted(text: string, write: (line: string) => void): void {
    this.log?.note(this.shown(text));
    write(this.shown(this.named(text)));
  }

  /** For a run that did its work and found something wrong. The result tells it; where that is not printed, `tellFound` does. */
  found(code: ErrorCode, message: string): void {
    this.exitCode = exitCodes[code];
    this.problem = { code, message: this.shown(message) };
  }

  /** What stopped the run when it was no signal: an error that nobody caught. */
  get bug(): Error | undefined {
    const reason: unknown = this.io.signal?.reason;
    // An AbortSignal has this one when it was given none.
    return reason instanceof Error && reason.name !== 'AbortError' ? reason : undefined;
  }

  /** The exit status of a run that fails. */
  exitCodeOf(error: unknown): number {
    if (this.bug || !(error instanceof FigaroError)) return exitCodes.internal;
    const reason: unknown = this.io.signal?.reason;
    if (error.code !== 'interrupted' || typeof reason !== 'string') return error.exitCode;
    // As shells tell what a signal ended.
    return 128 + (constants.signals[reason as NodeJS.Signals] ?? constants.signals.SIGINT);
  }

  /** Writes the one document of `--json`, when the run is over: its result, or the error that ended it. */
  writeDocument(document: object | undefined = this.#document): void {
    this.#document = undefined;
    if (!document) return;
    const { warnings = [] } = document as { readonly warnings?: readonly string[] };
    const all = [...warnings, ...this.#warnings];
    const complete = { ...this.envelope, ...document, ...(all.length > 0 ? { warnings: all } : {}) };
    if (this.turn) this.document = complete;
    else this.results.write(this.#shownJson(complete));
  }

  /** What a document begins with. */
  get envelope(): Envelope {
    return { schema: schemaVersion, ...(this.command === undefined ? {} : { command: this.command }) };
  }

  /** The document of an error takes the place of a result. */
  writeErrorDocument(error: unknown): void {
    this.writeDocument(errorDocument(error, this.exitCodeOf(error)));
  }

  /** A result that was asked for: one JSON document, or text. Lines of text to be copied stay whole, however wide the terminal is. */
  print(options: CommonOptions, value: object, text: () => string, { isToCopy = false } = {}): void {
    if (options.json) this.#document = value;
    else if (!options.quiet) this.#write(this.#laidOut(options, text(), isToCopy));
    this.#isTold ||= options.json === true || !options.quiet;
  }

  #laidOut({ color }: CommonOptions, text: string, isToCopy: boolean): string {
    const { env } = this.io;
    return paint(
      fit(printable(this.shown(text)), isToCopy ? undefined : widthOf(this.reports, env)),
      colours(this.reports, env, color !== false),
    );
  }

  /** What is one of many results stands below the name of its environment. */
  #write(text: string): void {
    if (this.turn && !this.#hasHeading) {
      this.results.write(`${this.results.isUsed ? '\n' : ''}${inOneLine(this.turn.environment)}:\n`);
      this.#hasHeading = true;
    }
    this.results.write(text);
  }

  /** A result that is printed whatever `--quiet` says; where it is one of many, it is gathered instead. */
  printAlways(text: string): void {
    if (!this.turn) this.results.write(this.shown(text));
    this.#isTold = true;
    this.#isError = true;
  }

  /**
   * A failure is never silent: says what was found when nothing else did. Of many environments, each that failed has its line
   * among the errors, too.
   */
  tellFound(options: CommonOptions): void {
    if (!this.problem || (this.turn ? this.#isError : this.#isTold)) return;
    this.writeError(new FigaroError(this.problem.code, this.problem.message), options);
  }

  /** An error on stderr; there it is part of the document, where that goes there, too. */
  writeError(error: unknown, { json, color }: CommonOptions): void {
    const { stderr, env } = this.io;
    this.#isError = true;
    this.log?.error(this.#loggedError(error));
    if (json && this.reports === stderr) return;
    const chalk = colours(stderr, env, color !== false);
    stderr.write(
      error instanceof FigaroError
        ? errorText(this.#shownError(error), chalk, widthOf(stderr, env))
        : bugText(error, programVersion, chalk),
    );
  }

  #loggedError(error: unknown): { readonly code: ErrorCode; readonly message: string; readonly hint?: string } {
    if (!(error instanceof FigaroError)) {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { code: 'internal', message: this.shown(stack) };
    }
    const { hint } = error.details;
    return {
      code: error.code,
      message: this.shown(error.message),
      ...(hint === undefined ? {} : { hint: this.shown(hint) }),
    };
  }

  #shownError({ code, message, details }: FigaroError): FigaroError {
    const hint = details.hint === undefined ? {} : { hint: this.shown(details.hint) };
    return new FigaroError(code, this.shown(this.named(message)), { ...details, ...hint });
  }

  /** A result that cron does not want to hear of: text only on a terminal, or when asked for. */
  printSuccess(options: CommonOptions, value: object, text: () => string): void {
    if (options.json || options.verbose || this.reports.isTTY) this.print(options, value, text);
  }

  /** With `--json`, warnings are part of the document. */
  warn(options: CommonOptions, warnings: readonly string[]): void {
    for (const warning of warnings) this.log?.warning(this.shown(warning));
    if (options.quiet || options.json) return;
    const { stderr, env } = this.io;
    const chalk = colours(stderr, env, options.color !== false);
    for (const warning of warnings)
      stderr.write(warningText(this.shown(this.named(warning)), chalk, widthOf(stderr, env)));
  }

  /** A warning about the run, beside its result. */
  addWarning(options: CommonOptions, warning: string): void {
    this.#warnings.push(warning);
    // Behind documents a line each there is one for warnings alone.
    if (options.json && this.printsLines) this.#document ??= {};
    this.warn(options, [warning]);
  }

  /** Begins to write down what is told, where `--log-file` says so. That this does not work is told, and changes nothing. */
  async openLog({ logFile, logFormat = 'text', color }: CommonOptions, subject: RunSubject): Promise<void> {
    if (!logFile) return;
    const { RunLog } = await import('./run/run-log.ts');
    const { stderr, env } = this.io;
    this.log = new RunLog(this.files, logFile, logFormat, subject, (problem) => {
      this.#warnings.push(problem);
      stderr.write(warningText(this.named(problem), colours(stderr, env, color !== false), widthOf(stderr, env)));
    });
  }

  /** Something that went wrong after the run: its result stands, its exit status does not. */
  addFailure(options: CommonOptions, error: FigaroError): void {
    this.#warnings.push(error.message);
    this.writeError(error, options);
    this.#isTold = true;
    if (this.exitCode === 0) this.found(error.code, error.message);
  }
}

/** Adds the options every command has. */
export function withCommonOptions(command: Command): Command {
  addStoreOptions(command);
  const common = (flags: string, description: string): Option =>
    new Option(flags, description).helpGroup(commonHeading);
  return command
    .addOption(common('--json', 'print one JSON document on stdout, errors included'))
    .addOption(common('-q, --quiet', 'print errors only'))
    .addOption(common('-v, --verbose', 'print the result and the phases of the work even when not on a terminal'))
    .addOption(common('--no-color', 'no colours (also: NO_COLOR=1)'))
    .addOption(common('--config <file>', 'the configuration file (or $FIGARO_BACKUP_CONFIG)'))
    .addOption(common('--log-file <file>', 'append what is told to this file, too: when it began, and how it ended'))
    .addOption(
      common('--log-format <format>', 'a JSON object a line, or text (default: text)').choices(['text', 'json']),
    );
}

/** Lets an environment of the configuration file be named in place of its options. */
export function withEnvironment(command: Command): Command {
  return command.argument('[environment]', 'an environment of the configuration file, in place of its options');
}

const takingAll = new WeakSet<Command>();

/** Lets all of them be meant, too. */
export function withEnvironments(command: Command): Command {
  takingAll.add(command);
  return withEnvironment(command).option('--all', 'every environment of the configuration file, one after the other');
}

/** True when every environment is meant; the same option of other commands says something else. */
export function isForAll(command: Command): boolean {
  return takingAll.has(command) && command.getOptionValue('all') === true;
}
