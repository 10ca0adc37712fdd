/** Full backups into packed repositories after a hundredth of the records changed, beside tools that deduplicate: what they store, and what it costs. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, costOf, figaro, least, run, sizeOf, type Cost } from './measure.ts';
import { type Row, type Settings } from './rows.ts';

const recordBytes = 200;
const pageSize = 4096;

/** A tool with a repository of its own. */
interface Tool {
  readonly name: string;
  readonly repository: string;
  readonly init: () => void;
  readonly back: (count: number) => Cost;
}

export function* packed({ scale, pairs }: Settings): Generator<Row> {
  const directory = benchDirectory();
  const at = (name: string): string => path.join(directory, name);
  const home = at('home');
  const records = recordsOf(scale);
  putAtRandom(home, records, records);
  const ours: Tool = {
    name: 'figaro-backup',
    repository: at('packed'),
    init: () => void figaro('init', '--packed', '--repo', at('packed'), '--quiet'),
    back: () => figaro('hot', '--quiet', '--home', home, '--repo', at('packed')),
  };
  const tools = [ours, ...peers(home, at).filter(({ name }) => spawnSync(name, ['--version']).error === undefined)];
  for (const tool of tools) {
    tool.init();
    tool.back(0);
  }
  const costs = new Map(tools.map((tool) => [tool, [] as Cost[]]));
  const stored = new Map(tools.map((tool) => [tool, [] as number[]]));
  const changed: number[] = [];
  for (let i = 1; i <= pairs; i++) {
    fs.cpSync(path.join(home, 'puts.db'), at('before'));
    putAtRandom(home, records / 100, records);
    changed.push(compressedChange(at('before'), path.join(home, 'puts.db'), at('changed')));
    for (const tool of i % 2 === 0 ? tools : tools.toReversed()) {
      const had = megabytesIn(tool.repository);
      costs.get(tool)!.push(tool.back(i));
      stored.get(tool)!.push(megabytesIn(tool.repository) - had);
    }
  }
  const size = sizeOf(home);
  const work = '`hot`, packed, a hundredth of the records changed';
  const mine = { ...least(costs.get(ours)!), megabytesStored: Math.min(...stored.get(ours)!) };
  const nothing = { seconds: Number.NaN, cpuSeconds: Number.NaN, megabytesRead: Number.NaN, megabytesHeld: Number.NaN };
  const peerName = 'the pages that changed, by `zstd`';
  yield { work, size, ours: mine, peer: { ...nothing, megabytesStored: Math.min(...changed) }, peerName };
  for (const tool of tools.slice(1)) {
    const peer = { ...least(costs.get(tool)!), megabytesStored: Math.min(...stored.get(tool)!) };
    yield { work: `${work}, beside \`${tool.name}\``, size, ours: mine, peer, peerName: `\`${tool.name}\`` };
  }
  fs.rmSync(directory, { recursive: true });
}

function peers(home: string, at: (name: string) => string): readonly Tool[] {
  const files = (): string[] =>
    fs
      .readdirSync(home)
      .filter((name) => !name.startsWith('__db.'))
      .map((name) => path.join(home, name));
  const [restic, borg] = [at('restic'), at('borg')];
  process.env['RESTIC_PASSWORD'] = 'bench';
  return [
    {
      name: 'restic',
      repository: restic,
      init: () => run('restic', ['-q', '-r', restic, 'init']),
      back: () => costOf('restic', ['-q', '-r', restic, 'backup', ...files()]),
    },
    {
      name: 'borg',
      repository: borg,
      init: () => run('borg', ['init', '-e', 'none', borg]),
      back: (count) => costOf('borg', ['create', '-C', 'zstd,3', `${borg}::${count}`, ...files()]),
    },
  ];
}

/** How many records make a gigabyte at scale 1. */
export function recordsOf(scale: number): number {
  return Math.ceil((1e9 * scale) / (1.5 * recordBytes));
}

/** Puts into random places, of as many keys; the log before is removed. */
export function putAtRandom(home: string, puts: number, keys: number): void {
  fs.mkdirSync(home, { recursive: true });
  const amounts = ['--transactions', Math.ceil(puts / 500), '--puts', 500, '--keys', keys, '--bytes', recordBytes];
  run(nativeProgram('puts'), ['--home', home, ...amounts, '--binary', '--close']);
  run('db5.3_checkpoint', ['-1', '-h', home]);
  run('db5.3_archive', ['-d', '-h', home]);
}

/** What the pages come to that are not as they were, in megabytes. */
function compressedChange(before: string, after: string, to: string): number {
  const [was, is] = [fs.readFileSync(before), fs.readFileSync(after)];
  const pages: Buffer[] = [];
  for (let at = 0; at < is.length; at += pageSize) {
    const page = is.subarray(at, at + pageSize);
    if (!page.equals(was.subarray(at, at + pageSize))) pages.push(page);
  }
  fs.writeFileSync(to, Buffer.concat(pages));
  return spawnSync('zstd', ['-3', '-c', to], { maxBuffer: 2 ** 31 }).stdout.length / 1e6;
}

function megabytesIn(directory: string): number {
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const stats = names.map((name) => fs.statSync(path.join(directory, name)));
  return stats.reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0) / 1e6;
}
