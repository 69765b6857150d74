/** The list of counters against the sources that count. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { COUNTERS } from '../src/ip/counters.ts'

/** Drops that Linux shows elsewhere, or nowhere. */
const OWN = ['FilterDropped', 'MartianSource', 'NeighUnresolvedDiscards', 'TxDropped']
const ROOT = new URL('../src/', import.meta.url)

test('the list has every counter that the sources name, and no other', () => {
  const files = ['ip', 'tcp'].flatMap(room =>
    readdirSync(new URL(room, ROOT)).map(name => `${room}/${name}`),
  )
  const text = files.map(name => readFileSync(new URL(name, ROOT), 'utf8')).join()
  const named = [...text.matchAll(/'((?:Ip|Icmp|Tcp|Udp)6?(?:Ext)?(?!Ext)[A-Z]\w+)'/g)].map(
    ([, name = '']) => name,
  )
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter(name => !COUNTERS.includes(name))).toEqual([])
  const tcp = COUNTERS.filter(name => name.startsWith('Tcp'))
  expect(tcp.filter(name => !named.includes(name))).toEqual([])
  expect(COUNTERS.filter(name => OWN.includes(name))).toEqual([])
})
