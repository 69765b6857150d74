/** Whether a fault has hit a packet, as a test asks and as a failed test reports it. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, expect } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import type { Lab, LabLink } from '../src/index.ts'
import { test as base } from '../src/vitest.ts'

const test = base.extend({ world: 'memory' as const })

async function linked(lab: Lab): Promise<{ link: LabLink; send(): Promise<void> }> {
  const [a, b] = lab.hosts('a', 'b')
  const link = await lab.cable(a, b)
  const socket = await a.createSocket('udp4')
  const send = () => new Promise<void>(resolve => socket.send('x', 53, 'b', () => resolve()))
  expect(socket).toBeInstanceOf(dgram.Socket)
  return { link, send }
}

describe('a fault', () => {
  test('that has hit a packet passes expectHit and toHaveHit', async ({ lab }) => {
    const { link, send } = await linked(lab)
    const fault = await link.ab.drop('udp port 53', { first: 1 })
    expect(() => fault.expectHit()).toThrow(
      'no packet was hit by drop "udp port 53" first 1 on a-b, ab',
    )
    expect(() => expect(fault).toHaveHit()).toThrow(
      'no packet was hit by drop "udp port 53" first 1 on a-b, ab',
    )
    await send()
    await fault.hit()
    fault.expectHit()
    expect(fault).toHaveHit()
    expect(() => expect(fault).not.toHaveHit()).toThrow(
      '1 packet was hit by drop "udp port 53" first 1 on a-b, ab',
    )
    expect(lab.missedFaults).toEqual([])
  })

  test('that has hit none is listed with what its filter cannot match', async ({ lab }) => {
    const { link } = await linked(lab)
    await link.ba.fault({ delay: '50ms' }, 'tcp[tcpflags] & tcp-push != 0', { nth: 2 })
    await link.ab.drop()
    expect(lab.missedFaults).toEqual([
      expect.stringMatching(
        /^no packet was hit by delay 50ms "tcp\[tcpflags\] & tcp-push != 0" nth 2 on a-b, ba; tcp\[\.\.\.\] in a filter never/,
      ),
      'no packet was hit by drop on a-b, ab',
    ])
  })

  test('with data counts the writes of an upload, not its handshake', async ({ lab }) => {
    const [a, b] = lab.hosts('a', 'b')
    const link = await lab.cable(a, b)
    const server = createServer()
    await b.listen(server, 8080)
    const fault = await link.ab.drop('tcp dst port 8080', { nth: 3, data: true })
    expect(() => fault.expectHit()).toThrow(
      'no packet was hit by drop "tcp dst port 8080" nth 3 data on a-b, ab',
    )
    const accepted = once(server, 'connection')
    const socket = await a.connect(8080, 'b')
    const [arrived] = (await accepted) as [Socket]
    const hits: number[] = []
    for (let write = 1; write <= 4; write++) {
      socket.write('x')
      await once(arrived, 'data')
      hits.push(fault.hits)
    }
    expect(hits).toEqual([0, 0, 1, 1])
    socket.destroy()
  })

  test('that is removed, or of which the test expects no hit, is not listed', async ({ lab }) => {
    const { link } = await linked(lab)
    const removed = await link.ab.drop('tcp')
    await removed.remove()
    const expected = await link.ab.drop('icmp')
    expect(expected).not.toHaveHit()
    await link.count('ab', 'tcp')
    expect(lab.missedFaults).toEqual([])
  })

  test('of which a matcher gets the promise is a usage error', async ({ lab }) => {
    const { link } = await linked(lab)
    const fault = link.ab.drop('tcp')
    expect(() => expect(fault).toHaveHit()).toThrow(UsageError)
    await fault
  })
})
