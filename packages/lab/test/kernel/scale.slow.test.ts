/** The cost of a link does not grow with the lab: requests and files are counted, not timed. */
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Native } from '#src/linux/native.ts'
import { createLab, type Lab, type LabHost } from '../../src/index.ts'
import { HostsFile } from '../../src/model/hosts.ts'

const tables = vi.hoisted(() => ({ fulls: 36 }))
vi.mock('../../src/kernel/counters.ts', async original => ({
  ...(await original<object>()),
  tableFulls: () => tables.fulls,
}))

const RTM_NEWROUTE = 24
/** Each end of a link leads to the groups of IPv4. */
const GROUP_ROUTES = 2
/** The type of a struct nlmsghdr. */
const NLMSG_TYPE = 4

let lab: Lab
beforeEach(async () => {
  lab = await createLab()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await lab.close()
})

const hostsOf = (count: number, prefix = 'h') =>
  lab.hosts(...Array.from({ length: count }, (_, i) => `${prefix}${i}`))

/** Returns the number of routes that are requested during `fn`, and of sockets that are opened. */
async function requests({ place }: LabHost, fn: () => Promise<unknown>) {
  const native = place.native as { -readonly [K in keyof Native]: Native[K] }
  const { send } = native
  const socket = vi.spyOn(native, 'socket')
  let routes = 0
  // The bytes are only valid during the call.
  vi.spyOn(native, 'send').mockImplementation((fd, bytes, flags) => {
    if (bytes[NLMSG_TYPE] === RTM_NEWROUTE) {
      routes++
    }
    return send(fd, bytes, flags)
  })
  await fn()
  const sockets = socket.mock.calls.length
  vi.restoreAllMocks()
  return { routes, sockets }
}

test('a router requests each route once, and a cable away from it only the routes of groups', async () => {
  const hosts = hostsOf(12)
  const made = () => lab.router('router', { inside: hosts })
  // Each of the twelve has one route in each family for the eleven networks past the router.
  expect((await requests(hosts[0]!, made)).routes).toBe(12 * 2 + 12 * GROUP_ROUTES)
  const [other] = lab.hosts('other')
  expect((await requests(other, () => lab.cable(hosts[1]!, other))).routes).toBe(GROUP_ROUTES)
  expect((await hosts[3]!.exec('ping', ['-c1', '-W30', 'h9'])).status).toBe(0)
})

test('a host that joins a router has a route in each family, and no other host one more', async () => {
  const hosts = hostsOf(8)
  const router = await lab.router('router', { inside: hosts })
  const [late] = lab.hosts('late')
  expect((await requests(late, () => lab.cable(late, router))).routes).toBe(2 + GROUP_ROUTES)
  expect((await late.exec('ping', ['-c1', '-W30', 'h7'])).status).toBe(0)
  expect((await hosts[7]!.exec('ping', ['-c1', '-W30', 'late'])).status).toBe(0)
})

test('a route by a link that was closed is requested again when a link of the same addresses is made', async () => {
  const [near, far] = lab.hosts('near', 'far')
  const router = await lab.router('router', { inside: [far] })
  const options = { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] } as const
  const first = await lab.cable(near, router, options)
  await first.close()
  await lab.cable(near, router, options)
  const [address] = far.addresses
  expect((await near.exec('ping', ['-c1', '-W30', address!])).status).toBe(0)
})

test('a cable requests as much in a lab of many hosts as in an empty one', async () => {
  const [a, b] = lab.hosts('a', 'b')
  const before = await requests(a, () => lab.cable(a, b))
  const hosts = hostsOf(10)
  await Promise.all(hosts.slice(1).map(host => lab.cable(host, hosts[0]!)))
  expect(await requests(a, () => lab.cable(a, b))).toEqual(before)
})

test('links that are made together write the hosts files once, and only of hosts with programs', async () => {
  const hosts = hostsOf(6)
  await hosts[0]!.exec('true')
  const update = vi.spyOn(HostsFile.prototype, 'update')
  await Promise.all(hosts.slice(1).map(host => lab.cable(host, hosts[0]!)))
  expect(update).toHaveBeenCalledTimes(1)
  const [directory] = readdirSync(tmpdir()).filter(
    name => name.startsWith(`vnet-lab-`) && name.includes(`-${process.pid}-`),
  )
  expect(readdirSync(join(tmpdir(), directory!))).toEqual(['h0'])
  expect((await hosts[0]!.exec('getent', ['hosts', 'h5'])).stdout).toContain(hosts[5]!.addresses[1])
})

test('links that are made together with a failing link still get names and routes', async () => {
  const [a, b, c] = lab.hosts('a', 'b', 'c')
  const wrong = lab.cable(a, b, { wire: 'delay soon' })
  const [failed] = await Promise.allSettled([wrong, lab.router('router', { inside: [a, c] })])
  expect(failed.status).toBe('rejected')
  expect((await a.exec('ping', ['-c1', '-W30', 'c'])).status).toBe(0)
})

test('a neighbour table that was full while the lab ran is the first line of its drops', async () => {
  const [a, b] = lab.hosts('a', 'b')
  await (await lab.cable(a, b)).ab.drop('icmp')
  await a.exec('ping', ['-4', '-c1', '-W0.2', 'b'])
  expect(await lab.drops()).toEqual([expect.stringContaining('a-b ab: 1 by drop')])
  tables.fulls += 4
  expect((await lab.drops())[0]).toContain("the kernel's neighbour table was full 4 times")
  expect(await lab.drops()).toHaveLength(2)
})
