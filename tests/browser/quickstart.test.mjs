// The quickstart as a newcomer meets it: its own conf, its landing page, one click.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { browser_test, live, style_of, warm } from './support/browser.mjs';
import { Postern, root } from './support/postern.mjs';
import { until } from './support/wait.mjs';

let postern;
before(async () => {
  const conf = readFileSync(join(root, 'conf/quickstart/postern.conf'), 'utf8');
  postern = await Postern.start('quickstart', {
    conf: ({ folder, port, api }) => conf.replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
      .replaceAll('127.0.0.1:9180', `127.0.0.1:${api}`).replaceAll('../../run', folder).replaceAll('../..', root),
  });
});
after(() => postern?.stop());

browser_test('one click on the landing page leads to the live site', async ({ page, tab }) => {
  await page.goto(`${postern.url}/start/`);
  await page.getByRole('button', { name: 'Start a session' }).click();
  await page.waitForURL(/\/session\/[a-z]+-\d{4}\/$/);
  const thread = page.url().match(/session\/([^/]+)\//)[1];
  await warm(page);
  postern.edit(thread, 'src/components/Bed.astro', (text) => text.replace('0.6rem', '31px'));
  await until('the edit', async () => (await style_of(page, 'article', 'borderRadius')) === '31px');

  const landing = await tab();
  await landing.goto(`${postern.url}/start/`);
  const row = landing.getByRole('listitem').filter({ hasText: thread });
  await row.getByText('active', { exact: true }).waitFor();
  await row.getByRole('button', { name: 'Stop' }).click();
  await row.getByText('inactive', { exact: true }).waitFor();
  assert.equal(postern.pid_of(thread), 0);

  await row.getByRole('link', { name: thread }).click(); // an old link: the page that opens wakes it
  await live(landing);
});

browser_test('the published site is the static build', async ({ page }) => {
  const answer = await page.goto(`${postern.url}/`);
  assert.equal(answer.status(), 200);
  assert.doesNotMatch(await answer.text(), /@vite/);
  await page.getByRole('link', { name: 'Opening hours' }).click();
  await page.getByRole('heading', { level: 1, name: 'Come by' }).waitFor();
});

browser_test('another origin cannot use the open API', async ({ page }) => {
  const body = JSON.stringify({ clientId: 'garden', userId: 'x', threadId: 'foreign', instruction: '' });
  for (const headers of [{ origin: 'http://elsewhere.example' }, { 'sec-fetch-site': 'cross-site' }, {}]) {
    const answer = await fetch(`${postern.url}/api/sessions/activate`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body,
    });
    assert.ok([401, 403].includes(answer.status), `${JSON.stringify(headers)}: ${answer.status}`);
  }
  const sessions = JSON.stringify(await postern.api('client/garden'));
  assert.doesNotMatch(sessions, /foreign/, 'nothing was made');
  const answer = await page.goto(postern.page_of('foreign')); // this conf has the published site for an unknown session
  assert.doesNotMatch(await answer.text(), /@vite/);
});
