/** The steps of a gate. */
import { expect } from 'vitest'
import type { Net } from '#src/netdev/net.ts'

/** The next step, as `2 sn0 ndoStartXmit`, and the number of bytes of its frame. */
export function place({ gate }: Net): string | undefined {
  const halt = gate?.halt
  if (halt === undefined) return undefined
  return `${halt.step} ${halt.dev.name} ${halt.next}${halt.skb === undefined ? '' : ` ${halt.skb.len}`}`
}

/** Steps until nothing waits, at most 1000 times; returns where each step was. */
export function walk(net: Net): string[] {
  const places: string[] = []
  for (let at = place(net); at !== undefined && places.length < 1000; at = place(net)) {
    places.push(at)
    net.gate?.next()
  }
  expect(places.length).toBeLessThan(1000)
  return places
}
