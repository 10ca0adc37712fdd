/** Documents that are found by their names, without a walk through all of them. */

import { DatabaseFile } from '../database/database-file.ts';
import { type Watch } from '../pause.ts';
import { type SeenContainer } from '../recovery/seen-container.ts';
import { DocumentProblem } from '../../format/documents/problem.ts';
import { XmlContainer } from './container.ts';
import { hasMetadata, isPattern, type WantedMetadata } from './select.ts';

/** True where names stand for one document each. */
export function areNames(names: readonly string[]): boolean {
  return names.length > 0 && !names.some(isPattern);
}

/**
 * True where each name is that of a document which can be read to its end, and which is found without looking for it: then nothing
 * else of its container matters. Throws what reading pages throws.
 */
export async function canBeReadByName(
  { files, path }: SeenContainer,
  names: readonly string[],
  metadata: readonly WantedMetadata[],
  watch: Watch,
): Promise<boolean> {
  const file = new DatabaseFile(files, path);
  try {
    const container = new XmlContainer(file, watch);
    const missing = new Set(names);
    for (const entry of container.entriesNamed(names)) {
      if (entry.problem !== undefined || !hasMetadata(entry, metadata)) return false;
      if (!missing.delete(entry.name!)) return false;
      if (container.ownCompression === undefined) for await (const _ of container.content(entry, () => {}));
    }
    return missing.size === 0 && container.damage.length === 0;
  } catch (error) {
    if (error instanceof DocumentProblem) return false;
    throw error;
  } finally {
    file.close();
  }
}
