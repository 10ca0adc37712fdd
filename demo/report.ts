/**
 * A report of repositories that are made up, to see what one looks like after some weeks:
 *
 *     npm run demo:report -- /tmp/report.html
 *
 * Two environments are healthy, the third one is not. All but the report is removed at the end.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { layArchive, layBilling, layOrders } from './weeks.ts';

const program = path.join(path.dirname(fileURLToPath(import.meta.url)), '../bin/figaro-backup.js');
const work = mkdtempSync(path.join(tmpdir(), 'figaro-backup-demo-'));
const now = new Date();
const output = path.resolve(process.argv[2] ?? 'report.html');

const config = `
[environments.orders]
repo = "backup/orders"
keep-within = "30d"
max-rehearsal-age = "8d"

[environments.billing]
repo = "backup/billing"
keep-full = 2

[environments.archive]
repo = "backup/archive"
max-age = "8d"
keep-monthly = 12
keep-weekly = 4
`;

try {
  layOrders(path.join(work, 'backup/orders'), now);
  layBilling(path.join(work, 'backup/billing'), now);
  layArchive(path.join(work, 'backup/archive'), now);
  writeFileSync(path.join(work, 'figaro-backup.toml'), config);
  const args = ['report', '--all', '--config', 'figaro-backup.toml', '--output', output, '--verbose'];
  process.exitCode = spawnSync(process.execPath, [program, ...args], { cwd: work, stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
