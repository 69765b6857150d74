/** Labs of 1,000 hosts: on one LAN, and with a cable each. Every datagram is counted. */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLab, type Lab, type LabHost } from '../../src/index.ts'

const HOSTS = 1000
/** The kernel's limits of neighbours, for all namespaces together. */
const LIMITS = [4, 6].map(version => `/proc/sys/net/ipv${version}/neigh/default/gc_thresh3`)

let limits: string[]
beforeAll(() => {
  limits = LIMITS.map(path => readFileSync(path, 'latin1'))
  for (const path of LIMITS) {
    writeFileSync(path, '65536')
  }
})
afterAll(() => {
  for (const [i, path] of LIMITS.entries()) {
    writeFileSync(path, limits[i] as string)
  }
})

const hostsOf = (lab: Lab, count: number) =>
  lab.hosts(...Array.from({ length: count }, (_, i) => `h${i}`))

/** Each host replies to datagrams. Returns a function that sends one and waits for the reply. */
async function exchanging(hosts: readonly LabHost[]) {
  const sockets = await Promise.all(hosts.map(host => host.createSocket('udp4', 5000)))
  const replied = new Map<string, () => void>()
  let count = 0
  for (const socket of sockets) {
    socket.on('message', (message, { port, address }) => {
      const text = message.toString()
      if (text.startsWith('reply ')) {
        replied.get(text.slice(6))?.()
      } else {
        socket.send(`reply ${text}`, port, address)
      }
    })
  }
  const exchange = async (from: number, address: string) => {
    const text = String(++count)
    const reply = new Promise<void>(resolve => replied.set(text, resolve))
    sockets[from]?.send(text, 5000, address)
    await reply
  }
  return { exchange, sent: () => count }
}

test('1,000 hosts with IPv6 on a LAN reach others as soon as it is made, without a loss', async () => {
  await using lab = await createLab()
  const hosts = hostsOf(lab, HOSTS)
  await lab.lan({ network: '198.18.0.0/16' }, ...hosts)
  const { exchange, sent } = await exchanging(hosts)
  // A neighbour, a host far away, and one for all.
  for (const i of hosts.keys()) {
    for (const to of [(i + 1) % HOSTS, (i * 7 + 256) % HOSTS, 0]) {
      if (to !== i) {
        await exchange(i, hosts[to]?.addresses[0] as string)
      }
    }
  }
  expect(sent()).toBeGreaterThan(2990)
  expect(await lab.drops()).toEqual([])
})

test('1,000 hosts with a cable each to one host exchange datagrams without a loss', async () => {
  await using lab = await createLab()
  const hosts = hostsOf(lab, HOSTS)
  const [hub] = lab.hosts('hub')
  const place = (i: number, end: number) => `10.${i >> 8}.${i & 255}.${end}`
  const ends = (i: number) => [[`${place(i, 2)}/24`], [`${place(i, 1)}/24`]] as const
  await Promise.all(hosts.map((host, i) => lab.cable(host, hub, { addresses: ends(i) })))
  const { exchange, sent } = await exchanging([...hosts, hub])
  for (let round = 0; round < 3; round++) {
    for (const i of hosts.keys()) {
      await exchange(i, place(i, 1))
      await exchange(HOSTS, place(i, 2))
    }
  }
  expect(sent()).toBe(6 * HOSTS)
  expect(await lab.drops()).toEqual([])
})
