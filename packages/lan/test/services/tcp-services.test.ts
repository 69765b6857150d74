/** TCP on the hosts while it opens, and where it cannot be opened. */
import { expect, test } from 'vitest'
import { EMFILE } from '#src/base/errno.ts'
import type { Native } from '#src/linux/native.ts'
import { memoryNets, turn } from '#support/memory-net.ts'
import { createNetwork } from '../../src/machines/network.ts'
import { TcpServices } from '../../src/services/tcp-services.ts'

const makeNet = memoryNets()

test('segments are dropped while TCP opens; if that fails, ports are closed, on later hosts too', async () => {
  const { net, pool, lines } = makeNet()
  const [{ hosts }, { hosts: later }] = [createNetwork(net), createNetwork(net)]
  await using tcp = new TcpServices({ createNetns: () => -EMFILE } as unknown as Native, net)
  tcp.serve(hosts)
  const skb = pool.alloc(60)
  if (skb) {
    hosts.services?.receive(skb)
  }
  expect([skb === undefined, pool.out]).toEqual([false, 0])
  await turn()
  expect(lines).toEqual([
    expect.stringMatching(
      /^no TCP on the hosts: unshare\(CLONE_NEWNET\): too many open files in the process/,
    ),
  ])
  tcp.serve(later)
  expect([hosts.services, later.services]).toEqual([undefined, undefined])
})
