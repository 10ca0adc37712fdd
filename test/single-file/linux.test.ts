/** The single file for Linux, for a user who has nothing else. */

import { tellStories } from '../support/single-file-stories.ts';
import { ownMachine } from '../support/machines.ts';
import { describeSingleFiles } from '../support/single-files.ts';

await describeSingleFiles('the single file for Linux, without Node.js and variables', (directory) => {
  const machine = ownMachine(directory);
  tellStories(() => machine, 0);
});
