// One session's life as its editor sees it: waiting, live, edited, broken, left alone, woken again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser_test, live, mark, marked, style_of, warm } from './support/browser.mjs';
import { Postern } from './support/postern.mjs';
import { until } from './support/wait.mjs';

const heading = 'A garden you enter by the side door';
let postern;
before(async () => { postern = await Postern.start('session'); });
after(() => postern?.stop());

browser_test('the loading page turns into the live site by itself', async ({ page }) => {
  postern.hold('first');
  await postern.activate('first');
  const answer = await page.goto(postern.page_of('first'));
  assert.equal(answer.status(), 503);
  assert.match(answer.headers()['cache-control'], /no-store/);
  assert.ok(answer.headers()['retry-after'], 'a loading page says when to come back');
  assert.match(answer.headers()['content-type'], /^text\/html/);
  assert.equal(await page.getByRole('heading', { name: heading }).count(), 0);
  assert.equal(await postern.status('first'), 'initializing');

  postern.release('first');
  await live(page);
  assert.equal(page.url(), postern.page_of('first'));
  assert.equal(await postern.status('first'), 'active');
});

test('a link is good the moment the API hands it out', async () => {
  for (let number = 0; number < 40; number += 1) { // a race is lost now and then, not each time
    const name = `link-${number}`;
    postern.hold(name);
    await postern.activate(name);
    const answer = await fetch(postern.page_of(name), { headers: { accept: 'text/html' } });
    await answer.arrayBuffer();
    assert.equal(answer.status, 503, `${name}: the loading page, never a 404`);
  }
  for (let number = 0; number < 40; number += 1) await postern.deactivate(`link-${number}`);
});

browser_test('everything of an unmodified site works below the prefix', async ({ page }) => {
  await postern.activate('whole');
  await page.goto(postern.page_of('whole'));
  await warm(page);
  page.told.length = 0;
  await page.reload({ waitUntil: 'networkidle' });
  await page.getByRole('button', { name: 'Sow a seed' }).click();
  await page.getByText('1 seed in the ground.').waitFor();
  const widths = await page.locator('img').evaluateAll((all) => all.map((image) => image.naturalWidth));
  assert.deepEqual(widths.map((width) => width > 0), [true, true], 'public file and optimised image');
  await page.getByRole('link', { name: 'Opening hours' }).click();
  await page.getByRole('heading', { level: 1, name: 'Come by' }).waitFor();
  assert.equal(page.url(), `${postern.page_of('whole')}visit/`);
  await page.getByRole('link', { name: 'Back to the garden' }).click();
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  assert.equal(page.url(), postern.page_of('whole'));
  assert.deepEqual(page.told, [], 'no error in the console');
});

browser_test('a style edit arrives hot, a page edit by a reload', async ({ page, t }) => {
  await postern.activate('edits');
  await page.goto(postern.page_of('edits'));
  await warm(page);

  await mark(page);
  let begun = Date.now();
  postern.edit('edits', 'src/components/Bed.astro', (text) => text.replace('border-radius: 0.6rem', 'border-radius: 33px'));
  await until('the new style', async () => (await style_of(page, 'article', 'borderRadius')) === '33px');
  t.diagnostic(`style edit seen after ${Date.now() - begun} ms`);
  assert.ok(await marked(page), 'no full load');

  begun = Date.now();
  postern.edit('edits', 'src/pages/index.astro', (text) => text.replace(heading, 'A garden with a new name'));
  await page.getByRole('heading', { level: 1, name: 'A garden with a new name' }).waitFor();
  t.diagnostic(`page edit seen after ${Date.now() - begun} ms`);
  assert.ok(!(await marked(page)), 'a full load, by Vite itself');
});

browser_test('a killed dev server: a sane page, then recovery by itself', async ({ page, tab }) => {
  await postern.activate('killed');
  await page.goto(postern.page_of('killed'));
  await warm(page);
  const before_death = postern.pid_of('killed');
  assert.ok(before_death);

  postern.hold('killed'); // the relaunch takes as long as we look
  process.kill(before_death, 'SIGKILL');
  await until('the dev server is gone', () => postern.pid_of('killed') === 0);
  page.sockets = 0;
  const second = await tab();
  const answer = await second.goto(postern.page_of('killed'));
  assert.equal(answer.status(), 503);
  assert.match(answer.headers()['cache-control'], /no-store/);
  const html = await answer.text();
  assert.match(html, /^<!doctype html>/i);
  assert.doesNotMatch(html, /127\.0\.0\.1:\d+|ECONN|refused|errno/i, 'nothing of the inside is shown');

  postern.release('killed');
  await live(second);
  await live(page); // the tab that was open all the time, found by Vite's own ping
  assert.notEqual(postern.pid_of('killed'), before_death);
  await mark(page);
  postern.edit('killed', 'src/components/Bed.astro', (text) => text.replace('padding: 1rem 1.1rem', 'padding: 21px'));
  await until('an edit after the recovery', async () => (await style_of(page, 'article', 'paddingTop')) === '21px');
});

browser_test('a stopped session is woken by a person, not by a scanner', async ({ page }) => {
  await postern.activate('asleep');
  await page.goto(postern.page_of('asleep'));
  await live(page);
  await page.goto('about:blank');
  await postern.deactivate('asleep');
  await postern.becomes('asleep', 'inactive');
  assert.equal(postern.pid_of('asleep'), 0);

  const scanners = [
    {},
    { 'user-agent': 'Mozilla/5.0 (compatible; bingbot/2.0)', accept: 'text/html' },
    { accept: 'text/html', 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch' },
  ];
  for (const headers of scanners) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(postern.page_of('asleep'), { method, headers });
      assert.equal(answer.status, 503);
      await answer.arrayBuffer();
    }
  }
  // Nothing to wait for when nothing must happen: what a wake would have done first is written before it is answered.
  assert.equal(await postern.status('asleep'), 'inactive');
  assert.equal(postern.pid_of('asleep'), 0);

  await page.goto(postern.page_of('asleep'));
  await live(page);
  assert.equal(await postern.status('asleep'), 'active');
});

browser_test('an unknown session is a 404 page', async ({ page }) => {
  const answer = await page.goto(postern.page_of('nobody'));
  assert.equal(answer.status(), 404);
  assert.match(answer.headers()['content-type'], /^text\/html/);
  assert.match(await page.locator('body').innerText(), /session/i);
  const missing = await fetch(`${postern.page_of('nobody')}src/scripts/seeds.ts`, { headers: { 'sec-fetch-dest': 'script' } });
  assert.equal(missing.status, 404);
  assert.doesNotMatch(missing.headers.get('content-type'), /html/, 'a module is never answered by a page');
});
