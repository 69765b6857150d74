/** TCP of the hosts before it is open, and where it cannot be. */
import { expect, test } from 'vitest'
import { EMFILE } from '../../src/core/errno.ts'
import type { Native } from '../../src/kernel/native.ts'
import { TcpServices } from '../../src/lan/tcp-services.ts'
import { createNetwork } from '../../src/segment/network.ts'
import { allocSkb } from '../../src/skb/alloc-skb.ts'
import { memoryNets, turn } from '../support/memory-net.ts'

const makeNet = memoryNets()

test('nobody answers while it is opening; when it cannot be opened, ports are closed, also of hosts that come later', async () => {
  const { net, pool, lines } = makeNet()
  const [{ hosts }, { hosts: later }] = [createNetwork(net), createNetwork(net)]
  await using tcp = new TcpServices({ createNetns: () => -EMFILE } as unknown as Native, net)
  tcp.serve(hosts)
  const skb = allocSkb(pool, 60)
  if (skb) hosts.services?.receive(skb)
  expect([skb === undefined, pool.out]).toEqual([false, 0])
  await turn()
  expect(lines).toEqual([expect.stringMatching(/^no TCP on the hosts: unshare\(CLONE_NEWNET\): EMFILE/)])
  tcp.serve(later)
  expect([hosts.services, later.services]).toEqual([undefined, undefined])
})
