/**
 * With VNET_LONG=1, the tests that import test/support/scale.ts run at their full size, and so do
 * the files named *.long.test.ts, which run only then.
 *
 * There are four projects. unit: the tests that need no privileges; they share processes and
 * loaded modules, which saves a quarter of the CPU time. programs: those of them that start
 * programs; they share processes of their own, because fork(2) takes 50 ms in a process of 1 GiB,
 * which those of unit become. mocks: the unit tests that replace modules, and those that measure
 * what compiled code allocates, one process per file. kernel: test/kernel, as root, in network
 * namespaces that the tests make. Where that is impossible, all kernel tests are skipped and the
 * reason is printed once. tools: the tests that start a program which is missing or another one of
 * its name; they are skipped, too, and the reason is printed. In CI that is a failure.
 * scripts/test.mjs sets the coverage threshold, because it holds for full runs only.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import { reasonToSkipKernelTests, toolUse } from './scripts/kernel-tests.mjs'
import { toolProblems } from './scripts/setup/test-tools.mjs'

const reason = reasonToSkipKernelTests()
if (reason !== undefined) console.error(`kernel tests are skipped: ${reason}`)

const isLong = process.env.VNET_LONG === '1'
const root = import.meta.dirname

const problems = toolProblems(isLong)
if (problems.length > 0) {
  console.error(`${process.env.CI ? 'vnet' : 'tests are skipped'}: ${problems.map(({ line }) => line).join('; ')}`)
  if (process.env.CI) process.exit(1)
}
const names = readdirSync(join(root, 'test'), { recursive: true }).map(name => `test/${name}`)
const hasText = (name, text) => readFileSync(join(root, name), 'utf8').includes(text)
const isOfRun = name =>
  isLong ? /\.long\.test\.ts$/.test(name) || hasText(name, '/scale.ts') : !/\.long\.test\.ts$/.test(name)
const ofRun = names.filter(name => name.endsWith('.test.ts') && isOfRun(name))
const isKernel = name => name.startsWith('test/kernel/')
const hasAny = (name, ...texts) => texts.some(text => hasText(name, text))
const isAlone = name => hasAny(name, 'vi.mock(', 'vi.doMock(', 'globalThis.gc')
const isMocking = name => !isKernel(name) && isAlone(name)
const isUnit = name => !isKernel(name) && !isAlone(name)
/** By what it imports: the module of Node, or ours that use it. */
const isStarting = name =>
  hasAny(
    name,
    'child_process',
    '/setup-tree.ts',
    '/consumer.ts',
    '/browser.ts',
    '/generate-family.mjs',
    "'./support.ts'",
  )

/** The tests that start a program which is missing, or another one. */
const usesTool = problems.length === 0 ? undefined : toolUse(root)
const isWithoutTool = name =>
  (isKernel(name) || isStarting(name)) && problems.some(({ tools }) => tools.some(tool => usesTool(name, tool)))
const withoutTool = ofRun.filter(isWithoutTool)
const files = ofRun.filter(name => !withoutTool.includes(name))

const cores = availableParallelism()

/** Files that take far longer than others. They start first, so that none runs alone at the end. */
const SLOW = [
  ...['fuzz/hostile-server', 'drivers/fuzz', 'fuzz/services', 'dhcp/fuzz', 'fuzz/completion', 'allocation.long'],
  ...['docs/write-a-driver.long', 'web/slow.long', 'web/growth.long', 'native/lockup', 'cli/lockup'],
  ...['every-step.long', 'limits.long', 'security/hostile-server.long', 'bench.long', 'extcap.long', 'shown.long'],
  ...['dhcp', 'address-resolution', 'lan-demo', 'queues', 'exec', 'device-life', 'link-changes', 'lan-uplink'],
  ...['rootless-command', 'connections', 'allocation'],
]

/** Starts the slow files first. Without it, the files of a fresh clone start by size. */
class SlowFirst extends BaseSequencer {
  async sort(files) {
    const isSlow = ({ moduleId }) => SLOW.some(name => moduleId.endsWith(`/${name}.test.ts`))
    return (await super.sort(files)).sort((a, b) => isSlow(b) - isSlow(a))
  }
}

const SKIP_ALL = { runner: './test/support/skip-all-runner.ts' }

// Processes, not threads: workers do not support --expose-gc, and setns(2) moves one thread only.
const common = {
  pool: 'forks',
  // V8 shrinks the young generation of a process that allocates slowly, as all do on a busy
  // machine; what is allocated between two collections would then be too little to measure.
  execArgv: ['--expose-gc', '--min-semi-space-size=16'],
  // A wait that succeeds ends at once, so its limit may be far longer than a busy machine takes.
  expect: { poll: { timeout: 30_000 } },
  hookTimeout: 60_000,
  setupFiles: ['./test/support/program-limit.ts'],
}

/** The drivers of the course import 'vnet' and 'vnet/drivers', which are the copy under test. */
const alias = [
  { find: /^vnet$/, replacement: join(root, 'src/index.ts') },
  { find: /^vnet\/drivers$/, replacement: join(root, 'src/drivers/index.ts') },
]

const unit = {
  ...common,
  alias,
  // They also wait, for programs that they start and for timers. In a long run they compute.
  maxWorkers: isLong ? cores : cores + 1,
  // The slowest tests without a timeout of their own take 2 s, many times that under load.
  testTimeout: isLong ? 900_000 : 60_000,
  sequence: { groupOrder: 0 },
}

// biome-ignore lint/style/noDefaultExport: vitest loads its configuration by the default export.
export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        test: {
          ...unit,
          name: 'unit',
          include: files.filter(name => isUnit(name) && !isStarting(name)),
          isolate: false,
        },
      },
      {
        test: {
          ...unit,
          name: 'programs',
          include: files.filter(name => isUnit(name) && isStarting(name)),
          isolate: false,
        },
      },
      { test: { ...unit, name: 'mocks', include: files.filter(isMocking) } },
      {
        test: {
          ...common,
          name: 'kernel',
          include: files.filter(isKernel),
          // Kernel tests mostly wait for the kernel. In a long run they compute.
          maxWorkers: isLong ? cores : 3 * cores,
          sequence: { groupOrder: 1 },
          testTimeout: isLong ? 900_000 : 120_000,
          ...(reason === undefined ? {} : SKIP_ALL),
        },
      },
      ...(withoutTool.length === 0 ? [] : [{ test: { ...unit, name: 'tools', include: withoutTool, ...SKIP_ALL } }]),
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**'],
      // They run only in workers, child processes and browsers, which coverage does not see.
      exclude: [
        'src/web/page/**',
        'src/cli/web-process-main.ts',
        'src/**/*worker.ts',
        'src/cli/lockup-reporter.ts',
        'src/course/{live,run}.ts',
        'src/testing/lab/carried-*.ts',
      ],
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
      reportsDirectory: 'coverage',
    },
  },
})
