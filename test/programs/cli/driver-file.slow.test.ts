import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isDriverFile } from '#src/cli/driver-file.ts'
import { written } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const file = (text: string, name = 'my-driver.mjs') => written(directory, name, text)

function runProgram(...args: string[]) {
  const program = fileURLToPath(new URL('../../../dist/vnet.js', import.meta.url))
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
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
  ])('%s names a driver file: %s', (argument, is) => {
    expect(isDriverFile(argument)).toBe(is)
  })

  test('the parameters of a driver file are options of its command', async () => {
    const params = `{ loss: { type: 'int', default: 0, description: 'lose every n-th', live: false, parse: Number } }`
    const path = file(
      `export const driver = { name: 'mine', description: 'my own', params: ${params}, init: () => [] }`,
    )
    const { status, stdout } = await runMain(path, '--help')
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/my own[\s\S]*--loss N +lose every n-th/),
    ])
    expect(await runMain('help', path)).toEqual({ status, stdout, stderr: '' })
    const names = (await runMain('help', path, '--names')).stdout.split('\n')
    expect(names).toEqual(expect.arrayContaining(['--loss', '--mtu', '--help']))
  })

  test('a driver file that does not load is refused in one line that names the place', async () => {
    const path = file(`\nthrow new Error('not today')`)
    const { status, stderr } = await runMain(path)
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/^vnet: .*not today \(at .*my-driver\.mjs:2:7\).*\n$/),
    ])
  })

  test('a driver file is refused in one line whatever it throws', async () => {
    const { status, stderr } = await runMain(file('throw null'))
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: .* does not load: null\n$/)])
  })

  test('a driver file that does not exist is refused in one line', async () => {
    const path = join(directory, 'nowhere.js')
    const line = { status: 1, stdout: '', stderr: `vnet: ${path}: no such file or directory\n` }
    expect([await runMain(path), await runMain('help', path)]).toEqual([line, line])
  })

  test('a TypeScript file that cannot be loaded is refused with advice', () => {
    const { typescript } = process.features as { typescript?: unknown }
    const { status, stderr } = runProgram(file('export const x: number = 1', 'my-driver.ts'))
    const advice = typescript ? /exports no driver/ : /; compile it, or use Node 22\.18/
    expect([status, stderr]).toEqual([2, expect.stringMatching(advice)])
  })

  test('a driver file in a directory without packages imports this package by its name', () => {
    const text = `import { defineDriver } from 'vnet'
      import { FakeClock } from 'vnet/bed'
      const description = typeof FakeClock
      export const driver = defineDriver({ name: 'mine', description, params: {}, init: () => [] })`
    const { status, stdout } = runProgram(file(text), '--help')
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^Usage: .*\n\nfunction\n/)])
  })

  test('a driver file imports the vnet that is installed for it, if there is one', () => {
    const installed = join(directory, 'node_modules/vnet')
    mkdirSync(installed, { recursive: true })
    writeFileSync(join(installed, 'package.json'), '{ "type": "module", "exports": "./index.js" }')
    writeFileSync(join(installed, 'index.js'), "export const description = 'of the installed one'")
    const text = `import { description } from 'vnet'
      export const driver = { name: 'mine', description, params: {}, init: () => [] }`
    const { status, stdout } = runProgram(file(text), '--help')
    expect([status, stdout]).toEqual([0, expect.stringContaining('of the installed one')])
  })

  test('a driver file that imports a package which is not there is refused in one line', () => {
    const { status, stderr } = runProgram(file("import 'no-such-package'"))
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^vnet: .*no-such-package.*\n$/)])
  })

  test.each(['', 'export const driver = 1', `export const driver = { name: 'half' }`])(
    'a file that exports no driver is refused in one line: %s',
    async text => {
      const { status, stderr } = await runMain(file(text))
      expect([status, stderr]).toEqual([
        2,
        expect.stringMatching(/^vnet: .*exports no driver.*defineDriver.*\n$/),
      ])
    },
  )

  test.each(['[]', 'undefined', '[{}]', '[undefined]'])(
    'a driver whose init returns %s is refused in one line',
    async result => {
      const path = file(
        `export const driver = { name: 'mine', description: 'my own', params: {}, init: () => ${result} }`,
      )
      const { status, stdout, stderr } = await runMain(path)
      expect([status, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(
        /^vnet: init of mine: it must return a list of at least one device.*\n$/,
      )
    },
  )

  test.each([
    ['Promise.resolve([])', ''],
    ["Promise.reject(new Error('true reason'))", 'mine: init: Error: true reason'],
  ])('a driver whose init is async is refused, with its own error: %s', async (result, logged) => {
    const path = file(
      `export const driver = { name: 'mine', description: 'my own', params: {}, init: () => ${result} }`,
    )
    const { status, stdout, stderr } = await runMain(path)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(
      /^vnet: init of mine: it must not be async: it must return a list of.*$/m,
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
  /** Returns the parameters that init got, or the message that refused the arguments. */
  const values = async (path: string, ...args: string[]) => {
    const { stderr } = await runMain(path, ...args)
    const [, given, refused] = /^vnet: (?:UsageError: (\{.*\}) \(at .*|(.*))\n$/.exec(stderr) ?? []
    return given === undefined ? refused : JSON.parse(given)
  }

  test('a bool that is true by default has the option --no-NAME, and its help shows the default', async () => {
    const path = file(
      params(
        "yes: bool({ default: true, description: 'say yes' }), no: bool({ default: false, description: 'n' })",
      ),
    )
    expect(await values(path)).toEqual({ yes: true, no: false })
    expect(await values(path, '--no-yes', '--no')).toEqual({ yes: false, no: true })
    expect(await values(path, '--no-yes=0')).toBe('option --no-yes takes no value')
    expect(await values(path, '--yes=0')).toBe(
      "unknown option '--yes=0': it is on, and --no-yes turns it off",
    )
    expect((await runMain(path, '--help')).stdout).toMatch(
      /^ {2}--no-yes +say yes \(default on\)\n {2}--no +n$/m,
    )
  })

  test('the help of an int shows its range', async () => {
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

  test('text is passed on unchanged if the driver does not parse it', async () => {
    const path = file(params("who: text({ default: 'me', description: 'who' })"))
    expect(await values(path)).toEqual({ who: 'me' })
    expect(await values(path, '--who', 'you')).toEqual({ who: 'you' })
  })

  test('a parameter name with the prefix no is refused, since --no-NAME turns NAME off', async () => {
    const path = file(params("noSum: bool({ default: false, description: 'n' })"))
    expect(await values(path)).toBe(
      `${path}: parameter noSum: call it sum; a bool whose default is true has --no-NAME`,
    )
  })

  test('a malformed address is refused in one line that shows the right form', async () => {
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
      'vnet: address 198.18.0.1: write it as 198.18.0.1/24 or 2001:db8::1/64\n',
    ])
  })

  test('the exit of a driver is called even if its devices cannot be planned', async () => {
    const path = file(`
      export const driver = {
        name: 'mine', description: 'my own', params: {}, init: () => [{ dev: {} }], exit: () => { throw new Error('it was') },
      }
    `)
    const { status, stderr } = await runMain(
      path,
      '--mac',
      '02:00:00:00:00:01',
      '--mac',
      '02:00:00:00:00:02',
    )
    expect(status).toBe(2)
    expect(stderr).toMatch(
      /^mine: exit: Error: it was \(at .*\)\nvnet: --mac is given 2 times, .*\n$/,
    )
  })
})
