/** How texts that this program has scheduled are told from those of others, and from those that were edited since. */

import { createHash } from 'node:crypto';
import { type Scheduled } from './plan.ts';

/** `own`: as it was written. `edited`: written by us, and changed since. `foreign`: not ours, or of another configuration file. */
export type State =
  | { readonly kind: 'own'; readonly seal: string }
  | { readonly kind: 'edited' }
  | { readonly kind: 'foreign' };

/** What a text of ours says of itself, in one line. */
export function markOf({ environment, config }: Scheduled): string {
  return `figaro-backup schedule of ${JSON.stringify(environment)} in ${JSON.stringify(config)}`;
}

export function sealOf(mark: string, body: string): string {
  return createHash('sha256').update(`${mark}\n${body}`).digest('hex');
}

/** A text of lines, in which `#` begins a comment. */
export function sealLines(mark: string, body: string): string {
  return `# ${mark}\n# sealed ${sealOf(mark, body)}: once edited, it is not replaced or removed without --force\n${body}`;
}

export function stateOfLines(mark: string, text: string): State {
  const [first = '', second = ''] = text.split('\n', 2);
  if (first !== `# ${mark}`) return { kind: 'foreign' };
  const seal = /^# sealed ([0-9a-f]{64}): /.exec(second)?.[1];
  const body = text.slice(first.length + second.length + 2);
  return seal !== undefined && seal === sealOf(mark, body) ? { kind: 'own', seal } : { kind: 'edited' };
}
