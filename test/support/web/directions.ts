/** The drawing of an interface on the page, its counters, and `vnet wire`, for comparison. */

import { wireTable } from '#src/cli/commands/wire.ts'
import { type ControlClient, supported } from '#src/control/index.ts'
import { type DrawnGroup, modelOf } from '../../../packages/web/src/page/driver-model.ts'
import { vnetRows } from '../../../packages/web/src/rows.ts'

/**
 * Returns the titles of the wire's directions on the path away from the kernel and toward it, the
 * frames that entered each, the frames that the interface has sent and received, and the rows of
 * the command's table. Undefined where the interface has no wire.
 */
export async function shownDirections(client: ControlClient, vnet: string, label: string) {
  const found = (await client.devices(vnet)).map(device => ({ ...device, vnet, pid: 1 }))
  const vnets = vnetRows(found)
  const at = vnets[0]!.devices.findIndex(row => row.label === label)
  const [row, device] = [vnets[0]!.devices[at]!, found[at]!]
  const parts = await client.parts(vnet, device)
  const wire = await supported(() => client.wire(vnet, device))
  const { columns } = modelOf({ device: row, vnets, parts, wire, peerParts: [] })
  const drawn = columns.find(({ owner }) => owner === 'wire')
  const { total } = (await client.stats(vnet, device))!
  const table = wire && wireTable(label, wire, undefined, device.attached)
  return {
    columns,
    picture: drawn && { away: framesIn(drawn.away), toward: framesIn(drawn.toward) },
    table: { tx: total.txPackets, rx: total.rxPackets },
    command: [...(table ?? '').matchAll(/^ {2}(ab|ba|in|out) \S+ +(\d+)/gm)].map(
      ([, name, frames]) => {
        return [name, Number(frames)] as const
      },
    ),
  }
}

/** The title of a direction, and the frames that entered its first stage. */
function framesIn(group: DrawnGroup | undefined): readonly [title: string, frames: number] {
  const [item] = group?.items ?? []
  return [group?.title ?? '', item?.kind === 'stage' ? item.stage.in : Number.NaN]
}
