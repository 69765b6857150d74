import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { VnetError } from '../../src/core/errno.ts'
import { loadNative } from '../../src/kernel/native.ts'
import { addonPath } from './support.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.resetModules()
  vi.doUnmock('node:fs')
})

const failure = (load: () => unknown) => {
  try {
    load()
  } catch (error) {
    return error as VnetError
  }
  throw new Error('it loaded')
}

test('the file that VNET_ADDON names is the one that is loaded', () => {
  vi.stubEnv('VNET_ADDON', addonPath)
  expect(loadNative().monotonic()).toBeTypeOf('number')
})

test('an addon that is not built is an error that says what to run', async () => {
  vi.stubEnv('VNET_ADDON', '')
  vi.doMock('node:fs', () => ({ statSync: () => undefined }))
  vi.resetModules()
  const { loadNative: load } = await import('../../src/kernel/native.ts')
  const error = failure(load)
  expect(error.code).toBe('ENOENT')
  expect(error.message).toMatch(/; the native addon is not built: run `npm run setup` in \/.*$/)
})

test('an addon that does not load is an error that says why', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-'))
  const file = join(directory, 'vnet.node')
  writeFileSync(file, 'this is no shared object')
  vi.stubEnv('VNET_ADDON', file)
  const error = failure(loadNative)
  rmSync(directory, { recursive: true })
  expect(error).toBeInstanceOf(VnetError)
  expect(error.code).toBe('ENOEXEC')
  expect(error.message).toContain(`${file}: ENOEXEC`)
  expect(error.message).toContain('npm run setup')
  expect(error.message).not.toContain('\n')
})
