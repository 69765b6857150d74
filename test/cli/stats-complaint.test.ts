/** What `vnet stats` says when it has nothing to show: one line, and what to do. */
import { expect, test } from 'vitest'
import { complaintAbout as complaintOf } from '../../src/cli/ask.ts'
import type { Found, FoundDevice } from '../../src/control/index.ts'
import { ETIMEDOUT, VnetError } from '../../src/core/errno.ts'

const device: FoundDevice = {
  ...{
    ifindex: 2,
    name: 'sn0',
    netns: undefined,
    vnet: '/run/vnet/7-a.sock',
    pid: 7,
    txQueues: 1,
    rxQueues: 1,
    driver: 'snull',
  },
  ...{ carrier: true, flags: 1, mtu: 1500, mac: undefined },
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
const failed = new VnetError(ETIMEDOUT, 'GET_DEVICES')
const complaintAbout = (unknown: string[], found: Found) => complaintOf(unknown, found, 'vnet stats')
const found = (some: Partial<Found>): Found => ({
  devices: [],
  here: [],
  failed: [],
  elsewhere: [],
  users: [],
  ...some,
})

test('where all that was named is there, or nothing was named, nothing', () => {
  expect(complaintAbout([], found({ devices: [device], failed: [failed], elsewhere: [entry] }))).toBeUndefined()
})

test('a vnet elsewhere is proposed when it has what was named, or nothing was named', () => {
  const none = 'no vnet is running in this network namespace'
  const far = '; for far0: nsenter -n -t 77 vnet stats'
  expect(complaintAbout([], found({ elsewhere: [entry] }))).toBe(none + far)
  expect(complaintAbout(['far0'], found({ elsewhere: [entry] }))).toBe(none + far)
  expect(complaintAbout(['sn0'], found({ elsewhere: [entry] }))).toBe(none)
  expect(complaintAbout(['far0'], found({ devices: [device], elsewhere: [entry] }))).toBe(
    `there is no interface far0, but sn0${far}`,
  )
})

test('the proposed command enters the user namespace of a vnet that is the caller’s own', () => {
  const line = complaintAbout([], found({ elsewhere: [{ ...entry, uid: 1000 }] }))
  expect(line).toMatch(/; for far0: nsenter --preserve-credentials -U -n -t 77 vnet stats$/)
})

test('the proposed command repeats --user, with which root looks at the vnets of another user', () => {
  const line = complaintOf([], found({ elsewhere: [{ ...entry, uid: 1000 }] }), 'vnet stats', 1000)
  expect(line).toMatch(/; for far0: nsenter -n -t 77 vnet stats --user 1000$/)
})

test('a vnet that did not answer is mentioned if it may have the interface', () => {
  expect(complaintAbout(['sn1'], found({ here: [entry], failed: [failed] }))).toBe(failed.message)
  expect(complaintAbout(['sn1'], found({ devices: [device], failed: [failed] }))).toBe(
    `there is no interface sn1, but sn0; ${failed.message}`,
  )
})
