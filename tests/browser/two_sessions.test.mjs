// Two sessions in two tabs of one browser: each sees its own content and nothing of the other's, on one host and on two.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { browser_test, live, mark, marked, style_of, warm } from './support/browser.mjs';
import { Postern } from './support/postern.mjs';
import { until } from './support/wait.mjs';

const heading = 'A garden you enter by the side door';
const names = ['alder', 'birch'];
let postern;

before(async () => {
  postern = await Postern.start('two_sessions');
  for (const [number, name] of names.entries()) {
    postern.make_site(name, {
      'src/pages/index.astro': (text) => text.replace(heading, `Garden of ${name}`).replace('width={736}', `width={${400 + number}}`),
      'src/pages/visit.astro': (text) => text.replace('Come by', `Come to ${name}`),
      'src/scripts/words.ts': (text) => text.replace('${count} ', `\${count} ${name} `),
      'src/components/Bed.astro': (text) => text.replace('0.6rem', `${10 + number}px`),
      'public/leaf.svg': (text) => text.replace('#4d8259', `#4d825${number}`),
    });
    await postern.activate(name);
  }
  for (const name of names) await postern.becomes(name, 'active');
});
after(() => postern?.stop());

/** Collects each text body that the tab receives in which the other session's name or folder stands. */
function watch_for(page, other) {
  const leaks = [];
  page.on('response', async (response) => {
    const type = response.headers()['content-type'] ?? '';
    if (!/text|javascript|json|svg/.test(type)) return;
    const body = await response.text().catch(() => '');
    if (body.includes(other)) leaks.push(response.url());
  });
  return leaks;
}

async function shows_only(page, number) {
  const name = names[number];
  await page.getByRole('button', { name: 'Sow a seed' }).click();
  await page.getByText(`1 ${name} seed in the ground.`).waitFor();
  await until('the image', () => page.locator('img.gate').evaluate((image) => image.naturalWidth > 0));
  assert.equal(await page.locator('img.gate').evaluate((image) => image.naturalWidth), 400 + number);
  assert.equal(await style_of(page, 'article', 'borderRadius'), `${10 + number}px`);
  assert.match(await page.evaluate(async () => (await fetch('/leaf.svg')).text()), new RegExp(`#4d825${number}`));
}

for (const [way, url_of] of [
  ['by path, on one host', (name) => postern.page_of(name)],
  ['by host name', (name) => `http://${name}.localhost:${postern.port}/`],
]) {
  browser_test(`two sessions, two tabs, ${way}: no content crosses`, async ({ page: first, tab }) => {
    const pages = [first, await tab()];
    const leaks = pages.map((page, number) => watch_for(page, names[1 - number]));
    for (const [number, page] of pages.entries()) await page.goto(url_of(names[number]));
    for (const [number, page] of pages.entries()) await warm(page, `Garden of ${names[number]}`);
    for (const [number, page] of pages.entries()) await shows_only(page, number);

    // Links and reloads, in the tab that was not opened last.
    await first.getByRole('link', { name: 'Opening hours' }).click();
    await first.getByRole('heading', { level: 1, name: 'Come to alder' }).waitFor();
    assert.equal(first.url(), `${url_of('alder')}visit/`);
    await first.goBack();
    await first.reload();
    await live(first, 'Garden of alder');
    await shows_only(first, 0);

    // An edit of one arrives there and nowhere else.
    for (const page of pages) {
      await page.waitForLoadState('networkidle');
      await mark(page);
    }
    const before_edit = await style_of(pages[1], 'article', 'paddingTop');
    const padding = way.startsWith('by path') ? '23px' : '25px';
    postern.edit('alder', 'src/components/Bed.astro', (text) => text.replace(/padding: [^;]*;/, `padding: ${padding};`));
    await until('the edit in its own tab', async () => (await style_of(pages[0], 'article', 'paddingTop')) === padding);
    assert.ok(await marked(pages[0]), 'hot, without a reload');
    // The other tab's socket works as well, and its next update holds nothing of the first.
    postern.edit('birch', 'src/components/Bed.astro', (text) => text.replace(/margin: 0\.3rem 0 [^;]*;/, `margin: 0.3rem 0 ${padding};`));
    await until('the other edit', async () => (await style_of(pages[1], 'article p', 'marginBottom')) === padding);
    assert.equal(await style_of(pages[1], 'article', 'paddingTop'), before_edit);
    assert.notEqual(await style_of(pages[0], 'article p', 'marginBottom'), padding);
    assert.ok(await marked(pages[1]));
    assert.deepEqual(leaks, [[], []], 'bodies in which the other session stands');
  });
}

browser_test('a host name without a session is a 404 page', async ({ page }) => {
  const answer = await page.goto(`http://nobody.localhost:${postern.port}/`);
  assert.equal(answer.status(), 404);
  assert.match(answer.headers()['content-type'], /^text\/html/);
});
