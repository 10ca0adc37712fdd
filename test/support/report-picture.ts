/** Makes `docs/report.png`, a picture of the report of the demo: `npm run docs:picture`. Chromium has to be installed. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openChromium } from './chromium.ts';

const root = path.join(import.meta.dirname, '../..');
const work = mkdtempSync(path.join(tmpdir(), 'figaro-picture-'));
const browser = await openChromium();
try {
  const file = path.join(work, 'report.html');
  const { status } = spawnSync('npm', ['run', 'demo:report', '--', file], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('the report could not be made');
  const page = await browser.newPage({ viewport: { width: 1180, height: 900 }, colorScheme: 'light' });
  await page.goto(`file://${file}`);
  const { y, height } = (await page.locator('.picture').first().boundingBox())!;
  const clip = { x: 0, y: 0, width: 1180, height: Math.ceil(y + height) };
  await page.screenshot({ path: path.join(root, 'docs/report.png'), clip, fullPage: true });
} finally {
  await browser.close();
  rmSync(work, { recursive: true, force: true });
}
