// Nobody looks: the compute stops, an old link wakes it for a while, and later the published site stands in its place.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { browser_test, live } from './support/browser.mjs';
import { Postern } from './support/postern.mjs';
import { until } from './support/wait.mjs';

let postern;
before(async () => {
  // Between the two: the dev server ends, and a browser that may be slow opens the link again.
  postern = await Postern.start('idle', { idle_timeout: '4s', route_ttl: '30s', location: 'on_expired static;' });
});
after(() => postern?.stop());

browser_test('left alone it stops; its link resumes it; the published site follows', async ({ page }) => {
  await postern.activate('left');
  await page.goto(postern.page_of('left'));
  await live(page);
  const first = postern.pid_of('left');
  assert.ok(first);

  await page.goto('about:blank'); // the editor leaves
  await postern.becomes('left', 'inactive');
  await until('the dev server is gone', () => postern.pid_of('left') === 0);

  await page.goto(postern.page_of('left')); // and comes back: the page wakes it by itself
  await live(page);
  assert.notEqual(postern.pid_of('left'), first);

  await page.goto('about:blank'); // and leaves for good
  await postern.becomes('left', 'inactive');
  const published = await until('the published site in its place', async () => {
    const answer = await fetch(postern.page_of('left'), { headers: { accept: 'text/html' } });
    const text = await answer.text();
    return answer.status === 200 && text;
  }, { every: 100 });
  assert.match(published, /A garden you enter by the side door/);
  assert.doesNotMatch(published, /@vite\/client/);
  const answer = await page.goto(postern.page_of('left'));
  assert.equal(answer.status(), 200);
  await page.getByRole('button', { name: 'Sow a seed' }).click();
  await page.getByText('1 seed in the ground.').waitFor();
  assert.equal(postern.pid_of('left'), 0, 'nothing runs for it');
});
