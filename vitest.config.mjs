/**
 * scripts/test-selection.mjs says which files belong to a run, and which variables select it:
 * VNET_QUICK=1, which `npm test` sets (0 is the rest), VNET_LONG=1, with which the tests that
 * import test/support/scale.ts run at their full size, and VNET_TEST_FOLDER, a suite.
 * VNET_TEST_FILES names the files themselves, one a line. VNET_TEST_PART selects one of two parts,
 * which scripts/vitest-runs.mjs runs beside each other.
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
 * npm on hosts, test/guest, programs in virtual time, test/card, a network card of QEMU, and
 * test/stacks, TCP/IP stacks of others): one runs alone. tools: the tests that start a program
 * which is missing or another one of its name; they are skipped, too, and the reason is printed. In
 * CI that is a failure. Off Linux, only the tests in memory run, and no program is missing.
 * scripts/test.mjs sets the coverage threshold, because it holds for full runs only.
 */

import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import { importNames } from './scripts/import-names.mjs'
import { placeOf, reasonToSkipKernelTests, toolUse } from './scripts/kernel-tests.mjs'
import { throughDoors } from './scripts/setup/doors.mjs'
import { toolProblems } from './scripts/setup/test-tools.mjs'
import { filesOfRun, partOf, runOf, SUITES, tierOf } from './scripts/test-selection.mjs'

const { VNET_TEST_FILES: named, VNET_TEST_PART: part } = process.env
// Not for a vitest that a test starts.
delete process.env.VNET_TEST_FILES
delete process.env.VNET_TEST_PART

const reason = reasonToSkipKernelTests()
if (reason !== undefined && part !== 'others') {
  console.error(`kernel tests are skipped: ${reason}`)
}

const root = import.meta.dirname
const run = runOf()
const isQuick = run === 'quick'
const isLong = run === 'long'

const problems = process.platform === 'linux' ? toolProblems(['rest', 'long'].includes(run)) : []
if (problems.length > 0) {
  console.error(
    `${process.env.CI ? 'vnet' : 'tests are skipped'}: ${problems.map(({ line }) => line).join('; ')}`,
  )
  if (process.env.CI) {
    process.exit(1)
  }
}
const ofRun = (named === undefined ? filesOfRun(root, run) : named.split('\n')).filter(
  name => part === undefined || partOf(name) === part,
)

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
 * and DHCP: none then runs alone at the end. Among the others, vitest starts with those that took
 * longest the last time, or with the largest.
 */
class ByProject extends BaseSequencer {
  async sort(files) {
    const isLong = ({ moduleId }) =>
      /\/test\/kernel\/(explore|waiting)\/|\.long\.test\.ts$/.test(moduleId)
    const place = ({ project }) => projects.indexOf(project.name)
    return (await super.sort(files)).sort((a, b) => place(a) - place(b) || isLong(b) - isLong(a))
  }
}

/** The project with the long tests of a folder, if a run has others of the folder, too. */
const longOf = name => `${name}/long`

const order = isQuick
  ? ['kernel/smoke', 'kernel', 'programs', 'alone', 'unit']
  : ['programs', 'unit', 'alone', 'kernel/smoke', 'kernel']
const projects = [...order.flatMap(name => [longOf(name), name]), ...SUITES, 'tools']

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

/** Milliseconds that a long test may take. */
const LONG_TIMEOUT = 900_000

const unit = {
  ...common,
  // They compute, and one more process would load all modules once more.
  maxWorkers: cores,
  // The slowest tests without a timeout of their own take 2 s, many times that under load.
  testTimeout: isLong ? LONG_TIMEOUT : 60_000,
  sequence: { groupOrder: isQuick ? 1 : 0 },
}

const kernel = {
  ...common,
  // Kernel tests mostly wait for the kernel; in a long run they compute, too, in a quick run the
  // checks do beside them, and in a run of two parts the other part. With more at a time, programs
  // that they start are late.
  maxWorkers: isLong || isQuick || part !== undefined ? cores + 1 : 2 * cores,
  sequence: { groupOrder: isQuick ? 0 : 1 },
  testTimeout: isLong ? LONG_TIMEOUT : 120_000,
  ...(reason === undefined ? {} : SKIP_ALL),
}

/**
 * Returns a pattern for each folder of these files: vitest compares each file of the tree with each
 * pattern of each project.
 */
function patternsOf(names) {
  const folders = new Map()
  for (const name of names) {
    const folder = dirname(name)
    folders.set(folder, [...(folders.get(folder) ?? []), basename(name)])
  }
  return Array.from(folders, ([folder, found]) =>
    found.length === 1 ? `${folder}/${found[0]}` : `${folder}/{${found.join(',')}}`,
  )
}

const project = (name, { include = filesOf(name), ...options }) => ({
  test: { name, include: patternsOf(include), ...options },
})

/** Returns a project without the long tests of its folder, and a project of these. */
function projectsOf(name, options, forLong = {}) {
  const isShort = file => isLong || tierOf(file) !== 'long'
  const files = filesOf(name)
  const long = { testTimeout: LONG_TIMEOUT, env: { ...options.env, VNET_LONG: '1' }, ...forLong }
  return [
    project(name, { ...options, include: files.filter(isShort) }),
    project(longOf(name), { ...options, ...long, include: files.filter(file => !isShort(file)) }),
  ]
}

const all = [
  ...projectsOf('unit', {
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
  ...projectsOf('programs', { ...unit, isolate: false }),
  // They measure compiled code.
  ...projectsOf('alone', { ...unit, execArgv }),
  ...projectsOf('kernel/smoke', { ...kernel, isolate: false }),
  // Long ones measure under load of their own, so fewer run at a time, after all others.
  ...projectsOf('kernel', kernel, { maxWorkers: cores + 1, sequence: { groupOrder: 2 } }),
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
  // Here vitest remembers how long each file takes. Two of them would overwrite each other's file.
  cacheDir: join('node_modules/.vite', part ?? ''),
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
