// A program of your own that asks running vnets: says which interfaces there are and why they drop frames, now and
// each time that a hundred more are dropped, until Ctrl-C.
import { ControlClient, findVnets } from 'vnet/control'

const client = ControlClient.open()

async function tell(device) {
  const stats = await client.stats(device.vnet, device)
  console.log(device.name, stats === undefined ? 'is gone' : stats.drops)
}

const { devices } = await findVnets(client)
if (devices.length === 0) console.log('no vnet is running')
for (const device of devices) await tell(device)

for (const vnet of new Set(devices.map(device => device.vnet))) {
  const onEvent = event => event.event === 'drops' && tell({ ...event, vnet }).catch(console.error)
  await client.subscribe(vnet, onEvent, { dropThreshold: 100 })
}
