/** Whether an identity opens what a recovery would read: told before there is anything to recover. */

import { FigaroError } from '../../errors.ts';
import { doOpen } from '../age/open.ts';
import { parseIdentity, type Identity } from '../age/identities.ts';
import { type HealthProblem } from '../repository/health.ts';
import { type Store } from '../store/store.ts';
import { keyName } from './companions.ts';

/** Headers are no longer, in bytes. */
const headerMost = 256 << 10;

/**
 * Tries identities on `key.age` and on a pack of each full set that the newest chain refers to, and of its newest set. Returns what they do not open, or
 * what is damaged.
 *
 * @param file that they are from
 * @param chain the sets of the newest chain, in order
 */
export async function tryIdentity(
  store: Store,
  file: string,
  lines: readonly string[],
  chain: readonly string[],
): Promise<readonly HealthProblem[]> {
  const identities = lines.map(parseIdentity).filter((one): one is Identity => typeof one !== 'string');
  const names = new Map<string, string>();
  for (const set of new Set([...chain.slice(0, 1), ...chain.slice(-1)])) {
    // All that one run wrote is sealed for the same recipients.
    for (const name of await store.packs!.packsOf(set)) names.set(name.slice(0, name.lastIndexOf('/')), name);
  }
  const problems: HealthProblem[] = [];
  for (const name of [...names.values()]) {
    const problem = await whyNot(store, name, identities);
    if (problem === 'sealed for others') problems.push(cannotRecover(store, file, name, chain));
    else if (problem) problems.push(problem);
    // One that it does not open is enough to know.
    if (problems.length > 0) break;
  }
  const key = await whyNot(store, keyName, identities);
  if (key === 'sealed for others') problems.push(cannotBringBack(store, file));
  else if (key) problems.push(key);
  return problems;
}

async function whyNot(
  store: Store,
  name: string,
  identities: readonly Identity[],
): Promise<HealthProblem | 'sealed for others' | undefined> {
  try {
    const bytes = await store.read(name, { start: 0, length: headerMost });
    if (bytes) return (await doOpen(identities, bytes, name)) ? undefined : 'sealed for others';
    const hint =
      name === keyName ? 'the next full set puts it there again.' : 'run `figaro-backup verify`, and take a full set.';
    return { code: 'file-checksum', message: `${name} is missing in ${store.place}`, hint };
  } catch (error) {
    if (!(error instanceof FigaroError) || error.code !== 'file-checksum') throw error;
    const { hint } = error.details;
    return { code: error.code, message: error.message, ...(hint === undefined ? {} : { hint }) };
  }
}

function cannotRecover(
  { place }: Store,
  file: string,
  name: string,
  [full, ...later]: readonly string[],
): HealthProblem {
  const newest = later.at(-1) ?? full;
  return {
    code: 'password',
    message: `${file} does not open ${newest} in ${place}: ${name} is sealed for others`,
    hint: 'nothing newer can be recovered with it. See `figaro-backup recipients`; once its recipient was added there, `figaro-backup hot` takes a set that it opens.',
  };
}

function cannotBringBack({ place }: Store, file: string): HealthProblem {
  return {
    code: 'password',
    message: `${file} does not open key.age in ${place}: if the key file is lost, it does not bring it back`,
    hint: 'see `figaro-backup recipients`, which adds its recipient.',
  };
}
