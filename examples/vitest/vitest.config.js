import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest loads its configuration by the default export.
export default defineConfig({
  // Each test takes less than 3 s, but many times as long on a busy machine.
  test: { include: ['*.test.js'], testTimeout: 60_000, expect: { poll: { timeout: 10_000 } } },
})
