import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isDriverFile } from '../../src/cli/driver-file.ts'
import { runMain } from '../support/run-main.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function file(text: string, name = 'my-driver.mjs'): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

describe('a driver from a file', () => {
  test.each([
    ['./my-driver.js', true],
    ['driver.mjs', true],
    ['/home/me/driver.ts', true],
    ['snull', false],
    ['--name', false],
    ['-x.js', false],
    [undefined, false],
  ])('%s names one: %s', (argument, is) => {
    expect(isDriverFile(argument)).toBe(is)
  })

  test('has its parameters as options of its command', async () => {
    const params = `{ loss: { type: 'int', default: 0, description: 'lose every n-th', live: false, parse: Number } }`
    const path = file(
      `export const driver = { name: 'mine', description: 'my own', params: ${params}, init: () => [] }`,
    )
    const { status, stdout } = await runMain(path, '--help')
    expect([status, stdout]).toEqual([0, expect.stringMatching(/my own[\s\S]*--loss N +lose every n-th/)])
  })

  test('is refused in one line that names the place when it does not load', async () => {
    const path = file(`\nthrow new Error('not today')`)
    const { status, stderr } = await runMain(path)
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: .*not today \(at .*my-driver\.mjs:2:7\).*\n$/)])
  })

  test('is refused in one line whatever it throws', async () => {
    const { status, stderr } = await runMain(file('throw null'))
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: .* does not load: null \(see .*\n$/)])
  })

  test('is refused in one line when there is no such file', async () => {
    const { status, stderr } = await runMain(join(directory, 'nowhere.js'))
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: .*nowhere\.js does not load: .*\n$/)])
  })

  const { typescript } = process.features as { typescript?: unknown }
  test.each([
    ["import 'vnet'", 'my-driver.mjs', /; in its directory: npm install \/\S+ \(see/],
    [
      'export const x: number = 1',
      'my-driver.ts',
      typescript ? /exports no driver/ : /; compile it, or use Node 22\.18/,
    ],
  ])('that cannot be loaded is refused with what to do: %s, in %s', (text, name, advice) => {
    const program = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))
    const { status, stderr } = spawnSync(process.execPath, [program, file(text, name)], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([2, expect.stringMatching(advice)])
  })

  test.each(['', 'export const driver = 1', `export const driver = { name: 'half' }`])(
    'is refused in one line when it exports none: %s',
    async text => {
      const { status, stderr } = await runMain(file(text))
      expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: .*exports no driver.*defineDriver.*\n$/)])
    },
  )

  test.each(['[]', 'undefined'])(
    'whose init answers %s is refused in one line: there is nothing to run',
    async answer => {
      const path = file(
        `export const driver = { name: 'mine', description: 'my own', params: {}, init: () => ${answer} }`,
      )
      const { status, stdout, stderr } = await runMain(path)
      expect([status, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(/^vnet: init of mine: EINVAL, .*; it must answer a list of devices, at least one.*\n$/)
    },
  )

  test.each([
    ['Promise.resolve([])', ''],
    ["Promise.reject(new Error('true reason'))", 'mine: init: Error: true reason'],
  ])('whose init is async is told so, with its own error: %s', async (answer, logged) => {
    const path = file(
      `export const driver = { name: 'mine', description: 'my own', params: {}, init: () => ${answer} }`,
    )
    const { status, stdout, stderr } = await runMain(path)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(
      /^vnet: init of mine: EINVAL, .*; it must not be async: it must answer a list of devices.*$/m,
    )
    expect(stderr).toContain(logged)
    expect(stderr.trimEnd().split('\n')).toHaveLength(logged === '' ? 1 : 2)
  })

  const params = (text: string) => `
    import { bool, defineDriver, int, text, UsageError } from '${pathToFileURL('dist/index.js').href}'
    const params = { ${text} }
    const init = params => { throw new UsageError(JSON.stringify(params)) }
    export const driver = defineDriver({ name: 'mine', description: 'my own', params, init })
  `
  /** The parameters that init was given, or what the program said of the arguments. */
  const values = async (path: string, ...args: string[]) => {
    const { stderr } = await runMain(path, ...args)
    const [, given, refused] = /^vnet: (?:UsageError: (\{.*\}) \(at .*|(.*) \(see vnet --help\))\n$/.exec(stderr) ?? []
    return given === undefined ? refused : JSON.parse(given)
  }

  test('has --no-NAME for what is on by itself, and its help says that it is on', async () => {
    const path = file(
      params("yes: bool({ default: true, description: 'say yes' }), no: bool({ default: false, description: 'n' })"),
    )
    expect(await values(path)).toEqual({ yes: true, no: false })
    expect(await values(path, '--no-yes', '--no')).toEqual({ yes: false, no: true })
    expect(await values(path, '--no-yes=0')).toBe('option --no-yes takes no value')
    expect(await values(path, '--yes=0')).toBe('option --yes takes no value: it is on, and --no-yes turns it off')
    expect((await runMain(path, '--help')).stdout).toMatch(/^ {2}--no-yes +say yes \(default on\)\n {2}--no +n$/m)
  })

  test('has the range of a number in its help', async () => {
    const path = file(
      params(`
        a: int({ default: 7, min: 1, max: 9, description: 'a' }), b: int({ default: 0, max: 9, description: 'b' }),
        c: int({ default: 0, description: 'c' }), d: int({ default: 2, min: 1, description: 'd' })
      `),
    )
    expect((await runMain(path, '--help')).stdout).toMatch(
      / --a N +a \(1 to 9, default 7\)\n +--b N +b \(0 to 9\)\n +--c N +c\n +--d N +d \(at least 1, default 2\)\n/,
    )
  })

  test('has text as it was given where the driver does not parse it', async () => {
    const path = file(params("who: text({ default: 'me', description: 'who' })"))
    expect(await values(path)).toEqual({ who: 'me' })
    expect(await values(path, '--who', 'you')).toEqual({ who: 'you' })
  })

  test('cannot have a parameter that begins with no, which would turn another one off', async () => {
    const path = file(params("noSum: bool({ default: false, description: 'n' })"))
    expect(await values(path)).toBe(`${path}: parameter noSum: call it sum; a bool that is on has --no-NAME`)
  })

  test('whose addresses are none is refused in one line that says how one is written', async () => {
    const dist = pathToFileURL('dist/index.js').href
    const path = file(`
      import { allocEtherdevMqs } from '${dist}'
      const dev = name => allocEtherdevMqs({ name, setup() {}, priv: {} })
      export const driver = {
        name: 'mine', description: 'my own', params: {},
        init: () => [{ dev: dev('mine0'), addresses: ['198.18.0.1'] }, { dev: dev('mine1'), addresses: ['far/24'] }],
      }
    `)
    const { status, stderr } = await runMain(path)
    expect([status, stderr]).toEqual([
      1,
      'vnet: address 198.18.0.1: EINVAL, invalid argument; write it as 198.18.0.1/24 or 2001:db8::1/64\n',
    ])
  })

  test('has its exit called also when its devices do not become live', async () => {
    const path = file(`
      export const driver = {
        name: 'mine', description: 'my own', params: {}, init: () => [{ dev: {} }], exit: () => { throw new Error('it was') },
      }
    `)
    const { status, stderr } = await runMain(path, '--mac', '02:00:00:00:00:01', '--mac', '02:00:00:00:00:02')
    expect(status).toBe(2)
    expect(stderr).toMatch(/^mine: exit: Error: it was \(at .*\)\nvnet: 2 times --mac, .*\n$/)
  })
})
