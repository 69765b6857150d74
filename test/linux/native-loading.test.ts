import fs, { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { VnetError } from '#src/base/errno.ts'
import * as native from '#src/linux/native.ts'
import { whyNoTun, whyNotConfined, whyNotRootless } from '#src/linux/rootless.ts'
import { replaceBuiltin } from '#support/builtin.ts'
import { testDirectory } from '#support/fresh-directory.ts'
import { addonPath } from '../programs/native/support.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const failure = (load: () => unknown) => {
  try {
    load()
  } catch (error) {
    return error as VnetError
  }
  throw new Error('it loaded')
}

/** The modules that this thread has loaded with require(), by their files. */
const { cache } = createRequire(import.meta.url)

/** Lets this thread forget the addon until the test ends, and returns the file of its module. */
function forgetAddon(): string {
  const [file = ''] = Object.keys(cache).filter(file => file.endsWith('/vnet.node'))
  const loaded = cache[file]
  delete cache[file]
  onTestFinished(() => {
    cache[file] = loaded
  })
  return file
}

/** The files of a tree that the module under test looks for. */
const LOOKED_FOR =
  /\/(binding\.gyp|scripts\/setup\.mjs|(build\/Release|prebuilds\/[\w-]+)\/[\w.-]+)$/

/** The number of copies of the module under test. Each reads its tree when it is loaded. */
let copies = 0

/** Loads a copy of the module in a tree that `has` files, of the package `name`. */
async function inTree(has: (path: string) => boolean, name = 'vnet'): Promise<typeof native> {
  const { statSync, readFileSync } = fs
  replaceBuiltin(fs, {
    statSync: (path: string, options: object) => {
      if (!LOOKED_FOR.test(path)) return statSync(path, options)
      return has(path) ? {} : undefined
    },
    readFileSync: (path: string, options: object) =>
      /\/package\.json$/.test(path) ? JSON.stringify({ name }) : readFileSync(path, options),
  } as never)
  const path = `../../src/linux/native.ts?copy=${++copies}`
  return await import(/* @vite-ignore */ path)
}

/** loadNative() of a program that finds no built files. */
async function withoutFiles(name?: string): Promise<() => native.Native> {
  vi.stubEnv('VNET_ADDON', '')
  return (await inTree(() => false, name)).loadNative
}

const { builtFile, loadNative } = native

test('loadNative loads the file that VNET_ADDON names', () => {
  vi.stubEnv('VNET_ADDON', addonPath)
  expect(loadNative().monotonic()).toBeTypeOf('number')
})

test('loadNative names the command to run when the addon is not built', async () => {
  forgetAddon()
  const error = failure(await withoutFiles())
  expect(error.code).toBe('ENOENT')
  expect(error.message).toMatch(
    /; the native addon is not built: run `npx node-gyp rebuild` in \/.*$/,
  )
})

test('loadNative names the bundler that moved the code away from the addon', async () => {
  forgetAddon()
  expect(failure(await withoutFiles('app')).message).toMatch(
    /; the native addon is not beside this code, .*: mark vnet as external in the bundler$/,
  )
})

test('loadNative returns the loaded addon after its file was deleted', async () => {
  vi.stubEnv('VNET_ADDON', '')
  const loaded = loadNative()
  const load = await withoutFiles()
  expect(load()).toBe(loaded)
})

test('loadNative does not return the addon of another vnet in node_modules', async () => {
  const own = forgetAddon()
  const other = own.replace(
    /(build|prebuilds)\/.*/,
    'node_modules/vnet/prebuilds/linux-x64/vnet.node',
  )
  cache[other] = {} as NodeModule
  const load = await withoutFiles()
  const error = failure(load)
  delete cache[other]
  expect(error.code).toBe('ENOENT')
})

/**
 * builtFile() in a tree that has only `files`, where set-up makes vnet-within and ends with
 * `status`.
 */
async function inClone(files: readonly string[], status: number) {
  const there = new Set(files)
  const calls: (readonly string[])[] = []
  const spawnSync = (program: string, args: readonly string[], options: object) => {
    calls.push([program, ...args])
    expect(options).toEqual({ stdio: ['ignore', 2, 2] })
    if (status === 0) {
      there.add('build/Release/vnet-within')
    }
    return { status }
  }
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue({ spawnSync } as never)
  const has = (path: string) => [...there].some(file => path.endsWith(`/${file}`))
  const { builtFile: find } = await inTree(has)
  return { find: () => find('vnet-within', 'the launcher'), calls }
}

const CLONE = ['scripts/setup.mjs', 'build/Release/vnet.node']
const PREBUILT = `prebuilds/linux-${process.arch}/vnet-within`

test('a clone builds its programs when one is needed, once', async () => {
  // Prebuilt files may be of other sources.
  const { find, calls } = await inClone([...CLONE, PREBUILT], 0)
  expect([find(), find()]).toEqual(
    Array(2).fill(expect.stringMatching(/\/build\/Release\/vnet-within$/)),
  )
  expect(calls).toEqual([
    [process.execPath, expect.stringMatching(/\/scripts\/setup\.mjs$/), '--programs'],
  ])
})

test('a clone that cannot build its programs says how they are built', async () => {
  const { find } = await inClone(CLONE, 1)
  expect(failure(find).message).toMatch(
    /; the launcher is not built: run `npx node-gyp rebuild` in \/.*$/,
  )
})

test('an installation has its programs, and builds nothing', async () => {
  const { find, calls } = await inClone([PREBUILT], 0)
  expect(find()).toMatch(/\/prebuilds\/linux-\w+\/vnet-within$/)
  expect(calls).toEqual([])
})

test.each([
  ['loadNative', loadNative],
  ['builtFile', () => builtFile('vnet-launch', 'the launcher')],
])('%s names Linux on another system, in one line', (_, load) => {
  vi.stubGlobal('process', Object.create(process, { platform: { value: 'darwin' } }))
  const { code, message } = failure(load)
  expect(code).toBe('EOPNOTSUPP')
  expect(message).toMatch(
    /; this needs Linux: it drives TAP interfaces, which darwin does not have; .*$/,
  )
})

test('a check whether interfaces can be made returns the reason on another system', () => {
  vi.stubGlobal('process', Object.create(process, { platform: { value: 'win32' } }))
  const reason = expect.stringMatching(
    /^this needs Linux: it drives TAP interfaces, which win32 does not have; .*$/,
  )
  expect(whyNoTun()).toEqual(reason)
  expect(whyNotRootless()).toEqual(reason)
  expect(whyNotConfined()).toEqual(reason)
})

test.each([
  ['Bun', 'bun'],
  ['Deno', 'deno'],
])('loadNative refuses to run in %s, with one line', (name, key) => {
  const versions = { ...process.versions, [key]: '1.0.0' }
  vi.stubGlobal('process', Object.create(process, { versions: { value: versions } }))
  const { code, message } = failure(loadNative)
  expect(code).toBe('ENOEXEC')
  expect(message).toMatch(new RegExp(`; it does not run in ${name}: start this program with node$`))
})

test.each([
  ['is no shared object', Buffer.from('this is no shared object'), /./],
  // A Node on musl has no library of this name either.
  [
    'was built for another libc',
    Buffer.from(
      readFileSync(addonPath).toString('latin1').replaceAll('libc.so.6', 'libc.so.9'),
      'latin1',
    ),
    /libc\.so\.9/,
  ],
])('loadNative says what to do about an addon that %s', (_, bytes, reason) => {
  const file = join(testDirectory(), 'vnet.node')
  writeFileSync(file, bytes)
  vi.stubEnv('VNET_ADDON', file)
  const error = failure(loadNative)
  expect(error).toBeInstanceOf(VnetError)
  expect(error.code).toBe('ENOEXEC')
  expect(error.message).toContain(`${file}: ENOEXEC`)
  expect(error.message).toMatch(reason)
  expect(error.message).toMatch(/: run `npx node-gyp rebuild` in \/.*$/)
  expect(error.message).not.toContain('\n')
})
