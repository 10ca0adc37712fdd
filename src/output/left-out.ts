import { type ManifestLeftOut } from '../engine/repository/manifest.ts';
import { formatCount, inOneLine } from './text.ts';

const reasons: Readonly<Record<string, string>> = {
  region: 'region of the library, made anew when it is opened',
  temporary: 'temporary file of the library',
  replication: 'state of replication',
  registry: 'list of the processes that have it open',
  other: 'not a database',
  link: 'a link that leads back, or nowhere',
  empty: 'empty',
  environment: 'an environment of its own',
  'log-directory': 'log files that DB_CONFIG does not name',
  'log-tail': 'the tail of a log file, from a copy of sets',
  excluded: 'excluded',
};

/** What is not in a set, a line each. */
export function leftOutLines(leftOut: readonly ManifestLeftOut[]): string[] {
  return leftOut.map(({ path, reason, sameAs, count }) => {
    const why = reason === 'same-file' ? `another name of ${inOneLine(sameAs ?? '')}` : (reasons[reason] ?? reason);
    return `  ${inOneLine(path)}${count === undefined ? '' : ` (${formatCount(count, 'file')})`}: ${why}`;
  });
}
