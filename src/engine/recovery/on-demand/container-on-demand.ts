/** A container as of a restore point of which only those pages are recovered that are read. */

import { type Environment } from '../../environment/environment.ts';
import { type Files } from '../../files/files.ts';
import { filesOf } from '../recovered-files.ts';
import { type PreparedRecovery } from '../recovery.ts';
import { withFilesAtTheEnd } from '../rehearse.ts';
import { nameInside } from '../select-containers.ts';
import { FileOnDemand, type OnDemandOptions } from './file-on-demand.ts';
import { NotOnDemand } from './not-on-demand.ts';

/**
 * Has a container looked at by its name at the restore point. Throws `NotOnDemand` where pages cannot be had one by one, also while it is
 * read; and whatever is wrong with the pages that are read, or with their part of the log. Of others it finds out nothing.
 */
export async function withContainerOnDemand<T>(
  files: Files,
  environment: Environment,
  prepared: PreparedRecovery,
  name: string,
  options: OnDemandOptions,
  look: (files: Files, uid: string) => Promise<T>,
): Promise<T> {
  return await withFilesAtTheEnd(files, environment, prepared, options.watch, async (found) => {
    const file = [...found.table].find((one) => nameInside(one) === name);
    if (file?.uid === undefined) throw new NotOnDemand(`${name} is not in the copy`);
    const shown = await FileOnDemand.open(files, environment, prepared, found, file, options);
    try {
      return await look(filesOf(files, new Map([[name, shown]])), file.uid);
    } finally {
      shown.close();
    }
  });
}
