/** The classes of vnet that a driver in memory can reach. */

import { TestBed } from 'vnet/internal/bed/test-bed'
import * as vnet from 'vnet/internal/index'

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** The objects that are properties of these, or elements of arrays and maps that are. */
function propertiesOf(objects: readonly object[]): object[] {
  const values = objects.flatMap(each => Object.values(each) as unknown[]).filter(isObject)
  return values.flatMap(each =>
    each instanceof Map || each instanceof Set ? [each, ...[...each].flat()] : [each].flat(),
  )
}

/** Returns the classes that drivers import, and instances of others, while a driver has a frame. */
export async function ownClasses(): Promise<object[]> {
  const found: object[] = []
  const setup = (dev: vnet.NetDevice): void => {
    const irq = new vnet.Irq(dev)
    const ndoStartXmit = (skb: vnet.SkBuff): void => {
      found.push(
        skb,
        dev,
        irq,
        dev.net.clock.alarm(() => {}),
        ...propertiesOf([dev, dev.net, skb]),
      )
      skb.drop()
    }
    dev.netdevOps = { ndoStartXmit }
  }
  const init = () => [{ dev: vnet.allocEtherdevMqs({ name: 'own%d', setup, priv: {} }) }]
  const driver = vnet.defineDriver({ name: 'own', description: 'a sample', params: {}, init })
  const bed = await TestBed.make(driver, {}, { debug: true, allowErrors: true })
  bed.transmit(new Uint8Array(vnet.ETH_ZLEN))
  await bed.close()
  return [...Object.values(vnet).filter(each => typeof each === 'function'), ...found, bed].filter(isObjectOrClass)
}

const isObjectOrClass = (value: unknown): value is object => typeof value === 'function' || isObject(value)
