(() => {
  const d = document.documentElement.dataset, at = id => document.getElementById(id);
  const title = at("title"), lead = at("lead"), reason = at("reason"), act = at("act"), clock = at("clock");
  const calm = 5000;
  let own = d.view, source, timer, left, woken = -calm, seen, told, since = Date.now() - d.waited;
  const say = (heading, text) => {
    title.textContent = document.title = heading;
    lead.textContent = text;
  };
  // Soon after a start the answer may still be this page: never reload in a tight circle.
  const go = () => {
    if (left) return;
    left = true;
    if (source) source.close();
    setTimeout(() => location.reload(), performance.now() < 600 ? 600 : 0);
  };
  const waiting = () => {
    if (own === "initializing") return;
    own = d.view = "initializing";
    since = Date.now();
    act.hidden = true;
    reason.textContent = "";
    say("Starting your session", "The live preview is on its way. This page turns into it by itself.");
  };
  const offer = (view, heading, text, why) => {
    own = d.view = view;
    say(heading, text);
    reason.textContent = why || "";
    act.textContent = view === "failed" ? "Try again" : "Start the session";
    act.hidden = d.wake === "off";
  };
  const failed = why => offer("failed", "The session could not start", "This is what the start reported.", why);
  const on = (state, why) => {
    seen = state;
    told = why;
    // What was true before the wake may still be told for a moment after it.
    if (state === "initializing") woken = -calm;
    const stale = performance.now() - woken < calm && (state === "inactive" || state === "failed");
    if (stale || (state === own && state !== "failed")) return;
    if (own === "active" && state === "draining") return;
    if (state === "initializing") return waiting();
    if (state === "failed") return failed(why);
    go();
  };
  const again = ms => {
    clearTimeout(timer);
    timer = setTimeout(look, ms);
  };
  const look = async () => {
    let there;
    try {
      const r = await fetch(location.href, { cache: "no-store", headers: { accept: "text/html" } });
      const held = r.status === 503 && /json|plain/.test(r.headers.get("content-type"));
      there = !held && !r.headers.has("x-postern-page");
      if (r.body) r.body.cancel();
    } catch { }
    if (there) go();
    else if (!source || source.readyState !== 1 || own === "active") again(1000);
  };
  const follow = () => {
    if (source) return;
    if (!window.EventSource) return again(1000);
    source = new EventSource(d.prefix + "/.postern/events");
    source.addEventListener("state", e => {
      try {
        const now = JSON.parse(e.data);
        on(now.state, now.reason);
      } catch { }
    });
    source.onopen = () => own === "active" || clearTimeout(timer);
    source.onerror = () => own === "inactive" || own === "failed" || again(1000);
    if (own === "active" || own === "initializing") again(own === "active" ? 1000 : 3000);
  };
  const wake = async () => {
    waiting();
    woken = performance.now();
    try {
      const r = await fetch(d.prefix + "/.postern/wake", { method: "POST", headers: { "x-postern-wake": "1" } });
      if (!r.ok) throw r;
    } catch {
      woken = -calm;
      return offer("inactive", "The session did not start", "Try again in a little while.");
    }
    follow();
    again(3000);
    setTimeout(() => seen === "inactive" ? go() : seen === "failed" && failed(told), calm);
  };
  // One wake by itself per tab and half a minute, and only where a person looks at the page.
  const once = () => {
    if (document.visibilityState !== "visible" || document.prerendering) return;
    removeEventListener("visibilitychange", once, true);
    removeEventListener("prerenderingchange", once, true);
    const key = "postern-wake:" + d.prefix;
    try {
      if (Date.now() - sessionStorage[key] < 30000) return act.hidden = false;
      sessionStorage[key] = Date.now();
    } catch { }
    wake();
  };
  act.onclick = wake;
  if (own === "inactive" && d.wake === "auto") {
    addEventListener("visibilitychange", once, true);
    addEventListener("prerenderingchange", once, true);
    once();
  } else if (own === "inactive" || own === "failed") act.hidden = d.wake === "off";
  if (own !== "inactive" || d.wake !== "auto") follow();
  const tick = () => {
    const s = Math.max(0, Math.floor((Date.now() - since) / 1000));
    clock.textContent = own === "initializing" ? (s < 60 ? s + " s" : Math.floor(s / 60) + " min " + s % 60 + " s") + (s > 25 ? " · a first start takes longer" : "") : "";
  };
  tick();
  setInterval(tick, 1000);
  addEventListener("pageshow", e => e.persisted && location.reload());
})();
