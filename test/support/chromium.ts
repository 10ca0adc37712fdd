/** The browser of Debian's package `chromium`, as tests use it: without a window, and without a word to anybody. */

import { chromium, type Browser } from 'playwright-core';

export async function openChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--headless',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--disable-quic',
    ],
  });
}
