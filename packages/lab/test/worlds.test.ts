/** The world of a lab: which is wanted, and the guest's outside a guest. */
import { afterEach, expect, test, vi } from 'vitest'
import { createLab, explore } from '../src/index.ts'
import { exploredWorld, wantedWorld } from '../src/world/world.ts'

afterEach(() => vi.unstubAllEnvs())

test('VNET_WORLD names a world, and the option of a lab overrides it', () => {
  expect(
    ['kernel', 'memory', 'guest', 'both', ''].map(name => wantedWorld(undefined, name)),
  ).toEqual(['kernel', 'memory', 'guest', undefined, undefined])
  expect(wantedWorld('memory', 'guest')).toBe('memory')
  expect(() => wantedWorld(undefined, 'gast')).toThrow(
    "VNET_WORLD='gast': expected kernel, memory, guest or both",
  )
})

const OUTSIDE =
  "world 'guest': this process is not in a guest: run it with `vnet guest -- node FILE`, or use '@vnet/lab/vitest'"

test('outside a guest, a lab and explore refuse the world of a guest in one line that says what to do', async () => {
  vi.stubEnv('VNET_GUEST', undefined)
  await expect(createLab({ world: 'guest' })).rejects.toThrow(`createLab: ${OUTSIDE}`)
  vi.stubEnv('VNET_WORLD', 'guest')
  await expect(createLab()).rejects.toThrow(`createLab: ${OUTSIDE}`)
  await expect(explore(async () => {})).rejects.toThrow(`explore: ${OUTSIDE}`)
})

test('explore runs in a guest, and inside a guest in its kernel', () => {
  vi.stubEnv('VNET_GUEST', undefined)
  expect([exploredWorld('guest'), exploredWorld(undefined, 'guest')]).toEqual(['guest', 'guest'])
  vi.stubEnv('VNET_GUEST', '1')
  expect([exploredWorld(undefined, 'guest'), exploredWorld('memory', 'guest')]).toEqual([
    'kernel',
    'memory',
  ])
})
