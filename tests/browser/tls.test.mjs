// A session over TLS and HTTP/2, as a browser speaks them: the page, its modules, its hot updates.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { browser_test, live, mark, marked, style_of, warm } from './support/browser.mjs';
import { Postern } from './support/postern.mjs';
import { until } from './support/wait.mjs';

let postern;
before(async () => { postern = await Postern.start('tls'); });
after(() => postern?.stop());

/** The protocols that a page and what it loaded came by. */
const protocols = (page) => page.evaluate(() => [...new Set(
  [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .filter((entry) => entry.name.startsWith(location.origin)).map((entry) => entry.nextHopProtocol).filter(Boolean))]);

browser_test('the loading page turns into the live site, all of it by HTTP/2', async ({ page }) => {
  postern.hold('first');
  await postern.activate('first');
  const answer = await page.goto(postern.secure_page_of('first'));
  assert.equal(answer.status(), 503);
  postern.release('first');
  await live(page);
  await warm(page);
  assert.deepEqual(await protocols(page), ['h2']);
  const resources = await page.evaluate(() => performance.getEntriesByType('resource').length);
  assert.ok(resources > 5, `${resources} resources`);
});

browser_test('hot updates come over the same origin, and others are kept apart', async ({ page, tab }) => {
  await postern.activate('edits');
  await page.goto(postern.secure_page_of('edits'));
  await warm(page);
  await mark(page);
  postern.edit('edits', 'src/components/Bed.astro', (text) => text.replace('border-radius: 0.6rem', 'border-radius: 33px'));
  await until('the new style', async () => (await style_of(page, 'article', 'borderRadius')) === '33px');
  assert.ok(await marked(page), 'no full load');

  const other = await tab();
  await other.goto(postern.secure_page_of('first'));
  await live(other);
  assert.notEqual(await style_of(other, 'article', 'borderRadius'), '33px');
});

browser_test('the session cookie is a secure one', async ({ page, context }) => {
  await postern.activate('edits');
  await page.goto(postern.secure_page_of('edits'));
  await live(page);
  const cookies = await context.cookies();
  const cookie = cookies.find(({ name }) => name === 'postern_session');
  assert.ok(cookie === undefined || cookie.secure, JSON.stringify(cookies));
});
