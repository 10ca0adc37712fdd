/**
 * `npm run bench`: what commands cost beside their peers, measured in alternation in one run, as the table in Markdown that
 * docs/speed.md has. Needs Berkeley DB 5.3 and GNU time. Fails when a row falls back that had reached its goal.
 *
 * npm run bench -- [--scale N] [--pairs N] [PART …]
 */

import { parseArgs } from 'node:util';
import { copying } from './copying.ts';
import { dumps } from './dumps.ts';
import { defaultScale, goals, setback } from './goals.ts';
import { fromStore } from './from-store.ts';
import { incrementals } from './incrementals.ts';
import { manyFiles } from './many-files.ts';
import { packed } from './packed.ts';
import { moments } from './moments.ts';
import { recovery } from './recovery.ts';
import { tableHead, tableRow, type Part } from './rows.ts';
import { sftp } from './sftp.ts';
import { standbys } from './standbys.ts';
import { startup } from './startup.ts';

const parts: Readonly<Record<string, Part>> = {
  startup,
  copying,
  'many-files': manyFiles,
  incrementals,
  standbys,
  recovery,
  moments,
  dumps,
  packed,
  'from-store': fromStore,
  sftp,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { scale: { type: 'string' }, pairs: { type: 'string' } },
});
const settings = { scale: Number(values.scale ?? defaultScale), pairs: Number(values.pairs ?? 3) };
const unknown = positionals.find((name) => !parts[name]);
if (unknown !== undefined || !(settings.scale > 0) || !(settings.pairs >= 1)) {
  console.error(`npm run bench -- [--scale N] [--pairs N] [${Object.keys(parts).join('] [')}]`);
  process.exit(2);
}

const setbacks: string[] = [];
const measured = new Set<string>();
console.log(tableHead(settings));
for (const name of positionals.length > 0 ? positionals : Object.keys(parts)) {
  for await (const row of parts[name]!(settings)) {
    console.log(tableRow(row));
    measured.add(row.work);
    const told = setback(row);
    if (told !== undefined) setbacks.push(told);
  }
}
if (positionals.length === 0) {
  for (const work of Object.keys(goals))
    if (!measured.has(work)) setbacks.push(`${work}: no row is called so any more`);
}
if (settings.scale !== defaultScale) {
  console.error(`what was reached is known of scale ${defaultScale}: nothing is compared with it`);
} else if (setbacks.length > 0) {
  console.error(`\nfell back:\n${setbacks.join('\n')}`);
  process.exitCode = 1;
}
