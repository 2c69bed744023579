// A session that only a signed link opens, in the browser that opens it: once, and until it is revoked.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { browser_test, live, mark, marked, style_of, warm } from './support/browser.mjs';
import { Postern } from './support/postern.mjs';
import { until } from './support/wait.mjs';

let postern;
before(async () => { postern = await Postern.start('access', { location: 'access link;' }); });
after(() => postern?.stop());

browser_test('a link opens the page, its modules and its hot updates, and leaves no trace in the address', async ({ page, tab, context }) => {
  await postern.activate('guarded');
  const url = postern.secure_page_of('guarded');
  assert.equal((await page.goto(url)).status(), 403);

  const asked = [];
  page.on('request', (request) => asked.push([request.url(), request.headers().referer ?? '']));
  await page.goto(`${url}?${await postern.link('guarded')}`);
  await live(page);
  assert.equal(page.url(), url);
  await warm(page);
  const [, ...behind] = asked; // the first request is the link itself
  assert.ok(behind.length > 5, `${behind.length} requests`);
  assert.deepEqual(behind.filter(([to, from]) => to.includes('postern_access') || from.includes('postern_access')), []);
  assert.equal(await page.evaluate(() => document.cookie.includes('postern_access')), false);
  const cookie = (await context.cookies()).find(({ name }) => name.startsWith('__Host-postern_access_'));
  assert.ok(cookie?.secure && cookie.httpOnly && cookie.path === '/', JSON.stringify(cookie));

  await mark(page);
  postern.edit('guarded', 'src/components/Bed.astro', (text) => text.replace('border-radius: 0.6rem', 'border-radius: 21px'));
  await until('the new style', async () => (await style_of(page, 'article', 'borderRadius')) === '21px');
  assert.ok(await marked(page), 'no full load');

  const second = await tab(); // of the same browser: the cookie is enough
  await second.goto(url);
  await live(second);
});

browser_test('a revoked link ends the open page, and a new one opens it again', async ({ page }) => {
  await postern.activate('guarded');
  const url = postern.secure_page_of('guarded');
  const old = await postern.link('guarded');
  await page.goto(`${url}?${old}`);
  await live(page);
  const closed = new Promise((done) => page.once('console', done)); // Vite says that it lost its server
  await postern.revoke_links('guarded');
  await closed;
  assert.equal((await page.goto(url)).status(), 403);
  assert.equal((await page.goto(`${url}?${old}`)).status(), 403);
  await page.goto(`${url}?${await postern.link('guarded')}`);
  await live(page);
});
