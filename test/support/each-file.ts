/** What happens before and after the tests of each file. */

import net from 'node:net';
import { afterAll } from 'vitest';
import { removeUnpacked } from './corpus.ts';
import './equal-bytes.ts';
import { isWine } from './windows.ts';

// A socket that is to ask whether the other side is still there, as each one of `fetch` is, is not even connected in Wine, which lacks the options
// for how often it asks.
if (isWine) {
  net.Socket.prototype.setKeepAlive = function () {
    return this;
  };
}

afterAll(removeUnpacked);
