import { expect, test } from 'vitest'
import { DhcpBed, DhcpClient } from '#support/dhcp.ts'

const called = (name: string) => [[12, [...Buffer.from(name)]]] as const

test.each([
  'wpad',
  'WPAD',
  'isatap',
  'localhost',
  'wpad.example',
  'autodiscover',
  'mta-sts',
  'autoconfig',
])('a client does not get the well-known name %s', name => {
  const bed = new DhcpBed()
  new DhcpClient(bed, 1).lease(called(name))
  expect(bed.server.leases()).toMatchObject([{ hostname: undefined }])
  expect(bed.server.named(name.toLowerCase())).toBeUndefined()
  expect(bed.lines).toContainEqual(expect.stringContaining('programs look it up on their own'))
})

test('a name leads to the lease of the client that took it last, until that lease ends', () => {
  const bed = new DhcpBed()
  const one = new DhcpClient(bed, 1)
  const first = one.lease(called('box'))
  expect(bed.server.named('box')?.mac).toBe('02:00:00:00:00:01')
  new DhcpClient(bed, 2).lease(called('box'))
  expect(bed.server.named('box')?.mac).toBe('02:00:00:00:00:02')
  expect(bed.server.leases().map(({ hostname }) => hostname)).toEqual([undefined, 'box'])
  one.release(first)
  expect(bed.server.named('box')?.mac).toBe('02:00:00:00:00:02')
  bed.advance(3600)
  expect(bed.server.named('box')).toBeUndefined()
})

test('a reservation may have a well-known name', () => {
  const reservations = [{ mac: '02:00:00:00:00:01', address: '198.18.0.50', hostname: 'wpad' }]
  const bed = new DhcpBed({ reservations })
  new DhcpClient(bed, 1).lease(called('box'))
  expect(bed.server.named('wpad')).toBeDefined()
})
