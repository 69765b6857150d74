/**
 * Two projects. unit: everything that needs no rights. kernel: test/kernel, as root, in network namespaces that the tests
 * make; where that is not possible all of it is skipped, and the reason printed once. The coverage threshold is set by
 * scripts/test.mjs, since it holds for full runs only.
 */

import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { reasonToSkipKernelTests } from './scripts/kernel-tests.mjs'

const reason = reasonToSkipKernelTests()
if (reason !== undefined) console.error(`kernel tests are skipped: ${reason}`)

const cores = availableParallelism()

// Processes, not threads: --expose-gc is not for workers, and setns moves one thread only.
const common = { pool: 'forks', execArgv: ['--expose-gc'] }

// biome-ignore lint/style/noDefaultExport: vitest loads its configuration by the default export.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kernel/**'],
          maxWorkers: cores,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          // They wait for the kernel more than they compute.
          maxWorkers: 2 * cores,
          sequence: { groupOrder: 1 },
          testTimeout: 30_000,
          hookTimeout: 30_000,
          ...(reason === undefined ? {} : { runner: './test/support/skip-all-runner.ts' }),
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      reporter: ['text-summary', 'json-summary'],
      reportsDirectory: 'coverage',
    },
  },
})
