// Prints the interfaces of the running vnets and why they drop frames: once, and again each time
// that an interface has dropped a hundred more, until Ctrl-C.
import { ControlClient, findVnets } from 'vnet/control'

const client = ControlClient.open()

async function print(device) {
  const stats = await client.stats(device.vnet, device)
  console.log(device.name, stats === undefined ? 'is gone' : stats.drops)
}

const { devices } = await findVnets(client)
if (devices.length === 0) {
  console.log('no vnet is running')
}
for (const device of devices) {
  await print(device)
}

for (const vnet of new Set(devices.map(device => device.vnet))) {
  const onEvent = event => event.event === 'drops' && print({ ...event, vnet }).catch(console.error)
  await client.subscribe(vnet, onEvent, { dropThreshold: 100 })
}
