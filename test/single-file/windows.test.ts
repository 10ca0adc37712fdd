/** The single file for Windows, in Wine. */

import { beforeAll } from 'vitest';
import { tellStories } from '../support/single-file-stories.ts';
import { windowsMachine, type Machine } from '../support/machines.ts';
import { serverStartMs } from '../support/servers/live-servers.ts';
import { describeSingleFiles } from '../support/single-files.ts';
import { describeWith } from '../support/tools.ts';

await describeSingleFiles('the single file', (directory) => {
  describeWith('wine', 'wine and wine64', 'for Windows, in Wine', () => {
    let machine: Machine;
    beforeAll(async () => {
      machine = await windowsMachine(directory);
    }, serverStartMs);
    tellStories(() => machine, 1);
  });
});
