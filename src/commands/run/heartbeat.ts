/** Tells a monitoring service that a run begins, and how it ended, in the way of healthchecks.io. */

import { setTimeout as sleep } from 'node:timers/promises';
import { programVersion } from '../../engine/version.ts';
import { FigaroError } from '../../errors.ts';
import { formatDuration } from '../../measures.ts';
import { maskedUrl } from '../../output/text.ts';

/** What is appended to the path of the URL. */
const suffixes = { start: '/start', success: '', failure: '/fail' } as const;

export type HeartbeatEvent = keyof typeof suffixes;

interface HeartbeatPace {
  /** How long the service may take to answer. */
  readonly timeoutMs: number;
  /** How long to wait after each try but the last. */
  readonly delaysMs: readonly number[];
}

const usualPace: HeartbeatPace = { timeoutMs: 10_000, delaysMs: [1000, 2000] };

/** Throws `usage`, without telling the URL: whoever knows it can say that all is well. */
export function heartbeatUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && ['http:', 'https:'].includes(url.protocol)) return url;
  throw new FigaroError('usage', 'the heartbeat is not a URL that begins with http:// or https://', {
    hint: 'give the whole URL of the check, https://hc-ping.com/ID.',
  });
}

/**
 * Sends a heartbeat, more than once when that may help. Never throws: returns what went wrong, for a warning.
 *
 * @param signal when aborted, gives up at once
 */
export async function sendHeartbeat(
  base: URL,
  event: HeartbeatEvent,
  { pace = usualPace, signal }: { readonly pace?: HeartbeatPace; readonly signal?: AbortSignal | undefined } = {},
): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    const { problem, isFinal } = await send(withSuffix(base, suffixes[event]), pace.timeoutMs, signal);
    if (problem === undefined) return undefined;
    const delayMs = pace.delaysMs[tries - 1];
    if (isFinal || delayMs === undefined || signal?.aborted) {
      return `the heartbeat ${maskedUrl(base.href)} (${event}) could not be delivered: ${problem}`;
    }
    await sleep(delayMs, undefined, signal ? { signal } : {}).catch(() => {});
  }
}

function withSuffix(base: URL, suffix: string): URL {
  const url = new URL(base);
  url.pathname = url.pathname.replace(/\/+$/, '') + suffix;
  return url;
}

interface Answer {
  readonly problem?: string;
  /** Another try would get the same answer. */
  readonly isFinal?: boolean;
}

async function send(url: URL, timeoutMs: number, signal: AbortSignal | undefined): Promise<Answer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const headers: Record<string, string> = { 'user-agent': `figaro-backup/${programVersion}` };
  // `fetch` refuses URLs that carry credentials.
  if (url.username !== '' || url.password !== '') {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  try {
    const response = await fetch(url, { headers, signal: signal ? AbortSignal.any([timeout, signal]) : timeout });
    await response.body?.cancel();
    if (response.ok) return {};
    const { status } = response;
    return { problem: `the answer was ${status}`, isFinal: status < 500 && status !== 408 && status !== 429 };
  } catch (error) {
    if (signal?.aborted) return { problem: 'interrupted' };
    if (timeout.aborted) return { problem: `no answer within ${formatDuration(timeoutMs)}` };
    return { problem: codeOf(error) };
  }
}

const spoken: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'the name of the host is not known',
};

/** Messages of `fetch` may hold the URL; codes do not. */
function codeOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? (spoken[code] ?? code) : 'it could not be sent';
}
