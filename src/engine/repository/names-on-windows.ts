import { asOnWindows, whyNotOnWindows } from '../../format/windows-names.ts';
import { type Manifest } from './manifest.ts';

/** A name in a set for which the set cannot be used on Windows. */
export interface NotOnWindows {
  /** Inside the environment. */
  readonly path: string;
  /** As what follows the name in a sentence. */
  readonly problem: string;
}

/** What keeps sets from being used on Windows, where reading their manifests refuses it: each name once. */
export function notOnWindows(manifests: readonly Manifest[]): readonly NotOnWindows[] {
  const found = new Map<string, NotOnWindows>();
  for (const { files, directories = [] } of manifests) {
    const names = new Map<string, string>();
    for (const { path } of files) {
      const other = names.get(asOnWindows(path));
      names.set(asOnWindows(path), path);
      const problem = whyNotOnWindows(path) ?? (other === undefined ? undefined : `is ${other} there`);
      if (problem !== undefined) found.set(path, { path, problem });
    }
    for (const { path } of directories) {
      const problem = path === '' ? undefined : whyNotOnWindows(path);
      if (problem !== undefined) found.set(path, { path, problem });
    }
  }
  return [...found.values()];
}
