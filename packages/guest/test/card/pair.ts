/**
 * `vnet e1000` with QEMU's cards: two interfaces, each with a card of one machine and the driver of
 * the model, joined by a hub. The machine belongs to the caller.
 */

import { type E1000Adapter, e1000Setup, newAdapter } from '#src/drivers/e1000/driver.ts'
import { defineDriver, int, interfaceArgs } from '#src/netdev/driver.ts'
import { allocNetdevMqs } from '#src/netdev/eth.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { cableOptions, QemuSlot } from './qemu-slot.ts'
import { QtestMachine } from './qtest.ts'

export const MACS = ['52:54:00:12:34:01', '52:54:00:12:34:02']

export const startPairMachine = (): Promise<QtestMachine> => QtestMachine.start(cableOptions(MACS))

/** Returns the driver of the two cards of a machine. It runs once. */
export const pairDriver = (machine: QtestMachine) =>
  defineDriver({
    name: 'qemu-e1000',
    description: "two interfaces with QEMU's e1000, joined by a hub",
    args: '[[NETNS/]IF0 [NETNS/]IF1]',
    params: { ringSize: int({ default: 256, min: 8, max: 4096, description: 'descriptors' }) },
    init({ ringSize }, context) {
      return interfaceArgs(context, ['e0', 'e1']).map(({ name, netns }, i) => {
        const log = { err: (kind: string, line: string) => dev.limitedLog.err(kind, line) }
        const slot = new QemuSlot(machine, i, log, isOn => dev.priv.irq.level(isOn))
        const dev: NetDevice<E1000Adapter> = allocNetdevMqs({
          name,
          setup: e1000Setup,
          priv: newAdapter(slot.pdev, ringSize),
        })
        return { dev, netns }
      })
    },
  })
