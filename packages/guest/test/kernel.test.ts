/** Finds kernels without a download: the user's kernels, and kernels in the cache. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { findKernel } from '../src/kernel.ts'

const directory = freshDirectory()
const find = () => findKernel(line => expect.fail(line))

afterEach(() => vi.unstubAllEnvs())

test("the user's own kernel has the release of its directory of modules", () => {
  const modules = join(directory, '6.1.0-own')
  mkdirSync(modules)
  writeFileSync(join(directory, 'vmlinuz'), '')
  vi.stubEnv('VNET_KERNEL', join(directory, 'vmlinuz'))
  vi.stubEnv('VNET_KERNEL_MODULES', modules)
  expect(find()).toEqual({ release: '6.1.0-own', image: join(directory, 'vmlinuz'), modules })
})

test.each([
  [
    { VNET_KERNEL: '/' },
    "VNET_KERNEL needs VNET_KERNEL_MODULES: set it to the directory of the kernel's modules",
  ],
  [
    { VNET_KERNEL_MODULES: '/' },
    'VNET_KERNEL_MODULES needs VNET_KERNEL: set it to the path of vmlinuz',
  ],
  [{ VNET_KERNEL: '/none', VNET_KERNEL_MODULES: '/' }, 'VNET_KERNEL: /none does not exist'],
])('%j is refused in one line', (env, message) => {
  for (const name of ['VNET_KERNEL', 'VNET_KERNEL_MODULES']) {
    vi.stubEnv(name, (env as Record<string, string>)[name])
  }
  expect(find).toThrow(message)
})

test('the kernel that was found last is taken from the cache, without apt', () => {
  vi.stubEnv('VNET_KERNEL', undefined)
  vi.stubEnv('VNET_KERNEL_MODULES', undefined)
  vi.stubEnv('XDG_CACHE_HOME', directory)
  vi.stubEnv('PATH', '/nowhere')
  const root = join(directory, 'vnet/kernel/6.1.0-56-cloud-amd64')
  mkdirSync(join(root, 'usr/lib/modules'), { recursive: true })
  writeFileSync(join(root, '../release'), '6.1.0-56-cloud-amd64')
  expect(find()).toEqual({
    release: '6.1.0-56-cloud-amd64',
    image: join(root, 'boot/vmlinuz-6.1.0-56-cloud-amd64'),
    modules: join(root, 'usr/lib/modules/6.1.0-56-cloud-amd64'),
  })
})
