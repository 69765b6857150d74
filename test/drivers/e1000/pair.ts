/** `vnet e1000` in a test bed: two cards with rings of 16 descriptors, and numbered frames. */
import { onTestFinished } from 'vitest'
import { type TestBedOptions, testBed, udpFrame } from '#src/bed/index.ts'
import type { E1000Adapter } from '#src/drivers/e1000/driver.ts'
import { driver } from '#src/drivers/e1000/pair.ts'
import type { Params as AnyParams, Driver, ParamValues } from '#src/netdev/driver.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import type { Iommu } from '#src/pci/index.ts'

export type Params = Partial<ParamValues<typeof driver.params>>
type Dev = NetDevice<E1000Adapter>

const UDP_HEADERS = 42

/** Returns a bed that is closed, and checked for lost frames, at the end of the test. */
export async function e1000Bed(params: Params = {}, options: TestBedOptions = {}) {
  const { bed, e0, e1, ...rest } = await cardBed(driver, { ringSize: 16, ...params }, options)
  const trigger = (fault: string, dev = e0) => dev.netdevOps.ndoTrigger?.(dev, fault, undefined)
  const iommuOf = (dev: Dev) => dev.priv.pdev.dmaOps as Iommu
  return { bed, e0, e1, ...rest, trigger, iommuOf }
}

/** The same for any driver with two cards. */
export async function cardBed<P extends AnyParams>(
  cards: Driver<P>,
  params: Partial<ParamValues<P>>,
  options: TestBedOptions = {},
) {
  const bed = await testBed(cards, params, options)
  onTestFinished(() => bed.close())
  bed.advance(1)
  const [e0, e1] = bed.devices as unknown as [Dev, Dev]
  /** Transmits frames with these numbers on e0, to e1. */
  const send = (numbers: Iterable<number>, length = 60) => {
    for (const n of numbers) {
      bed.transmit(numberedFrame(n, e0, e1, length))
    }
  }
  /** The numbers of the frames that e1 received from e0. */
  const arrived = () =>
    bed
      .port(e1.name)
      .received.flatMap(({ bytes }) => (isNumbered(bytes) ? [bytes[UDP_HEADERS]] : []))
  /** The lines of the log that match. */
  const logged = (pattern: RegExp) => bed.log.filter(line => pattern.test(line))
  return { bed, e0, e1, send, arrived, logged }
}

/** A frame of UDP from one device to another, with its number in each byte of the payload. */
export function numberedFrame(n: number, from: Dev, to: Dev, length = 60): Uint8Array {
  return udpFrame({
    from: '198.18.0.1',
    to: '198.18.0.2',
    sourceMac: from.devAddr,
    destinationMac: to.devAddr,
    payload: new Uint8Array(length - UDP_HEADERS).fill(n),
  })
}

const isNumbered = (bytes: Uint8Array) => bytes[12] === 8 && bytes[13] === 0 && bytes[23] === 17

/** The numbers from one to another. */
export const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i)
