import { describe, expect, test } from 'vitest'
import { EADDRNOTAVAIL, EBUSY } from '#src/base/errno.ts'
import {
  allocEtherdevMqs,
  devHardHeader,
  devParseHeader,
  ethHeaderOps,
  ethMacAddr,
  ethValidateAddr,
} from '#src/netdev/eth.ts'
import { IFF_UP } from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { ethTypeTrans } from '#src/netdev/netif.ts'
import type { SkBuff } from '#src/skb/sk-buff.ts'
import { balancedPool } from '#support/skb.ts'

const pool = balancedPool({ large: 1, small: 4 })
const OWN = [2, 0, 0, 0, 0, 0xa]
const OTHER = [4, 0, 0, 0, 0, 0xb]
const THIRD = [6, 0, 0, 0, 0, 0xc]

function device(): NetDevice {
  const setup = (dev: NetDevice) => {
    dev.headerOps = ethHeaderOps
    dev.devAddr.set(OWN)
  }
  return allocEtherdevMqs({ setup, priv: undefined })
}

/** Returns what `use` returns for a frame with these bytes. */
function withFrame<T>(octets: number[], use: (skb: SkBuff) => T): { result: T; octets: number[] } {
  const skb = pool.alloc(64) as SkBuff
  skb.bytes.set(octets, skb.put(octets.length))
  try {
    const result = use(skb)
    return { result, octets: [...skb.bytes.subarray(skb.data, skb.data + skb.len)] }
  } finally {
    skb.free()
  }
}

describe('devHardHeader', () => {
  test('devHardHeader pushes destination, source and type, and returns 14', () => {
    const made = withFrame([1, 2, 3], skb =>
      devHardHeader(skb, device(), 0x0806, Uint8Array.from(OTHER)),
    )
    expect(made).toEqual({ result: 14, octets: [...OTHER, ...OWN, 8, 6, 1, 2, 3] })
  })

  test('devHardHeader accepts another source', () => {
    const make = (skb: SkBuff) =>
      devHardHeader(skb, device(), 0x86dd, Uint8Array.from(OTHER), Uint8Array.from(THIRD))
    expect(withFrame([1], make)).toEqual({
      result: 14,
      octets: [...OTHER, ...THIRD, 0x86, 0xdd, 1],
    })
  })

  test.each([1, 4])(
    'devHardHeader writes the length of the payload for type %i, which is 802.3',
    type => {
      const made = withFrame(new Array(46).fill(9), skb =>
        devHardHeader(skb, device(), type, Uint8Array.from(OTHER)),
      )
      expect(made.octets.slice(12, 15)).toEqual([0, 46, 9])
    },
  )

  test('devHardHeader without headroom is an skb_under_panic', () => {
    const push = (skb: SkBuff) => {
      skb.push(skb.headroom())
      devHardHeader(skb, device(), 0x0800, Uint8Array.from(OTHER))
    }
    expect(() => withFrame([1], push)).toThrow('skb_under_panic')
  })

  test('devHardHeader returns 0 for a device without link headers', () => {
    const dev = device()
    dev.headerOps = undefined
    const made = withFrame([1, 2], skb => devHardHeader(skb, dev, 0x0800, Uint8Array.from(OTHER)))
    expect(made).toEqual({ result: 0, octets: [1, 2] })
  })
})

describe('devParseHeader', () => {
  const parse = (skb: SkBuff, into: Uint8Array, dev: NetDevice | undefined = device()) => {
    skb.dev = dev
    const length = devParseHeader(skb, into)
    skb.dev = undefined
    return [length, ...into]
  }

  test('devParseHeader copies the source address that devHardHeader wrote', () => {
    const read = (skb: SkBuff) => {
      devHardHeader(skb, device(), 0x0800, Uint8Array.from(OTHER))
      return parse(skb, new Uint8Array(6))
    }
    expect(withFrame([1], read).result).toEqual([6, ...OWN])
  })

  test('devParseHeader finds the header that ethTypeTrans saw, also if it was pulled or another precedes it', () => {
    const frame = [...OTHER, ...THIRD, 8, 0, 1]
    const pulled = (skb: SkBuff) => {
      ethTypeTrans(skb, device())
      skb.pull(14)
      return parse(skb, new Uint8Array(6))
    }
    const pushed = (skb: SkBuff) => {
      ethTypeTrans(skb, device())
      skb.push(20)
      return parse(skb, new Uint8Array(6))
    }
    for (const read of [pulled, pushed]) {
      expect(withFrame(frame, read).result).toEqual([6, ...THIRD])
    }
  })

  test('devParseHeader returns 0 for a frame without a whole header', () => {
    for (const length of [0, 13]) {
      const { result } = withFrame(new Array(length).fill(7), skb =>
        parse(skb, Uint8Array.from(OTHER)),
      )
      expect(result).toEqual([0, ...OTHER])
    }
  })

  test('devParseHeader returns 0 without a device, and for one without link headers', () => {
    const bare = device()
    bare.headerOps = undefined
    const frame = [...OTHER, ...THIRD, 8, 0]
    const read = (skb: SkBuff) => {
      skb.dev = undefined
      return devParseHeader(skb, new Uint8Array(6))
    }
    expect(withFrame(frame, read).result).toBe(0)
    expect(withFrame(frame, skb => parse(skb, new Uint8Array(6), bare)).result).toEqual([
      0, 0, 0, 0, 0, 0, 0,
    ])
  })
})

describe('ethMacAddr', () => {
  test('ethMacAddr sets the address of a device that is down', () => {
    const dev = device()
    expect([ethMacAddr(dev, Uint8Array.from(OTHER)), ...dev.devAddr]).toEqual([0, ...OTHER])
  })

  test('ethMacAddr is EBUSY while the device is up', () => {
    const dev = device()
    dev.flags |= IFF_UP
    expect([ethMacAddr(dev, Uint8Array.from(OTHER)), ...dev.devAddr]).toEqual([-EBUSY, ...OWN])
  })

  test.each([
    [[1, 0, 0, 0, 0, 1]],
    [[0, 0, 0, 0, 0, 0]],
    [[2, 0, 0, 0, 1]],
    [[2, 0, 0, 0, 0, 1, 0, 0]],
  ])('ethMacAddr is EADDRNOTAVAIL for %j', octets => {
    const dev = device()
    expect([ethMacAddr(dev, Uint8Array.from(octets)), ...dev.devAddr]).toEqual([
      -EADDRNOTAVAIL,
      ...OWN,
    ])
  })
})

test('ethValidateAddr refuses a device with an address that is zero or a group', () => {
  const dev = device()
  expect(ethValidateAddr(dev)).toBe(0)
  dev.devAddr.fill(0)
  expect(ethValidateAddr(dev)).toBe(-EADDRNOTAVAIL)
  dev.devAddr.set([1, 0, 0, 0, 0, 1])
  expect(ethValidateAddr(dev)).toBe(-EADDRNOTAVAIL)
})
