// Waiting for a condition, never for a time.

/** Polls `condition` until it gives something true, and gives that back; says what was waited for when it does not. */
export async function until(what, condition, { within = 60_000, every = 25 } = {}) {
  const deadline = Date.now() + within;
  let last;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`not in ${within} ms: ${what}`, { cause: last });
    await new Promise((done) => setTimeout(done, every));
  }
}
