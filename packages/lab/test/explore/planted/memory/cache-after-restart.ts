import { setTimeout as sleep } from 'node:timers/promises'
import { asker, serve } from '../messages.ts'
import { type Planted, star } from '../planted.ts'

export const bug =
  'a cache on a disk survives a restart, in which it misses that a value has changed'
export const program = 'Node, in memory'
export const faults = ['restart 2s on cache']
export const shows = /the cache returns old/

/** How often the store notifies the cache of a change. A cache that is off is empty. */
const ATTEMPTS = 3

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [client, store, cache] = await star(lab, 'client', 'store', 'cache')
    await store.start(async ({ host }) => {
      let value = 'old'
      const ask = await asker(host)
      await serve(host, () => ({ value }))
      void sleep(1000).then(() => {
        value = 'new'
        return ask('cache', { verb: 'forget' }, ATTEMPTS)
      })
    })
    const disk = new Map<string, unknown>()
    await cache.start(async ({ host }) => {
      if (!isBroken) {
        disk.clear()
      }
      const ask = await asker(host)
      await serve(host, async ({ verb }) => {
        if (verb === 'forget') {
          disk.clear()
        } else if (!disk.has('key')) {
          disk.set('key', (await ask('store', {}))?.value)
        }
        return { value: disk.get('key') }
      })
    })
    const ask = await asker(client)
    await ask('cache', { verb: 'read' })
    await lab.sleep('6s')
    const { value } = (await ask('cache', { verb: 'read' })) ?? {}
    if (value !== 'new') throw new Error(`the cache returns ${value} after the value has changed`)
  }
