/**
 * With VNET_LONG=1 only the files run that import test/support/scale.ts, at their full size.
 *
 * Two projects. unit: everything that needs no rights. kernel: test/kernel, as root, in network namespaces that the tests
 * make; where that is not possible all of it is skipped, and the reason printed once. The coverage threshold is set by
 * scripts/test.mjs, since it holds for full runs only.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import { reasonToSkipKernelTests } from './scripts/kernel-tests.mjs'

const reason = reasonToSkipKernelTests()
if (reason !== undefined) console.error(`kernel tests are skipped: ${reason}`)

const isLong = process.env.VNET_LONG === '1'
const root = import.meta.dirname
const names = readdirSync(join(root, 'test'), { recursive: true }).map(name => `test/${name}`)
const isScaled = name => readFileSync(join(root, name), 'utf8').includes('/scale.ts')
const files = names.filter(name => name.endsWith('.test.ts') && (!isLong || isScaled(name)))
const isKernel = name => name.startsWith('test/kernel/')

const cores = availableParallelism()

/** Files that take far longer than others: the last of them must not run alone at the end. */
const SLOW = [
  'dhcp',
  'exec',
  'faults/every-step',
  'faults/limits',
  'address-resolution',
  'security/completion',
  'allocation',
]

/** Starts them first; without it files of a fresh clone start by their size. */
class SlowFirst extends BaseSequencer {
  async sort(files) {
    const isQuick = ({ moduleId }) => !SLOW.some(name => moduleId.endsWith(`/${name}.test.ts`))
    return (await super.sort(files)).sort((a, b) => isQuick(a) - isQuick(b))
  }
}

// Processes, not threads: --expose-gc is not for workers, and setns moves one thread only.
const common = { pool: 'forks', execArgv: ['--expose-gc'] }

// biome-ignore lint/style/noDefaultExport: vitest loads its configuration by the default export.
export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: files.filter(name => !isKernel(name)),
          maxWorkers: cores,
          testTimeout: isLong ? 900_000 : 5_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'kernel',
          include: files.filter(isKernel),
          // They wait for the kernel more than they compute; in a long run they compute.
          maxWorkers: isLong ? cores : 2 * cores,
          sequence: { groupOrder: 1 },
          testTimeout: isLong ? 900_000 : 30_000,
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
