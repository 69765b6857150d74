// mosquitto and mqtt.js: a message with QoS 2 arrives exactly once.
import { CLOCKS, FAULTS, MESSAGES, network, run, serve } from './network.mjs'

export const BROKER =
  'cd "$VNET_DISK" && printf "listener 1883\nallow_anonymous true" >conf && exec mosquitto -v -c conf'

// The broker has its messages in memory: a restart loses them.
const faults = [...FAULTS.filter(each => !each.startsWith('restart')), ...CLOCKS]

export const options = { strict: true, faults, filter: MESSAGES, timeout: '20s' }

export default async function scenario({ lab }) {
  const [server, client] = await network(lab, 'client')
  await serve(server, BROKER, ' running')
  const lines = await run(client, 'mqtt-client.mjs')
  if (lines.join() !== '1,2') throw new Error(`1,2 were published, and ${lines} arrived`)
}
