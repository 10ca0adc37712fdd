/** What lies beside `repository.json` in a packed repository, so that sets come back without this program. */

import { type Head } from '../repository/head.ts';

const readmeName = 'README.txt';
const scriptName = 'restore.py';
/** The key of the machine that backs up, sealed for the recipients. */
export const keyName = 'key.age';

export const companionNames: readonly string[] = [readmeName, scriptName, keyName];

/** By name. */
export function companionsOf({ packed }: Head): ReadonlyMap<string, string> {
  const tools = packed?.keys ? 'python3, zstd and age' : 'python3 and zstd';
  const key = packed?.keys ? ' IDENTITY' : '';
  const readme = `This is a packed repository of figaro-backup: backups of Berkeley DB environments.

With figaro-backup:       figaro-backup recover --repo THIS --to DIR${packed?.keys ? ' --identity IDENTITY' : ''}
Without it, with ${tools}, in a copy of this repository:
                          python3 restore.py SET DIR${key}
where SET is the name of a directory in sets/. DIR/environment is then what was backed up. For a chain, do so with its full set and with the
incrementals after it, one DIR each; copy what is in DIR/environment of the incrementals, the oldest first, over that of the full set (a file
NAME.from-NUMBER is what log file NAME grew by from that byte on: append it), and run db_recover -c -h DIR/environment.

sets/SET/manifest.json    what the set holds, and what was proven about it
sets/SET/contents         a line for each file, and below it, in order, its pieces: pack, offset, length
sets/SET/pages            hashes of pages, by which the next backup finds what changed
packs/SET.X/NUMBER        about a MiB of pieces of files
Every object is one frame of zstd${packed?.keys ? ', encrypted by age for the recipients in repository.json' : ''}.
`;
  return new Map([
    [readmeName, readme],
    [scriptName, script],
  ]);
}

const script = `#!/usr/bin/env python3
# python3 restore.py SET DIR [IDENTITY]: brings a set back, in a copy of the repository. Needs zstd, and age where objects end in .age.
import functools, hashlib, json, os, subprocess, sys
name, target = sys.argv[1:3]
@functools.lru_cache(64)
def get(path):
    age = os.path.exists(path + '.zst.age')
    data = open(path + ('.zst.age' if age else '.zst'), 'rb').read()
    for tool in ([['age', '-d', '-i', sys.argv[3]]] if age else []) + [['zstd', '-dcq']]:
        data = subprocess.run(tool, input=data, stdout=subprocess.PIPE, check=True).stdout
    return data
def create(path):
    assert '..' not in path.split('/') and not path.startswith('/'), path
    os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
    return open(os.path.join(target, path), 'wb')
for line in get('sets/' + name + '/contents').decode().splitlines()[2:]:
    if line.startswith('file '):
        out = create(json.loads(line.split(' ', 2)[2]))
    else:
        pack, offset, length = line.split()
        out.write(get('packs/' + pack)[int(offset):int(offset) + int(length)])
        out.flush()
manifest = get('sets/' + name + '/manifest.json')
for file in json.loads(manifest)['files']:
    path = os.path.join(target, 'environment', file['path'])
    if hashlib.sha256(open(path, 'rb').read()).hexdigest() != file['sha256']: sys.exit(path + ' is damaged')
create('manifest.json').write(manifest)
`;
