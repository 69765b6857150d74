/** Which files vitest runs, by its environment, on Linux and elsewhere. */

import { expect, test } from 'vitest'
import { execute } from '#support/setup-tree.ts'
import { filesOfRun, PARTS, partOf, tierOf } from '../../../scripts/test-selection.mjs'

/** With it, no program of the tests is missing, and no file is searched for their names. */
const { PATH } = process.env

/** A project of the configuration, and the patterns that name each of its files. */
interface Project {
  readonly include: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly testTimeout: number
}

/** Returns the files that a pattern such as `test/wire/{a,b}.test.ts` names. */
function filesOf(pattern: string): readonly string[] {
  const [, folder, names] = /^(.*)\{(.*)\}$/.exec(pattern) ?? []
  return names === undefined ? [pattern] : names.split(',').map(name => `${folder}${name}`)
}

/** Prints all projects of the configuration. */
const PROJECTS = `
  const { default: config } = await import('${import.meta.resolve('../../../vitest.config.mjs')}')
  console.log(JSON.stringify(config.test.projects.map(({ test }) => test)))`

/** Runs that after options of Node. Returns the projects and their files, too. */
async function included(env: NodeJS.ProcessEnv, ...options: string[]) {
  const args = [...options, '--input-type=module', '-e', PROJECTS]
  const ended = await execute(args, { PATH, ...env })
  const projects = (JSON.parse(ended.stdout) as readonly Project[]).map(project => ({
    ...project,
    include: project.include.flatMap(filesOf),
  }))
  return { ...ended, projects, files: projects.flatMap(({ include }) => include).sort() }
}

test.each([
  [{}, 'all'],
  [{ VNET_QUICK: '1' }, 'quick'],
  [{ VNET_LONG: '1' }, 'long'],
  [{ VNET_QUICK: '0' }, 'rest'],
])('with the variables %j the projects have the files of the run %s', async (env, run) => {
  const { code, files } = await included(env)
  expect(code).toBe(0)
  expect(files.length).toBeGreaterThan(10)
  expect(files).toEqual(filesOfRun('.', run).sort())
})

test.each(PARTS)('the part %s of a run has its files', async part => {
  const { files } = await included({ VNET_QUICK: '0', VNET_TEST_PART: part })
  expect(files.length).toBeGreaterThan(10)
  const ofPart = filesOfRun('.', 'rest').filter(name => partOf(name) === part)
  expect(files).toEqual(ofPart.sort())
})

test('in a run of the rest, long tests alone have their full size and a long limit', async () => {
  const { projects } = await included({ VNET_QUICK: '0' })
  const isLong = ({ env, testTimeout }: Project) =>
    env?.VNET_LONG === '1' && testTimeout === 900_000
  const [long, others] = [true, false].map(is =>
    projects.filter(project => isLong(project) === is).flatMap(({ include }) => include),
  )
  expect(long?.map(tierOf)).toEqual(long?.map(() => 'long'))
  expect(long?.length).toBeGreaterThan(10)
  expect(others?.map(tierOf)).not.toContain('long')
})

test('vitest runs exactly the files that VNET_TEST_FILES names', async () => {
  const names = [
    'test/kernel/tap-api.test.ts',
    'test/wire/fit.slow.test.ts',
    'test/wire/fit.test.ts',
  ]
  const args = ['node_modules/.bin/vitest', 'list', '--filesOnly', '--no-color']
  const env = { PATH, VNET_QUICK: '1', VNET_TEST_FILES: names.join('\n') }
  const { code, stdout } = await execute(args, env)
  expect(code).toBe(0)
  const listed = Array.from(stdout.matchAll(/\] (\S+\.test\.ts)/g), ([, name]) => name)
  expect(listed.sort()).toEqual(names)
})

/** Node's options for another system. What vitest loads is loaded for this one before. */
const elsewhere = (platform: string) => {
  const code = `await import('${import.meta.resolve('vitest/config')}')
    Object.defineProperty(process, 'platform', { value: '${platform}' })
    delete process.getuid`
  return `--import=data:text/javascript,${encodeURIComponent(code)}`
}

test.each(['darwin', 'win32'])(
  'on %s only the tests in memory run, also in CI, and a line names them',
  async name => {
    const { code, stderr, files } = await included({ CI: '1' }, elsewhere(name))
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        `^kernel tests are skipped: this is ${name}, where only the tests in memory run: .*\n$`,
      ),
    })
    const folders = /: ([^:]*)\n$/.exec(stderr)?.[1]?.split(', ') ?? []
    expect(folders).toContain('packages/lab/test/memory/')
    for (const folder of folders) {
      expect(files).toContainEqual(expect.stringMatching(`^${folder}`))
    }
    expect(files.filter(file => !folders.some(folder => file.startsWith(folder)))).toEqual([])
  },
)
