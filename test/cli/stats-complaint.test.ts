/** The message of a query that has nothing to show, with advice. */
import { expect, test } from 'vitest'
import { ETIMEDOUT, VnetError } from '#src/base/errno.ts'
import { complaintsAbout } from '#src/cli/ask.ts'
import type { Found, FoundDevice } from '#src/control/index.ts'

const device: FoundDevice = {
  ifindex: 2,
  name: 'sn0',
  netns: undefined,
  vnet: '/run/vnet/7-a.sock',
  pid: 7,
  txQueues: 1,
  rxQueues: 1,
  driver: 'snull',
  carrier: true,
  cut: false,
  flags: 1,
  mtu: 1500,
  mac: '00:53:4e:55:4c:30',
  onSegment: false,
  router: false,
  attached: false,
  flips: false,
}
const entry = {
  pid: 77,
  startTime: '1',
  pidns: 1,
  netns: 1,
  vnet: '/run/vnet/77-a.sock',
  uid: 0,
  interfaces: [{ name: 'far0', ifindex: 2, inode: 1 }],
}
const failed = new VnetError(ETIMEDOUT, ['GET_DEVICES', 'vnet 7 (sn1)'])
const complaintAbout = (unknown: string[], found: Found) =>
  complaintsAbout(unknown, found, 'vnet stats').join('\n')
const found = (some: Partial<Found>): Found => ({
  devices: [],
  here: [],
  failed: [],
  elsewhere: [],
  users: [],
  untrusted: [],
  ...some,
})

test('stats does not complain if every named interface exists, or none is named', () => {
  expect(
    complaintAbout([], found({ devices: [device], failed: [failed], elsewhere: [entry] })),
  ).toBe('')
})

test('a vnet in another namespace is proposed if it has the named interface, or none is named', () => {
  const none = 'no vnet is running in this network namespace'
  const far = '; for far0: nsenter -n -t 77 vnet stats'
  expect(complaintAbout([], found({ elsewhere: [entry] }))).toBe(none + far)
  expect(complaintAbout(['far0'], found({ elsewhere: [entry] }))).toBe(none + far)
  expect(complaintAbout(['sn0'], found({ elsewhere: [entry] }))).toBe(none)
  expect(complaintAbout([], found({ elsewhere: [{ ...entry, interfaces: [] }] }))).toBe(none)
  expect(complaintAbout(['far0'], found({ devices: [device], elsewhere: [entry] }))).toBe(
    `no interface is called far0; there is sn0${far}`,
  )
})

test('the complaint names the first eight of many interfaces, and the number of the others', () => {
  const many = Array.from({ length: 200 }, (_, i) => ({ ...device, name: `p${i}` }))
  const names = 'p0, p1, p2, p3, p4, p5, p6, p7 and 192 more'
  expect(complaintAbout(['x'], found({ devices: many }))).toBe(
    `no interface is called x; there are ${names}`,
  )
  const far = { ...entry, interfaces: many.map(({ name }) => ({ name, ifindex: 2, inode: 1 })) }
  expect(complaintAbout([], found({ elsewhere: [far] }))).toMatch(
    `; for ${names}: nsenter -n -t 77 vnet stats`,
  )
})

test('the proposed command enters the user namespace of a vnet that is the caller’s own', () => {
  const line = complaintAbout([], found({ elsewhere: [{ ...entry, uid: 1000 }] }))
  expect(line).toMatch(/; for far0: nsenter --preserve-credentials -U -n -t 77 vnet stats$/)
})

test('vnets in an untrusted directory are mentioned on the same line', () => {
  const untrusted = [
    { path: '/run/vnet', reason: '/run/vnet belongs to a user outside of this user namespace' },
  ]
  expect(complaintAbout([], found({ untrusted }))).toBe(
    'no vnet is running in this network namespace; ' +
      'the vnets in /run/vnet are not shown: /run/vnet belongs to a user outside of this user namespace',
  )
})

test('the proposed command repeats --user, with which root looks at the vnets of another user', () => {
  const [line] = complaintsAbout(
    [],
    found({ elsewhere: [{ ...entry, uid: 1000 }] }),
    'vnet stats --user 1000',
    1000,
  )
  expect(line).toMatch(/; for far0: nsenter -n -t 77 vnet stats --user 1000$/)
})

test('every vnet that failed to reply has a line of its own if no device can be queried', () => {
  const two = found({
    here: [entry],
    failed: [failed, new VnetError(ETIMEDOUT, ['GET_DEVICES', 'vnet 8 (sn2)'])],
  })
  const lines = ['vnet 7 (sn1): timed out', 'vnet 8 (sn2): timed out']
  for (const unknown of [[], ['sn1']]) {
    expect(complaintsAbout(unknown, two, 'vnet stats')).toEqual(lines)
  }
})

test('a vnet that failed to reply is mentioned, because it may have the interface', () => {
  expect(complaintAbout(['sn1'], found({ here: [entry], failed: [failed] }))).toBe(
    'vnet 7 (sn1): timed out',
  )
  expect(complaintAbout(['sn1'], found({ devices: [device], failed: [failed] }))).toBe(
    `no interface is called sn1; there is sn0; vnet 7 (sn1): timed out`,
  )
})
