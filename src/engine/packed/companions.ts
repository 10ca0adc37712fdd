/** What lies beside `repository.json` in a packed repository, so that sets come back without this program. */

import { type Head } from '../repository/head.ts';

const readmeName = 'README.txt';
const scriptName = 'restore.py';
/** The key of the machine that backs up, sealed for the recipients. */
export const keyName = 'key.age';

export const companionNames: readonly string[] = [readmeName, scriptName, keyName];

/** By name. */
export function companionsOf({ packed }: Head): ReadonlyMap<string, Uint8Array> {
  const tools = packed?.keys ? 'python3, zstd and age' : 'python3 and zstd';
  const key = packed?.keys ? ' IDENTITY' : '';
  const readme = `This is a packed repository of figaro-backup: backups of Berkeley DB environments.

With figaro-backup:       figaro-backup recover --repo THIS --to DIR${packed?.keys ? ' --identity IDENTITY' : ''}
Without it, with ${tools}, in a copy of this repository:
                          python3 restore.py SET DIR${key}
where SET is the name of a directory in sets/, and DIR a directory that is new or empty. DIR/environment is then what was backed up. For a chain, do so with its full set and with the
incrementals after it, one DIR each; copy what is in DIR/environment of the incrementals, the oldest first, over that of the full set (a file
NAME.from-NUMBER is what log file NAME grew by from that byte on: append it), and run db_recover -c -h DIR/environment.

sets/SET/manifest.json    what the set holds, and what was proven about it; its first line says which X are its contents
sets/SET/contents.X       a line for each file, and below it, in order, its pieces: pack, offset, length
sets/SET/pages.X          hashes of pages, by which the next backup finds what changed
packs/SET.X/NUMBER        about a MiB of pieces of files
Every object is one frame of zstd${packed?.keys ? ', encrypted by age for the recipients in repository.json' : ''}.
`;
  return new Map([
    [readmeName, Buffer.from(readme)],
    [scriptName, Buffer.from(script)],
  ]);
}

const script = `#!/usr/bin/env python3
# python3 restore.py SET DIR [IDENTITY]: brings a set back, in a copy of the repository. Needs zstd, and age where objects end in .age.
import functools, hashlib, json, os, subprocess, sys
usage = 'in a copy of the repository: python3 restore.py SET DIR [IDENTITY], with a SET that is in sets/'
if len(sys.argv) < 3 or not sys.argv[2] or not os.path.isdir('sets/' + sys.argv[1]): sys.exit(usage)
name, target = sys.argv[1:3]
if os.path.lexists(target) and (not os.path.isdir(target) or os.listdir(target)):
    sys.exit(target + ' is not an empty directory, and nothing was written: name one that is new or empty')
def inside(path):
    parts = path.replace(os.sep, '/').split('/')
    if '..' in parts or parts[0] == '' or os.path.splitdrive(path)[0]: sys.exit(ascii(path) + ' leads out of where it belongs: this repository was tampered with')
    return path
@functools.lru_cache(64)
def get(path):
    inside(path)
    age = os.path.exists(path + '.zst.age')
    if age and len(sys.argv) < 4: sys.exit('this repository is encrypted; ' + usage)
    data = open(path + ('.zst.age' if age else '.zst'), 'rb').read()
    for tool in ([['age', '-d', '-i', sys.argv[3]]] if age else []) + [['zstd', '-dcq']]:
        data = subprocess.run(tool, input=data, stdout=subprocess.PIPE, check=True).stdout
    return data
def sha256(path):
    hashed = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''): hashed.update(block)
    return hashed.hexdigest()
def create(path):
    full = os.path.join(target, inside(path))
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return open(full, 'xb')
text = get('sets/' + name + '/manifest.json')
top = json.loads(text)
contents = get('sets/' + name + '/contents.' + top['contents'])
if hashlib.sha256(contents).hexdigest() != top['sha256']: sys.exit('the contents are damaged')
for line in contents.decode().split('\\n')[2:-1]:
    if line.startswith('file '):
        out = create(json.loads(line.split(' ', 2)[2]))
    else:
        pack, offset, length = line.split()
        out.write(get('packs/' + pack)[int(offset):int(offset) + int(length)])
        out.flush()
for file in top['manifest']['files']:
    path = os.path.join(target, 'environment', inside(file['path']))
    if sha256(path) != file['sha256']: sys.exit(path + ' is damaged')
create('manifest.json').write(text[text.index(b'\\n') + 1:-2])
`;
