// Counts the seeds that this visitor has sown. Nothing is kept: a reload is a new spring.
import { plural } from './words';

export function sow(button: HTMLButtonElement, line: HTMLElement): void {
  let count = 0;
  button.addEventListener('click', () => {
    count += 1;
    line.textContent = `${plural(count, 'seed', 'seeds')} in the ground.`;
  });
}
