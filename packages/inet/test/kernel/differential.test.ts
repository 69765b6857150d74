/** A host in memory and the kernel reply alike to random packets, but for the rows of linux.md. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { differences, Pair, report } from '../differential/differences.ts'
import { EXCEPTIONS, EXCHANGE_EXCEPTIONS } from '../differential/exceptions.ts'
import { compare, ExchangeHosts, reportExchange } from '../differential/exchange-hosts.ts'
import { ExchangeSource } from '../differential/exchanges.ts'

const page = readFileSync('packages/inet/docs/linux.md', 'utf8')
let hosts: ExchangeHosts

beforeAll(() => {
  hosts = new ExchangeHosts()
})
afterAll(() => hosts?.close())

test.each(EXCEPTIONS)('the hosts still differ as linux.md says: $row', ({ row, example, explains }) => {
  expect(page).toContain(`\n| ${row} | `)
  const pair = new Pair()
  const replies = example.map(text => pair.replies(text))
  pair.close()
  const { linux = [], memory = [] } = replies.at(-1) ?? {}
  expect(memory).not.toEqual(linux)
  expect(explains(example.join('; '), linux, memory)).toBe(true)
})

test.each(EXCHANGE_EXCEPTIONS)('exchanges still differ as linux.md says: $row', async ({ row, example }) => {
  expect(page).toContain(`\n| ${row} | `)
  expect(await compare(hosts, example, [])).not.toBe(undefined)
  expect(await compare(hosts, example)).toBe(undefined)
})

test('a host in memory replies to random packets like the kernel', () => {
  const found = [...differences(1, 200)].map(({ nth, difference }) => `seed 1, case ${nth}:\n${report(difference)}`)
  expect(found.join('\n')).toBe('')
})

test('a host in memory behaves in random exchanges of TCP like the kernel', async () => {
  for (let nth = 0; nth < 100; nth++) {
    const difference = await compare(hosts, new ExchangeSource(1, nth).draw())
    expect(difference && reportExchange(difference)).toBe(undefined)
  }
})
