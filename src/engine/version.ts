import { createRequire } from 'node:module';

/** Version of this program, as package.json has it. */
export const programVersion: string = (createRequire(import.meta.url)('../../package.json') as { version: string })
  .version;
