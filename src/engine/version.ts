import { createRequire } from 'node:module';

/** Version of this program, as package.json has it. A package knows itself by name, from wherever its files are bundled to. */
export const programVersion: string = (
  createRequire(import.meta.url)('figaro-backup/package.json') as { version: string }
).version;
