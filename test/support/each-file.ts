/** What happens after the tests of each file. */

import { afterAll } from 'vitest';
import { removeUnpacked } from './corpus.ts';
import './equal-bytes.ts';

afterAll(removeUnpacked);
