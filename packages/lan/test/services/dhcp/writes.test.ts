/** When leases are written, and waiting replies, on a store whose writes a test completes. */
import { expect, test } from 'vitest'
import { DHCPACK, DhcpBed, DhcpClient } from '#support/dhcp.ts'
import type { Lease, LeaseStore } from '../../../src/services/dhcp/lease.ts'

class SlowStore implements LeaseStore {
  readonly writes: (readonly Lease[])[] = []
  #end: ((error?: Error) => void) | undefined

  load(): readonly Lease[] {
    return this.writes.at(-1) ?? []
  }

  save(leases: Iterable<Lease>): Promise<void> {
    if (this.#end !== undefined) throw new Error('two writes at once')
    this.writes.push([...leases])
    return new Promise((resolve, reject) => {
      this.#end = error => (error === undefined ? resolve() : reject(error))
    })
  }

  /** Completes the pending write. */
  async end(error?: Error): Promise<void> {
    const end = this.#end
    this.#end = undefined
    end?.(error)
    await new Promise(setImmediate)
  }
}

const spec = { network: '198.18.0.0/24', ranges: ['198.18.0.10-198.18.0.250'] }

function start() {
  const store = new SlowStore()
  const bed = new DhcpBed(spec, store)
  const client = (n: number) => new DhcpClient(bed, n)
  /** Requests an address; returns the immediate reply. */
  const lease = (n: number) => client(n).select(client(n).discover()?.address as string)
  return { store, bed, client, lease }
}

test('a new lease is acknowledged once it is written, not before', async () => {
  const { store, bed, lease } = start()
  expect(lease(1)).toBeUndefined()
  expect([store.writes.length, bed.late.length]).toEqual([1, 0])
  await store.end()
  expect(bed.late).toHaveLength(1)
})

test('the leases of a hundred clients take two writes', async () => {
  const { store, bed, lease } = start()
  for (let n = 1; n <= 100; n++) {
    expect(lease(n)).toBeUndefined()
  }
  await store.end()
  expect([store.writes.length, bed.late.length]).toEqual([1, 1])
  bed.advance(0.2)
  expect(store.writes.map(leases => leases.length)).toEqual([1, 100])
  await store.end()
  expect(bed.late).toHaveLength(100)
})

test('a renewal is acknowledged immediately, even during a write, and written within five seconds', async () => {
  const { store, bed, client, lease } = start()
  lease(1)
  await store.end()
  for (let n = 0; n < 50; n++) {
    expect(client(1).renew('198.18.0.10')?.type).toBe(DHCPACK)
  }
  expect(store.writes).toHaveLength(1)
  bed.advance(4.9)
  expect(store.writes).toHaveLength(1)
  bed.advance(0.1)
  expect(store.writes).toHaveLength(2)
  expect(client(1).renew('198.18.0.10')?.type).toBe(DHCPACK)
  await store.end()
})

test('a lease with a new name is acknowledged once the name is written', async () => {
  const { store, bed, client, lease } = start()
  lease(1)
  await store.end()
  bed.advance(1)
  const named = [[12, [...Buffer.from('box')]]] as const
  expect(client(1).select('198.18.0.10', '198.18.0.1', named)).toBeUndefined()
  await store.end()
  expect([bed.late.length, store.writes.at(-1)?.[0]?.hostname]).toEqual([2, 'box'])
})

test('while writes fail, new leases are not acknowledged, renewals are, and one line is logged', async () => {
  const { store, bed, client, lease } = start()
  lease(1)
  await store.end()
  bed.lines.length = 0
  for (let n = 2; n < 40; n++) {
    bed.advance(1)
    lease(n)
    await store.end(new Error('write leases /x: ENOSPC'))
    expect(client(1).renew('198.18.0.10')?.type).toBe(DHCPACK)
  }
  expect(bed.late).toHaveLength(1)
  const logged = () => bed.lines.filter(line => line.includes(' leases '))
  expect(logged()).toEqual([
    'DHCP(eth9) leases cannot be saved, no new one is given: write leases /x: ENOSPC',
  ])
  bed.advance(5)
  await store.end()
  expect(logged().at(-1)).toBe('DHCP(eth9) leases are saved again')
  bed.advance(1)
  expect(client(2).renew('198.18.0.11')?.type).toBe(DHCPACK)
})

test('a lease that is released before it is written is not acknowledged', async () => {
  const { store, bed, client, lease } = start()
  lease(1)
  const taken = client(1).discover([[50, '198.18.0.77']])
  expect(taken?.address).toBe('198.18.0.10')
  expect(client(1).select('198.18.0.77')?.type).not.toBe(DHCPACK)
  client(1).release('198.18.0.10')
  await store.end()
  expect(bed.late).toHaveLength(0)
})

test('closing the server writes unsaved leases after the pending write', async () => {
  const { store, bed, lease } = start()
  lease(1)
  lease(2)
  const closed = bed.server.close()
  expect(store.writes).toHaveLength(1)
  await store.end()
  expect(store.writes.map(leases => leases.length)).toEqual([1, 2])
  await store.end()
  await closed
})

test('a crash right after a renewal leaves the lease with its old end', async () => {
  const { store, bed, client, lease } = start()
  lease(1)
  await store.end()
  bed.advance(1800)
  client(1).renew('198.18.0.10')
  const { expires } = bed.server.leases()[0] as Lease
  bed.crash(spec)
  expect(bed.server.leases()).toMatchObject([{ expires: expires - 1_800_000 }])
})
