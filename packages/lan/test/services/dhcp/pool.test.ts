import { describe, expect, test } from 'vitest'
import { DhcpBed, DhcpClient, ip, MemoryStore } from '#support/dhcp.ts'
import type { Lease } from '../../../src/services/dhcp/lease.ts'
import { FreeAddresses } from '../../../src/services/dhcp/pool.ts'

const yes = () => true
const no = () => false

describe('FreeAddresses', () => {
  test('FreeAddresses counts up through all ranges once', () => {
    const free = new FreeAddresses([
      { first: 10, last: 12 },
      { first: 20, last: 20 },
    ])
    expect(Array.from({ length: 5 }, () => free.take(yes, yes))).toEqual([
      10,
      11,
      12,
      20,
      undefined,
    ])
  })

  test('FreeAddresses gives returned addresses first, then unused ones, then ended leases in their order', () => {
    const free = new FreeAddresses([{ first: 10, last: 11 }])
    expect(free.take(yes, yes)).toBe(10)
    for (const address of [31, 30, 31]) {
      free.ended.push(address)
    }
    free.unused.push(10)
    expect(Array.from({ length: 5 }, () => free.take(yes, yes))).toEqual([
      10,
      11,
      31,
      30,
      undefined,
    ])
  })

  test('FreeAddresses looks at each address of a full pool once', () => {
    const free = new FreeAddresses([{ first: 1, last: 33_000 }])
    let looks = 0
    const isFree = () => {
      looks++
      return false
    }
    for (let n = 0; n < 100; n++) {
      expect(free.take(isFree, isFree)).toBeUndefined()
    }
    expect(looks).toBe(33_000)
    free.ended.push(7)
    for (let n = 0; n < 100; n++) {
      free.take(isFree, no)
    }
    expect(looks).toBe(33_001)
    free.ended.push(7)
    expect(free.take(yes, no)).toBe(7)
  })

  test('FreeAddresses holds an address once, however often it is put back', () => {
    const free = new FreeAddresses([])
    for (let n = 0; n < 1000; n++) {
      free.unused.push(n % 3)
    }
    expect(Array.from({ length: 4 }, () => free.take(yes, yes))).toEqual([0, 1, 2, undefined])
  })
})

describe('a pool of 33,000 addresses', () => {
  const ranges = ['198.18.0.10-198.18.128.240']
  const first = ip('198.18.0.10')
  const count = ip('198.18.128.240') - first + 1
  const spec = { network: '198.18.0.0/16', ranges }
  const lease = (i: number): Lease => ({
    address: first + i,
    mac: `06:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
    clientId: undefined,
    hostname: undefined,
    state: 'bound',
    expires: 1_000_000_000_000 + 3_600_000 + i,
  })

  test('a full pool of 33,000 addresses gives nothing, then the address of the lease that ends first', () => {
    const store = new MemoryStore()
    store.kept = Array.from({ length: count }, (_, i) => lease(i))
    const bed = new DhcpBed(spec, store)
    for (let n = 1; n <= 200; n++) {
      expect(new DhcpClient(bed, n).discover()).toBeUndefined()
    }
    bed.advance(3600.001)
    expect(new DhcpClient(bed, 1).lease()).toBe('198.18.0.10')
    expect(new DhcpClient(bed, 2).lease()).toBe('198.18.0.11')
    expect(new DhcpClient(bed, 3).discover()).toBeUndefined()
    bed.advance(60)
    expect(new DhcpClient(bed, 4).lease()).toBe('198.18.0.12')
  })

  test('addresses are offered again after their offers have lapsed', () => {
    const bed = new DhcpBed({ network: '198.18.0.0/24', ranges: ['198.18.0.10-198.18.0.109'] })
    for (let n = 1; n <= 100; n++) {
      expect(new DhcpClient(bed, n).discover()).toBeDefined()
    }
    expect(new DhcpClient(bed, 101).discover()).toBeUndefined()
    bed.advance(30)
    for (let n = 201; n <= 300; n++) {
      expect(new DhcpClient(bed, n).discover(), `client ${n}`).toBeDefined()
    }
  })
})
