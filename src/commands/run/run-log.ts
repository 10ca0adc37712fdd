/** What runs leave behind in a file: when they began, what they said, and how they ended. */

import path from 'node:path';
import { type Disk } from '../../engine/files/files.ts';
import { programVersion } from '../../engine/version.ts';
import { FigaroError } from '../../errors.ts';
import { formatDuration } from '../../measures.ts';
import { toJson } from '../../output/json.ts';
import { inOneLine } from '../../output/text.ts';

export type LogFormat = 'text' | 'json';

/** What a run is about, as far as that is known. */
export interface RunSubject {
  readonly command?: string | undefined;
  readonly environment?: string | undefined;
  readonly home?: string | undefined;
  readonly repo?: string | undefined;
}

interface Told {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Beyond this, a file is put aside under another name. In bytes. */
const largest = 5 << 20;
/** How many of those that were put aside are kept. */
const kept = 4;

/** Such a name ends in the time, and in the process: no two runs put their files aside under one name. */
const generation = /^\.\d{8}T\d{6}Z-\d+$/;
/** What our lines begin with. */
const beginning = /^(\{"time":")?\d{4}-\d\d-\d\dT\d\d:/;

/**
 * Appends to a log file, one line in one write, so that several runs can do so at once. Nothing here throws: what keeps the file from
 * being written is told once.
 */
export class RunLog {
  readonly #files: Disk;
  readonly #file: string;
  readonly #format: LogFormat;
  readonly #subject: RunSubject;
  readonly #tellProblem: (problem: string) => void;
  readonly #began = performance.now();
  #hasBegun = false;
  #hasError = false;
  #hasProblem = false;

  constructor(
    files: Disk,
    file: string,
    format: LogFormat,
    subject: RunSubject,
    tellProblem: (problem: string) => void,
  ) {
    this.#files = files;
    this.#file = resolved(file);
    this.#format = format;
    this.#subject = subject;
    this.#tellProblem = tellProblem;
    const { home, repo } = subject;
    const about = [home, repo].filter((place) => place !== undefined).join(' to ');
    this.#append('start', { version: programVersion, home, repo }, [
      `start, figaro-backup ${programVersion}${about && `, ${about}`}`,
    ]);
  }

  note(message: string): void {
    this.#append('note', { message }, [message]);
  }

  warning(message: string): void {
    this.#append('warning', { message }, [`warning: ${message}`]);
  }

  error({ code, message, hint }: Told): void {
    this.#hasError = true;
    const lines = [`error [${code}]: ${message}`, ...(hint === undefined ? [] : [`hint: ${hint}`])];
    this.#append('error', { code, message, hint }, lines);
  }

  /** @param problem the worst that was found, which may not have been told as an error */
  end(exitCode: number, set: string | undefined, problem: Told | undefined): void {
    if (problem && !this.#hasError) this.error(problem);
    const ms = performance.now() - this.#began;
    const made = set === undefined ? '' : `, made set ${set}`;
    this.#append('end', { exitCode, seconds: Math.round(ms) / 1000, set }, [
      `end, exit code ${exitCode} after ${formatDuration(ms)}${made}`,
    ]);
  }

  #append(event: string, facts: Readonly<Record<string, string | number | undefined>>, texts: readonly string[]): void {
    const time = new Date().toISOString();
    const { command, environment } = this.#subject;
    const about = [command, environment].filter((word) => word !== undefined).join(' ');
    const lines =
      this.#format === 'json'
        ? [toJson({ time, pid: process.pid, command, environment, event, ...facts }, true)]
        : texts.map((text) => `${inOneLine(`${time} [${process.pid}] ${about && `${about}: `}${text}`)}\n`);
    try {
      if (!this.#hasBegun) this.#begin();
      this.#putAside();
      for (const line of lines) this.#files.append(this.#file, Buffer.from(line));
    } catch (error) {
      // What stands there now is looked at again.
      this.#hasBegun = false;
      this.#problem(error);
    }
  }

  /** Throws `target-not-empty` for a file that holds something else. A line that has no end, of a run that was cut off, gets one. */
  #begin(): void {
    const opened = this.#files.openOwnIfThere(this.#file);
    this.#hasBegun = true;
    if (!opened) return;
    try {
      const { size } = opened.stat();
      if (size === 0) return;
      const bytes = Buffer.alloc(Math.min(size, 32));
      opened.readAt(bytes, 0);
      if (!beginning.test(bytes.toString())) {
        throw new FigaroError('target-not-empty', `${this.#file} holds something else: it is no log file`);
      }
      opened.readAt(bytes.subarray(0, 1), size - 1);
      if (bytes[0] !== 0x0a) this.#files.append(this.#file, Buffer.from('\n'));
    } finally {
      opened.close();
    }
  }

  /**
   * Begins a new file where this one is large. Where two runs do so at the same moment, the second one puts aside what the first one
   * has begun: a short file, and nothing is lost. What one has still open goes aside with its line.
   */
  #putAside(): void {
    const stat = this.#files.statIfThere(this.#file);
    if (stat?.kind !== 'file' || stat.size < largest) return;
    const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
    try {
      this.#files.rename(this.#file, `${this.#file}.${time}-${process.pid}`);
      const directory = path.dirname(this.#file);
      const base = path.basename(this.#file);
      const older = (this.#files.listIfThere(directory) ?? []).filter(
        (name) => name.startsWith(base) && generation.test(name.slice(base.length)),
      );
      for (const name of older.slice(0, -kept)) this.#files.remove(path.join(directory, name));
    } catch (error) {
      // It grows on: a directory that one may not write to is no reason to lose the line.
      this.#problem(error);
    }
  }

  #problem(error: unknown): void {
    if (this.#hasProblem) return;
    this.#hasProblem = true;
    this.#tellProblem(`the log file could not be written: ${(error as Error).message}`);
  }
}

/** Where the directory is gone that this runs in, a relative path leads nowhere: that is told when the file is opened. */
function resolved(file: string): string {
  try {
    return path.resolve(file);
  } catch {
    return file;
  }
}
