/** Drivers that never end. */
import { expect, test } from 'vitest'
import { testBed } from '#src/bed/index.ts'
import { IFF_NOARP } from '#src/netdev/if.ts'
import { IRQ_HANDLED, Irq } from '#src/netdev/irq.ts'
import { netifRx } from '#src/netdev/netif.ts'
import { finish, onesComplementSum } from '#src/packet/checksum.ts'
import * as icmp from '#src/packet/icmp.ts'
import * as ipv4 from '#src/packet/ipv4.ts'
import { driverOf } from './bed-drivers.ts'

test('an interrupt that is raised without end is an error that names the handler by its line', async () => {
  let irq: Irq | undefined
  const again = driverOf({
    ndoOpen(dev) {
      irq = new Irq(dev)
      irq.request(() => {
        irq?.raise(1)
        return IRQ_HANDLED
      })
    },
  })
  const bed = await testBed(again)
  irq?.raise(1)
  expect(() => bed.advance('1s')).toThrow(
    /^test: interrupt handler at .*test-bed\.slow\.test\.ts:\d+ runs without end$/,
  )
})

test('a driver to which the kernel replies without end is an error as well', async () => {
  const echoing = driverOf({
    ndoInit(dev) {
      dev.flags |= IFF_NOARP
    },
    ndoStartXmit(skb) {
      const { bytes, data } = skb
      ipv4.swapAddresses(bytes, data + 14)
      bytes[data + 34] = icmp.ICMP_ECHO
      icmp.setChecksum(bytes, data + 34, 0)
      icmp.setChecksum(bytes, data + 34, finish(onesComplementSum(bytes, data + 34, skb.len - 34)))
      netifRx(skb)
    },
  })
  const bed = await testBed(echoing)
  expect(() => bed.ping()).toThrow('test: frames go round without end')
  await bed.close()
})
