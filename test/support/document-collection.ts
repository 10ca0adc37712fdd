/** Containers with what the library of Berkeley DB XML printed of every document in them. */

import fs from 'node:fs';
import path from 'node:path';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { unpack } from './archives.ts';
import { temporaryDirectory } from './demo-environment.ts';
import { unlocked } from './unlocked.ts';

const fixture = path.join(import.meta.dirname, '..', 'fixtures', 'dbxml-documents.tar.xz');
const whole = path.join(import.meta.dirname, '..', '..', '..', 'shared', 'dbxml-collection');

/** A document as the library has it. */
export interface ExpectedDocument {
  readonly container: string;
  readonly id: number;
  readonly name: string;
  readonly metadata: readonly {
    readonly uri: string;
    readonly name: string;
    readonly type: string;
    readonly value?: string;
    readonly hex?: string;
  }[];
  /** Of what `getContent` returns; undefined where the library cannot read it. */
  readonly sha256?: string;
}

/** One environment of the collection. Of `crash` ones, the log has to be gone through. */
export interface CollectionCase {
  readonly name: string;
  readonly home: string;
  readonly files: Files;
  readonly password: string | null;
  readonly containers: readonly string[];
  readonly documents: readonly ExpectedDocument[];
}

const names = ['bigendian', 'collide', 'crypt', 'custom', 'ds', 'edge', 'meta', 'nozlib', 'odd', 'special'] as const;
const namesOfWhole = [...names, 'crash', 'crash2', 'large', 'pages', 'update'];

/** The names of all cases: of the whole collection when it is there, of the fixture otherwise. */
export function collectionNames(): readonly string[] {
  return fs.existsSync(whole) ? namesOfWhole : names;
}

/** A case of the whole collection when it is there, of the fixture otherwise; it is gone when the test ends. */
export function collectionCase(name: string): CollectionCase {
  const archive = path.join(whole, `${name}.tar.xz`);
  return fs.existsSync(archive) ? unpacked(archive, name, '') : fixtureCase(name);
}

/** A case of the fixture. */
export function fixtureCase(name: string): CollectionCase {
  return unpacked(fixture, name, 'dbxml-documents');
}

function unpacked(archive: string, name: string, inside: string): CollectionCase {
  const directory = temporaryDirectory();
  unpack(archive, directory, path.posix.join(inside, name));
  const home = path.join(directory, inside, name, 'env');
  const description = JSON.parse(fs.readFileSync(path.join(home, '../documents.json'), 'utf8')) as {
    readonly password: string | null;
    readonly containers: readonly string[];
    readonly documents: readonly ExpectedDocument[];
  };
  const { password, documents } = description;
  const containers = description.containers.filter((container) => fs.existsSync(path.join(home, container)));
  return { name, home, files: password === null ? nodeFiles : unlocked(password), password, containers, documents };
}
