// Debian's Chromium, one a test file, and a fresh browser context (cookies, storage) a test. A failing test leaves pictures of
// its tabs in build/browser/.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { root } from './postern.mjs';
import { until } from './wait.mjs';

const pictures = join(root, 'build/browser');
let browser;

before(async () => {
  mkdirSync(pictures, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

/** A test with a browser of its own: `body({ context, page, tab })`; `tab()` opens one more in the same browser. */
export function browser_test(name, body, { timeout = 240_000 } = {}) {
  test(name, { timeout }, async (t) => {
    const context = await browser.newContext({ viewport: { width: 900, height: 900 }, ignoreHTTPSErrors: true });
    context.setDefaultTimeout(60_000);
    const tab = async () => watched(await context.newPage());
    try {
      await body({ context, page: await tab(), tab, t });
    } catch (error) {
      const file = name.replace(/[^a-z0-9]+/gi, '-').slice(0, 60);
      for (const [number, page] of context.pages().entries()) {
        await page.screenshot({ path: join(pictures, `failed-${file}-${number}.png`) }).catch(() => {});
        t.diagnostic(`tab ${number}: ${page.url()} ${(page.told ?? []).slice(-10).join(' | ')}`);
      }
      throw error;
    } finally {
      await context.close();
    }
  });
}

/** A page that keeps what it was told: console errors, failed requests, HMR sockets that opened. */
function watched(page) {
  page.told = [];
  page.sockets = 0;
  page.on('console', (message) => message.type() === 'error' && page.told.push(message.text()));
  page.on('pageerror', (error) => page.told.push(String(error)));
  page.on('websocket', (socket) => {
    socket.on('framereceived', ({ payload }) => {
      if (String(payload).includes('"connected"')) page.sockets += 1;
    });
  });
  return page;
}

/** Waits until the tab shows the live site: heading there, Vite's socket open, nothing reloading any more. */
export async function live(page, heading = 'A garden you enter by the side door') {
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  await until('the HMR socket is open', () => page.sockets > 0);
}

/** The same after a warm-up: the first load of a dev server finds dependencies and reloads itself once. */
export async function warm(page, heading) {
  await live(page, heading);
  await page.waitForLoadState('networkidle');
  page.sockets = 0;
  await page.reload();
  await live(page, heading);
}

/** Marks the tab: the mark is gone after any full load of the page. */
export const mark = (page) => page.evaluate(() => { window.marked_by_test = true; });
export const marked = (page) => page.evaluate(() => window.marked_by_test === true);

export const style_of = (page, selector, property) =>
  page.locator(selector).first().evaluate((element, name) => getComputedStyle(element)[name], property);
