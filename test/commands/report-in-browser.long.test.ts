/// <reference lib="dom" />
/** The page of `report` in a browser: on screens, on paper, by keyboard and by ear. */

import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { layArchive, layBilling, layOrders, MadeUpRepository } from '../../demo/weeks.ts';
import { dark, light } from '../../src/output/report-page/colours.ts';
import { openChromium } from '../support/chromium.ts';
import { figaro } from '../support/run-cli.ts';
import { describeWith } from '../support/tools.ts';

/** As a name, and as what a manifest tells. */
const hostile = '</bdi><script>window.hacked = 1</script><img src="http://127.0.0.1:9/" onerror="window.hacked = 1">';

describeWith('chromium', 'chromium', 'in Chromium, the page of a report', () => {
  let directory: string;
  let browser: Browser;
  let file: string;

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
    file = path.join(directory, 'report.html');
    const now = new Date();
    layOrders(path.join(directory, 'orders'), now, 8);
    layBilling(path.join(directory, 'billing'), now);
    layArchive(path.join(directory, 'archive'), now);
    const made = new MadeUpRepository(path.join(directory, 'hostile'), hostile);
    const unsound = [{ path: hostile, code: 'page-checksum', message: hostile }];
    made.add({ kind: 'hot', finished: now, bytes: 10, commits: 1, manifest: { host: hostile, unsound } });
    new MadeUpRepository(path.join(directory, 'empty'), '/srv/empty');
    const tables = ['orders', 'billing', 'archive', 'hostile', 'empty', 'missing'].map((name) => {
      const called = JSON.stringify(name === 'hostile' ? hostile : name);
      return `[environments.${called}]\nrepo = "${directory}/${name}"\nkeep-within = "30d"\n`;
    });
    const config = path.join(directory, 'figaro-backup.toml');
    writeFileSync(config, tables.join('\n'));
    const { exitCode } = await figaro(['report', '--all', '--config', config, '--output', file]);
    expect(exitCode).toBe(5);
    browser = await openChromium();
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** The page, and everything that it asks for or complains of. */
  async function open(
    options: BrowserContextOptions = {},
    url = `file://${file}`,
  ): Promise<{ readonly page: Page; readonly trouble: readonly string[] }> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    onTestFinished(async () => await context.close());
    const page = await context.newPage();
    const trouble: string[] = [];
    page.on('console', (message) => trouble.push(message.text()));
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('dialog', (dialog) => trouble.push(dialog.message()));
    page.on('request', (request) => {
      if (request.url() !== url && !request.url().startsWith('data:')) trouble.push(request.url());
    });
    await page.goto(url);
    return { page, trouble };
  }

  const screens = [360, 768, 1280].flatMap((width) =>
    (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
  );

  test.each(screens)('fits a screen of $width pixels that is $colorScheme, and asks for nothing', async (screen) => {
    const { width, colorScheme } = screen;
    const { page, trouble } = await open({ viewport: { width, height: 900 }, colorScheme });
    const seen = await page.evaluate(() => ({
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      surface: getComputedStyle(document.documentElement).getPropertyValue('--surface'),
      sections: document.querySelectorAll('.environment').length,
      pictures: [...document.querySelectorAll('svg.timeline')].map((svg) => svg.getBoundingClientRect().width),
      // What is written in a picture stays inside of the box around it.
      cut: [...document.querySelectorAll('svg.timeline text')].filter((text) => {
        const box = text.closest('.environment')!.getBoundingClientRect();
        const { left, right, width: own } = text.getBoundingClientRect();
        return own > 0 && (left < box.left || right > box.right);
      }).length,
      overlaps: [...document.querySelectorAll('svg.timeline')].reduce((sum, svg) => {
        const boxes = [...svg.querySelectorAll('.tick')]
          .map((text) => text.getBoundingClientRect())
          .filter((box) => box.width > 0);
        return sum + boxes.filter((box, i) => i > 0 && box.left < boxes[i - 1]!.right).length;
      }, 0),
    }));
    expect(seen).toMatchObject({ overflow: 0, sections: 6, cut: 0, overlaps: 0 });
    expect(seen.surface).toBe((colorScheme === 'light' ? light : dark).surface);
    expect(seen.pictures).toHaveLength(5);
    for (const own of seen.pictures) expect(own).toBeGreaterThan(width * 0.75);
    expect(trouble).toEqual([]);
  });

  test('has no script, and nothing that a name holds becomes one', async () => {
    const { page, trouble } = await open();
    const seen = await page.evaluate(() => ({
      scripts: document.scripts.length,
      images: document.images.length,
      handlers: [...document.querySelectorAll('*')].filter((element) =>
        element.getAttributeNames().some((name) => name.startsWith('on')),
      ).length,
      hacked: 'hacked' in window,
    }));
    expect(seen).toEqual({ scripts: 0, images: 0, handlers: 0, hacked: false });
    expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toContain(hostile);
    expect(trouble).toEqual([]);
    const without = await open({ javaScriptEnabled: false });
    expect(await without.page.getByRole('heading', { level: 1 }).textContent()).toBe('Backups');
    expect(await without.page.locator('svg.timeline').first().isVisible()).toBe(true);
  });

  test('is all that a browser asks a server for', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.setHeader('content-type', 'text/html');
      response.end(readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { page, trouble } = await open({}, `http://127.0.0.1:${(server.address() as AddressInfo).port}/report`);
    await page.waitForLoadState('networkidle');
    expect(asked).toEqual(['/report']);
    expect(trouble).toEqual([]);
  });

  test('says in words what its pictures show', async () => {
    const { page } = await open();
    const pictures = page.getByRole('img', { name: 'The repository over time' });
    expect(await pictures.count()).toBe(5);
    const described = await pictures.first().evaluate((svg) => {
      const ids = svg.getAttribute('aria-labelledby')!.split(' ');
      return ids.map((id) => document.getElementById(id)!.textContent).join(': ');
    });
    expect(described).toMatch(
      /^The repository over time: 6 chains of \d+ sets; restorable from \S+ to \S+ with 0 gaps; expire would remove 1 chain\. The tables below say the same in words\.$/,
    );
    const orders = page.getByRole('region', { name: 'orders', exact: true });
    for (const title of ['Chains', 'Sets']) {
      const rows = orders.getByRole('region', { name: title, exact: true }).getByRole('row');
      expect(await rows.count()).toBeGreaterThan(6);
    }
    expect(await page.getByRole('region', { name: 'Gaps' }).getByRole('row').count()).toBe(2);
    // Every sign stands beside words, so none of them is announced.
    expect(await page.locator('svg.sign:not([aria-hidden=true])').count()).toBe(0);
    // No two parts have the same name.
    const ids = await page.evaluate(() => [...document.querySelectorAll('[id]')].map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('can be gone through by keyboard, and shows where one is', async () => {
    const { page } = await open();
    const focused: string[] = [];
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press('Tab');
      focused.push(
        await page.evaluate(() => {
          const element = document.activeElement!;
          const { outlineStyle, outlineWidth } = getComputedStyle(element);
          const isSeen = outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2;
          return `${isSeen ? '' : 'unseen '}${element.getAttribute('aria-label') ?? element.textContent}`;
        }),
      );
    }
    expect(focused.slice(0, 5)).toEqual(['Skip to the environments', 'Environments', 'orders', 'billing', 'archive']);
    expect(focused).toEqual(expect.arrayContaining(['Chains', 'Sets']));
    expect(focused.filter((name) => name.startsWith('unseen'))).toEqual([]);
    // What scrolls does so by keyboard.
    const sets = page.getByRole('region', { name: 'orders', exact: true }).getByRole('region', { name: 'Sets' });
    await sets.focus();
    await page.keyboard.press('End');
    await expect.poll(async () => await sets.evaluate((element) => element.scrollTop)).toBeGreaterThan(100);
    await page.getByRole('link', { name: 'billing' }).click();
    expect(page.url()).toMatch(/#e2$/);
  });

  test('goes onto paper whole, and light, whatever the screen is', async () => {
    const { page } = await open({ colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: 688, height: 900 });
    const seen = await page.evaluate(() => ({
      surface: getComputedStyle(document.documentElement).getPropertyValue('--surface'),
      hidden: [...document.querySelectorAll('.scroll')].filter(
        ({ scrollHeight, clientHeight }) => scrollHeight > clientHeight + 1,
      ).length,
      wide: [...document.querySelectorAll('table')].filter(
        (table) => table.getBoundingClientRect().right > document.documentElement.clientWidth + 1,
      ).length,
    }));
    expect(seen).toEqual({ surface: light.surface, hidden: 0, wide: 0 });
    const pdf = (await page.pdf({ preferCSSPageSize: true, printBackground: true })).toString('latin1');
    const pages = pdf.match(/\/Type ?\/Page\b/g)!.length;
    expect(pages).toBeGreaterThan(5);
    expect(pages).toBeLessThan(20);
  });
});
