import { realpathSync } from 'node:fs';
import { defineConfig } from 'astro/config';

// Nothing here knows of the router in front. Each session runs this site from a copy of its own whose node_modules is a
// symbolic link (conf/quickstart/start-session): hence caches inside the copy, and leave to serve files from the link's end.
export default defineConfig({
  devToolbar: { enabled: false },
  cacheDir: './.astro/cache',
  vite: {
    cacheDir: './.astro/vite',
    server: {
      strictPort: true, // a taken port must fail the start, not move the site to a port that nobody asked for
      fs: { allow: ['.', realpathSync('node_modules')] },
    },
  },
});
