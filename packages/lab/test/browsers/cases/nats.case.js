import { expect, test } from '@vnet/lab/playwright'
import { call, onlyIPv4, openPeer, startTurn, statsOf } from './peer.js'

const KINDS = ['none', 'full-cone', 'restricted', 'port-restricted', 'symmetric']
/**
 * The candidate that RFC 8445 finds for a host past a NAT. Without one it is the host's address. A
 * mapping for every peer is the one that the STUN server saw (srflx). A symmetric NAT has another
 * for each peer, which only this peer sees (prflx).
 */
const TYPE = { none: 'host', symmetric: 'prflx' }
const typeOf = kind => TYPE[kind] ?? 'srflx'
/**
 * A NAT that filters by port refuses the ports of a symmetric NAT, which nobody knows before
 * (RFC 4787).
 */
const filtersPorts = kind => kind === 'port-restricted' || kind === 'symmetric'
const isRelayed = (a, b) =>
  (a === 'symmetric' && filtersPorts(b)) || (b === 'symmetric' && filtersPorts(a))

/** The packets from outside that the NAT of a side has refused. */
async function refused({ nat, internet }) {
  const { ab, ba } = await nat.linkTo(internet).stats()
  return [...ab.stages, ...ba.stages].reduce((sum, { dropped }) => sum + dropped, 0)
}

test('pairs of NATs connect by the candidates that RFC 8445 and RFC 4787 predict', async ({
  lab,
  browserIn,
}) => {
  const [turn] = lab.hosts('turn')
  const internet = await lab.router('internet', { inside: [turn] })
  const sides = { a: [], b: [] }
  for (const kind of KINDS) {
    for (const side of ['a', 'b']) {
      const [host] = lab.hosts(`${side}-${kind}`)
      const router = { inside: [host], outside: internet, nat: kind }
      const nat =
        kind === 'none'
          ? await lab.cable(host, internet)
          : await lab.router(`${side}-${kind}-nat`, router)
      sides[side].push({ kind, host, nat, internet })
    }
  }
  const all = [...sides.a, ...sides.b]
  const hidden = all.filter(({ kind }) => kind !== 'none')
  const config = startTurn(
    turn,
    hidden.map(({ host }) => host),
  )
  for (const each of all) {
    await onlyIPv4(each.host)
    each.browser = await browserIn(each.host)
  }

  for (const a of sides.a) {
    for (const b of sides.b) {
      const [from, to] = [await openPeer(a.host, a.browser), await openPeer(b.host, b.browser)]
      const isRelay = isRelayed(a.kind, b.kind)
      const before = isRelay ? await Promise.all([a, b].map(refused)) : []
      await call(from, to, config)
      if (isRelay) {
        const isConnected = async () => (await statsOf(from)).state === 'connected'
        await expect.poll(isConnected, `${a.kind}, ${b.kind}`).toBe(true)
        // Both NATs refuse the checks without the relay.
        for (const [i, each] of [a, b].entries()) {
          await expect.poll(() => refused(each)).toBeGreaterThan(before[i] + 4)
        }
        expect((await statsOf(from)).types).toContain('relay')
      } else {
        // The caller is the controlling agent, which nominates the pair.
        const types = async () => (await statsOf(from)).types
        await expect.poll(types, `${a.kind}, ${b.kind}`).toEqual([typeOf(a.kind), typeOf(b.kind)])
      }
      console.log(`${a.kind}, ${b.kind}: ${(await statsOf(from)).types.join(' ')}`)
      await Promise.all([from.close(), to.close()])
    }
  }
})
