import { existsSync } from 'node:fs'
import { defineConfig } from '@playwright/test'

const DEBIAN = '/usr/bin/chromium'

// biome-ignore lint/style/noDefaultExport: Playwright loads its configuration by this export.
export default defineConfig({
  testMatch: '*.test.js',
  // Each test takes less than 5 s, but many times as long on a busy machine.
  timeout: 60_000,
  expect: { timeout: 30_000 },
  workers: 2,
  reporter: 'list',
  use: { launchOptions: existsSync(DEBIAN) ? { executablePath: DEBIAN } : {} },
})
