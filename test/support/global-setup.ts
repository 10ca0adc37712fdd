/** What happens once before the tests of a run: those that start the program as a process start the one in dist/. */

import { bundleProgram } from '../../build/bundle.ts';

export const setup = bundleProgram;
