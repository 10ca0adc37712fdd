/** What a hook is told, in variables. */

import { inOneLine } from '../../output/text.ts';

/** How a run ended. */
export interface RunResult {
  readonly exitCode: number;
  /** Of what went wrong. */
  readonly code?: string;
  readonly message?: string;
}

interface HookFacts {
  readonly hook: string;
  readonly command: string;
  readonly environment: string | undefined;
  readonly home: string | undefined;
  readonly repo: string | undefined;
  readonly target: string | undefined;
  readonly set: string | undefined;
  /** Not before the run. */
  readonly result?: RunResult;
  readonly seconds?: number;
}

/** Longer ones would keep the hook from being started. */
const longestMessage = 4000;

/** Settings of ours that are not the hook's: a program of ours that it runs would use them, and one is a secret. */
const withheld = ['RUN_BEFORE', 'RUN_AFTER', 'RUN_FAILED', 'HOOK_TIMEOUT', 'HOOK_FAILS', 'HEARTBEAT'];

/** The variables of this process, those about settings that the hook has no use for taken away, and ours. */
export function hookEnvironment(env: NodeJS.ProcessEnv, facts: HookFacts): NodeJS.ProcessEnv {
  const { hook, command, environment, home, repo, target, set, result, seconds } = facts;
  const told: Readonly<Record<string, string | number | undefined>> = {
    HOOK: hook,
    COMMAND: command,
    ENVIRONMENT: environment,
    HOME: home,
    REPO: repo,
    TARGET: target,
    SET: set,
    RESULT: result && (result.exitCode === 0 ? 'success' : 'failure'),
    EXIT_CODE: result?.exitCode,
    ERROR_CODE: result?.code,
    ERROR: result?.message && inOneLine(result.message).slice(0, longestMessage),
    SECONDS: seconds,
  };
  const variables = { ...env };
  for (const name of [...withheld, ...Object.keys(told)]) delete variables[`FIGARO_BACKUP_${name}`];
  for (const [name, value] of Object.entries(told)) {
    if (value !== undefined) variables[`FIGARO_BACKUP_${name}`] = String(value);
  }
  return variables;
}
