// mosquitto and its clients: a message with QoS 1 arrives.

import { BROKER } from './mqtt.mjs'
import { CLOCKS, FAULTS, MESSAGES, network, run, serve } from './network.mjs'

// The broker has its messages in memory: a restart loses them.
const faults = [...FAULTS.filter(each => !each.startsWith('restart')), ...CLOCKS]

export const options = { strict: true, faults, filter: MESSAGES, timeout: '25s' }

export default async function scenario({ lab }) {
  const [server, client] = await network(lab, 'client')
  await serve(server, BROKER, ' running')
  const arrived = await run(client, 'mosquitto-client.mjs')
  if (!arrived.includes('1') || !arrived.includes('2')) {
    throw new Error(`1,2 were published, and ${arrived} arrived`)
  }
}
