import { type Progress } from '../engine/pause.ts';
import { formatBytes, inOneLine } from './text.ts';

/** Shows what a long run is doing. */
export interface ProgressView {
  update(progress: Progress): void;
  stop(): void;
}

export interface ProgressOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
}

const silent: ProgressView = { update: () => {}, stop: () => {} };

/** A stream that may be a terminal. */
export interface ProgressStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** 0 where the size is not known, as in some containers: ora never returns from drawing on such a terminal. */
  readonly columns?: number;
}

/**
 * A line that moves on a terminal; elsewhere a line for each new phase with `--verbose`, otherwise nothing: cron hears
 * from us only when something is wrong.
 */
export async function showProgress(
  stream: ProgressStream,
  { quiet, verbose, color }: ProgressOptions,
): Promise<ProgressView> {
  if (quiet) return silent;
  if (!stream.isTTY || !stream.columns) return verbose ? phases(stream) : silent;
  const { default: ora } = await import('ora');
  // The cursor stays visible: to bring it back, ora would need signal handlers beside ours.
  const spinner = ora({ stream, discardStdin: false, hideCursor: false, color: color ? 'cyan' : false });
  return {
    update(progress) {
      spinner.text = describe(progress);
      if (!spinner.isSpinning) spinner.start();
    },
    stop() {
      spinner.stop();
    },
  };
}

function phases(stream: NodeJS.WritableStream): ProgressView {
  let last = '';
  return {
    update({ phase }) {
      if (phase !== last) stream.write(`${inOneLine(phase)}\n`);
      last = phase;
    },
    stop() {},
  };
}

function describe({ phase, done = 0, total }: Progress): string {
  const name = inOneLine(phase);
  return total ? `${name}: ${Math.floor((100 * done) / total)}% of ${formatBytes(total)}` : name;
}
