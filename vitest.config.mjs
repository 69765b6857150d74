/**
 * scripts/test-selection.mjs says which files belong to a run, and which variables select it:
 * VNET_QUICK=1, which `npm test` sets (0 is the rest), VNET_LONG=1, with which the tests that
 * import test/support/scale.ts run at their full size, VNET_UNSCALED=1, which .ci/run sets for its
 * long run, and VNET_TEST_FOLDER, a suite. VNET_TEST_FILES names the files themselves, one a line.
 *
 * The projects are folders. unit: the tests that need no privileges; they share processes and
 * loaded modules, which saves a quarter of the CPU time. programs (test/programs): tests that
 * start programs; they share processes of their own, because fork(2) takes 50 ms in a process of
 * 1 GiB, which the processes of unit become. alone (test/alone): tests that replace modules, or
 * that measure what compiled code allocates, one process per file. kernel (test/kernel): as
 * root, in network namespaces that the tests make; the files of kernel/smoke share processes.
 * Where that is impossible, all kernel tests are skipped and the reason is printed once. The
 * suites (test/containers, tests with Docker and containerd, test/labs, tests with pytest, Go,
 * keepalived and etcd, test/browsers, tests with Playwright and of the live page, test/explore,
 * explorations of programs of others, test/kernel-module, modules in a guest's kernel,
 * test/course-live, drivers that the checks of exercises must not pass, test/install, an
 * installation in a fresh Debian, test/run, programs in `vnet run`, test/packages, packages of
 * npm on hosts, test/guest, programs in virtual time, and test/stacks, TCP/IP stacks of others):
 * one runs alone. tools: the tests that start a program which is missing or another one of its
 * name; they are skipped, too, and the reason is printed. In CI that is a failure. Off Linux,
 * only the tests in memory run, and no program is missing. scripts/test.mjs sets the coverage
 * threshold, because it holds for full runs only.
 */

import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import { importNames } from './scripts/import-names.mjs'
import { placeOf, reasonToSkipKernelTests, toolUse } from './scripts/kernel-tests.mjs'
import { throughDoors } from './scripts/setup/doors.mjs'
import { toolProblems } from './scripts/setup/test-tools.mjs'
import { filesOfRun, runOf, SUITES } from './scripts/test-selection.mjs'

const reason = reasonToSkipKernelTests()
if (reason !== undefined) {
  console.error(`kernel tests are skipped: ${reason}`)
}

const root = import.meta.dirname
const run = runOf()
const isQuick = run === 'quick'
const isLong = process.env.VNET_LONG === '1'

const problems = process.platform === 'linux' ? toolProblems(isLong) : []
if (problems.length > 0) {
  console.error(
    `${process.env.CI ? 'vnet' : 'tests are skipped'}: ${problems.map(({ line }) => line).join('; ')}`,
  )
  if (process.env.CI) {
    process.exit(1)
  }
}
const named = process.env.VNET_TEST_FILES
// Not for a vitest that a test starts.
delete process.env.VNET_TEST_FILES
const ofRun = named === undefined ? filesOfRun(root, run) : named.split('\n')

/** The tests that start a program which is missing, or another one. */
const usesTool = problems.length === 0 ? undefined : toolUse(root)
const isWithoutTool = name =>
  /^test\/(kernel|programs)\//.test(placeOf(name)) &&
  problems.some(({ tools }) => tools.some(tool => usesTool(name, tool)))
const withoutTool = ofRun.filter(isWithoutTool)
const files = ofRun.filter(name => !withoutTool.includes(name))

/** The projects with a folder of test/. The project unit has all other files. */
const FOLDERS = ['alone', 'programs', 'kernel/smoke', 'kernel', ...SUITES]
const folderOf = file =>
  FOLDERS.find(folder => placeOf(file).startsWith(`test/${folder}/`)) ?? 'unit'
const filesOf = project => files.filter(file => folderOf(file) === project)

const cores = availableParallelism()

/**
 * Runs the files of a project one after the other, because processes that files share end before a
 * file of another project. The files of the kernel are first in a quick run: they wait, and the
 * checks of scripts/test.mjs compute meanwhile. Long tests start first, also test/kernel/explore
 * and test/kernel/waiting, which take long because they wait for lost packets, timers of the kernel
 * and DHCP: none then runs alone at the end.
 */
class ByProject extends BaseSequencer {
  async sort(files) {
    const isLong = ({ moduleId }) =>
      /\/test\/kernel\/(explore|waiting)\/|\.long\.test\.ts$/.test(moduleId)
    const place = ({ project }) => projects.indexOf(project.name)
    return (await super.sort(files)).sort((a, b) => place(a) - place(b) || isLong(b) - isLong(a))
  }
}

const projects = [
  ...(isQuick ? [] : ['programs', 'unit', 'alone']),
  'kernel/smoke',
  'kernel',
  ...(isQuick ? ['programs', 'alone', 'unit'] : []),
  ...SUITES,
  'tools',
]

const SKIP_ALL = { runner: './test/support/skip-all-runner.ts' }

/**
 * Tests name the core's source and their common support from the top. The packages and the course
 * import the source, which is under test.
 */
const alias = importNames.map(([name, file]) => ({
  find: new RegExp(`^${name.replace('*', '(.*)')}$`),
  replacement: join(root, file.replace('*', '$1')),
}))

/**
 * Makes V8 compile with optimizations what has run eight times as long as usual. Most of a test's
 * functions run too rarely to gain from it, and compiling took a fifth of the time. Later versions
 * of Node have no such option.
 */
const optimizeLater = process.version.startsWith('v20.') ? ['--interrupt-budget=540672'] : []

// V8 shrinks the young generation of a process that allocates slowly, as all do on a busy machine;
// what is allocated between two collections would then be too little to measure.
const execArgv = ['--expose-gc', '--min-semi-space-size=16']

// Processes, not threads: workers do not support --expose-gc, and setns(2) moves one thread only.
const common = {
  alias,
  // Compiled packages import files of the core that have no source: Node loads them.
  server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  pool: 'forks',
  execArgv: [...execArgv, ...optimizeLater],
  // A wait that succeeds ends immediately, so its limit may be far longer than a busy machine
  // takes.
  expect: { poll: { timeout: 30_000 } },
  hookTimeout: 60_000,
  setupFiles: [
    './test/support/program-limit.ts',
    './test/support/equal-octets.ts',
    ...(process.env.VNET_CPU === undefined ? [] : ['./test/support/cpu-by-file.ts']),
  ],
}

const unit = {
  ...common,
  // Slow ones also wait, for programs that they start and for timers. Tests of a quick and of a
  // long run compute, and one more process would load all modules once more.
  maxWorkers: isQuick || isLong ? cores : cores + 1,
  // The slowest tests without a timeout of their own take 2 s, many times that under load.
  testTimeout: isLong ? 900_000 : 60_000,
  sequence: { groupOrder: isQuick ? 1 : 0 },
}

const kernel = {
  ...common,
  // Kernel tests mostly wait for the kernel; in a long run they compute, too, and in a quick run
  // the checks do beside them. With more at a time, programs that they start are late.
  maxWorkers: isLong || isQuick ? cores + 1 : 2 * cores,
  sequence: { groupOrder: isQuick ? 0 : 1 },
  testTimeout: isLong ? 900_000 : 120_000,
  ...(reason === undefined ? {} : SKIP_ALL),
}

const project = (name, options) => ({ test: { name, include: filesOf(name), ...options } })

const all = [
  project('unit', {
    ...unit,
    isolate: false,
    setupFiles: [...common.setupFiles, './test/support/temporary-files.ts'],
    // glibc then maps each buffer of 1 MiB and more, and its pages are zeroed as they are used. By
    // itself it would soon reuse memory, and zero all 32 MiB of each small pool. The rest of its
    // heap grows in steps and does not shrink, so that pages are made once.
    env: {
      MALLOC_MMAP_THRESHOLD_: String(1 << 20),
      MALLOC_TOP_PAD_: String(4 << 20),
      MALLOC_TRIM_THRESHOLD_: String(128 << 20),
    },
  }),
  project('programs', { ...unit, isolate: false }),
  // They measure compiled code.
  project('alone', { ...unit, execArgv }),
  project('kernel/smoke', { ...kernel, isolate: false }),
  project('kernel', kernel),
  // Each file has programs of its own, such as an engine.
  ...SUITES.map(name =>
    project(name, {
      ...common,
      maxWorkers: cores,
      sequence: { groupOrder: 2 },
      testTimeout: 120_000,
    }),
  ),
  project('tools', { ...unit, include: withoutTool, ...SKIP_ALL }),
]

const used = all.filter(({ test }) => test.include.length > 0)

const doors = throughDoors(root)

// biome-ignore lint/style/noDefaultExport: vitest loads its configuration by the default export.
export default defineConfig({
  test: {
    sequence: { sequencer: ByProject },
    // Compiled modules are kept in node_modules, by their content, for other projects and runs.
    experimental: { fsModuleCache: true },
    // Each project has a server of vite. They share the plugin, which reads all doors once.
    projects: (used.length > 0 ? used : all).map(project => ({ ...project, plugins: [doors] })),
    coverage: {
      provider: 'custom',
      customProviderModule: './scripts/coverage.mjs',
      include: ['src/**', 'packages/*/src/**'],
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
      reportsDirectory: 'coverage',
    },
  },
})
